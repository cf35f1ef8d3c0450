//! The policy host and what its addresses answer (RFC 8461 §3.3).

use std::{collections::BTreeSet, net::IpAddr};

use super::{Findings, Observed, ends};
use crate::{
    check::{
        finding::{Check, Effect, Severity},
        observed::{CertificateProblem, FetchOutcome, PolicyAnswer, PolicyFetch, Seen},
    },
    sts::{
        policy,
        record::{self, RecordReading},
    },
};

const FAULT: (Severity, Effect) = (Severity::Fault, Effect::Unprotected);
const WARNING: (Severity, Effect) = (Severity::Warning, Effect::Unprotected);
/// Milliseconds after which a policy comes late. A sender gives up after a minute.
const SLOW_MS: u64 = 10_000;

pub(super) fn judge(observed: &Observed, findings: &mut Findings) {
    let host = &observed.policy_host;
    let name = &host.name;
    match &host.addresses {
        Seen::Found(_) => {}
        // Without a record nobody asks for the host.
        Seen::Nothing if has_record(observed) => {
            let remedy = Some(format!("Publish an A or AAAA record for {name}."));
            return findings.add(Check::HostAddress, FAULT, None, format!("{name} has no address."), remedy);
        }
        Seen::Nothing => return,
        Seen::Unknown(why) => {
            let message = format!("The addresses of {name} could not be looked up: {why}.");
            return findings.unknown(Check::HostLookup, None, message);
        }
    }
    if !has_record(observed) && host.body().is_none() {
        return;
    }
    let all = host.fetches.iter().all(|fetch| matches!(fetch.outcome, FetchOutcome::NotPublic));
    if all {
        let message = format!("{name} has only addresses that nobody else can reach.");
        return findings.add(Check::HostAddress, FAULT, None, message, None);
    }
    let answers = |fetch: &PolicyFetch| matches!(fetch.outcome, FetchOutcome::Answered(_));
    let some_answer = host.fetches.iter().any(answers);
    for fetch in &host.fetches {
        one(name, fetch, some_answer, findings);
    }
    differing(name, &host.fetches, findings);
}

fn has_record(observed: &Observed) -> bool {
    match &observed.sts.records {
        Seen::Found(records) => {
            !matches!(record::read(observed.sts.kind, records), RecordReading::None { near } if near.is_empty())
        }
        Seen::Nothing => false,
        Seen::Unknown(_) => true,
    }
}

fn one(name: &str, fetch: &PolicyFetch, some_answer: bool, findings: &mut Findings) {
    let at = fetch.address;
    let part = Some(at.to_string());
    match &fetch.outcome {
        FetchOutcome::NotPublic => findings.add(
            Check::HostAddress,
            WARNING,
            part,
            format!("{at} is not an address that everybody can reach: some senders will fail, others not."),
            Some(format!("Take it out of the records of {name}.")),
        ),
        FetchOutcome::NoRoute(why) => {
            let family = if at.is_ipv6() { "IPv6" } else { "IPv4" };
            let message =
                format!("This machine has no way to {at} ({why}): whether it answers over {family} is not known.");
            findings.unknown(Check::HostConnect, part, message);
        }
        FetchOutcome::NoConnection(why) if some_answer => findings.add(
            Check::HostConnect,
            WARNING,
            part,
            format!("{at} does not answer ({why}), others do: some senders will fail, others not."),
            Some(format!("Let the web server listen on {at}, or take it out of the records of {name}.")),
        ),
        FetchOutcome::NoConnection(why) => findings.add(
            Check::HostConnect,
            FAULT,
            part,
            format!("{at} does not answer on port 443: {why}."),
            Some("Start the web server, and let port 443 through the firewall.".to_owned()),
        ),
        FetchOutcome::NoTls(why) => {
            findings.add(Check::HostTls, FAULT, part, format!("{at} does not speak TLS 1.2 or 1.3: {why}."), None);
        }
        FetchOutcome::Certificate { problem, words } => certificate(name, at, *problem, words, findings),
        FetchOutcome::Late => findings.add(
            Check::HostSlow,
            FAULT,
            part,
            format!("{at} did not answer within a minute: senders give up."),
            None,
        ),
        FetchOutcome::Broken(why) => {
            findings.add(Check::HostConnect, FAULT, part, format!("The answer of {at} broke off: {why}."), None);
        }
        FetchOutcome::Answered(answer) => answered(name, fetch, answer, findings),
    }
}

