//! Whose report this is and how far it is believed. Pure: it decides over plain values; only `dkim` and `network` ask the DNS.

// Strangers choose these bytes: no length is taken for granted.
#![deny(clippy::indexing_slicing)]

#[cfg(feature = "dns")]
pub mod dkim;
mod domain;
#[cfg(feature = "dns")]
pub mod network;
pub mod senders;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::OnceLock,
};

use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    report::{Deviation, Policy, PolicyType, Report},
    submission::{Channel, Hints, Trust},
};

/// Domains that a fault names at most.
const NAMED_MAX: usize = 5;
/// Bytes of one domain in a fault: it may be no domain at all.
const NAMED_MAX_BYTES: usize = 64;
/// RFC 1035 §2.3.4; what is longer is no domain.
const DOMAIN_MAX_BYTES: usize = 253;

/// The domains this server takes reports for. Empty: every domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Policy domain to the MX hosts whose `tlsa` reports are ours as well (RFC 7672 §2.2.3). A-labels, lower case.
    pub domains: BTreeMap<String, BTreeSet<String>>,
    /// Secret of `/v1/tlsrpt/{token}` to the domains it covers; an empty set covers all served ones.
    pub tokens: BTreeMap<String, BTreeSet<String>>,
    /// MX hosts to the domains they serve, made when the first `tlsa` policy asks for it.
    by_host: OnceLock<HashMap<String, Vec<String>>>,
}

impl Served {
    pub fn new(domains: BTreeMap<String, BTreeSet<String>>, tokens: BTreeMap<String, BTreeSet<String>>) -> Served {
        Served { domains, tokens, by_host: OnceLock::new() }
    }

    /// The domains a token covers, sorted; `None` for a token that belongs to nobody.
    pub fn token_domains(&self, token: &str) -> Option<Vec<String>> {
        let domains = self.tokens.get(token)?;
        Some(if domains.is_empty() {
            self.domains.keys().cloned().collect()
        } else {
            domains.iter().cloned().collect()
        })
    }

    /// Whether a policy is for us; `None` where it names no domain. A `tlsa` policy's domain may be an MX host (RFC 7672
    /// §2.2.3).
    fn is_ours(&self, policy: &Policy) -> Option<bool> {
        let domain = policy.domain.as_deref()?;
        Some(self.domains.contains_key(domain) || !self.owners(policy).is_empty())
    }

    /// The served domains whose MX host a `tlsa` policy's domain is.
    fn owners(&self, policy: &Policy) -> &[String] {
        match &policy.domain {
            Some(host) if policy.policy_type == PolicyType::Tlsa => self.served_by(host),
            _ => &[],
        }
    }

    fn served_by(&self, host: &str) -> &[String] {
        let by_host = self.by_host.get_or_init(|| {
            let mut by_host: HashMap<String, Vec<String>> = HashMap::new();
            for (domain, hosts) in &self.domains {
                for host in hosts {
                    by_host.entry(host.clone()).or_default().push(domain.clone());
                }
            }
            by_host
        });
        by_host.get(host).map_or(&[], Vec::as_slice)
    }
}

/// Keeps what is ours of a report and says how far it is believed.
///
/// A report that names foreign domains only is a fault; of a mixed one the foreign policies are dropped. A policy without a
/// domain takes the one it can only be about, else it stays without. `field` is the mail's TLS-Report-Domain where it is
/// believed.
pub fn standing(
    report: &mut Report,
    channel: Channel,
    hints: &Hints,
    field: Option<&str>,
    served: &Served,
) -> Result<Trust, Fault> {
    let token_domains = check_token(hints, served)?;
    if channel == Channel::Import {
        // Old reports are what an import is for.
        report.deviations.remove(Deviation::Late);
    }
    domain::supply(report, field, token_domains.as_deref(), served);
    if !served.domains.is_empty() {
        keep_ours(report, served)?;
    }
    Ok(match (channel, token_domains) {
        (Channel::Import, _) => Trust::Import,
        (_, None) => Trust::None,
        (_, Some(token_domains)) if is_covered(report, served, &token_domains) => Trust::Token,
        (_, Some(_)) => {
            report.deviations.add(Deviation::TokenOtherDomain, "");
            Trust::None
        }
    })
}

