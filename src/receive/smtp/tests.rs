//! The listeners as mail servers meet them: real sockets, real TLS, a receiving side that does as each test wants.

mod answers;
mod connections;
mod deadlines;
mod memory;
mod proxies;
mod starting;
mod stopping;
mod tls;
mod unix;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::DateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::Semaphore,
    time::timeout,
};
use uuid::Uuid;

use super::{Addresses, Context, Deadlines, ListenerState, RunningSmtp, SmtpListener, connection::Stream};
use crate::{
    clock::Clock,
    config::{self, Listen, LmtpListen},
    health::{HealthRegistry, SourceCounts},
    receive::certificate::Certificate,
    submission::{Accept, Accepting, Outcome, Receipt, Submission},
};

/// No test waits longer than this for what it waits for: less than the deadlines that are not under test.
const PATIENCE: Duration = Duration::from_secs(20);
/// A deadline that passes while a test waits.
const SOON: Duration = Duration::from_millis(100);
const RECIPIENT: &str = "tlsrpt@reports.example.net";
const TOKEN: &str = "S3cretToken";
/// A whole session up to the message.
const ENVELOPE: &str = "EHLO mx.example.com\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<tlsrpt@reports.example.net>\r\n";

/// The receiving side: remembers what it got, answers what it was told to, when it is allowed to.
pub struct Inbox {
    got: Mutex<Vec<Submission>>,
    outcomes: Mutex<Vec<Outcome>>,
    permits: Semaphore,
}

impl Accept for Arc<Inbox> {
    fn accept(&self, submission: Submission) -> Accepting {
        let inbox = Arc::clone(self);
        Box::pin(async move {
            assert!(submission.bytes != b"panic\r\n", "asked to panic");
            let turn = {
                let mut got = inbox.got.lock().unwrap();
                got.push(submission);
                got.len() - 1
            };
            inbox.permits.acquire().await.unwrap().forget();
            let outcomes = inbox.outcomes.lock().unwrap();
            Receipt::new(vec![outcomes[turn.min(outcomes.len() - 1)].clone()])
        })
    }
}

/// Listeners that are not started yet.
pub(super) struct Setup {
    pub config: config::Smtp,
    /// For one submission after the other; the last one for all that follow.
    pub outcomes: Vec<Outcome>,
    pub permits: usize,
    pub wire_max_bytes: usize,
    pub certificate: Option<Arc<Certificate>>,
    adjust: Box<dyn Fn(&mut ListenerState)>,
}

impl Default for Setup {
    fn default() -> Setup {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        Setup {
            config: config::Smtp {
                listen: Listen::At(here),
                lmtp: LmtpListen::At(here),
                recipients: vec![RECIPIENT.to_owned()],
                ..config::Smtp::default()
            },
            outcomes: vec![stored()],
            permits: 1_000_000,
            wire_max_bytes: 64 * 1024,
            certificate: None,
            adjust: Box::new(|_| {}),
        }
    }
}

impl Setup {
    pub(super) fn config(mut self, change: impl FnOnce(&mut config::Smtp)) -> Setup {
        change(&mut self.config);
        self
    }

    pub(super) fn deadlines(self, change: impl Fn(&mut Deadlines) + 'static) -> Setup {
        self.state(move |state| change(&mut state.deadlines))
    }

    pub(super) fn state(mut self, change: impl Fn(&mut ListenerState) + 'static) -> Setup {
        self.adjust = Box::new(change);
        self
    }

    pub(super) fn start(self) -> App {
        let inbox = Arc::new(Inbox {
            got: Mutex::default(),
            outcomes: Mutex::new(self.outcomes),
            permits: Semaphore::new(self.permits),
        });
        let context = Context {
            certificate: self.certificate,
            wire_max_bytes: self.wire_max_bytes,
            tokens: BTreeSet::from([TOKEN.to_owned(), "OtherToken".to_owned()]),
            accept: Arc::new(Arc::clone(&inbox)),
            clock: Clock::fixed(DateTime::from_timestamp(1_700_000_000, 0).unwrap()),
        };
        let health = HealthRegistry::default();
        let mut listener = SmtpListener::bind(&self.config, context, &health).unwrap().expect("an address");
        listener.ports.iter_mut().for_each(|port| (self.adjust)(&mut port.state));
        let limiters = listener.ports.iter().map(|port| Arc::clone(&port.state.limiter)).collect();
        App { addresses: listener.addresses(), inbox, health, limiters, running: listener.start().unwrap() }
    }
}

