//! A quarter that never was: senders with their habits, and everything that a report may get wrong.

use std::{collections::BTreeSet, fs, path::Path};

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::{http::Result, random::Random};

const DAYS: u64 = 91;
const SENDERS: u64 = 25;
const RESULT_TYPES: [&str; 8] = [
    "certificate-expired",
    "validation-failure",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
    "tlsa-invalid",
    "starttls-not-supported",
    "something-new",
];

pub fn quarter(last: NaiveDate, seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed);
    let mut reports = Vec::new();
    for sender in 0..SENDERS {
        for back in (0..DAYS).rev() {
            // Some stop for good, some for a while, some come seldom.
            let silent = match sender {
                20 => back < 9,
                21 => (30..45).contains(&back),
                22 => !random.chance(30),
                _ => random.chance(4),
            };
            if silent {
                continue;
            }
            let day = last - Days::new(back);
            let report = report(&mut random, sender, day, back);
            if random.chance(3) {
                reports.push(report.clone());
            }
            if random.chance(2) && report["policies"][0].is_object() {
                let mut conflict = report.clone();
                conflict["policies"][0]["summary"]["total-successful-session-count"] = json!(4711);
                reports.push(conflict);
            }
            reports.push(report);
        }
    }
    // Three hundred domains that fail in one week.
    for number in 0..300 {
        let day = last - Days::new(random.below(7));
        let policy = policy(&mut random, "sts", &format!("many{number:03}.example"), 5, 3, "enforce", 0);
        reports.push(envelope(24, day, &format!("many-{number}"), vec![policy]));
    }
    reports
}

/// What strangers post to the open address.
pub fn posted(last: NaiveDate, seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed + 99);
    let mut one = |number: u64| {
        let day = last - Days::new(random.below(30));
        let policy = policy(&mut random, "sts", "d1.example", 50, number % 7, "enforce", 0);
        envelope(30 + number % 3, day, &format!("posted-{number}"), vec![policy])
    };
    (0..60).map(&mut one).collect()
}

fn envelope(sender: u64, day: NaiveDate, id: &str, policies: Vec<Value>) -> Value {
    let name = match sender {
        // Names that would be markup, a formula, or another's.
        7 => "<b>Bold & \"Sons\"</b>".to_owned(),
        8 => "=cmd|' /C calc'!A0".to_owned(),
        9 => format!("Renamed {}", day.format("%m")),
        other => format!("Sender {other:02}"),
    };
    json!({
        "organization-name": name,
        "date-range": {"start-datetime": format!("{day}T00:00:00Z"), "end-datetime": format!("{day}T23:59:59Z")},
        "contact-info": format!("tls@mail.sender{sender:02}.example"),
        "report-id": format!("{day}-{sender}-{id}"),
        "policies": policies,
    })
}

fn policy(random: &mut Random, kind: &str, domain: &str, ok: u64, bad: u64, mode: &str, odd: u64) -> Value {
    let mut details = Vec::new();
    let mut left = bad;
    while left > 0 && details.len() < 4 {
        let part = random.below(left) + 1;
        let mut detail = json!({"result-type": random.of(&RESULT_TYPES), "failed-session-count": part});
        if random.chance(80) {
            detail["receiving-mx-hostname"] = json!(format!("mx{}.{domain}", random.below(3)));
        }
        if random.chance(80) {
            detail["sending-mta-ip"] = json!(format!("192.0.2.{}", random.below(20)));
        }
        if random.chance(20) {
            detail["failure-reason-code"] = json!(format!("reason {}", random.below(5)));
        }
        details.push(detail);
        left -= part;
    }
    let mut summary = json!({"total-successful-session-count": ok, "total-failure-session-count": bad});
    match odd {
        // Less or more than the summary, without numbers, empty, or none.
        1 => details.truncate(1),
        2 => details.push(json!({"result-type": "validation-failure", "failed-session-count": 9})),
        3 => details.push(json!({"result-type": *random.of(&RESULT_TYPES)})),
        4 => details.clear(),
        5 => summary = json!({"total-successful-session-count": ok}),
        6 => summary["total-successful-session-count"] = json!(2_000_000_000_000_u64),
        7 => summary["total-failure-session-count"] = json!(-4),
        8 => {
            summary = json!({"total-successful-session-count": ok.to_string(), "total-failure-session-count": format!("{bad}")})
        }
        9 => summary["total-successful-session-count"] = Value::Null,
        10 => details.push(json!({"result-type": "tlsa-invalid", "failed-session-count": "3"})),
        11 => details
            .push(json!({"result-type": "sts-policy-fetch-error", "failed-session-count": 5_000_000_000_000_u64})),
        _ => {}
    }
    let lines = match kind {
        "sts" => json!(["version: STSv1", format!("mode: {mode}"), format!("mx: *.{domain}"), "max_age: 86400"]),
        "tlsa" => json!(["3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6"]),
        _ => Value::Null,
    };
    json!({
        "policy": {"policy-type": kind, "policy-domain": domain, "policy-string": lines},
        "summary": summary,
        "failure-details": details,
    })
}

