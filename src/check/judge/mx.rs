//! The policy held against the MX hosts (RFC 8461 §4.1, RFC 5321 §5.1, RFC 7505).

use std::net::IpAddr;

use super::{Findings, Observed, is_enforced};
use crate::{
    check::{
        finding::{Check, Effect, Severity},
        observed::Seen,
    },
    sts::{
        pattern::{covers, wider},
        policy::PolicyReading,
    },
};

pub(super) fn judge(observed: &Observed, policy: Option<&PolicyReading>, findings: &mut Findings) {
    let hosts = match &observed.mx {
        Seen::Found(hosts) => hosts.clone(),
        // Without MX records the domain is its own host.
        Seen::Nothing => vec![observed.domain.clone()],
        Seen::Unknown(why) => {
            let message = format!("The MX records of {} could not be looked up: {why}.", observed.domain);
            return findings.unknown(Check::MxLookup, None, message);
        }
    };
    let is_implicit = observed.mx == Seen::Nothing;
    let applies = policy.filter(|policy| policy.is_valid());
    if hosts.iter().any(String::is_empty) {
        return null(&hosts, applies.is_some(), findings);
    }
    for (index, host) in hosts.iter().enumerate() {
        addresses(observed, host, is_implicit, findings);
        if let Some(policy) = applies {
            uncovered(policy, host, (index, hosts.len()), is_implicit, findings);
        }
    }
    if let Some(policy) = applies {
        for pattern in policy.mx.iter().filter(|pattern| !hosts.iter().any(|host| covers(pattern, host))) {
            findings.add(
                Check::MxSurplus,
                (Severity::Note, Effect::None),
                Some(pattern.clone()),
                format!("mx: {pattern} covers none of the MX hosts: right while a host is on its way in or out."),
                None,
            );
        }
    }
}

fn null(hosts: &[String], has_policy: bool, findings: &mut Findings) {
    if hosts.len() > 1 {
        let message = "A null MX stands beside other MX records: it has to stand alone.";
        let remedy = Some("Take one or the other away.".to_owned());
        findings.add(Check::MxNull, (Severity::Fault, Effect::Refused), None, message, remedy);
    } else if has_policy {
        let message = "The domain takes no mail (null MX), so that its policy means nothing.";
        findings.add(Check::MxNull, (Severity::Note, Effect::None), None, message, None);
    }
}

fn uncovered(
    policy: &PolicyReading,
    host: &str,
    (index, of): (usize, usize),
    is_implicit: bool,
    findings: &mut Findings,
) {
    if policy.mx.iter().any(|pattern| covers(pattern, host)) {
        return;
    }
    let severity = if is_enforced(policy) { Severity::Fault } else { Severity::Warning };
    let effect = if is_enforced(policy) { Effect::Refused } else { Effect::None };
    let consequence = match (is_enforced(policy), of) {
        (true, 1) => "senders that hold the policy deliver nothing",
        (true, _) if index == 0 => "senders that hold the policy will not use this host; they go on to the next",
        (true, _) => {
            "senders that hold the policy will not use it on the day you need it, and no report tells you before"
        }
        (false, _) => "with mode enforce mail to it would be refused",
    };
    let short = policy.mx.iter().find_map(|pattern| Some((pattern, wider(pattern, host)?)));
    let (message, remedy) = match &short {
        Some((pattern, better)) => (
            format!("{host} is not covered by {pattern}, where the star stands for one label only: {consequence}."),
            format!("Add mx: {better}, and then change the id."),
        ),
        None => {
            (format!("{host} is not in the policy: {consequence}."), format!("Add mx: {host}, and then change the id."))
        }
    };
    let check = if is_implicit { Check::MxImplicit } else { Check::MxUncovered };
    findings.add(check, (severity, effect), Some(host.to_owned()), message, Some(remedy));
}

fn addresses(observed: &Observed, host: &str, is_implicit: bool, findings: &mut Findings) {
    let fault = (Severity::Fault, Effect::Refused);
    let part = Some(host.to_owned());
    if host.parse::<IpAddr>().is_ok() {
        let message = format!("The MX record names an address ({host}), not a host: most senders ignore it.");
        return findings.add(Check::MxAddress, fault, part, message, None);
    }
    match observed.mx_addresses.get(host) {
        // A domain that takes no mail and says so to nobody.
        Some(Seen::Nothing) if is_implicit => findings.add(
            Check::MxAddress,
            (Severity::Note, Effect::None),
            part,
            format!("{host} has no MX record and no address: it takes no mail."),
            None,
        ),
        Some(Seen::Nothing) => {
            findings.add(Check::MxAddress, fault, part, format!("{host} has no address: no mail reaches it."), None);
        }
        Some(Seen::Found(addresses)) if !addresses.iter().any(|address| address.is_public) => {
            let message = format!("{host} has only addresses that nobody else can reach.");
            findings.add(Check::MxAddress, fault, part, message, None);
        }
        Some(Seen::Unknown(why)) => {
            let message = format!("The addresses of {host} could not be looked up: {why}.");
            findings.unknown(Check::MxLookup, part, message);
        }
        Some(Seen::Found(_)) | None => {}
    }
}
