//! The listener as senders meet it: real sockets, real TLS, a receiving side that does as each test wants.

mod answers;
mod bodies;
mod connections;
mod framing;
mod proxies;
mod starting;
mod stopping;
mod tls;

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpSocket,
    sync::Semaphore,
    time::timeout,
};
use uuid::Uuid;

use super::{Deadlines, HttpsListener, RunningHttps, Shared};
use crate::{
    clock::Clock,
    config::{Listen, Public},
    receive::certificate::Certificate,
    submission::{Accept, Accepting, Outcome, Receipt, Submission},
};

/// No test waits longer than this for what it waits for: less than the deadlines that are not under test.
const PATIENCE: Duration = Duration::from_secs(9);
const REPORT: &str = "POST /v1/tlsrpt HTTP/1.1\r\nHost: reports.example.net\r\nContent-Length: 2\r\n\r\n{}";

/// The receiving side: remembers what it got, answers what it was told to, when it is allowed to.
pub struct ListenerState {
    got: Mutex<Vec<Submission>>,
    outcomes: Vec<Outcome>,
    permits: Semaphore,
}

impl Accept for Arc<ListenerState> {
    fn accept(&self, submission: Submission) -> Accepting {
        let state = Arc::clone(self);
        Box::pin(async move {
            state.got.lock().unwrap().push(submission);
            state.permits.acquire().await.unwrap().forget();
            Receipt::new(state.outcomes.clone())
        })
    }
}

/// A listener that is not started yet.
pub(super) struct Setup {
    pub config: Public,
    pub outcomes: Vec<Outcome>,
    pub permits: usize,
    pub wire_max_bytes: usize,
    adjust: Box<dyn FnOnce(&mut Shared)>,
}

impl Default for Setup {
    fn default() -> Setup {
        let listen = Listen::At(SocketAddr::from(([127, 0, 0, 1], 0)));
        Setup {
            config: Public { listen, ..Public::default() },
            outcomes: vec![stored()],
            permits: 1_000_000,
            wire_max_bytes: 64 * 1024,
            adjust: Box::new(|_| {}),
        }
    }
}

impl Setup {
    pub(super) fn config(mut self, change: impl FnOnce(&mut Public)) -> Setup {
        change(&mut self.config);
        self
    }

    pub(super) fn deadlines(mut self, change: impl FnOnce(&mut Deadlines) + 'static) -> Setup {
        self.adjust = Box::new(|shared| change(&mut shared.deadlines));
        self
    }

    pub(super) fn shared(mut self, change: impl FnOnce(&mut Shared) + 'static) -> Setup {
        self.adjust = Box::new(change);
        self
    }

    pub(super) fn start(self) -> App {
        let state = Arc::new(ListenerState {
            got: Mutex::default(),
            outcomes: self.outcomes,
            permits: Semaphore::new(self.permits),
        });
        let accept = Arc::new(Arc::clone(&state));
        let mut listener = HttpsListener::bind(&self.config, self.wire_max_bytes, accept, Clock::system())
            .unwrap()
            .expect("an address");
        (self.adjust)(Arc::get_mut(&mut listener.shared).unwrap());
        App {
            address: listener.address(),
            certificate: listener.certificate(),
            counters: listener.counters(),
            state,
            running: listener.start().unwrap(),
        }
    }
}

/// A listener at work.
pub(super) struct App {
    pub address: SocketAddr,
    pub certificate: Option<Arc<Certificate>>,
    pub counters: Arc<super::Counters>,
    pub state: Arc<ListenerState>,
    pub running: RunningHttps,
}

impl App {
    pub(super) async fn connect(&self) -> Client {
        self.connect_from("127.0.0.1").await
    }

    pub(super) async fn connect_from(&self, source: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        Client::over(socket.connect(self.address).await.unwrap())
    }

    /// One request on its own connection.
    pub(super) async fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect().await;
        client.send(request).await;
        client.reply().await
    }

    pub(super) fn got(&self) -> Vec<Submission> {
        self.state.got.lock().unwrap().clone()
    }

    pub(super) fn last_peer(&self) -> Option<IpAddr> {
        self.got().last().expect("a submission").peer
    }
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A sender's end of a connection.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

impl Client {
    pub(super) fn over(stream: impl Stream + 'static) -> Client {
        Client { stream: Box::new(stream), received: Vec::new() }
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

    /// Says that nothing more will come, and still listens.
    pub(super) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    pub(super) async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        self.reply_after(head, true).await
    }

    /// The answer to a HEAD request.
    pub(super) async fn reply_without_body(&mut self) -> Reply {
        let head = self.head().await;
        self.reply_after(head, false).await
    }

    /// Bytes up to and with the next empty line.
    pub(super) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.received.drain(..end + 4).collect()).unwrap();
            }
            assert_ne!(
                self.receive().await,
                0,
                "closed in the middle of {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
    }

    /// Whatever comes first, and nothing where the connection ends.
    pub(super) async fn head_or_nothing(&mut self) -> String {
        let mut buffer = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("the server answers or closes");
        String::from_utf8_lossy(&buffer[..read.unwrap_or(0)]).into_owned()
    }

    async fn reply_after(&mut self, head: String, with_body: bool) -> Reply {
        let mut reply = Reply { head, body: Vec::new() };
        let length: usize = reply.header("content-length").expect("a length").parse().unwrap();
        while with_body && self.received.len() < length {
            assert_ne!(self.receive().await, 0, "closed in the middle of a body");
        }
        if with_body {
            reply.body = self.received.drain(..length).collect();
        }
        reply
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

/// One answer of the server.
#[derive(Debug)]
pub(super) struct Reply {
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub(super) fn status(&self) -> u16 {
        self.head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).expect("a status line").parse().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks that this is a whole problem document and gives its code.
    #[track_caller]
    pub(super) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        let code = body["code"].as_str().expect("a code").to_owned();
        assert_eq!(body["type"], format!("urn:tlsight:problem:{code}"));
        assert_eq!(body["status"], self.status());
        assert!(body["title"].is_string() && body["detail"].is_string());
        (self.status(), code)
    }
}

pub(super) fn stored() -> Outcome {
    Outcome::Stored(Uuid::from_u128(1))
}

/// A POST of a body with these additional header lines.
pub(super) fn post(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: reports.example.net\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    [request.as_bytes(), body].concat()
}

/// Waits for a condition that another thread brings about.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// Writes a certificate for this name with its key, and gives the certificate.
pub(super) fn write_certificate(directory: &Path, name: &str) -> rustls_pki_types::CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), pair.cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    pair.cert.der().clone()
}
