//! Looks at what is published for a policy domain: its records, its policy from every address of the policy host, its MX hosts. It judges nothing; what
//! it saw is a plain value (`check::Observed`).

mod fetch;
mod memory;
mod smtp;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    io::{self, ErrorKind},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};

use crate::{
    address_block,
    check::{
        Observed,
        observed::{AddressSeen, PolicyHostSeen, RecordsSeen, Seen, SmtpSeen},
    },
    clock::Clock,
    dns::{DnsError, Family, Lookup, Resolver},
    limits::{
        CHECK_ADDRESSES_MAX, CHECK_CONNECT_DEADLINE_S, CHECK_FETCH_DEADLINE_S, CHECK_HOSTS_MAX, CHECK_SMTP_AT_ONCE_MAX,
        CHECK_SMTP_DEADLINE_S, CHECK_SMTP_REPLY_DEADLINE_S,
    },
    sts::record::RecordKind,
    tls::witness::Authorities,
};
use memory::SmtpMemory;

const HTTPS_PORT: u16 = 443;
const SMTP_PORT: u16 = 25;

/// Looks at policy domains.
pub struct Observer {
    resolver: Arc<dyn Resolver>,
    clock: Clock,
    authorities: Authorities,
    https_port: u16,
    /// Connect also to addresses that not everybody can reach.
    allow_private: bool,
    /// Whether MX hosts are spoken to.
    speaks_smtp: bool,
    smtp_port: u16,
    /// What this machine calls itself towards mail servers.
    hello: String,
    connect_deadline: Duration,
    fetch_deadline: Duration,
    reply_deadline: Duration,
    smtp_deadline: Duration,
    memory: SmtpMemory,
}

impl Observer {
    /// `allow_private`: look also at addresses that not everybody can reach, and count them as ones that mail servers can.
    pub fn new(resolver: Arc<dyn Resolver>, clock: Clock, authorities: Authorities, allow_private: bool) -> Observer {
        Observer {
            resolver,
            clock,
            authorities,
            https_port: HTTPS_PORT,
            allow_private,
            connect_deadline: Duration::from_secs(CHECK_CONNECT_DEADLINE_S),
            fetch_deadline: Duration::from_secs(CHECK_FETCH_DEADLINE_S),
            speaks_smtp: true,
            smtp_port: SMTP_PORT,
            hello: "[127.0.0.1]".to_owned(),
            reply_deadline: Duration::from_secs(CHECK_SMTP_REPLY_DEADLINE_S),
            smtp_deadline: Duration::from_secs(CHECK_SMTP_DEADLINE_S),
            memory: SmtpMemory::default(),
        }
    }

    /// The policy host is asked on another port than senders ask.
    pub fn with_https_port(self, https_port: u16) -> Observer {
        Observer { https_port, ..self }
    }

    /// MX hosts are spoken to on another port than senders use, or not at all.
    pub fn with_smtp_port(self, smtp_port: Option<u16>) -> Observer {
        Observer { speaks_smtp: smtp_port.is_some(), smtp_port: smtp_port.unwrap_or(SMTP_PORT), ..self }
    }

    /// What this machine calls itself in EHLO: a name that leads to it, or an address literal (RFC 5321 §4.1.4).
    pub fn with_hello(self, hello: String) -> Observer {
        Observer { hello, ..self }
    }

    /// What MX hosts said longer ago than this is not taken for what they would say now.
    pub fn forget_hosts(&self, older: Duration) {
        self.memory.forget(older);
    }

    /// Looks at one domain, in A-labels, and tells what it looks at next.
    pub async fn look(&self, domain: &str, tell: &mut (dyn FnMut(String) + Send)) -> Observed {
        tell(format!("the records at {domain}"));
        let (tlsrpt, sts) =
            (self.records(RecordKind::Tlsrpt, domain).await, self.records(RecordKind::Sts, domain).await);
        let mut elsewhere = Vec::new();
        for seen in [&tlsrpt, &sts] {
            if matches!(seen.records, Seen::Nothing) {
                for name in wrong_names(seen.kind, domain) {
                    elsewhere.push(self.records_at(seen.kind, name).await);
                }
            }
        }
        let policy_host = self.policy_host(domain, tell).await;
        tell(format!("the MX hosts of {domain}"));
        let mx = seen(self.resolver.mx(domain)).await;
        let mut mx_addresses = BTreeMap::new();
        for host in hosts(domain, &mx) {
            let found = self.addresses(&host).await;
            mx_addresses.insert(host, found);
        }
        let smtp = if self.speaks_smtp { Some(self.hosts_by_smtp(&mx_addresses, tell).await) } else { None };
        let looked_at = self.clock.now();
        Observed { domain: domain.to_owned(), looked_at, tlsrpt, sts, elsewhere, policy_host, mx, mx_addresses, smtp }
    }

