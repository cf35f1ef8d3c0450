//! Sends a test report, so that an operator can prove the source: what a sender does (RFC 8460 §3, §5), once, aloud.
//!
//! ```text
//! record        the TXT record of the domain         ┐
//! destination   https: and mailto: URIs               │ pure
//! sample        the report                            │
//! mail          the mail it travels in                ┘
//! signature     DKIM
//! https, smtp   delivery, step by step ── Event ── whoever asked
//! ```

mod destination;
mod https;
mod mail;
mod record;
mod sample;
mod signature;
mod smtp;
mod steps;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, str::FromStr, sync::Arc, time::Duration};

use lettre::transport::smtp::extension::ClientId;
use tokio::{net::lookup_host, time::timeout};

use crate::{
    clock::Clock,
    dns::{DnsError, Resolver},
    limits::{PROBE_ANSWER_DEADLINE_S, PROBE_CONNECT_DEADLINE_S, PROBE_HOSTS_MAX, PROBE_URI_DEADLINE_S},
    report,
    tls::witness::Authorities,
};
pub use destination::{AddressError, Destination, DestinationError, MailtoAddress};
use record::NoRecord;
pub use sample::{ORGANISATION, Sample};
pub use signature::{Signer, SignerError};
pub use steps::{ProbeEvent, ProbeFate, ProbeStep, ProbeVerdict, Steps};

/// RFC 5321 §4.5.4.2, where mail servers listen.
const MX_PORT: u16 = 25;

/// What is to be sent where.
pub struct Order {
    /// The domain the report speaks of, as `domain` gives it.
    pub domain: String,
    /// The author of the report and of the mail.
    pub from: MailtoAddress,
    /// URIs to send to; none: those the domain publishes.
    pub to: Vec<String>,
    /// The server that mail is handed to instead of the MX hosts.
    pub relay: Option<Relay>,
    pub signer: Option<Signer>,
    /// Whether certificates of HTTPS servers are not looked at, and `http:` is taken for every host.
    pub insecure: bool,
}

/// A mail server to hand mail to: `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not of the form HOST:PORT")]
pub struct RelayError(String);

/// Delivers test reports.
pub struct Probe {
    resolver: Arc<dyn Resolver>,
    clock: Clock,
    authorities: Authorities,
    hello: ClientId,
    mx_port: u16,
    deadlines: Deadlines,
}

#[derive(Debug, Clone, Copy)]
struct Deadlines {
    connect: Duration,
    answer: Duration,
    /// For one URI in all.
    uri: Duration,
}

/// The normal form of a domain name, or `None` where the text is none.
pub fn domain(text: &str) -> Option<String> {
    report::domain(text)
}

/// What this machine calls itself towards mail servers.
pub fn own_name() -> String {
    smtp::hello().to_string()
}

/// The author where none is named: the postmaster of the domain this machine belongs to, else of `domain`.
pub fn default_from(domain: &str) -> Result<MailtoAddress, AddressError> {
    MailtoAddress::new("postmaster", &own_domain(&smtp::hello()).unwrap_or_else(|| domain.to_owned()))
}

/// The registrable domain of the machine's name, where that is a name in the public DNS.
fn own_domain(hello: &ClientId) -> Option<String> {
    let ClientId::Domain(name) = hello else { return None };
    let name = report::domain(name)?;
    let is_public = psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known());
    is_public.then(|| psl::domain_str(&name).map(str::to_owned)).flatten()
}

impl Probe {
    pub fn new(resolver: Arc<dyn Resolver>, clock: Clock) -> Probe {
        Probe {
            resolver,
            clock,
            authorities: Authorities::of_system(),
            hello: smtp::hello(),
            mx_port: MX_PORT,
            deadlines: Deadlines {
                connect: Duration::from_secs(PROBE_CONNECT_DEADLINE_S),
                answer: Duration::from_secs(PROBE_ANSWER_DEADLINE_S),
                uri: Duration::from_secs(PROBE_URI_DEADLINE_S),
            },
        }
    }

    /// Sends the report to every URI, telling each step as it happens. One verdict for each URI; where there is none, one
    /// that says why.
    pub async fn deliver(&self, order: &Order, sample: &Sample, tell: &mut dyn FnMut(ProbeEvent)) -> Vec<ProbeVerdict> {
        let (uris, published) = if order.to.is_empty() {
            match self.published(&order.domain, &mut Steps(&mut *tell)).await {
                Ok(uris) => (uris, true),
                Err(verdict) => {
                    tell(ProbeEvent::Verdict(verdict.clone()));
                    return vec![verdict];
                }
            }
        } else {
            (order.to.clone(), false)
        };
        let mut verdicts = Vec::new();
        for (index, uri) in uris.iter().enumerate() {
            tell(ProbeEvent::Destination { uri: steps::shown(uri), number: index + 1, of: uris.len() });
            let mut steps = Steps(&mut *tell);
            let one = self.deliver_to(order, sample, uri, published, &mut steps);
            let verdict = timeout(self.deadlines.uri, one).await.unwrap_or_else(|_| {
                let verdict =
                    format!("not delivered: it took longer than {} s in all", self.deadlines.uri.as_secs_f32());
                ProbeVerdict::new(ProbeFate::NotDelivered, verdict, "Look at what was slow, above.")
            });
            tell(ProbeEvent::Verdict(verdict.clone()));
            verdicts.push(verdict);
        }
        verdicts
    }

