//! The servers that the tests play: each takes one turn of its script for one connection, the last turn again and again.

use std::{
    path::PathBuf,
    sync::{Mutex, atomic::AtomicUsize, atomic::Ordering},
};

use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A certificate in a file and the server's side of TLS with it.
pub(crate) struct Tls {
    pub acceptor: TlsAcceptor,
    pub file: PathBuf,
    pub key: PathBuf,
    _directory: tempfile::TempDir,
}

pub(crate) fn tls(name: &str) -> Tls {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = parameters.self_signed(&key).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, certificate.pem()).unwrap();
    let key_file = directory.path().join("key.pem");
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Tls { acceptor: TlsAcceptor::from(Arc::new(config)), file, key: key_file, _directory: directory }
}

/// What an HTTP server does with one request.
#[derive(Clone)]
pub(crate) enum Turn {
    /// Status line and headers, and a body of so many bytes less than announced.
    Answer(&'static str, &'static str),
    /// Success is announced, with a body that never comes whole.
    BreaksOffAfterHead,
    /// Not even the head comes whole.
    BreaksOffInHead,
    Hangs,
}

pub(crate) const OK: Turn = Turn::Answer("204 No Content", "");

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub path: String,
    /// Names in lower case.
    pub headers: std::collections::BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Http {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Http {
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

pub(crate) async fn http(tls: Option<TlsAcceptor>, script: Vec<Turn>) -> Http {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, number) = (Arc::clone(&asked), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, number, tls, script) = (Arc::clone(&seen), Arc::clone(&number), tls.clone(), script.clone());
            tokio::spawn(async move {
                let mut stream: Box<dyn Stream> = match tls {
                    // A client that does not like the certificate leaves here.
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => return,
                    },
                    None => Box::new(stream),
                };
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                let turn = script[number.fetch_add(1, Ordering::SeqCst).min(script.len() - 1)].clone();
                let text = match turn {
                    Turn::Answer(status, body) => {
                        format!(
                            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                            body.len()
                        )
                    }
                    Turn::BreaksOffAfterHead => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbro".to_owned(),
                    Turn::BreaksOffInHead => "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
                    Turn::Hangs => std::future::pending().await,
                };
                // A client may have left.
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Http { port, asked }
}

async fn read_request(stream: &mut Box<dyn Stream>) -> Asked {
    let mut request = Vec::new();
    loop {
        let head = request.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8(request[..end].to_vec()).unwrap();
            let mut lines = text.lines();
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let headers: std::collections::BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers["content-length"].parse().unwrap();
            if request.len() >= end + 4 + length {
                return Asked { path, headers, body: request[end + 4..].to_vec() };
            }
        }
        assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request breaks off");
    }
}

/// How a mail server behaves.
#[derive(Clone, Default)]
pub(crate) struct Relay {
    pub tls: Option<TlsAcceptor>,
    /// TLS from the first byte.
    pub implicit: bool,
    /// Offers AUTH PLAIN, within TLS only, and takes nothing without.
    pub auth: bool,
    /// The answers to RCPT, one for each connection, the last again and again; none: yes.
    pub rcpt: Vec<&'static str>,
    /// Goes away, or says nothing more, after the final dot of so many connections.
    pub leaves: usize,
    pub hangs: bool,
}

/// What a mail server has seen: the commands, and the mails that it took.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    pub commands: Vec<String>,
    pub mails: Vec<String>,
    /// Mails that came and were not answered.
    pub unanswered: Vec<String>,
}

pub(crate) struct Mail {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Mail {
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

pub(crate) async fn mail(relay: Relay) -> Mail {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let (relay, log) = (relay.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                let stream: Box<dyn Stream> = match &relay.tls {
                    Some(tls) if relay.implicit => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => return,
                    },
                    _ => Box::new(stream),
                };
                // A client may leave at any time.
                let _ = session(stream, &relay, number, &log).await;
            });
        }
    });
    Mail { port, seen }
}

async fn session(stream: Box<dyn Stream>, relay: &Relay, number: usize, log: &Mutex<Seen>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut encrypted, mut known) = (relay.implicit, false);
    say(&mut stream, "220 relay.example ESMTP").await?;
    loop {
        let line = read_line(&mut stream).await?;
        let command = line.trim_end().to_owned();
        log.lock().unwrap().commands.push(command.clone());
        let reply = match command.get(..4).unwrap_or_default().to_uppercase().as_str() {
            "EHLO" if relay.tls.is_some() && !encrypted => "250-relay.example\r\n250 STARTTLS",
            "EHLO" if relay.auth && encrypted => "250-relay.example\r\n250 AUTH PLAIN LOGIN",
            "EHLO" => "250 relay.example",
            "STAR" => {
                say(&mut stream, "220 2.0.0 Ready").await?;
                let Some(tls) = &relay.tls else { return Ok(()) };
                stream = BufReader::new(Box::new(tls.accept(stream.into_inner()).await?));
                encrypted = true;
                continue;
            }
            // "\0tlsight\0pass word"
            "AUTH" if command == "AUTH PLAIN AHRsc2lnaHQAcGFzcyB3b3Jk" => {
                known = true;
                "235 2.7.0 Welcome"
            }
            "AUTH" => "535 5.7.8 Bad credentials",
            "MAIL" if relay.auth && !known => "530 5.7.0 Authentication required",
            "RCPT" => relay.rcpt.get(number.min(relay.rcpt.len().saturating_sub(1))).copied().unwrap_or("250 2.1.5 Ok"),
            "DATA" if relay.hangs => std::future::pending().await,
            "DATA" => {
                say(&mut stream, "354 Go on").await?;
                let mail = read_mail(&mut stream).await?;
                if number < relay.leaves {
                    log.lock().unwrap().unanswered.push(mail);
                    return Ok(());
                }
                log.lock().unwrap().mails.push(mail);
                "250 2.0.0 taken as 42"
            }
            "QUIT" => return say(&mut stream, "221 2.0.0 Bye").await,
            _ => "250 2.0.0 Ok",
        };
        say(&mut stream, reply).await?;
    }
}

async fn say(stream: &mut BufReader<Box<dyn Stream>>, reply: &str) -> std::io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn read_line(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<String> {
    let mut line = Vec::new();
    match stream.read_until(b'\n', &mut line).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        // What is not ASCII fails the test here.
        _ => Ok(String::from_utf8(line).unwrap()),
    }
}

async fn read_mail(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<String> {
    let mut mail = String::new();
    loop {
        match read_line(stream).await? {
            end if end == ".\r\n" => return Ok(mail),
            line => mail.push_str(line.strip_prefix('.').unwrap_or(&line)),
        }
    }
}
