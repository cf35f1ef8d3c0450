//! The DNS itself, asked through hickory-resolver.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError as NetDnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        dnssec::Proof,
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType},
    },
    system_conf,
};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

use super::{DnsAnswer, DnsError, Family, Lookup, Resolver, reverse_name, silent::SilentResolver};
use crate::limits::{DNS_LOOKUPS_MAX, DNS_NEGATIVE_TTL_MAX_S, DNS_RECORDS_MAX, DNS_RECORDS_MAX_BYTES};

const PORT: u16 = 53;

/// Asks name servers. Remembers answers as long as their TTL says, follows aliases, and validates where it is told to.
#[derive(Clone)]
pub struct Hickory {
    inner: Arc<Inner>,
    /// Look-ups run here, so that threads without a runtime can wait for them.
    handle: Handle,
}

struct Inner {
    resolver: TokioResolver,
    permits: Semaphore,
    deadline: Duration,
    silent: SilentResolver,
}

impl Hickory {
    /// Asks the servers given, or those of the system's `/etc/resolv.conf` if there are none. The error is an English
    /// sentence.
    pub fn open(
        servers: &[SocketAddr],
        deadline: Duration,
        validate: bool,
        cache_max_entries: u64,
        handle: &Handle,
    ) -> Result<Hickory, String> {
        let servers = match servers {
            [] => system_servers(),
            _ => servers.iter().map(name_server).collect(),
        };
        // No domain and no search list: every name asked for is complete.
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options(deadline, validate, cache_max_entries))
            .with_tls_config(no_tls())
            .build()
            .map_err(|error| format!("the resolver cannot be started: {error}"))?;
        let inner =
            Inner { resolver, permits: Semaphore::new(DNS_LOOKUPS_MAX), deadline, silent: SilentResolver::default() };
        Ok(Hickory { inner: Arc::new(inner), handle: handle.clone() })
    }

    fn ask<T: Send + 'static>(&self, name: &str, kind: RecordType, read: fn(&[Record]) -> Vec<T>) -> Lookup<Vec<T>> {
        let Hickory { inner, handle } = self.clone();
        let name = name.to_owned();
        Box::pin(async move {
            let looking = handle.spawn(async move { inner.look_up_in_time(&name, kind, read).await });
            looking.await.unwrap_or_else(|_| Err(DnsError::Temporary("the look-up was broken off".to_owned())))
        })
    }
}

impl Resolver for Hickory {
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>> {
        self.ask(name, RecordType::TXT, texts)
    }

    fn txt_strings(&self, name: &str) -> Lookup<Vec<Vec<Vec<u8>>>> {
        self.ask(name, RecordType::TXT, text_strings)
    }

    fn mx(&self, name: &str) -> Lookup<Vec<String>> {
        self.ask(name, RecordType::MX, exchanges)
    }

    fn addresses(&self, name: &str, family: Family) -> Lookup<Vec<IpAddr>> {
        let kind = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        self.ask(name, kind, addresses)
    }

    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>> {
        self.ask(&reverse_name(address), RecordType::PTR, names)
    }
}

impl Inner {
    async fn look_up_in_time<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: fn(&[Record]) -> Vec<T>,
    ) -> Result<DnsAnswer<Vec<T>>, DnsError> {
        let begun = Instant::now();
        if self.silent.is_silent(name, begun) {
            return Err(DnsError::Temporary(format!("no answer about {name} a short while ago")));
        }
        let answer = timeout(self.deadline, self.look_up(name, kind, read)).await.unwrap_or_else(|_| {
            let seconds = self.deadline.as_secs_f64();
            Err(DnsError::Temporary(format!("no answer about {name} within {seconds} s")))
        });
        // A resolver in between may give up a little before we do.
        match &answer {
            Err(DnsError::Temporary(_)) if begun.elapsed() > self.deadline / 2 => {
                self.silent.said_nothing(name, Instant::now());
            }
            _ => self.silent.said_something(name),
        }
        answer
    }

    async fn look_up<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: fn(&[Record]) -> Vec<T>,
    ) -> Result<DnsAnswer<Vec<T>>, DnsError> {
        let Ok(mut query) = Name::from_ascii(name) else { return Err(DnsError::NotFound) };
        query.set_fqdn(true);
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let answer = self.resolver.lookup(query, kind).await.map_err(|error| failure(name, &error))?;
        let value = read(answer.answers());
        if value.is_empty() {
            return Err(DnsError::NotFound);
        }
        let secure = answer.answers().iter().all(|record| record.proof == Proof::Secure);
        Ok(DnsAnswer { value, secure })
    }
}

