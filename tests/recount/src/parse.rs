//! A lenient reader of RFC 8460 §4.4, by the table of docs/deviations.md.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};

use crate::{
    model::{Detail, Policy, Report},
    names,
};

/// More than this no JSON number of the field can say exactly (RFC 7493 §2.2).
const COUNT_MAX: u64 = (1 << 53) - 1;
/// A served domain and its MX hosts.
pub type Served = (&'static str, &'static [&'static str]);

const POLICY_MEMBERS: [&str; 5] = ["policy-type", "policy-string", "policy-domain", "mx-host", "mx-host-pattern"];

/// `None` where it is no report or cannot be placed in time. Its organisation is what it claims.
pub fn report(document: &Value, served: &[Served]) -> Option<Report> {
    let document = document.as_object()?;
    let range = member(document, "date-range")?.as_object()?;
    let start = moment(member(range, "start-datetime")?, false)?;
    let end = moment(member(range, "end-datetime")?, true)?;
    let policies = member(document, "policies").or_else(|| member(document, "tls-report"))?;
    let mut policies: Vec<Policy> = list(policies).into_iter().filter_map(policy).collect();
    let elsewhere = missing_domain(&policies, served);
    for policy in policies.iter_mut().filter(|policy| policy.domain.is_empty()) {
        policy.domain.clone_from(&elsewhere);
    }
    let name = text(document, "organization-name");
    let contact = text(document, "contact-info");
    Some(Report {
        organisation: names::claimed(contact.as_deref(), name.as_deref()),
        report_id: text(document, "report-id").unwrap_or_default(),
        name,
        day: DateTime::from_timestamp(start, 0)?.date_naive(),
        range: (start, end),
        policies,
        ..Report::default()
    })
}

/// docs/deviations.md, `policy-domain-missing`, as far as a report can tell.
fn missing_domain(policies: &[Policy], served: &[Served]) -> String {
    let named = || policies.iter().filter(|policy| !policy.domain.is_empty());
    let only = |domains: BTreeSet<&str>| (domains.len() == 1).then(|| domains.into_iter().collect::<String>());
    let is_served = |domain: &str| served.iter().any(|(name, _)| *name == domain);
    let siblings: BTreeSet<&str> = match named().any(|policy| is_served(&policy.domain)) {
        true => named().map(|policy| policy.domain.as_str()).filter(|domain| is_served(domain)).collect(),
        false => named().filter(|policy| policy.kind != "tlsa").map(|policy| policy.domain.as_str()).collect(),
    };
    let hosts = |policy: &Policy, mx: &[&str]| policy.kind == "tlsa" && mx.contains(&policy.domain.as_str());
    let by_host = served.iter().filter(|(_, mx)| policies.iter().any(|policy| hosts(policy, mx)));
    only(siblings)
        .or_else(|| only(by_host.map(|(name, _)| *name).collect()))
        .or_else(|| only(served.iter().map(|(name, _)| *name).collect()))
        .unwrap_or_default()
}

fn policy(value: &Value) -> Option<Policy> {
    let entry = value.as_object()?;
    let nested = member(entry, "policy");
    let said = nested.is_some()
        || ["summary", "failure-details"].iter().chain(&POLICY_MEMBERS).any(|name| member(entry, name).is_some());
    if !said {
        return None;
    }
    let empty = Map::new();
    let policy = match nested {
        Some(nested) => nested.as_object().unwrap_or(&empty),
        None => entry,
    };
    let lines = member(policy, "policy-string").map(lines).unwrap_or_default();
    let kind = kind(text(policy, "policy-type"), &lines);
    let summary = member(entry, "summary").and_then(Value::as_object).unwrap_or(&empty);
    let details = member(entry, "failure-details").map(list).unwrap_or_default();
    Some(Policy {
        mode: if kind == "sts" { mode(&lines) } else { None },
        kind,
        domain: text(policy, "policy-domain").and_then(|domain| names::domain(&domain)).unwrap_or_default(),
        successful: sessions(member(summary, "total-successful-session-count")),
        failed: sessions(member(summary, "total-failure-session-count")),
        lines,
        details: details.into_iter().filter_map(|detail| self::detail(detail.as_object()?)).collect(),
    })
}

fn detail(entry: &Map<String, Value>) -> Option<Detail> {
    let mx = text(entry, "receiving-mx-hostname").or_else(|| text(entry, "receiving-mx-host-name"));
    Some(Detail {
        result_type: text(entry, "result-type").map_or_else(|| "unknown".to_owned(), |name| name.to_lowercase()),
        failed: sessions(member(entry, "failed-session-count")),
        mx: mx.and_then(|mx| names::domain(&mx)),
        ip: text(entry, "sending-mta-ip").and_then(|ip| names::address(&ip)),
        reason: text(entry, "failure-reason-code").map(|reason| reason[..reason.floor_char_boundary(4096)].to_owned()),
    })
}

fn kind(sent: Option<String>, lines: &[String]) -> String {
    let sent = sent.map(|kind| kind.to_lowercase());
    match sent.as_deref() {
        Some("dane") => "tlsa".to_owned(),
        Some("none" | "none-policy-found") => "no-policy-found".to_owned(),
        Some(kind) => kind.to_owned(),
        None if lines.iter().any(|line| line.trim_start().starts_with("version")) => "sts".to_owned(),
        None if lines.first().is_some_and(|line| line.split_whitespace().count() >= 4) => "tlsa".to_owned(),
        None => "unknown".to_owned(),
    }
}

/// The first `mode` is the policy's (RFC 8461 §3.2), if it is one.
fn mode(lines: &[String]) -> Option<String> {
    let mode = lines.iter().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == "mode"))?.1.trim();
    ["enforce", "testing", "none"].contains(&mode).then(|| mode.to_owned())
}

