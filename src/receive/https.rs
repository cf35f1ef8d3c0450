//! The public listener: the HTTPS end of a TLSRPT `rua` (RFC 8460 §3, §5.4).
//!
//! ```text
//! accept         so many sockets at once
//!   └ connection     the limiter, TLS, one request after the other, a deadline for each wait, the close
//!       └ head           a whole head, in time, with one length
//!           └ hyper          HTTP/1.1, one request
//!               └ request        URL, rate, body within its bounds ── Accept ── answer
//! ```

mod accept;
mod answer;
mod body;
mod connection;
mod counters;
mod forwarded;
mod head;
mod problem;
mod progress;
mod rate;
mod request;
mod stream;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

pub use counters::{Counter, Counters};

use super::{
    certificate::{Certificate, CertificateError},
    connection_limiter::ConnectionLimiter,
    memory::memory,
    network,
};
use crate::{
    address_block::AddressBlock,
    clock::Clock,
    config::{Listen, Public},
    limits,
    submission::Accept,
};
use connection::Entrance;
use forwarded::Proxies;
use rate::Rate;

/// How often the certificate files are looked at and those who have not asked for long are forgotten.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// The listener, bound but not yet serving.
pub struct HttpsListener {
    socket: TcpListener,
    address: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    tls: Option<Arc<rustls::ServerConfig>>,
    limiter: Arc<ConnectionLimiter>,
    shared: Arc<Shared>,
    connections_max: usize,
    shutdown_deadline: Duration,
}

/// The listener at work.
pub struct RunningHttps {
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
}

/// Why the listener cannot be bound: each says what to set.
#[derive(Debug, thiserror::Error)]
pub enum HttpsBindError {
    #[error("public.{given} is set without public.{missing}: TLS needs both")]
    HalfAPair { given: &'static str, missing: &'static str },
    #[error(
        "plain HTTP on {0} could be read by others: set public.certificate and public.key, or public.behind_proxy = true when a \
         proxy in front terminates TLS, or listen on a loopback address"
    )]
    PlainRemote(SocketAddr),
    #[error("public.trusted_proxies: {0}")]
    TrustedProxy(String),
    #[error("public.{0} must be at least 1")]
    Zero(&'static str),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("cannot listen on {0} (public.listen): {1}")]
    Listen(SocketAddr, io::Error),
}

/// What all connections share.
struct Shared {
    accept: Arc<dyn Accept>,
    clock: Clock,
    counters: Arc<Counters>,
    deadlines: Deadlines,
    wire_max_bytes: usize,
    /// For small bodies, and for large ones.
    memory: Arc<Semaphore>,
    memory_large: Arc<Semaphore>,
    rate: Rate,
    /// Of its own, so that those who ask for health leave the others theirs.
    health_rate: Rate,
    proxies: Proxies,
}

/// How long each wait may last.
#[derive(Debug, Clone)]
struct Deadlines {
    head: Duration,
    body: Duration,
    body_rate_grace: Duration,
    body_rate_min_bytes_per_s: u64,
    idle: Duration,
    answer: Duration,
    write: Duration,
    linger: Duration,
}