/// Listeners at work.
pub(super) struct App {
    pub addresses: Addresses,
    pub inbox: Arc<Inbox>,
    pub health: HealthRegistry,
    limiters: Vec<Arc<crate::receive::connection_limiter::ConnectionLimiter>>,
    pub running: RunningSmtp,
}

impl App {
    /// A client that has heard the greeting.
    pub(super) async fn connect(&self) -> Client {
        let mut client = self.connect_from("127.0.0.1").await;
        assert!(client.line().await.starts_with("220 reports.example.net ESMTP"));
        client
    }

    /// A client that has heard nothing yet.
    pub(super) async fn connect_from(&self, source: &str) -> Client {
        Client::connect(source, self.addresses.smtp.expect("SMTP")).await
    }

    pub(super) async fn connect_lmtp_unheard(&self) -> Client {
        let LmtpListen::At(address) = self.addresses.lmtp else { panic!("LMTP over TCP") };
        Client::connect("127.0.0.1", address).await
    }

    pub(super) async fn connect_lmtp(&self) -> Client {
        let mut client = self.connect_lmtp_unheard().await;
        assert!(client.line().await.starts_with("220 reports.example.net LMTP"));
        client
    }

    /// The reply to one message over its own connection.
    pub(super) async fn deliver(&self, text: &str) -> String {
        let mut client = self.connect().await;
        client.begin().await;
        client.send(format!("{text}\r\n.\r\n")).await;
        client.line().await
    }

    pub(super) fn got(&self) -> Vec<Submission> {
        self.inbox.got.lock().unwrap().clone()
    }

    pub(super) fn counts(&self, part: &str) -> SourceCounts {
        self.health.all().into_iter().find(|(name, _)| name == part).expect("the part is in the registry").1.counts
    }

    pub(super) fn open(&self) -> usize {
        self.limiters.iter().map(|limiter| limiter.open()).sum()
    }
}

/// A sender's end of a connection.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

impl Client {
    pub(super) fn over(stream: impl Stream + 'static) -> Client {
        Client { stream: Box::new(stream), received: Vec::new() }
    }

    async fn connect(source: &str, address: SocketAddr) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        Client::over(socket.connect(address).await.unwrap())
    }

    /// Says the envelope and DATA, and hears that the message may come.
    pub(super) async fn begin(&mut self) {
        self.envelope().await;
        assert!(self.ask("DATA").await.starts_with("354 "));
    }

    pub(super) async fn envelope(&mut self) {
        self.send(ENVELOPE).await;
        while self.line().await != "250 2.1.5 Ok" {}
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    pub(super) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        timeout(PATIENCE, async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        })
        .await
        .expect("the server takes bytes")
    }

    /// A command and the last line of its reply.
    pub(super) async fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n")).await;
        loop {
            let line = self.line().await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// The next line without its end.
    pub(super) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|window| window == b"\r\n") {
                let line = self.received.drain(..end + 2).collect();
                return String::from_utf8(line).unwrap().trim_end().to_owned();
            }
            let received = String::from_utf8_lossy(&self.received).into_owned();
            assert_ne!(self.receive().await, 0, "closed in the middle of {received:?}");
        }
    }

    /// Says that nothing more will come, and still listens.
    pub(super) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Waits until the server has closed, which it must do without another byte.
    pub(super) async fn closed(mut self) {
        assert_eq!(self.receive().await, 0, "{:?}", String::from_utf8_lossy(&self.received));
    }

    /// The same, where the connection may also be reset.
    pub(super) async fn gone(mut self) {
        let mut buffer = [0; 1024];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("the server closes");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }

    async fn receive(&mut self) -> usize {
        let mut buffer = [0; 4096];
        let read =
            timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("the server answers or closes").unwrap();
        self.received.extend_from_slice(&buffer[..read]);
        read
    }
}

pub(super) fn stored() -> Outcome {
    Outcome::Stored(Uuid::from_u128(1))
}

/// Waits for a condition that another task brings about.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// A certificate for this name, loaded from files as the server does.
pub(super) fn certificate(
    directory: &Path,
    name: &str,
) -> (Arc<Certificate>, rustls_pki_types::CertificateDer<'static>) {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (chain, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&chain, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (Certificate::load(&chain, &key).unwrap(), pair.cert.der().clone())
}