/// The lines of a policy string, however they were put together.
fn lines(value: &Value) -> Vec<String> {
    let parts: Vec<String> = match value {
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(lone)] if lone.trim_start().starts_with('[') => {
                match serde_json::from_str::<Vec<Value>>(lone) {
                    Ok(inner) => inner.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                    Err(_) => vec![lone.clone()],
                }
            }
            parts => parts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        },
        other => scalar(other).into_iter().collect(),
    };
    let split = parts.iter().flat_map(|part| part.split(['\n', '\r', ';']));
    split.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(_) => vec![value],
        _ => Vec::new(),
    }
}

/// A member by its name, or by a spelling of it; null is none.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let alike = |key: &&String| key.to_lowercase().replace('_', "-") == name;
    let value = object.get(name).or_else(|| object.keys().find(alike).and_then(|key| object.get(key)));
    value.filter(|value| !value.is_null())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.replace('\0', "\u{fffd}")),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    member(object, name).and_then(scalar).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn sessions(value: Option<&Value>) -> Option<u64> {
    let sent = match value? {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => whole,
            None => {
                let float = number.as_f64()?;
                (float >= 0.0 && float.fract() == 0.0 && float <= COUNT_MAX as f64).then_some(float as u64)?
            }
        },
        Value::String(digits) => {
            let digits = digits.trim();
            (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())??
        }
        _ => return None,
    };
    (sent <= COUNT_MAX).then_some(sent)
}

/// A moment in seconds; a date alone is its start, or as an end its last second.
fn moment(value: &Value, is_end: bool) -> Option<i64> {
    let sent = scalar(value)?.trim().to_uppercase().replace(',', ".");
    if let Ok(number) = sent.parse::<i64>() {
        return match sent.len() {
            9..=11 => Some(number),
            12..=14 => Some(number / 1000),
            _ => None,
        };
    }
    let (date, rest) = sent.split_at_checked(10)?;
    let date: NaiveDate = date.parse().ok()?;
    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
    let rest = rest.trim_start_matches(['T', ' ']).trim();
    if rest.is_empty() {
        return Some(if is_end { midnight + 86_399 } else { midnight });
    }
    let (clock, offset) = match rest.find(['Z', '+', '-', 'U', ' ']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let mut parts = clock.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: i64 = parts.next().unwrap_or("0").split('.').next()?.parse().ok()?;
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let ahead = match digits.len() {
        4 => digits[..2].parse::<i64>().ok()? * 3600 + digits[2..].parse::<i64>().ok()? * 60,
        _ => 0,
    };
    let ahead = if offset.contains('-') { -ahead } else { ahead };
    let local = midnight + hours * 3600 + minutes * 60 + seconds;
    DateTime::from_timestamp(local - ahead, 0).map(|moment| moment.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_are_whole_numbers_however_they_are_written() {
        for (value, expected) in [
            (json!(3), Some(3)),
            (json!("12"), Some(12)),
            (json!(3.0), Some(3)),
            (json!(1e3), Some(1000)),
            (json!(3.5), None),
            (json!(-1), None),
            (json!(true), None),
            (json!("many"), None),
            (json!(9_007_199_254_740_992_u64), None),
        ] {
            assert_eq!(sessions(Some(&value)), expected, "{value}");
        }
    }

    #[test]
    fn moments_are_read_in_every_form_the_table_names() {
        let first = 1_709_251_200;
        for (value, expected) in [
            (json!("2024-03-01T00:00:00Z"), first),
            (json!("2024-03-01 00:00:00"), first),
            (json!("2024-03-01T05:30:00+0530"), first),
            (json!("2024-03-01T00:00:00.5 UTC"), first),
            (json!("2024-02-29T24:00:00Z"), first),
            (json!("2024-02-29T23:59:60Z"), first),
            (json!(1_709_251_200), first),
            (json!("1709251200000"), first),
            (json!("2024-03-01"), first),
        ] {
            assert_eq!(moment(&value, false), Some(expected), "{value}");
        }
        assert_eq!(moment(&json!("2024-03-01"), true), Some(first + 86_399));
    }

    #[test]
    fn a_policy_without_a_domain_has_that_of_another() {
        let document = json!({"date-range": {"start-datetime": "2024-03-01", "end-datetime": "2024-03-01"}, "policies": [
            {"policy": {"policy-type": "no-policy-found"}},
            {"policy": {"policy-type": "STS", "policy-domain": "A.example."}},
            "x", {}]});
        let report = report(&document, &[]).unwrap();
        let filed: Vec<_> = report.policies.iter().map(|p| (p.kind.as_str(), p.domain.as_str())).collect();
        assert_eq!(filed, [("no-policy-found", "a.example"), ("sts", "a.example")]);
    }

    #[test]
    fn a_missing_domain_is_that_of_others_or_of_the_host_and_never_a_guess() {
        let of = |kind: &str, domain: &str| Policy { kind: kind.into(), domain: domain.into(), ..Policy::default() };
        let served: [Served; 2] = [("a.example", &["mx.a.example"]), ("b.example", &["mx.b.example"])];
        let blank = of("no-policy-found", "");
        assert_eq!(missing_domain(&[blank.clone(), of("tlsa", "mx.b.example")], &served), "b.example");
        assert_eq!(missing_domain(&[blank.clone(), of("tlsa", "mx.b.example")], &[]), "");
        assert_eq!(
            missing_domain(&[blank.clone(), of("sts", "a.example"), of("tlsa", "mx.b.example")], &served),
            "a.example"
        );
        assert_eq!(missing_domain(&[blank.clone(), of("sts", "a.example"), of("sts", "b.example")], &served), "");
        assert_eq!(missing_domain(&[blank], &served[..1]), "a.example");
    }
}