    async fn deliver_to(
        &self,
        order: &Order,
        sample: &Sample,
        uri: &str,
        published: bool,
        steps: &mut Steps<'_>,
    ) -> ProbeVerdict {
        let unencoded = if published { record::unencoded(uri) } else { None };
        let destination = match unencoded {
            Some(problem) => Err(format!("the URI {problem}")),
            None => Destination::parse(uri, order.insecure).map_err(|error| error.to_string()),
        };
        match destination {
            Ok(Destination::Https(url)) => https::post(self, &url, sample, order.insecure, steps).await,
            Ok(Destination::Mailto(address)) => smtp::post(self, order, sample, &address, steps).await,
            Err(reason) => {
                ProbeVerdict::new(ProbeFate::NotDelivered, format!("not delivered: {reason}"), "Correct the URI.")
            }
        }
    }

    /// The URIs of the domain's TLSRPT record (RFC 8460 §3).
    async fn published(&self, domain: &str, steps: &mut Steps<'_>) -> Result<Vec<String>, ProbeVerdict> {
        let name = format!("_smtp._tls.{domain}");
        let publish = format!(
            "Publish one: {name}. IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@REPORTS.EXAMPLE,https://REPORTS.EXAMPLE/v1/tlsrpt\". \
             --to URI sends to one that is not published yet."
        );
        let none = |verdict: String, next: String| ProbeVerdict::new(ProbeFate::NotDelivered, verdict, next);
        let records = match self.resolver.txt(&name).await {
            Ok(found) => found,
            Err(DnsError::NotFound) => {
                steps.say("record", format!("there is no TXT record at {name}"));
                return Err(none(format!("{domain} asks for no reports: it has no TLSRPT record"), publish));
            }
            Err(error) => {
                steps.say("record", format!("{name} cannot be looked up: {error}"));
                return Err(none(
                    format!("the TLSRPT record of {domain} cannot be looked up"),
                    "Try again, or name the URI with --to.".to_owned(),
                ));
            }
        };
        match record::read(&records.value) {
            Ok(record) => {
                let secure = if records.secure { " (DNSSEC: valid)" } else { "" };
                steps.say("record", format!("{name}: {}{secure}", record.text));
                if record.uris_dropped > 0 {
                    steps.say("record", format!("{} more URIs are left out", record.uris_dropped));
                }
                Ok(record.uris)
            }
            Err(NoRecord::None { near }) => {
                let count = records.value.len();
                steps.say("record", format!("none of the {count} TXT records at {name} begins with `v=TLSRPTv1;`"));
                for text in near.iter().take(PROBE_HOSTS_MAX) {
                    steps.say("record", format!("senders discard this one: {text}"));
                }
                Err(none(format!("{domain} asks for no reports: it has no TLSRPT record"), publish))
            }
            Err(NoRecord::Several(texts)) => {
                for text in texts.iter().take(PROBE_HOSTS_MAX) {
                    steps.say("record", format!("{name}: {text}"));
                }
                Err(none(
                    format!("{domain} has {} TLSRPT records, which counts as none (RFC 8460 §3)", texts.len()),
                    "Leave one record, with all URIs in its rua, separated by commas.".to_owned(),
                ))
            }
            Err(NoRecord::NoUri(text)) => {
                steps.say("record", format!("{name}: {text}"));
                Err(none(
                    format!("the TLSRPT record of {domain} names no URI"),
                    "Put where reports should go into its rua, as in rua=mailto:tlsrpt@REPORTS.EXAMPLE.".to_owned(),
                ))
            }
        }
    }

    /// Addresses of a host, by the system.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        match timeout(self.deadlines.connect, lookup_host((host, port))).await {
            Ok(Ok(found)) => {
                let found: Vec<SocketAddr> = found.take(PROBE_HOSTS_MAX).collect();
                if found.is_empty() { Err("it has no address".to_owned()) } else { Ok(found) }
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the look-up took too long".to_owned()),
        }
    }
}

impl FromStr for Relay {
    type Err = RelayError;

    fn from_str(text: &str) -> Result<Relay, RelayError> {
        let error = || RelayError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let port = port.parse().map_err(|_| error())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(address) => address,
            // Without brackets nobody knows where an IPv6 address ends.
            None if host.is_empty() || host.contains(':') => return Err(error()),
            None => host,
        };
        Ok(Relay { host: host.to_owned(), port })
    }
}
