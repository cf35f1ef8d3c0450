//! Whose a policy is that names no domain. Naming none is not naming a foreign one.

use std::collections::BTreeSet;

use super::Served;
use crate::report::{PolicyType, Report};

/// Gives the policies without a domain the one they can only be about; where none can be told they stay without. The order
/// in which the policies stand does not matter.
///
/// `field` is what the mail's TLS-Report-Domain says where it is believed, `token_domains` the domains of the token.
pub(super) fn supply(report: &mut Report, field: Option<&str>, token_domains: Option<&[String]>, served: &Served) {
    if report.policies.iter().all(|result| result.policy.domain.is_some()) {
        return;
    }
    let Some(domain) = find(report, field, token_domains, served) else { return };
    for result in &mut report.policies {
        result.policy.domain.get_or_insert_with(|| domain.clone());
    }
}

fn find(report: &Report, field: Option<&str>, token_domains: Option<&[String]>, served: &Served) -> Option<String> {
    let by_token = match token_domains {
        Some([domain]) => Some(domain.as_str()),
        _ => None,
    };
    let only_served = || match served.domains.keys().collect::<Vec<_>>()[..] {
        [domain] => Some(domain.as_str()),
        _ => None,
    };
    let found = field.or(by_token).or_else(|| sibling(report, served)).or_else(|| mx_owner(report, served));
    found.or_else(only_served).map(str::to_owned)
}

/// The domain that the other policies of the report are about: a served one before a foreign one. Under `tlsa` a foreign
/// name may be that of an MX host (RFC 7672 §2.2.3) and says nothing.
fn sibling<'a>(report: &'a Report, served: &Served) -> Option<&'a str> {
    let named = report.policies.iter().filter_map(|result| Some((&result.policy, result.policy.domain.as_deref()?)));
    let (ours, foreign): (Vec<_>, Vec<_>) = named.partition(|(_, domain)| served.domains.contains_key(*domain));
    let ours: BTreeSet<&str> = ours.into_iter().map(|(_, domain)| domain).collect();
    let foreign = foreign.into_iter().filter(|(policy, _)| policy.policy_type != PolicyType::Tlsa);
    let foreign: BTreeSet<&str> = foreign.map(|(_, domain)| domain).collect();
    match (ours.len(), foreign.len()) {
        (1, _) => ours.first().copied(),
        // Whichever it is, the policy is not for us.
        (0, 1..) if foreign.len() == 1 || !served.domains.is_empty() => foreign.first().copied(),
        _ => None,
    }
}

/// The one served domain among whose MX hosts all of the report's are that are known.
fn mx_owner<'a>(report: &Report, served: &'a Served) -> Option<&'a str> {
    let owners = report.policies.iter().map(|result| served.owners(&result.policy)).filter(|owners| !owners.is_empty());
    let owners = owners.map(|owners| owners.iter().map(String::as_str).collect::<BTreeSet<&str>>());
    let shared = owners.reduce(|left, right| &left & &right)?;
    let mut shared = shared.into_iter();
    shared.next().filter(|_| shared.next().is_none())
}