fn report(random: &mut Random, sender: u64, day: NaiveDate, back: u64) -> Value {
    let domain = format!("d{}.example", random.below(8));
    let ok = random.below(200);
    let bad = if random.chance(25) { random.below(40) } else { 0 };
    let odd = if random.chance(12) { random.below(12) } else { 0 };
    let mode = if back > 40 { "testing" } else { "enforce" };
    let mut policies = match random.below(10) {
        0 | 1 => {
            // Microsoft: the same sessions twice, the failures under one of them.
            let clean = policy(random, "tlsa", &domain, ok + bad, 0, mode, 0);
            vec![policy(random, "sts", &domain, ok, bad, mode, odd), clean]
        }
        2 => vec![
            policy(random, "sts", &domain, ok, bad, mode, odd),
            policy(random, "tlsa", &domain, ok / 2, bad, mode, 0),
            policy(random, "no-policy-found", &domain, 7, bad / 3, mode, 0),
        ],
        3 => vec![
            policy(random, "sts", &domain, ok, bad, "testing", 0),
            policy(random, "sts", &domain, 11, bad, mode, odd),
        ],
        4 => vec![
            policy(random, "Future-Type", &domain, ok, bad, mode, odd),
            policy(random, "sts", &domain, ok, 1, mode, 0),
        ],
        5 => {
            vec![policy(random, "sts", &domain, ok, bad, mode, odd), policy(random, "sts", "d1.example", 3, 0, mode, 0)]
        }
        6 => vec![policy(random, "no-policy-found", &domain, ok, bad, mode, odd)],
        _ => vec![policy(random, "sts", &domain, ok, bad, mode, odd)],
    };
    // An outage with clean days in between, and one that goes on.
    if sender == 3 && (matches!(back, 20..=24 | 26 | 27 | 29) || back < 3) {
        policies[0]["failure-details"] = json!([{"result-type": "sts-policy-fetch-error", "failed-session-count": 6, "failure-reason-code": "timeout"}]);
        policies[0]["summary"]["total-failure-session-count"] = json!(6);
    }
    if random.chance(1) {
        policies[0]["policy"]["policy-domain"] = Value::Null;
    }
    let mut report = envelope(sender, day, "r", policies);
    match random.below(60) {
        0 => report["date-range"]["start-datetime"] = json!(format!("{day}T13:00:00Z")),
        1 => report["date-range"]["start-datetime"] = json!(format!("{day}T01:00:00+02:00")),
        2 => report["policies"] = json!([]),
        3 => report["contact-info"] = Value::Null,
        _ => {}
    }
    report
}

pub fn write(reports: &[Value], directory: &Path) -> Result<()> {
    for (index, report) in reports.iter().enumerate() {
        fs::write(directory.join(format!("{index:05}.json")), report.to_string()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// ARCHITECTURE.md, "Identity, duplicates, conflicts".
pub fn identity(report: &Value) -> (String, String, String, BTreeSet<String>) {
    let read = crate::parse::report(report, &[]).unwrap_or_default();
    let domains = read.policies.iter().map(|policy| policy.domain.clone()).collect();
    (read.organisation, read.report_id, format!("{:?}", read.range), domains)
}

/// How many of them are stored.
pub fn distinct(reports: &[Value]) -> usize {
    reports.iter().map(identity).collect::<BTreeSet<_>>().len()
}