/// The same for a report that was stored: it is believed as before, and policies that were ours then (`kept`) stay ours.
pub fn renew(
    report: &mut Report,
    field: Option<&str>,
    token_domains: Option<&[String]>,
    kept: &[String],
    served: &Served,
) {
    domain::supply(report, field, token_domains, served);
    if served.domains.is_empty() {
        return;
    }
    let is_ours = |policy: &Policy| {
        served.is_ours(policy) != Some(false) || policy.domain.as_ref().is_some_and(|domain| kept.contains(domain))
    };
    let ours: Vec<bool> = report.policies.iter().map(|result| is_ours(&result.policy)).collect();
    drop_foreign(report, &ours);
}

/// Whether `standing` may find a report to be ours, so that it is worth asking for its signature.
pub fn may_be_ours(report: &Report, served: &Served) -> bool {
    served.domains.is_empty()
        || report.policies.is_empty()
        || report.policies.iter().any(|result| served.is_ours(&result.policy).unwrap_or(true))
}

/// The domains the submission's token covers, where it came with one.
pub fn check_token(hints: &Hints, served: &Served) -> Result<Option<Vec<String>>, Fault> {
    let Some(token) = hints.token.as_deref() else { return Ok(None) };
    match served.token_domains(token) {
        Some(domains) => Ok(Some(domains)),
        None => Err(Fault::new(FaultCode::UnknownToken, "the token in the URL belongs to nobody", FaultPlace::Whole)),
    }
}

fn keep_ours(report: &mut Report, served: &Served) -> Result<(), Fault> {
    let ours: Vec<bool> = report.policies.iter().map(|result| served.is_ours(&result.policy) != Some(false)).collect();
    if !ours.is_empty() && !ours.contains(&true) {
        return Err(foreign(report));
    }
    drop_foreign(report, &ours);
    Ok(())
}

/// Leaves out the policies that are not ours.
fn drop_foreign(report: &mut Report, ours: &[bool]) {
    let mut index = 0;
    let deviations = &mut report.deviations;
    report.policies.retain(|_| {
        let keep = ours.get(index).copied().unwrap_or(true);
        if !keep {
            deviations.add(Deviation::ForeignDomain, format!("/policies/{index}"));
        }
        index += 1;
        keep
    });
}

fn foreign(report: &Report) -> Fault {
    let domains: BTreeSet<&str> = report.policies.iter().filter_map(|result| result.policy.domain.as_deref()).collect();
    let named: Vec<String> = domains
        .iter()
        .take(NAMED_MAX)
        .map(|domain| crate::text::visible(&domain[..domain.floor_char_boundary(NAMED_MAX_BYTES)]).into_owned())
        .collect();
    let more = match domains.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!("the report is for {}{more}, which is not served here", named.join(", "));
    let domains =
        domains.into_iter().filter(|domain| domain.len() <= DOMAIN_MAX_BYTES).take(NAMED_MAX).map(str::to_owned);
    Fault {
        domains: domains.collect(),
        ..Fault::new(FaultCode::ForeignDomain, detail, FaultPlace::Path("/policies".to_owned()))
    }
}

/// Whether the token covers each domain of the report. With no served domains there are no MX hosts to know, then
/// the policy domain itself must be covered.
fn is_covered(report: &Report, served: &Served, token_domains: &[String]) -> bool {
    report.policies.iter().all(|result| {
        let Some(domain) = result.policy.domain.as_deref() else { return true };
        let is_covered =
            |domain: &str| token_domains.binary_search_by(|token_domains| token_domains.as_str().cmp(domain)).is_ok();
        is_covered(domain) || served.owners(&result.policy).iter().any(|owner| is_covered(owner))
    })
}

#[cfg(test)]
mod tests;
