//! Whether the address a report was posted from belongs to the domain that the report says it comes from.
//!
//! Nobody signs what is posted over HTTPS. An address proves a domain where two of its owners agree: whoever runs the address
//! names it below the domain (PTR, and that name leads back to the address), and whoever runs the domain permits the address
//! to send its mail (SPF, RFC 7208). Each alone says little: a residential line has a name below its provider's domain, a web
//! host's address stands in the SPF records of its customers.

#[cfg(fuzzing)]
pub mod fuzzing;
mod record;
mod spf;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::IpAddr};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

pub use crate::address_block::AddressBlock;
use crate::{
    dns::{DnsAnswer, DnsError, Family, Resolver},
    limits::{NETWORK_PROOF_DOMAINS_MAX, NETWORK_PROOF_LOOKUPS_MAX, NETWORK_PROOF_NAMES_MAX},
    report,
};

/// Names of an address that are kept with the proof.
const SHOWN_MAX: usize = 10;

/// What proved that a report came from its domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkEvidence {
    pub address: IpAddr,
    /// A-labels, lower case.
    pub domain: String,
    /// Names of the address, at most ten. Empty where its network alone proves it.
    pub reverse_names: Vec<String>,
    /// The one below the domain that leads back to the address.
    pub confirmed: Option<String>,
    /// The SPF mechanism and whose record it stands in, or the network that is known to be the domain's.
    pub permitted_by: String,
    /// Whether every answer it rests on was signed and validated here (DNSSEC).
    pub secure: bool,
    pub looked_up_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    Proven(NetworkEvidence),
    /// Why not: an English sentence without full stop.
    NotProven(String),
    /// It cannot be looked up now, and may be later. Holds an English sentence without full stop.
    Unknown(String),
}

/// What is known of one domain beforehand. A domain with a rule is proven only by what the rule says: large providers let
/// their customers fetch URLs from addresses and names of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofRule {
    /// Addresses in these prove the domain without any look-up.
    pub networks: Vec<AddressBlock>,
    /// Names that an address of the domain has, such as `mail-*.example.net`: `*` stands for any characters within one label.
    /// They take the place of "below the domain"; the name must still lead back and the SPF record permit the address.
    pub host_patterns: Vec<String>,
    /// Nothing proves it.
    pub forbidden: bool,
}

/// Rules by domain. One holds for the names below its domain too, so that nobody evades it with a longer name.
#[derive(Debug, Clone, Default)]
pub struct ProofRules(HashMap<String, ProofRule>);

impl ProofRules {
    /// Domains as A-labels in lower case.
    pub fn new(rules: HashMap<String, ProofRule>) -> ProofRules {
        ProofRules(rules)
    }

    /// The rule of the domain, else of the nearest one above it.
    pub fn of(&self, domain: &str) -> Option<&ProofRule> {
        let above = std::iter::successors(Some(domain), |name| name.split_once('.').map(|(_, above)| above));
        above.into_iter().find_map(|name| self.0.get(name))
    }
}

/// Sees whether the address proves one of the domains, first come first.
///
/// `domains` are those the report may come from, as written; more than two are not looked at. Names below which strangers
/// have names of their own (the private section of the public suffix list) and public suffixes themselves prove nothing.
pub async fn prove(
    address: IpAddr,
    domains: &[String],
    rules: &ProofRules,
    resolver: &dyn Resolver,
    now: DateTime<Utc>,
) -> Proof {
    let address = address.to_canonical();
    let mut looking = Looking { address, resolver, lookups: 0, secure: true };
    match looking.prove(domains, rules, now).await {
        Ok(evidence) => Proof::Proven(evidence),
        Err(Stop { detail, temporary: false }) => Proof::NotProven(detail),
        Err(Stop { detail, temporary: true }) => Proof::Unknown(detail),
    }
}

/// A domain that may be proven, as A-labels in lower case; else why not.
pub fn provable(domain: &str) -> Result<String, String> {
    let name = report::domain(domain).ok_or_else(|| format!("{} is no domain", record::shown(domain)))?;
    let suffix = psl::suffix(name.as_bytes());
    let is_private = suffix.is_some_and(|suffix| suffix.typ() == Some(psl::Type::Private));
    if is_private || psl::domain_str(&name).is_none() {
        return Err(format!("below {name} strangers have names of their own"));
    }
    Ok(name)
}

/// Why there is no proof.
struct Stop {
    detail: String,
    temporary: bool,
}

impl Stop {
    fn settled(detail: String) -> Stop {
        Stop { detail, temporary: false }
    }
}

/// The look-ups of one proof. What does not exist is an empty answer.
struct Looking<'a> {
    address: IpAddr,
    resolver: &'a dyn Resolver,
    lookups: usize,
    secure: bool,
}

type Answer<T> = Result<DnsAnswer<Vec<T>>, DnsError>;

