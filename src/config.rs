//! The configuration file: one TOML, `TLSIGHT_…` environment over it, flags over both. The doc comments of `Config` are the
//! manual: `tlsight config example` prints them. A line `Example: VALUE` shows a key whose default would not tell much.

mod channel_kind;
mod check;
mod example;
mod keys;
mod layers;
mod listen;
mod mail;
mod notify;
mod problem;
mod reach;

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    alerts::{AlertSettings, Maintenance, Silence},
    limits::{self, Limits},
    reporters::Reporter,
    setting::{setting_kinds, settings},
};
pub use channel_kind::{ChannelKind, SecretUse};
pub use example::example;
pub use layers::{DEFAULT_FILE, Environment};
pub use listen::{Listen, LmtpListen};
pub use mail::{ClientTls, Dkim, Dns, Imap, Maildir, NetworkProof, PolicyChecks, Smtp};
pub use notify::{DigestConfig, MailConfig, NotifyChannel};
pub use problem::ConfigError;
pub use reach::{Reach, UNKNOWN_HOST};

settings! {
    /// Everything an operator can set.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Config {
        /// The data directory: the database, its write-ahead log, copies made by recovery.
        pub data: PathBuf,
        /// The domains reports are taken for. None: reports for every domain are taken, and the server says so at start.
        pub domain: Vec<Domain>,
        pub reporter: Vec<Reporter>,
        pub public: Public,
        pub private: Private,
        pub smtp: Smtp,
        pub imap: Vec<Imap>,
        pub maildir: Vec<Maildir>,
        pub dkim: Dkim,
        pub network_proof: NetworkProof,
        pub dns: Dns,
        pub check: PolicyChecks,
        pub alerts: AlertSettings,
        pub silence: Vec<Silence>,
        pub maintenance: Vec<Maintenance>,
        pub channel: Vec<NotifyChannel>,
        pub digest: Vec<DigestConfig>,
        pub mail: MailConfig,
        pub store: StoreConfig,
        pub limits: Limits,
    }
}

settings! {
    /// One served domain, `[[domain]]`.
    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Domain {
        /// The policy domain, as in `_smtp._tls.NAME`.
        /// Example: "example.com"
        pub name: String,
        /// Its MX hosts: `tlsa` reports name these as their policy domain (RFC 7672 §2.2.3).
        /// Example: ["mx1.example.com", "mx2.example.com"]
        pub mx: Vec<String>,
        /// Last segment of `https://…/v1/tlsrpt/TOKEN`: at least 8 letters, digits, `-` or `_`. Reports posted there carry the
        /// trust `token`, which says for which domain the URL was read. It stands in the public DNS and proves no sender.
        /// Example: "a-long-random-text"
        pub token: Option<String>,
        /// The same, read from a file. A relative path is looked for in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`),
        /// then beside the configuration file.
        /// Example: "tlsight-token-example.com"
        pub token_file: Option<PathBuf>,
    }
}

settings! {
    /// The listener for senders, `[public]`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Public {
        /// Address to listen on, or "off".
        pub listen: Listen,
        /// PEM file with the certificate chain. With `key`, TLS ends here; both files are read again when they change.
        /// Relative paths as in `token_file`.
        /// Example: "/etc/tlsight/fullchain.pem"
        pub certificate: Option<PathBuf>,
        /// PEM file with the private key.
        /// Example: "/etc/tlsight/key.pem"
        pub key: Option<PathBuf>,
        /// A proxy in front terminates TLS: allows plain HTTP on an address that is not loopback.
        pub behind_proxy: bool,
        /// Addresses or networks of proxies whose `Forwarded` and `X-Forwarded-For` are believed.
        /// Example: ["127.0.0.1", "2001:db8::/64"]
        pub trusted_proxies: Vec<String>,
        /// The one header that these proxies write: "forwarded" or "x-forwarded-for". The other one, which clients can send through
        /// most proxies, is not read then. Without it both are; where they disagree neither is believed.
        /// Example: "x-forwarded-for"
        pub forwarded_header: Option<ForwardedHeader>,
        /// Connections at the same time. When all are taken, the one that has waited longest without a complete request, of the
        /// address or network that holds most, gives way to a newcomer; a quarter is kept for networks (IPv4 /24, IPv6 /48)
        /// that hold none. Lowered at start where the process may not open that many files.
        pub connections_max: usize,
        /// Connections at the same time from one address (IPv6: one /64). Above it only its own silent ones give way.
        pub connections_per_address_max: usize,
        /// Requests a minute from one address (IPv6: one /64); networks around it have more: /24 and /56 four times, /48 sixteen
        /// times as many. Those for `/healthz` are counted apart, up to 600.
        pub requests_per_minute_max: u32,
        /// Seconds until the request header must be complete; for the first one from the connection on, TLS handshake included.
        pub header_deadline_s: u64,
        /// Seconds until the request body must be complete.
        pub body_deadline_s: u64,
        /// Bytes a second that a body must keep up on average, after the first five seconds.
        pub body_rate_min_bytes_per_s: u64,
        /// Seconds a connection may stay open between requests.
        pub idle_deadline_s: u64,
        /// Seconds that requests under way are given when the server stops.
        pub shutdown_deadline_s: u64,
    }
}

