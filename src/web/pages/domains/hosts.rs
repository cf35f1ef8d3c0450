//! What the hosts of a domain answered and which records were found, as rows of a table.

use std::collections::BTreeSet;

use crate::{
    check::{
        observed::{FetchOutcome, Seen, SmtpOutcome},
        octets,
    },
    store::tables::look::LastLook,
    templates::fields,
};

/// Each address of the policy host and of the MX hosts, and what it said.
pub(super) fn rows(last: &LastLook) -> Vec<minijinja::Value> {
    let policy_host = &last.observed.policy_host;
    let fetched = policy_host.fetches.iter().map(|fetch| {
        let (word, detail) = fetch_words(&fetch.outcome);
        fields! { host => policy_host.name.clone(), role => "policy host", address => fetch.address.to_string(), word, detail }
    });
    let spoken = last.observed.smtp.iter().flatten().map(|seen| {
        let (word, detail) = smtp_words(&seen.outcome);
        fields! { host => seen.host.clone(), role => "MX host", address => seen.address.to_string(), word, detail }
    });
    let asked: BTreeSet<&str> = last.observed.smtp.iter().flatten().map(|seen| seen.host.as_str()).collect();
    let others = last.observed.mx_addresses.iter().filter(|(host, _)| !asked.contains(host.as_str()));
    let others = others.map(|(host, addresses)| {
        let (address, word) = match addresses {
            Seen::Found(found) => {
                let all: Vec<String> = found.iter().map(|found| found.address.to_string()).collect();
                (all.join(", "), "not spoken to".to_owned())
            }
            Seen::Nothing => ("–".to_owned(), "no address".to_owned()),
            Seen::Unknown(why) => ("–".to_owned(), format!("address not known: {why}")),
        };
        fields! { host => host.clone(), role => "MX host", address, word, detail => String::new() }
    });
    fetched.chain(spoken).chain(others).collect()
}

fn fetch_words(outcome: &FetchOutcome) -> (String, String) {
    let (word, detail) = match outcome {
        FetchOutcome::NotPublic => ("not public", String::new()),
        FetchOutcome::NoRoute(why) => ("no way from here", why.clone()),
        FetchOutcome::NoConnection(why) => ("no answer", why.clone()),
        FetchOutcome::NoTls(why) => ("no TLS", why.clone()),
        FetchOutcome::Certificate { words, .. } => ("certificate", words.clone()),
        FetchOutcome::Late => ("too slow", String::new()),
        FetchOutcome::Broken(why) => ("broke off", why.clone()),
        FetchOutcome::Answered(answer) if answer.status == 200 => ("ok", "200".to_owned()),
        FetchOutcome::Answered(answer) => ("answered", answer.status.to_string()),
    };
    (word.to_owned(), detail)
}

fn smtp_words(outcome: &SmtpOutcome) -> (String, String) {
    let (word, detail) = match outcome {
        SmtpOutcome::NotPublic => ("not public", String::new()),
        SmtpOutcome::NoRoute(why) => ("no way from here", why.clone()),
        SmtpOutcome::NoConnection(why) => ("no answer", why.clone()),
        SmtpOutcome::Busy(reply) => ("did not want to talk", reply.clone()),
        SmtpOutcome::Broken(why) => ("broke off", why.clone()),
        SmtpOutcome::NoStartTls => ("no STARTTLS", String::new()),
        SmtpOutcome::StartTlsRefused(reply) => ("STARTTLS refused", reply.clone()),
        SmtpOutcome::NoTls(why) => ("no TLS", why.clone()),
        SmtpOutcome::Certificate { words, .. } => ("certificate", words.clone()),
        SmtpOutcome::Good { .. } => ("ok", String::new()),
    };
    (word.to_owned(), detail)
}

/// The two records, with their octets.
pub(super) fn records(last: &LastLook) -> Vec<minijinja::Value> {
    let row = |seen: &crate::check::observed::RecordsSeen| {
        let texts: Vec<String> = match &seen.records {
            Seen::Found(records) => records.iter().map(|strings| octets::shown(&strings.concat())).collect(),
            Seen::Nothing => Vec::new(),
            Seen::Unknown(_) => Vec::new(),
        };
        let why = match &seen.records {
            Seen::Found(_) => None,
            Seen::Nothing => Some("there is none".to_owned()),
            Seen::Unknown(why) => Some(format!("could not be looked up: {why}")),
        };
        fields! { name => seen.name.clone(), texts, why }
    };
    [&last.observed.sts, &last.observed.tlsrpt].map(row).to_vec()
}

/// A time for which a policy is held.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{seconds} s"),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
