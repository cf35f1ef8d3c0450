//! Eight weeks of lifelike reports for three domains, sent through the pipeline. Days are counted back from the last one, so that
//! every test knows the numbers of the last week.

use std::sync::Arc;

use super::tlsight::{
    pipeline::Pipeline,
    submission::{Channel, Hints, Submission},
    verify::Served,
};
use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

pub(super) const LAST_DAY: &str = "2026-11-22";
pub(super) const DOMAINS: [&str; 3] = ["example.com", "example.net", "xn--bcher-kva.example"];
const TOKEN: &str = "0123456789abcdef";

/// Domain of the contact, name, sessions a day, how it comes in.
const SENDERS: [(&str, &str, i64, Way); 12] = [
    ("google.com", "Google Inc.", 420, Way::Signed),
    ("microsoft.com", "Microsoft Corporation", 260, Way::Signed),
    ("corp.mail.ru", "Mail.ru", 40, Way::Signed),
    ("comcast.net", "Comcast", 90, Way::Signed),
    ("yahooinc.com", "Yahoo", 110, Way::Signed),
    ("fastmail.com", "Fastmail Pty Ltd", 60, Way::Import),
    ("gmx.net", "GMX", 150, Way::Signed),
    ("web.de", "WEB.DE", 130, Way::Signed),
    ("mail.example.org", "mail.example.org", 3, Way::Open),
    ("socketlabs.com", "SocketLabs", 14, Way::Open),
    ("seznam.cz", "Seznam.cz a.s.", 22, Way::Signed),
    ("proton.me", "Proton AG", 35, Way::Import),
];

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Open,
    Signed,
    Import,
}

/// What went wrong in one report.
#[derive(Clone, Copy)]
struct Fault {
    result_type: &'static str,
    failed: i64,
    itemised: bool,
    /// Whether it happened at an MX host.
    mx: bool,
    reason: Option<&'static str>,
}

pub(super) fn served() -> Served {
    let domains = DOMAINS.iter().map(|domain| ((*domain).to_owned(), Default::default())).collect();
    Served::new(domains, [(TOKEN.to_owned(), Default::default())].into())
}

/// Blocks while the store writes.
pub(super) fn fill(pipeline: &Arc<Pipeline>) {
    let last: NaiveDate = LAST_DAY.parse().expect("a date");
    let mut prepared = Vec::new();
    for back in 0..56 {
        let day = last.checked_sub_days(Days::new(back)).expect("in range");
        for (index, (contact, name, usual, way)) in SENDERS.iter().enumerate() {
            for (at, domain) in DOMAINS.iter().enumerate().filter(|(at, _)| *at == 0 || index < 8) {
                let wave = [9, 8, 7, 10, 10, 12, 13][(back % 7) as usize];
                let sessions = (usual * wave / 10 / (at as i64 + 1) + (back as i64 * 7 + index as i64 * 3) % 5).max(1);
                let document = report(contact, name, domain, day, back, sessions);
                let arrived = 26 + index as i64;
                let came = submission(document.to_string().into_bytes(), *way, day, arrived);
                let came = pipeline.prepare(came, None);
                prepared.push(if *way == Way::Signed { came.signed_by(contact, address(contact)) } else { came });
            }
        }
    }
    // A sender with nothing good in mind, and one that is broken.
    let mut forged = report("google.com", "Google Inc.", "example.com", last, 0, 7);
    forged["organization-name"] = json!("Google Inc.");
    prepared.push(pipeline.prepare(submission(forged.to_string().into_bytes(), Way::Open, last, 29), None));
    let broken = br#"{"organization-name": "Broken Ltd <script>alert(1)</script>", "report-id": "1", "policies": [}"#;
    prepared.push(pipeline.prepare(submission(broken.to_vec(), Way::Open, last, 30), None));
    let mut early = report("comcast.net", "Comcast", "example.com", last, 0, 5);
    early["date-range"] = json!({"start-datetime": "2027-06-01T00:00:00Z", "end-datetime": "2027-06-01T23:59:59Z"});
    prepared.push(pipeline.prepare(submission(early.to_string().into_bytes(), Way::Open, last, 31), None));
    pipeline.store_blocking(prepared);
}

fn submission(bytes: Vec<u8>, way: Way, day: NaiveDate, hours: i64) -> Submission {
    let midnight = day.and_hms_opt(0, 0, 0).expect("midnight").and_utc();
    Submission {
        bytes,
        channel: if way == Way::Import { Channel::Import } else { Channel::Https },
        peer: (way != Way::Import).then(|| "192.0.2.25".parse().expect("an address")),
        received_at: midnight + chrono::Duration::hours(hours) + chrono::Duration::minutes(hours * 7 % 60),
        hints: Hints {
            media_type: Some("application/tlsrpt+json".to_owned()),
            source: (way == Way::Import).then(|| format!("reports/{day}.json")),
            ..Hints::default()
        },
    }
}