/// Where a proxy says whom it brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// RFC 7239.
    Forwarded,
    XForwardedFor,
}

settings! {
    /// The listener for the operator, `[private]`: pages, API, health.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Private {
        /// Address to listen on, or "off".
        pub listen: Listen,
        /// Allows an address that is not loopback although there are no accounts: whoever reaches it sees everything.
        pub allow_remote: bool,
        /// Connections at the same time; more wait until one ends.
        pub connections_max: usize,
        /// Host names, besides IP addresses and `localhost`, under which browsers reach this listener (DNS rebinding guard).
        /// Example: ["tlsight.internal"]
        pub hosts: Vec<String>,
        /// Where browsers reach this listener, for the links in digests and alerts; without it its own address.
        /// Example: "https://tlsight.internal"
        pub url: Option<String>,
    }
}

settings! {
    /// How DuckDB may use the machine, `[store]`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct StoreConfig {
        /// Bytes of memory DuckDB may use.
        pub memory_max_bytes: u64,
        /// Threads of one query; 0: all cores, or one where there are no more than two.
        pub threads: usize,
        /// Reports that wait for the writer before new ones are answered with 503.
        pub queue_max: usize,
        /// Questions answered at the same time.
        pub readers_max: usize,
        /// Bytes the quarantine may hold. Above it whoever holds most gives way with the oldest, what is no report before what you
        /// could admit.
        pub quarantine_max_bytes: u64,
        /// Bytes, about, that stored reports may take whose sender did not prove who it is (trust `none` and `token`). Above it the
        /// oldest of those who sent most are removed. One sender's network (/24, IPv6: /48) has a tenth: when that is full, its reports
        /// of the days before give way, and if there are none new ones are asked to come again (429, 452). Raise it where a large
        /// sender only posts over HTTPS. 0: no limit.
        pub unproven_max_bytes: u64,
        /// Days after which such reports are removed. What is proven or imported stays. 0: never.
        pub unproven_keep_days: u32,
    }
}

setting_kinds!(Text: ForwardedHeader, ClientTls, ChannelKind, Listen, LmtpListen);

impl Default for Config {
    fn default() -> Config {
        Config {
            data: PathBuf::from("/var/lib/tlsight"),
            domain: Vec::new(),
            reporter: Vec::new(),
            public: Public::default(),
            private: Private::default(),
            smtp: Smtp::default(),
            imap: Vec::new(),
            maildir: Vec::new(),
            dkim: Dkim::default(),
            network_proof: NetworkProof::default(),
            check: PolicyChecks::default(),
            dns: Dns::default(),
            alerts: AlertSettings::default(),
            silence: Vec::new(),
            maintenance: Vec::new(),
            channel: Vec::new(),
            digest: Vec::new(),
            mail: MailConfig::default(),
            store: StoreConfig::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Public {
    fn default() -> Public {
        Public {
            listen: Listen::At(SocketAddr::from(([127, 0, 0, 1], 8443))),
            certificate: None,
            key: None,
            behind_proxy: false,
            trusted_proxies: Vec::new(),
            forwarded_header: None,
            connections_max: 1_024,
            connections_per_address_max: 64,
            requests_per_minute_max: 6_000,
            header_deadline_s: 10,
            body_deadline_s: 60,
            body_rate_min_bytes_per_s: 1_024,
            idle_deadline_s: 30,
            shutdown_deadline_s: 15,
        }
    }
}

impl Default for Private {
    fn default() -> Private {
        Private {
            listen: Listen::At(SocketAddr::from(([127, 0, 0, 1], 8080))),
            allow_remote: false,
            connections_max: 128,
            hosts: Vec::new(),
            url: None,
        }
    }
}

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig {
            memory_max_bytes: limits::STORE_MEMORY_BYTES,
            threads: 0,
            queue_max: limits::STORE_QUEUE,
            readers_max: limits::STORE_READERS,
            quarantine_max_bytes: limits::QUARANTINE_BYTES,
            unproven_max_bytes: limits::UNPROVEN_BYTES,
            unproven_keep_days: limits::UNPROVEN_KEEP_DAYS,
        }
    }
}
