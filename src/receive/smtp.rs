//! The listeners for mail: SMTP for senders, LMTP for a mail server on this machine. They take mail for the report addresses
//! and nothing else.
//!
//! ```text
//! limiter        so many connections, so many from one client; a PROXY header where a proxy is in front
//!   └ connection     deadlines, memory, STARTTLS
//!      └ crate::smtp       the session: bytes in, replies and messages out
//!          └ deliver       Accept, once for each token ── answer
//! ```

mod answer;
mod connection;
mod deliver;
mod memory;
mod port;
mod proxy;

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};

pub use crate::unix_socket::SocketError;

use super::{
    certificate::{Certificate, CertificateError},
    connection_limiter::ConnectionLimiter,
    network,
};
use crate::{
    address_block::AddressBlock,
    clock::Clock,
    config::{self, Listen, LmtpListen},
    health::{Component, HealthRegistry},
    limits,
    smtp::{Address, Protocol, SmtpSettings},
    submission::{Accept, Channel},
    unix_socket::{self, UnixSocket},
};
use memory::MessageMemory;
use port::Port;

/// Owner and group of the LMTP socket may connect: the mail server is made a member of the group.
const SOCKET_MODE: u32 = 0o660;

/// The listeners, bound but not yet serving.
pub struct SmtpListener {
    ports: Vec<Port>,
}

/// The listeners at work.
pub struct RunningSmtp {
    stop: watch::Sender<bool>,
    ports: Vec<JoinHandle<()>>,
}

/// Where they listen, with the port that was given where the configuration says 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    pub smtp: Option<SocketAddr>,
    pub lmtp: LmtpListen,
}

/// Why a listener cannot be bound: each says what to set.
#[derive(Debug, thiserror::Error)]
pub enum SmtpBindError {
    #[error("smtp.recipients is empty: name the address of the rua=mailto: URI, like tlsrpt@reports.example.net")]
    NoRecipients,
    #[error("smtp.recipients: {0}")]
    Recipient(String),
    #[error("smtp.hostname = {0:?} is not a host name like reports.example.net")]
    Hostname(String),
    #[error("smtp.proxy_protocol_from: {0}")]
    Proxy(String),
    #[error("smtp.{0} must be at least 1")]
    Zero(&'static str),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("cannot listen on {address} (smtp.{setting}): {error}{}", advice(.setting, .error))]
    Listen { setting: &'static str, address: SocketAddr, error: io::Error },
    #[error("smtp.lmtp: {0}")]
    Socket(SocketError),
}

/// What the connections of one listener share.
struct ListenerState {
    channel: Channel,
    settings: Arc<SmtpSettings>,
    tls: Option<Arc<rustls::ServerConfig>>,
    limiter: Arc<ConnectionLimiter>,
    connections_max: usize,
    proxies: Vec<AddressBlock>,
    accept: Arc<dyn Accept>,
    clock: Clock,
    part: Component,
    memory: MessageMemory,
    deadlines: Deadlines,
}

/// How long each wait may last.
#[derive(Debug, Clone)]
struct Deadlines {
    proxy: Duration,
    greeting: Duration,
    command: Duration,
    session: Duration,
    handshake: Duration,
    answer: Duration,
    write: Duration,
    /// Before a message has to keep up its minimum rate.
    rate_grace: Duration,
    linger: Duration,
    shutdown: Duration,
}

/// What the listeners get from the rest of the server.
pub struct Context {
    /// STARTTLS is offered with it. It is read again by whoever loaded it.
    pub certificate: Option<Arc<Certificate>>,
    /// The largest mail that is taken.
    pub wire_max_bytes: usize,
    /// The sub-addresses that are tokens.
    pub tokens: BTreeSet<String>,
    pub accept: Arc<dyn Accept>,
    pub clock: Clock,
}

impl SmtpListener {
    /// Checks the configuration and binds; `None` where both listeners are off.
    pub fn bind(
        config: &config::Smtp,
        context: Context,
        health: &HealthRegistry,
    ) -> Result<Option<SmtpListener>, SmtpBindError> {
        if config.listen == Listen::Off && config.lmtp == LmtpListen::Off {
            return Ok(None);
        }
        check(config)?;
        let plan = Plan::new(config, context)?;
        let mut ports = Vec::new();
        if let Listen::At(address) = config.listen {
            let (socket, address) = bind_tcp(address, "listen")?;
            ports.push(Port::tcp(socket, address, plan.state(Protocol::Smtp, true, health)));
        }
        match &config.lmtp {
            LmtpListen::Off => {}
            LmtpListen::At(address) => {
                if !address.ip().to_canonical().is_loopback() {
                    // RFC 2033 §1: not for wide area networks.
                    tracing::warn!(%address, "LMTP is meant for this machine: whoever reaches smtp.lmtp can deliver mail");
                }
                let (socket, address) = bind_tcp(*address, "lmtp")?;
                ports.push(Port::tcp(socket, address, plan.state(Protocol::Lmtp, true, health)));
            }
            LmtpListen::Unix(path) => {
                let socket = UnixSocket::bind(path, SOCKET_MODE).map_err(SmtpBindError::Socket)?;
                ports.push(Port::unix(socket, plan.state(Protocol::Lmtp, false, health)));
            }
        }
        Ok(Some(SmtpListener { ports }))
    }

    pub fn addresses(&self) -> Addresses {
        let of = |channel| self.ports.iter().find(|port| port.channel() == channel).map(Port::address);
        Addresses {
            smtp: match of(Channel::Smtp) {
                Some(LmtpListen::At(address)) => Some(address),
                _ => None,
            },
            lmtp: of(Channel::Lmtp).unwrap_or(LmtpListen::Off),
        }
    }

    /// Begins to serve. Must be called within a Tokio runtime.
    pub fn start(self) -> io::Result<RunningSmtp> {
        let (stop, stopped) = watch::channel(false);
        let ports = self.ports.into_iter().map(|port| port.start(stopped.clone())).collect::<io::Result<_>>()?;
        Ok(RunningSmtp { stop, ports })
    }
}

impl RunningSmtp {
    /// Stops accepting, sends idle sessions away, gives messages under way until a deadline, then returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for port in std::mem::take(&mut self.ports) {
            if let Err(error) = port.await {
                tracing::warn!(%error, "a mail listener did not stop cleanly");
            }
        }
    }
}

