//! The servers that the tests play.

use std::sync::Mutex;

use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A self-signed certificate for `name`, and the server's side of TLS with it.
pub(super) fn tls(name: &str) -> (CertificateDer<'static>, TlsAcceptor) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    // Each is its own authority, under its own name.
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = parameters.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

/// Answers one request with `answer`, or never where there is none. Returns the port and what was asked.
pub(super) async fn http(tls: Option<TlsAcceptor>, answer: Option<String>) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream: Box<dyn Stream> = match tls {
            // A client that does not like the certificate leaves here.
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => Box::new(stream),
                Err(_) => return,
            },
            None => Box::new(stream),
        };
        let request = request(&mut stream).await;
        *seen.lock().unwrap() = request;
        match answer {
            Some(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
            None => std::future::pending().await,
        }
    });
    (port, asked)
}

/// A request with its body, as long as it says.
async fn request(stream: &mut Box<dyn Stream>) -> Vec<u8> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let head = request.windows(4).position(|end| end == b"\r\n\r\n");
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
        if head.is_some_and(|head| request.len() >= head + 4 + length.unwrap_or_default()) {
            return request;
        }
        assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request breaks off");
    }
}

/// How a mail server behaves.
#[derive(Clone)]
pub(super) struct Script {
    pub greeting: &'static str,
    pub tls: Option<TlsAcceptor>,
    /// STARTTLS is offered but nothing that follows is TLS.
    pub tls_breaks: bool,
    pub rcpt: &'static str,
    /// The answer to the final dot; `None`: none ever.
    pub end: Option<&'static str>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            greeting: "220 mx.example ESMTP",
            tls: None,
            tls_breaks: false,
            rcpt: "250 2.1.5 Ok",
            end: Some("250-2.0.0 Taken\r\n250 2.0.0 as 42"),
        }
    }
}

/// What a mail server has seen: the commands, and the mails with the dots removed.
#[derive(Default)]
pub(super) struct Seen {
    pub commands: Vec<String>,
    pub mails: Vec<Vec<u8>>,
}

/// Serves one connection after the other.
pub(super) async fn mail_server(script: Script) -> (u16, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client may leave at any time.
            let _ = session(Box::new(stream), &script, &log).await;
        }
    });
    (port, seen)
}

async fn session(stream: Box<dyn Stream>, script: &Script, log: &Mutex<Seen>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, script.greeting).await?;
    let mut encrypted = false;
    loop {
        let line = read_line(&mut stream).await?;
        log.lock().unwrap().commands.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        match line.get(..4).unwrap_or_default() {
            b"EHLO" if (script.tls.is_some() || script.tls_breaks) && !encrypted => {
                say(&mut stream, "250-mx.example\r\n250-STARTTLS\r\n250 8BITMIME").await?;
            }
            b"EHLO" => say(&mut stream, "250-mx.example\r\n250 8BITMIME").await?,
            b"STAR" => {
                say(&mut stream, "220 2.0.0 Ready").await?;
                let Some(tls) = &script.tls else {
                    return say(&mut stream, "this is not TLS").await;
                };
                stream = BufReader::new(Box::new(tls.accept(stream.into_inner()).await?));
                encrypted = true;
            }
            b"RCPT" => say(&mut stream, script.rcpt).await?,
            b"DATA" => {
                say(&mut stream, "354 Go on").await?;
                let mail = read_mail(&mut stream).await?;
                log.lock().unwrap().mails.push(mail);
                match script.end {
                    Some(end) => say(&mut stream, end).await?,
                    None => std::future::pending().await,
                }
            }
            b"QUIT" => return say(&mut stream, "221 2.0.0 Bye").await,
            _ => say(&mut stream, "250 2.0.0 Ok").await?,
        }
    }
}

async fn say(stream: &mut BufReader<Box<dyn Stream>>, reply: &str) -> std::io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn read_line(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    match stream.read_until(b'\n', &mut line).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line),
    }
}

async fn read_mail(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        match read_line(stream).await? {
            end if end == b".\r\n" => return Ok(mail),
            line => mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line)),
        }
    }
}