impl Looking<'_> {
    async fn prove(
        &mut self,
        domains: &[String],
        rules: &ProofRules,
        now: DateTime<Utc>,
    ) -> Result<NetworkEvidence, Stop> {
        let mut stop = Stop::settled("the report names no domain it comes from".to_owned());
        let mut names = None;
        for domain in domains.iter().take(NETWORK_PROOF_DOMAINS_MAX) {
            let proven = match provable(domain) {
                Err(detail) => Err(Stop::settled(detail)),
                Ok(domain) => self.prove_one(domain, &mut names, rules, now).await,
            };
            match proven {
                Ok(evidence) => return Ok(evidence),
                // That one may be proven later says more than that another never will.
                Err(other) if other.temporary || !stop.temporary => stop = other,
                Err(_) => {}
            }
        }
        Err(stop)
    }

    async fn prove_one(
        &mut self,
        domain: String,
        names: &mut Option<Vec<String>>,
        rules: &ProofRules,
        now: DateTime<Utc>,
    ) -> Result<NetworkEvidence, Stop> {
        let address = self.address;
        let rule = rules.of(&domain);
        if let Some(rule) = rule {
            if rule.forbidden {
                return Err(Stop::settled(format!("addresses prove nothing for {domain}")));
            }
            if let Some(network) = rule.networks.iter().find(|network| network.contains(address)) {
                return Ok(NetworkEvidence {
                    address,
                    reverse_names: Vec::new(),
                    confirmed: None,
                    permitted_by: format!("{network}, which is known to be a network of {domain}"),
                    domain,
                    secure: false,
                    looked_up_at: now,
                });
            }
            if rule.host_patterns.is_empty() {
                return Err(Stop::settled(format!("{address} is in no network that is known to be one of {domain}")));
            }
        }
        if names.is_none() {
            *names = Some(self.names().await?);
        }
        let names = names.as_deref().unwrap_or_default();
        let confirmed = self.confirmed(&domain, rule, names).await?;
        let permitted_by = spf::permitted(&domain, self).await?;
        Ok(NetworkEvidence {
            address,
            domain,
            reverse_names: names.iter().take(SHOWN_MAX).cloned().collect(),
            confirmed: Some(confirmed),
            permitted_by,
            secure: self.secure,
            looked_up_at: now,
        })
    }

    /// A name of the address that speaks for the domain and leads back to the address.
    async fn confirmed(&mut self, domain: &str, rule: Option<&ProofRule>, names: &[String]) -> Result<String, Stop> {
        let address = self.address;
        let speaks = |name: &&String| match rule {
            Some(rule) => rule.host_patterns.iter().any(|pattern| is_like(name, pattern)),
            None => is_within(name, domain),
        };
        let names: Vec<&String> = names.iter().filter(speaks).take(NETWORK_PROOF_NAMES_MAX).collect();
        if names.is_empty() {
            let whose = if rule.is_some() { "like those of the mail hosts of" } else { "below" };
            return Err(Stop::settled(format!("{address} has no name {whose} {domain}")));
        }
        let asked = join_all(names.iter().map(|name| self.ask_addresses(name))).await;
        self.count(names.len())?;
        let mut failed = None;
        for (name, answer) in names.iter().zip(asked) {
            match answer {
                Ok(found) if found.value.contains(&address) => {
                    self.secure &= found.secure;
                    return Ok((*name).clone());
                }
                Ok(_) | Err(DnsError::NotFound) => {}
                Err(DnsError::Temporary(detail)) => failed = Some(Stop { detail, temporary: true }),
            }
        }
        Err(failed.unwrap_or_else(|| {
            let name = names.first().map_or("", |name| name.as_str());
            Stop::settled(format!("{address} has the name {name}, which does not lead back to it"))
        }))
    }

    async fn names(&mut self) -> Result<Vec<String>, Stop> {
        let answer = self.resolver.ptr(self.address).await;
        self.take(answer)
    }

    async fn txt(&mut self, name: &str) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        let answer = self.resolver.txt(name).await;
        self.take(answer).map(|texts| Some(texts).filter(|texts| !texts.is_empty()))
    }

    async fn mx(&mut self, name: &str) -> Result<Vec<String>, Stop> {
        let answer = self.resolver.mx(name).await;
        self.take(answer)
    }

    async fn addresses(&mut self, name: &str) -> Result<Vec<IpAddr>, Stop> {
        let answer = self.ask_addresses(name).await;
        self.take(answer)
    }

    /// Those of the family of the address, as SPF asks (RFC 7208 §5.3). The answer is to be taken.
    fn ask_addresses(&self, name: &str) -> impl Future<Output = Answer<IpAddr>> + Send + use<> {
        self.resolver.addresses(name, Family::of(self.address))
    }

    fn take_all<T>(&mut self, answers: Vec<Answer<T>>) -> Result<Vec<T>, Stop> {
        let mut all = Vec::new();
        for answer in answers {
            all.append(&mut self.take(answer)?);
        }
        Ok(all)
    }

    fn take<T>(&mut self, answer: Answer<T>) -> Result<Vec<T>, Stop> {
        self.count(1)?;
        match answer {
            Ok(found) => {
                self.secure &= found.secure;
                Ok(found.value)
            }
            Err(DnsError::NotFound) => Ok(Vec::new()),
            Err(DnsError::Temporary(detail)) => Err(Stop { detail, temporary: true }),
        }
    }

    fn count(&mut self, lookups: usize) -> Result<(), Stop> {
        self.lookups += lookups;
        if self.lookups > NETWORK_PROOF_LOOKUPS_MAX {
            let most = NETWORK_PROOF_LOOKUPS_MAX;
            return Err(Stop::settled(format!("the proof needs more than {most} look-ups")));
        }
        Ok(())
    }
}

/// Whether a name is the domain or below it.
fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `*` in a pattern stands for any characters but a dot.
fn is_like(name: &str, pattern: &str) -> bool {
    let (mut names, mut patterns) = (name.split('.'), pattern.split('.'));
    loop {
        match (names.next(), patterns.next()) {
            (None, None) => return true,
            (Some(label), Some(pattern)) if is_label_like(label, pattern) => {}
            _ => return false,
        }
    }
}

fn is_label_like(label: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return label == pattern };
    let Some(label) = label.strip_prefix(first) else { return false };
    (0..=label.len()).filter_map(|at| label.get(at..)).any(|label| is_label_like(label, rest))
}