/// The From address of a sender's mails.
fn address(contact: &str) -> String {
    match contact {
        "google.com" => "noreply-smtp-tls-reporting@google.com".to_owned(),
        "microsoft.com" => "tlsrpt-noreply@microsoft.com".to_owned(),
        "corp.mail.ru" => "postmaster_tlsrpt@corp.mail.ru".to_owned(),
        other => format!("tlsrpt@{other}"),
    }
}

fn report(contact: &str, name: &str, domain: &str, day: NaiveDate, back: u64, sessions: i64) -> Value {
    let fault = fault(contact, domain, back, sessions);
    let policies: Vec<Value> = match contact {
        "microsoft.com" => vec![policy("sts", domain, sessions, fault), policy("tlsa", domain, sessions, fault)],
        "gmx.net" | "web.de" => vec![policy("tlsa", domain, sessions, fault)],
        "socketlabs.com" => vec![policy("no-policy-found", domain, sessions, fault)],
        _ => vec![policy("sts", domain, sessions, fault)],
    };
    let zone = if contact == "microsoft.com" { "" } else { "Z" };
    json!({
        "organization-name": name,
        // Below the domain: at some of them anybody has a mailbox.
        "contact-info": format!("tlsrpt@corp.{contact}"),
        "report-id": format!("{day}.{domain}@{contact}"),
        "date-range": {"start-datetime": format!("{day}T00:00:00{zone}"), "end-datetime": format!("{day}T23:59:59{zone}")},
        "policies": policies,
    })
}

fn policy(policy_type: &str, domain: &str, sessions: i64, fault: Option<Fault>) -> Value {
    // A policy that cannot be fetched is no trouble for DANE.
    let fault = fault.filter(|fault| policy_type == "sts" || !fault.result_type.starts_with("sts-"));
    let failed = fault.map_or(0, |fault| fault.failed);
    let mode = if domain == "example.net" { "testing" } else { "enforce" };
    let policy_string = match policy_type {
        "sts" => json!([
            "version: STSv1",
            format!("mode: {mode}"),
            format!("mx: mx1.{domain}"),
            format!("mx: mx2.{domain}"),
            "max_age: 604800"
        ]),
        "tlsa" => json!([format!("3 1 1 {}", "AB".repeat(32))]),
        _ => Value::Null,
    };
    let details: Vec<Value> =
        fault.filter(|fault| fault.itemised).map(|fault| detail(domain, fault)).into_iter().collect();
    json!({
        "policy": {
            "policy-type": policy_type, "policy-domain": domain, "policy-string": policy_string,
            "mx-host": [format!("mx1.{domain}"), format!("mx2.{domain}")],
        },
        "summary": {"total-successful-session-count": sessions - failed, "total-failure-session-count": failed},
        "failure-details": details,
    })
}

fn detail(domain: &str, fault: Fault) -> Value {
    let mut detail = json!({"result-type": fault.result_type, "sending-mta-ip": "198.51.100.7", "failed-session-count": fault.failed});
    if fault.mx {
        detail["receiving-mx-hostname"] = json!(format!("mx2.{domain}"));
        detail["receiving-ip"] = json!("203.0.113.2");
    }
    if let Some(reason) = fault.reason {
        detail["failure-reason-code"] = json!(reason);
    }
    detail
}

/// The stories: an outage of a policy host, an expired certificate that was renewed, a sender without STARTTLS, an old one.
fn fault(contact: &str, domain: &str, back: u64, sessions: i64) -> Option<Fault> {
    let fault = |result_type, failed: i64, mx| {
        Some(Fault { result_type, failed: failed.min(sessions), itemised: true, mx, reason: None })
    };
    match (contact, domain, back) {
        ("microsoft.com", "example.com", 0..=3) => fault("sts-policy-fetch-error", sessions * 7 / 10, false),
        ("corp.mail.ru", "example.com", 0..=3) => fault("sts-policy-fetch-error", sessions, false).map(|fault| Fault {
            reason: Some("https://mta-sts.example.com/.well-known/mta-sts.txt: timeout"),
            ..fault
        }),
        ("corp.mail.ru", "example.net", 4..=5) => fault("sts-webpki-invalid", 9, false),
        ("google.com", "example.com", 9..=11) => fault("certificate-expired", 180, true),
        ("google.com", "example.net", 2..=4) => fault("certificate-host-mismatch", 31, true),
        ("gmx.net", "example.com", 1) => fault("tlsa-invalid", 44, true),
        ("web.de", "example.com", 1) => fault("tlsa-invalid", 38, true),
        ("comcast.net", "example.com", back) if back % 3 == 0 => {
            fault("starttls-not-supported", 2 + back as i64 % 4, true)
        }
        ("yahooinc.com", "example.net", 14..=16) => fault("validation-failure", 25, true),
        ("fastmail.com", "example.com", 2) => {
            fault("certificate-not-trusted", 6, true).map(|fault| Fault { itemised: false, ..fault })
        }
        _ => None,
    }
}