fn certificate(name: &str, at: IpAddr, problem: CertificateProblem, words: &str, findings: &mut Findings) {
    let part = Some(at.to_string());
    let (check, message, remedy) = match problem {
        CertificateProblem::Expired => (
            Check::HostExpired,
            format!(
                "The certificate at {at} has expired. New senders ignore your policy; those that hold it go on until it ends."
            ),
            format!("Renew the certificate of {name} and reload the web server."),
        ),
        CertificateProblem::NotYetValid => (
            Check::HostExpired,
            format!("The certificate at {at} is not valid yet."),
            "Look at the clocks of the web server and of this machine.".to_owned(),
        ),
        CertificateProblem::Name => (
            Check::HostName,
            format!("The certificate at {at} does not fit: {words}."),
            format!("Use a certificate with the DNS name {name}."),
        ),
        CertificateProblem::Chain => (
            Check::HostChain,
            format!(
                "The certificate at {at} leads to no authority: {words}. Browsers may accept it, mail servers do not."
            ),
            "Send the whole chain: most web servers want the file fullchain.pem.".to_owned(),
        ),
        CertificateProblem::CannotTell => {
            let message = format!("The certificate at {at} cannot be judged here: {words}.");
            return findings.unknown(Check::HostChain, part, message);
        }
        CertificateProblem::Other => (
            Check::HostChain,
            format!("The certificate at {at} does not pass: {words}."),
            format!("Use another certificate for {name}."),
        ),
    };
    findings.add(check, FAULT, part, message, Some(remedy));
}

fn answered(name: &str, fetch: &PolicyFetch, answer: &PolicyAnswer, findings: &mut Findings) {
    let at = fetch.address;
    let part = || Some(at.to_string());
    expiry(name, at, answer, findings);
    if fetch.took_ms > SLOW_MS {
        let message = format!("{at} took {} seconds to answer.", fetch.took_ms / 1_000);
        findings.add(Check::HostSlow, WARNING, part(), message, None);
    }
    if (300..400).contains(&answer.status) {
        let to = answer.location.as_deref().unwrap_or("another address");
        let message = format!("{at} redirects to {to}: browsers follow, mail servers must not.");
        let remedy = format!("Serve the file on {name} itself.");
        return findings.add(Check::HostRedirect, FAULT, part(), message, Some(remedy));
    }
    if answer.status != 200 {
        if answer.is_challenge {
            let message = format!("{at} answers {}: something in front takes mail servers for robots.", answer.status);
            let remedy = "Exempt /.well-known/mta-sts.txt from the rules against robots.".to_owned();
            return findings.add(Check::HostRobots, FAULT, part(), message, Some(remedy));
        }
        let message = format!("{at} answers {} where the policy should be: senders take 200 only.", answer.status);
        let remedy = format!("Serve it at https://{name}/.well-known/mta-sts.txt.");
        return findings.add(Check::HostStatus, FAULT, part(), message, Some(remedy));
    }
    if answer.is_too_large {
        findings.add(Check::HostSize, FAULT, part(), format!("{at} serves more than 64 KiB."), None);
    }
    if let Some(encoding) =
        answer.content_encoding.as_deref().filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    {
        let message = format!("{at} serves the policy as {encoding}, which no sender asked for.");
        findings.add(
            Check::HostEncoding,
            FAULT,
            part(),
            message,
            Some("Switch compression off for this file.".to_owned()),
        );
    }
    if is_web_page(&answer.body) {
        let message = format!("{at} serves a web page, not a policy.");
        let remedy = format!("Put the policy at https://{name}/.well-known/mta-sts.txt.");
        return findings.add(Check::HostHtml, FAULT, part(), message, Some(remedy));
    }
    let media_type = answer.content_type.as_deref().unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|bare| bare.trim().eq_ignore_ascii_case("text/plain")) {
        let message = match media_type {
            "" => format!("{at} does not say what the file is: some senders refuse it."),
            other => format!("{at} serves the policy as {other}: some senders refuse all but text/plain."),
        };
        findings.add(Check::HostType, FAULT, part(), message, Some("Serve it as text/plain.".to_owned()));
    }
}

fn expiry(name: &str, at: IpAddr, answer: &PolicyAnswer, findings: &mut Findings) {
    let Some((is_urgent, when)) = ends(answer.valid_for_h, answer.valid_since_h) else { return };
    let message = format!("The certificate at {at} ends in {when}.");
    let remedy = Some(format!("See whether the renewal of {name} runs."));
    findings.add(Check::HostExpires, if is_urgent { FAULT } else { WARNING }, Some(at.to_string()), message, remedy);
}

fn differing(name: &str, fetches: &[PolicyFetch], findings: &mut Findings) {
    let policies = fetches.iter().filter_map(|fetch| match &fetch.outcome {
        FetchOutcome::Answered(answer) if answer.status == 200 => {
            let reading = policy::read(&answer.body);
            let mx: BTreeSet<String> = reading.mx.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
            Some((reading.mode.map(|mode| mode.as_str()), reading.max_age_s, mx))
        }
        _ => None,
    });
    let different: BTreeSet<_> = policies.collect();
    if different.len() > 1 {
        findings.add(
            Check::HostDiffers,
            FAULT,
            None,
            format!("The addresses of {name} serve {} different policies.", different.len()),
            Some("Bring all web servers to the same file, and look for a cache in front of one.".to_owned()),
        );
    }
}

fn is_web_page(body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(body.get(..body.len().min(512)).unwrap_or_default()).to_ascii_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<!doctype")
        || start.starts_with("<html")
        || start.starts_with("<?xml")
        || start.contains("<head")
}