impl HttpsListener {
    /// Checks the configuration and binds; `None` where it says `off`. `wire_max_bytes` is the largest body that is read.
    pub fn bind(
        config: &Public,
        wire_max_bytes: usize,
        accept: Arc<dyn Accept>,
        clock: Clock,
    ) -> Result<Option<HttpsListener>, HttpsBindError> {
        let Listen::At(address) = config.listen else { return Ok(None) };
        check(config)?;
        let certificate = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => Some(Certificate::load(certificate, key)?),
            (None, None) if config.behind_proxy || address.ip().to_canonical().is_loopback() => None,
            (None, None) => return Err(HttpsBindError::PlainRemote(address)),
            (Some(_), None) => return Err(HttpsBindError::HalfAPair { given: "certificate", missing: "key" }),
            (None, Some(_)) => return Err(HttpsBindError::HalfAPair { given: "key", missing: "certificate" }),
        };
        // RFC 7301; HTTP/2 is not spoken here.
        let tls = certificate.as_ref().map(|certificate| certificate.server_config(&[b"http/1.1"])).transpose()?;
        let rate =
            NonZeroU32::new(config.requests_per_minute_max).ok_or(HttpsBindError::Zero("requests_per_minute_max"))?;
        let trusted_proxies: Vec<AddressBlock> = config
            .trusted_proxies
            .iter()
            .map(|entry| entry.parse().map_err(HttpsBindError::TrustedProxy))
            .collect::<Result<_, _>>()?;
        if config.behind_proxy && trusted_proxies.is_empty() {
            tracing::warn!(
                "public.behind_proxy without public.trusted_proxies: all senders share the limits of one address"
            );
        }
        let shared = Shared {
            accept,
            clock,
            counters: Arc::default(),
            deadlines: Deadlines::from_config(config),
            wire_max_bytes,
            memory: memory(limits::HTTP_SMALL_BODIES_MAX_BYTES),
            memory_large: memory(limits::HTTP_LARGE_BODIES_MAX_BYTES.max(wire_max_bytes)),
            rate: Rate::per_minute(rate),
            health_rate: Rate::per_minute(rate.min(limits::HEALTH_REQUESTS_PER_MINUTE_MAX)),
            proxies: Proxies { trusted: trusted_proxies, header: config.forwarded_header },
        };
        let socket = network::listen(address).map_err(|error| HttpsBindError::Listen(address, error))?;
        let address = socket.local_addr().map_err(|error| HttpsBindError::Listen(address, error))?;
        Ok(Some(HttpsListener {
            socket,
            address,
            certificate,
            tls,
            limiter: ConnectionLimiter::new(config.connections_max, config.connections_per_address_max),
            shared: Arc::new(shared),
            connections_max: config.connections_max,
            shutdown_deadline: Duration::from_secs(config.shutdown_deadline_s),
        }))
    }

    /// Where it listens, with the port that was given where the configuration says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL without path.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// The certificate, to be read again on the operator's wish; `None` where TLS does not end here.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Begins to serve. Must be called within a Tokio runtime.
    pub fn start(self) -> io::Result<RunningHttps> {
        self.socket.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(self.socket)?;
        let entrance = Entrance { limiter: self.limiter, tls: self.tls, shared: Arc::clone(&self.shared) };
        // The limiter decides who is let in; this only bounds how many wait before it, each with a file descriptor.
        let descriptors_max = self.connections_max + limits::HTTP_WAITING_MAX;
        let (stop, stopped) = watch::channel(false);
        let server = accept::serve(listener, entrance, descriptors_max, self.shutdown_deadline, stopped);
        let housekeeping = tokio::spawn(keep_house(self.certificate, self.shared));
        Ok(RunningHttps { stop, server: tokio::spawn(server), housekeeping })
    }
}

impl RunningHttps {
    /// Stops accepting, closes idle connections, gives requests under way until the shutdown deadline, then returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.server).await {
            tracing::warn!(%error, "the public listener did not stop cleanly");
        }
    }
}

impl Drop for RunningHttps {
    fn drop(&mut self) {
        self.housekeeping.abort();
        // Its connections end with it. After a stop there is nothing left to end.
        self.server.abort();
    }
}

impl Deadlines {
    fn from_config(config: &Public) -> Deadlines {
        Deadlines {
            head: Duration::from_secs(config.header_deadline_s),
            body: Duration::from_secs(config.body_deadline_s),
            body_rate_grace: Duration::from_secs(limits::HTTP_BODY_RATE_GRACE_S),
            body_rate_min_bytes_per_s: config.body_rate_min_bytes_per_s,
            idle: Duration::from_secs(config.idle_deadline_s),
            answer: Duration::from_secs(limits::HTTP_ANSWER_DEADLINE_S),
            write: Duration::from_secs(limits::HTTP_WRITE_DEADLINE_S),
            linger: Duration::from_secs(limits::HTTP_LINGER_DEADLINE_S),
        }
    }
}

/// A zero in one of these would refuse everything, which nobody means.
fn check(config: &Public) -> Result<(), HttpsBindError> {
    let zero = [
        ("connections_max", config.connections_max == 0),
        ("connections_per_address_max", config.connections_per_address_max == 0),
        ("header_deadline_s", config.header_deadline_s == 0),
        ("body_deadline_s", config.body_deadline_s == 0),
        ("idle_deadline_s", config.idle_deadline_s == 0),
    ];
    match zero.into_iter().find(|(_, zero)| *zero) {
        Some((setting, _)) => Err(HttpsBindError::Zero(setting)),
        None => Ok(()),
    }
}

/// Resolves when the listener is to stop. An error means that its owner is gone, which is a stop as well.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn keep_house(certificate: Option<Arc<Certificate>>, shared: Arc<Shared>) {
    let mut turns = tokio::time::interval(HOUSEKEEPING);
    loop {
        turns.tick().await;
        shared.rate.forget();
        shared.health_rate.forget();
        if let Some(certificate) = certificate.clone() {
            // Files may lie on a slow disk. What became of it is logged where it happened.
            let _ = tokio::task::spawn_blocking(move || certificate.refresh()).await;
        }
    }
}

#[cfg(test)]
mod tests;