/// Resolves when the listeners are to stop. An error means that their owner is gone, which is a stop as well.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What both listeners are made of.
struct Plan {
    settings: SmtpSettings,
    tls: Option<Arc<rustls::ServerConfig>>,
    proxies: Vec<AddressBlock>,
    connections_max: usize,
    connections_per_address_max: usize,
    deadlines: Deadlines,
    accept: Arc<dyn Accept>,
    clock: Clock,
}

impl Plan {
    fn new(config: &config::Smtp, context: Context) -> Result<Plan, SmtpBindError> {
        let recipients: Vec<Address> = config
            .recipients
            .iter()
            .map(|recipient| recipient.parse().map_err(SmtpBindError::Recipient))
            .collect::<Result<_, _>>()?;
        let hostname = match (&config.hostname, recipients.first()) {
            (_, None) => return Err(SmtpBindError::NoRecipients),
            (None, Some(first)) => first.domain().to_owned(),
            (Some(hostname), _) => {
                idna::domain_to_ascii_strict(hostname).map_err(|_| SmtpBindError::Hostname(hostname.clone()))?
            }
        };
        let proxies = config
            .proxy_protocol_from
            .iter()
            .map(|entry| entry.parse().map_err(SmtpBindError::Proxy))
            .collect::<Result<_, _>>()?;
        let settings = SmtpSettings {
            protocol: Protocol::Smtp,
            hostname,
            recipients,
            tokens: context.tokens,
            message_max_bytes: context.wire_max_bytes,
            messages_per_session_max: config.messages_per_session_max,
            starttls: false,
        };
        Ok(Plan {
            settings,
            // No ALPN: SMTP has no protocols to choose from.
            tls: context.certificate.map(|certificate| certificate.server_config(&[])).transpose()?,
            proxies,
            connections_max: config.connections_max,
            connections_per_address_max: config.connections_per_address_max,
            deadlines: Deadlines::from_config(config),
            accept: context.accept,
            clock: context.clock,
        })
    }