/// A server as the configuration file has it: an address, with a port where it is not 53.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("{text:?} is no address like 127.0.0.1, ::1, 127.0.0.1:5353 or [::1]:5353"))
}

/// Those of `/etc/resolv.conf`; without any the one on this machine (resolv.conf(5)), so that a server that takes no mail
/// starts where there is no such file.
fn system_servers() -> Vec<NameServerConfig> {
    match system_conf::read_system_conf() {
        Ok((config, _)) if !config.name_servers().is_empty() => config.name_servers().to_vec(),
        read => {
            let error = read.err().map(|error| error.to_string());
            tracing::warn!(error, "the system names no name server: 127.0.0.1 is asked");
            vec![name_server(&SocketAddr::from(([127, 0, 0, 1], PORT)))]
        }
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    // Answers that do not fit into a datagram are asked for again over TCP.
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn options(deadline: Duration, validate: bool, cache_max_entries: u64) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    // One datagram may get lost.
    options.attempts = 1;
    options.timeout = deadline / 2;
    options.validate = validate;
    options.cache_size = cache_max_entries;
    options.negative_max_ttl = Some(Duration::from_secs(DNS_NEGATIVE_TTL_MAX_S));
    options.use_hosts_file = ResolveHosts::Never;
    options
}

/// No connection here is encrypted. By default the system's authorities would be read, which fails where there are none.
fn no_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// Only a server's word that there is nothing counts as such; everything else may be different later.
fn failure(name: &str, error: &NetError) -> DnsError {
    let code = match error {
        NetError::Dns(NetDnsError::NoRecordsFound(nothing)) => nothing.response_code,
        NetError::Dns(NetDnsError::Nsec { response, proof: Proof::Secure | Proof::Insecure, .. }) => {
            response.response_code
        }
        NetError::Dns(NetDnsError::ResponseCode(code)) => *code,
        NetError::Dns(NetDnsError::DnssecBogus) => {
            return DnsError::Temporary(format!("the DNSSEC signatures about {name} are wrong"));
        }
        NetError::Timeout => return DnsError::Temporary(format!("no name server answered about {name} in time")),
        other => return DnsError::Temporary(format!("the look-up of {name} failed: {other}")),
    };
    match code {
        ResponseCode::NXDomain | ResponseCode::NoError => DnsError::NotFound,
        code => DnsError::Temporary(format!("the name server answered about {name}: {code}")),
    }
}

/// As many records as fit into the bounds.
pub(super) fn texts(answers: &[Record]) -> Vec<Vec<u8>> {
    let mut bytes = 0_usize;
    answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        })
        .take(DNS_RECORDS_MAX)
        .take_while(|text| {
            bytes = bytes.saturating_add(text.len());
            bytes <= DNS_RECORDS_MAX_BYTES
        })
        .collect()
}

/// The same with the strings of each by themselves.
fn text_strings(answers: &[Record]) -> Vec<Vec<Vec<u8>>> {
    let count = texts(answers).len();
    answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::TXT(text) => Some(text.txt_data.iter().map(|string| string.to_vec()).collect()),
            _ => None,
        })
        .take(count)
        .collect()
}

fn exchanges(answers: &[Record]) -> Vec<String> {
    let mut hosts: Vec<(u16, String)> = answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::MX(mx) => {
                let host = mx.exchange.to_ascii().to_ascii_lowercase();
                Some((mx.preference, host.trim_end_matches('.').to_owned()))
            }
            _ => None,
        })
        .take(DNS_RECORDS_MAX)
        .collect();
    hosts.sort();
    hosts.into_iter().map(|(_, host)| host).collect()
}

fn addresses(answers: &[Record]) -> Vec<IpAddr> {
    let address = |record: &Record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    answers.iter().filter_map(address).take(DNS_RECORDS_MAX).collect()
}

fn names(answers: &[Record]) -> Vec<String> {
    let name = |record: &Record| match &record.data {
        RData::PTR(name) => Some(name.0.to_ascii().to_ascii_lowercase().trim_end_matches('.').to_owned()),
        _ => None,
    };
    answers.iter().filter_map(name).take(DNS_RECORDS_MAX).collect()
}
