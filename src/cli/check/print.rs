//! What a look at a domain found, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    check::{
        Finding, Observed, Severity,
        observed::{FetchOutcome, Seen},
    },
    sts::{
        policy::{self, PolicyReading},
        record::{self, RecordReading},
    },
};

pub(super) fn as_text(observed: &Observed, findings: &[Finding]) -> String {
    let mut text = format!("{}, looked at {} UTC\n\n", observed.domain, observed.looked_at.format("%Y-%m-%d %H:%M"));
    let policy = observed.policy_host.body().map(policy::read);
    for (title, line) in [
        ("Policy", published(policy.as_ref())),
        ("From", addresses(observed)),
        ("MX", hosts(observed)),
        ("Reports", reports(observed)),
    ] {
        let _ = writeln!(text, "  {title:9}{line}");
    }
    text.push('\n');
    for finding in findings {
        let part = finding.part.as_ref().map(|part| format!(" · {part}")).unwrap_or_default();
        let _ = writeln!(text, "{:8} {}{part} ({})", word(finding.severity), finding.check.id(), finding.check.rfc());
        let _ = writeln!(text, "         {}", finding.message);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "         → {remedy}");
        }
    }
    if findings.is_empty() {
        text.push_str("Nothing is wrong.\n");
    } else {
        let _ = writeln!(text, "\n{}.", summary(findings));
    }
    text.push_str(match observed.smtp {
        Some(_) => "Not looked at: DANE.\n",
        None => "Not looked at: STARTTLS and the certificates of the MX hosts, DANE.\n",
    });
    text
}

pub(super) fn as_json(observed: &Observed, findings: &[Finding]) -> Value {
    let policy = observed.policy_host.body().map(policy::read).map(|policy| {
        let mode = policy.mode.map(|mode| mode.as_str());
        json!({ "mode": mode, "max_age_s": policy.max_age_s, "mx": policy.mx, "valid": policy.is_valid() })
    });
    let mx = match &observed.mx {
        Seen::Found(hosts) => json!(hosts),
        Seen::Nothing => json!([]),
        Seen::Unknown(_) => Value::Null,
    };
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "check": finding.check, "severity": finding.severity, "effect": finding.effect, "part": finding.part,
                "message": finding.message, "remedy": finding.remedy, "source": finding.check.rfc(),
            })
        })
        .collect();
    json!({ "domain": observed.domain, "looked_at": observed.looked_at, "policy": policy, "mx": mx, "findings": findings })
}

fn published(policy: Option<&PolicyReading>) -> String {
    let Some(policy) = policy else { return "none is served".to_owned() };
    if !policy.is_valid() {
        return "served, but not one that senders can use".to_owned();
    }
    let mode = policy.mode.map_or("", |mode| mode.as_str());
    let age = policy.max_age_s.map(duration).unwrap_or_default();
    format!("{mode}, held for {age}: {}", policy.mx.join(", "))
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{seconds} s"),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn addresses(observed: &Observed) -> String {
    let host = &observed.policy_host;
    let fetched: Vec<String> = host
        .fetches
        .iter()
        .map(|fetch| {
            let how = match &fetch.outcome {
                FetchOutcome::Answered(answer) => answer.status.to_string(),
                FetchOutcome::NotPublic => "not public".to_owned(),
                FetchOutcome::NoRoute(_) => "no way from here".to_owned(),
                FetchOutcome::NoConnection(_) => "no answer".to_owned(),
                FetchOutcome::NoTls(_) => "no TLS".to_owned(),
                FetchOutcome::Certificate { .. } => "certificate".to_owned(),
                FetchOutcome::Late => "too slow".to_owned(),
                FetchOutcome::Broken(_) => "broke off".to_owned(),
            };
            format!("{} ({how})", fetch.address)
        })
        .collect();
    match (&host.addresses, fetched.is_empty()) {
        (Seen::Unknown(_), _) => format!("{}, whose addresses could not be looked up", host.name),
        (_, true) => format!("{}, which has no address", host.name),
        (_, false) => format!("{} at {}", host.name, fetched.join(", ")),
    }
}

fn hosts(observed: &Observed) -> String {
    match &observed.mx {
        Seen::Found(hosts) if hosts.iter().all(String::is_empty) => "takes no mail (null MX)".to_owned(),
        Seen::Found(hosts) => hosts.join(", "),
        Seen::Nothing => format!("no record: {} itself", observed.domain),
        Seen::Unknown(_) => "could not be looked up".to_owned(),
    }
}

fn reports(observed: &Observed) -> String {
    let records = match &observed.tlsrpt.records {
        Seen::Found(records) => records.as_slice(),
        Seen::Nothing => &[],
        Seen::Unknown(_) => return "could not be looked up".to_owned(),
    };
    match record::read(observed.tlsrpt.kind, records) {
        RecordReading::One(record) if !record.uris().is_empty() => record.uris().join(", "),
        _ => "no sender is asked for any".to_owned(),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fault => "FAULT",
        Severity::Warning => "warning",
        Severity::Unknown => "unknown",
        Severity::Note => "note",
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |severity, one: &str, many: &str| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        }
    };
    let parts = [
        count(Severity::Fault, "fault", "faults"),
        count(Severity::Warning, "warning", "warnings"),
        count(Severity::Unknown, "unknown", "unknown"),
        count(Severity::Note, "note", "notes"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