    /// Each listener has its own limiter and its own memory, so that strangers who fill one leave the mail server of this machine the other.
    fn state(&self, protocol: Protocol, network: bool, health: &HealthRegistry) -> ListenerState {
        let tls = self.tls.clone().filter(|_| network);
        let channel = match protocol {
            Protocol::Smtp => Channel::Smtp,
            Protocol::Lmtp => Channel::Lmtp,
        };
        ListenerState {
            channel,
            settings: Arc::new(SmtpSettings { protocol, starttls: tls.is_some(), ..self.settings.clone() }),
            tls,
            limiter: ConnectionLimiter::new(self.connections_max, self.connections_per_address_max),
            connections_max: self.connections_max,
            // A mail server that hands over its mail has no proxy in between.
            proxies: if protocol == Protocol::Smtp { self.proxies.clone() } else { Vec::new() },
            accept: Arc::clone(&self.accept),
            clock: self.clock.clone(),
            part: health.part(channel.as_str()),
            // One mail of the largest size always fits.
            memory: MessageMemory::new(
                limits::SMTP_SMALL_MAILS_MAX_BYTES,
                limits::SMTP_LARGE_MAILS_MAX_BYTES.max(self.settings.message_max_bytes),
                limits::SMTP_CLIENT_MAX_BYTES.max(self.settings.message_max_bytes),
            ),
            deadlines: self.deadlines.clone(),
        }
    }
}

impl ListenerState {
    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(peer))
    }
}

impl Deadlines {
    fn from_config(config: &config::Smtp) -> Deadlines {
        Deadlines {
            proxy: Duration::from_secs(limits::SMTP_PROXY_DEADLINE_S),
            greeting: Duration::from_secs(config.greeting_deadline_s),
            command: Duration::from_secs(config.command_deadline_s),
            session: Duration::from_secs(config.session_deadline_s),
            handshake: Duration::from_secs(limits::SMTP_HANDSHAKE_DEADLINE_S),
            answer: Duration::from_secs(limits::SMTP_ANSWER_DEADLINE_S),
            write: Duration::from_secs(limits::SMTP_WRITE_DEADLINE_S),
            rate_grace: Duration::from_secs(limits::SMTP_RATE_GRACE_S),
            linger: Duration::from_secs(limits::SMTP_LINGER_DEADLINE_S),
            shutdown: Duration::from_secs(limits::SMTP_SHUTDOWN_DEADLINE_S),
        }
    }
}

/// Says whether an LMTP socket can be put there, without putting one there. Where a server answers already it could.
pub fn look_at_socket(path: &Path) -> Result<(), SocketError> {
    unix_socket::look(path).map(drop)
}

/// A zero in one of these would refuse everything, which nobody means.
fn check(config: &config::Smtp) -> Result<(), SmtpBindError> {
    let zero = [
        ("connections_max", config.connections_max == 0),
        ("connections_per_address_max", config.connections_per_address_max == 0),
        ("greeting_deadline_s", config.greeting_deadline_s == 0),
        ("command_deadline_s", config.command_deadline_s == 0),
        ("session_deadline_s", config.session_deadline_s == 0),
        ("messages_per_session_max", config.messages_per_session_max == 0),
    ];
    match zero.into_iter().find(|(_, zero)| *zero) {
        Some((setting, _)) => Err(SmtpBindError::Zero(setting)),
        None => Ok(()),
    }
}

fn bind_tcp(address: SocketAddr, setting: &'static str) -> Result<(TcpListener, SocketAddr), SmtpBindError> {
    let bind = || {
        let socket = network::listen(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bind().map_err(|error| SmtpBindError::Listen { setting, address, error })
}

fn advice(setting: &str, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= in the systemd unit)"
        }
        io::ErrorKind::AddrInUse if setting == "listen" => {
            ": where a mail server of this machine has the port, let it hand the mail over through smtp.lmtp"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests;