    /// Speaks to every address of the MX hosts, to a few at the same time.
    async fn hosts_by_smtp(
        &self,
        hosts: &BTreeMap<String, Seen<Vec<AddressSeen>>>,
        tell: &mut (dyn FnMut(String) + Send),
    ) -> Vec<SmtpSeen> {
        let mut looks = Vec::new();
        for (host, addresses) in hosts {
            let Seen::Found(addresses) = addresses else { continue };
            tell(format!("STARTTLS of {host}"));
            looks.extend(addresses.iter().take(CHECK_ADDRESSES_MAX).map(|address| self.smtp(host, *address)));
        }
        let mut seen: Vec<SmtpSeen> = stream::iter(looks).buffer_unordered(CHECK_SMTP_AT_ONCE_MAX).collect().await;
        seen.sort_by(|one, other| (&one.host, one.address).cmp(&(&other.host, other.address)));
        seen
    }

    async fn records(&self, kind: RecordKind, domain: &str) -> RecordsSeen {
        self.records_at(kind, format!("{}.{domain}", kind.label())).await
    }

    async fn records_at(&self, kind: RecordKind, name: String) -> RecordsSeen {
        let records = seen(self.resolver.txt_strings(&name)).await;
        RecordsSeen { name, kind, records }
    }

    async fn policy_host(&self, domain: &str, tell: &mut (dyn FnMut(String) + Send)) -> PolicyHostSeen {
        let name = format!("mta-sts.{domain}");
        let found = self.addresses(&name).await;
        let addresses = match &found {
            Seen::Found(found) => Seen::Found(found.iter().map(|found| found.address).collect()),
            Seen::Nothing => Seen::Nothing,
            Seen::Unknown(why) => Seen::Unknown(why.clone()),
        };
        let mut fetches = Vec::new();
        if let Seen::Found(found) = found {
            for AddressSeen { address, is_public } in found.into_iter().take(CHECK_ADDRESSES_MAX) {
                tell(format!("the policy from {address}"));
                fetches.push(self.fetch(&name, address, is_public).await);
            }
        }
        PolicyHostSeen { name, addresses, fetches }
    }

    /// The addresses of both families. One that fails is not made up for by the other: senders ask both.
    async fn addresses(&self, host: &str) -> Seen<Vec<AddressSeen>> {
        let (mut found, mut unknown) = (BTreeSet::new(), None);
        for family in [Family::V4, Family::V6] {
            match seen(self.resolver.addresses(host, family)).await {
                Seen::Found(addresses) => found.extend(addresses),
                Seen::Nothing => {}
                Seen::Unknown(why) => unknown = Some(why),
            }
        }
        match (found.is_empty(), unknown) {
            (true, None) => Seen::Nothing,
            (true, Some(why)) => Seen::Unknown(why),
            (false, _) => Seen::Found(found.into_iter().map(|address| self.judged(address)).collect()),
        }
    }

    fn judged(&self, address: IpAddr) -> AddressSeen {
        AddressSeen { address, is_public: self.allow_private || address_block::is_public(address) }
    }
}

/// Where such records are put by mistake: without a part of the label, at the name of the policy host, and with the domain twice.
fn wrong_names(kind: RecordKind, domain: &str) -> Vec<String> {
    match kind {
        RecordKind::Tlsrpt => vec![
            domain.to_owned(),
            format!("_tls.{domain}"),
            format!("_smtp-tls.{domain}"),
            format!("_smtp._tls.{domain}.{domain}"),
        ],
        RecordKind::Sts => vec![
            domain.to_owned(),
            format!("mta-sts.{domain}"),
            format!("_mta_sts.{domain}"),
            format!("_mta-sts.{domain}.{domain}"),
        ],
    }
}

/// Hosts whose addresses are looked up: those of the MX records, or the domain itself.
fn hosts(domain: &str, mx: &Seen<Vec<String>>) -> Vec<String> {
    match mx {
        Seen::Found(hosts) => hosts.iter().filter(|host| !host.is_empty()).take(CHECK_HOSTS_MAX).cloned().collect(),
        Seen::Nothing => vec![domain.to_owned()],
        Seen::Unknown(_) => Vec::new(),
    }
}

async fn seen<T>(lookup: Lookup<T>) -> Seen<T> {
    match lookup.await {
        Ok(answer) => Seen::Found(answer.value),
        Err(DnsError::NotFound) => Seen::Nothing,
        Err(DnsError::Temporary(why)) => Seen::Unknown(why),
    }
}

/// Whether the connection stood and TLS failed.
fn holds_tls_error(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| {
        // An error of the system may hold another one, which is not among its sources.
        let mut inner = Some(cause);
        while let Some(error) = inner {
            if error.is::<rustls::Error>() {
                return true;
            }
            let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            inner = held.map(|held| held as &(dyn Error + 'static));
        }
        false
    })
}

/// Whether this machine itself does not know where to send it.
fn has_no_route(error: &(dyn Error + 'static)) -> bool {
    let kinds = [ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable, ErrorKind::AddrNotAvailable];
    chain(error).any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| kinds.contains(&error.kind())))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// What was at the bottom of it.
fn deepest(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}
