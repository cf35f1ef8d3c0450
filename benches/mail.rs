//! Signed report mails over SMTP, answered after their commit, beside the same load on Postfix's `smtp-sink`, which throws
//! mail away.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench mail`. Mails of each run:
//! `TLSIGHT_BENCH_MAILS` (10,000). Needs `smtp-sink` (Debian: postfix); without it only our own figure is measured. The load
//! and the server share the machine's cores, in both runs alike.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use mail_auth::{
    common::{
        crypto::{RsaKey, Sha256},
        headers::HeaderWriter,
    },
    dkim::DkimSigner,
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tlsight::{
    app::{App, Options},
    config::{Config, Listen},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

mod load;
#[path = "load/measured.rs"]
mod measured;

use measured::Measured;

const CONNECTIONS: usize = 10;
const RECIPIENT: &str = "tlsrpt@reports.example";
const KEY: &str = include_str!("../fixtures/dkim/rsa-2048.pem");
const RECORD: &str = include_str!("../fixtures/dkim/rsa-2048.txt");

fn main() {
    let count = std::env::var("TLSIGHT_BENCH_MAILS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mails = Arc::new(signed(count));
    runtime.block_on(async {
        let floor = match Sink::start().await {
            Some(sink) => Some(deliver(sink.address, &mails).await),
            None => None,
        };
        let ours = ours(&mails).await;
        if let Some(floor) = &floor {
            println!("smtp-sink                {floor}");
        }
        println!("tlsight, durable, DKIM   {ours}");
        match &floor {
            Some(floor) => println!("ratio                    {:.2}", ours.per_second() / floor.per_second()),
            None => println!("smtp-sink is not installed: no ratio"),
        }
    });
}

/// Distinct report mails with an RSA signature of 2,048 bits each, dot-stuffed by having no dot at the start of a line.
fn signed(count: usize) -> Vec<Vec<u8>> {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let key = RsaKey::<Sha256>::from_key_der(key).expect("an RSA key");
    let signer = DkimSigner::from_key(key).domain("sender.example").selector("sel").headers([
        "From",
        "To",
        "Subject",
        "Content-Type",
    ]);
    let mail = |number: usize| {
        let report = BASE64_STANDARD.encode(load::report(number as u64));
        let lines: Vec<&str> =
            report.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        let mail = format!(
            "From: tls@sender.example\r\nTo: {RECIPIENT}\r\nSubject: Report Domain: example.com Submitter: sender.example \
             Report-ID: <{number}@sender.example>\r\nTLS-Report-Domain: example.com\r\nTLS-Report-Submitter: sender.example\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=tlsrpt; boundary=b\r\n\r\n--b\r\n\r\nA report.\r\n\
             --b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
            lines.join("\r\n")
        );
        let signature = signer.sign(mail.as_bytes()).expect("it can be signed").to_header();
        [signature.as_bytes(), mail.as_bytes(), b".\r\n"].concat()
    };
    (0..count).map(mail).collect()
}

async fn ours(mails: &Arc<Vec<Vec<u8>>>) -> Measured {
    let directory = tempfile::tempdir().expect("a directory");
    let records = directory.path().join("records.dns");
    fs::write(&records, format!("sel._domainkey.sender.example TXT {RECORD}")).expect("a file");
    let mut config = Config { data: directory.path().join("data"), ..Config::default() };
    config.public.listen = Listen::Off;
    config.private.listen = Listen::Off;
    config.smtp.listen = Listen::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.smtp.recipients = vec![RECIPIENT.to_owned()];
    config.smtp.messages_per_session_max = usize::MAX;
    config.dns.records = Some(records);
    let app = App::build(config, Options::default()).await.expect("a server");
    let address = app.smtp_address().expect("a mail listener").parse().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(app.run_until(async {
        let _ = stopped.await;
    }));
    let measured = deliver(address, mails).await;
    let _ = stop.send(());
    running.await.expect("the server ends").expect("the server ends well");
    measured
}

/// Delivers every mail once, each connection taking the next one when its last was answered.
async fn deliver(address: SocketAddr, mails: &Arc<Vec<Vec<u8>>>) -> Measured {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let clients: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(client(address, Arc::clone(mails), Arc::clone(&next)))).collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await.expect("a client that does not panic"));
    }
    let took = begun.elapsed();
    Measured::new(latencies, took, "mails")
}

async fn client(address: SocketAddr, mails: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>) -> Vec<Duration> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    let mut stream = BufReader::new(stream);
    expect(&mut stream, "220").await;
    say(&mut stream, b"EHLO bench.example\r\n", "250").await;
    let mut latencies = Vec::new();
    while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
        say(&mut stream, b"MAIL FROM:<>\r\n", "250").await;
        say(&mut stream, format!("RCPT TO:<{RECIPIENT}>\r\n").as_bytes(), "250").await;
        say(&mut stream, b"DATA\r\n", "354").await;
        let sent = Instant::now();
        say(&mut stream, mail, "250").await;
        latencies.push(sent.elapsed());
    }
    say(&mut stream, b"QUIT\r\n", "221").await;
    latencies
}

async fn say(stream: &mut BufReader<TcpStream>, bytes: &[u8], code: &str) {
    stream.get_mut().write_all(bytes).await.expect("the server reads");
    expect(stream, code).await;
}

async fn expect(stream: &mut BufReader<TcpStream>, code: &str) {
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.expect("an answer");
        assert!(line.starts_with(code), "{code} was expected, not {line:?}");
        if line.as_bytes().get(3) != Some(&b'-') {
            return;
        }
    }
}

/// Postfix's `smtp-sink` until it is dropped.
struct Sink {
    child: Child,
    address: SocketAddr,
}

impl Sink {
    /// `None` where it is not installed.
    async fn start() -> Option<Sink> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = Command::new("smtp-sink");
        // Started by root it wants to be somebody else, and names its own backlog.
        command.args(["-u", "nobody", &format!("inet:{address}"), "256"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let sink = Sink { child, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(sink)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
