//! One element of `policies`.

use super::{
    count::count,
    domain::{domain, host},
    sts::sts,
    text::{keyword, text},
    tlsa::tlsa,
};
use crate::{
    fault::{Fault, FaultCode},
    report::{
        Deviation, Failure, Policy, PolicyDetails, PolicyResult, PolicyType,
        json::{JsonField, JsonValue, Reader},
        notes::Notes,
        wire::{self, Entry, List, Shape, WireReading},
    },
};

/// RFC 8460 §4.3.2.2: there may be no policy to show.
const POLICY_FETCH_ERRORS: [&str; 3] = ["sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"];

/// DANE-EE(3): the names and the expiry date of a certificate are not looked at (RFC 7672 §3.1.1).
const IGNORED_BY_DANE_EE: [&str; 2] = ["certificate-host-mismatch", "certificate-expired"];
const DANE_EE: u8 = 3;

pub(crate) fn policy_result(
    entry: Entry<'_>,
    reader: &Reader<'_>,
    reading: &mut WireReading<'_>,
) -> Result<PolicyResult, Fault> {
    let (policy_at, string_at) = (entry.policy.at, entry.policy.policy_string.at);
    let policy = policy(entry.policy, reader, reading)?;
    let notes = &mut reading.notes;
    let failures = entry.failures;
    let of = |types: &[&str]| failures.iter().any(|failure| types.contains(&failure.result_type.as_str()));
    let is_fetched = matches!(policy.policy_type, PolicyType::Sts | PolicyType::Tlsa);
    if policy.policy_string.is_empty() && is_fetched && !of(&POLICY_FETCH_ERRORS) {
        notes.add(Deviation::PolicyStringMissing, policy_at);
    }
    if let PolicyDetails::Tlsa(records) = &policy.details {
        if records.len() < policy.policy_string.len() {
            notes.add(Deviation::TlsaUnparsed, string_at);
        }
        if !records.is_empty() && records.iter().all(|record| record.usage == DANE_EE) && of(&IGNORED_BY_DANE_EE) {
            notes.add(Deviation::Implausible, entry.failures_at);
        }
    }
    let successful = count(&entry.summary.successful, Deviation::SummaryMissing, notes);
    let failed = count(&entry.summary.failed, Deviation::SummaryMissing, notes);
    judge_details(failed, &failures, &entry.failures_at, notes);
    Ok(PolicyResult { policy, successful, failed, failures })
}

/// RFC 8460 §4: sums may differ, because one session can fail in several ways; all or nothing is another matter.
fn judge_details(failed: Option<i64>, failures: &[Failure], at: &usize, notes: &mut Notes) {
    match failed {
        Some(1..) if failures.is_empty() => notes.add(Deviation::DetailsMissing, *at),
        Some(0) if !failures.is_empty() => notes.add(Deviation::DetailsWithoutFailures, *at),
        _ => {}
    }
}

fn policy(policy: wire::Policy<'_>, reader: &Reader<'_>, reading: &mut WireReading<'_>) -> Result<Policy, Fault> {
    let policy_string = policy_string(policy.policy_string, reader, reading)?;
    let mut mx_hosts = mx_hosts(policy.mx_hosts, reader, reading)?;
    let policy_type = policy_type(policy.policy_type, &policy_string, &mut reading.notes);
    let details = match policy_type {
        _ if policy_string.is_empty() => PolicyDetails::Unknown,
        PolicyType::Sts => PolicyDetails::Sts(sts(&policy_string)),
        PolicyType::Tlsa => PolicyDetails::Tlsa(policy_string.iter().filter_map(|record| tlsa(record)).collect()),
        PolicyType::NoPolicyFound | PolicyType::Other(_) => PolicyDetails::Unknown,
    };
    if let PolicyDetails::Sts(sts) = &details
        && mx_hosts.is_empty()
    {
        mx_hosts.clone_from(&sts.mx);
    }
    let domain = policy_domain(policy.domain, &mut reading.notes);
    Ok(Policy { policy_type, domain, policy_string, mx_hosts, details })
}

fn policy_type(field: JsonField<'_>, policy_string: &[String], notes: &mut Notes) -> PolicyType {
    let at = field.at;
    let Some(name) = keyword(field, notes) else {
        notes.add(Deviation::PolicyTypeMissing, at);
        return guess(policy_string);
    };
    let known = match name.as_str() {
        "sts" => return PolicyType::Sts,
        "tlsa" => return PolicyType::Tlsa,
        "no-policy-found" => return PolicyType::NoPolicyFound,
        "dane" => PolicyType::Tlsa,
        "none" | "none-policy-found" => PolicyType::NoPolicyFound,
        _ => PolicyType::Other(name),
    };
    notes.add(Deviation::PolicyTypeUnknown, at);
    known
}

fn guess(policy_string: &[String]) -> PolicyType {
    if policy_string.iter().any(|line| line.starts_with("version:")) {
        PolicyType::Sts
    } else if policy_string.iter().any(|record| tlsa(record).is_some()) {
        PolicyType::Tlsa
    } else {
        PolicyType::Other("unknown".to_owned())
    }
}

fn policy_domain(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    let at = field.at;
    if field.is_blank() {
        notes.add(Deviation::PolicyDomainMissing, at);
        return None;
    }
    let written_length = match &field.value {
        JsonValue::Text(text) => text.len(),
        _ => 0,
    };
    let Some(written) = text(field, notes) else {
        notes.add(Deviation::PolicyDomainMissing, at);
        return None;
    };
    let Some(normal) = domain(&written).map(|normal| normal.into_owned()) else {
        notes.add(Deviation::DomainInvalid, at);
        return Some(written);
    };
    if normal != written || written.len() != written_length {
        notes.add(Deviation::DomainNormalised, at);
    }
    Some(normal)
}

/// RFC 8460 §4.5 has one element a line or record.
fn policy_string(list: List<'_>, reader: &Reader<'_>, reading: &mut WireReading<'_>) -> Result<Vec<String>, Fault> {
    if list.is_blank() {
        return Ok(Vec::new());
    }
    if let [JsonField { value: JsonValue::Text(text), at }] = &list.items[..]
        && text.trim_start().starts_with('[')
        && let Some(elements) = nested(text, *at, reader, reading)?
    {
        reading.notes.add(Deviation::PolicyStringNested, *at);
        return Ok(elements);
    }
    if list.shape == Shape::Single {
        reading.notes.add(Deviation::PolicyStringNotArray, list.at);
    }
    let is_separator = |character: char| matches!(character, '\r' | '\n' | ';');
    let mut elements = Vec::new();
    for field in list.items {
        let JsonValue::Text(text) = field.value else {
            reading.notes.add(Deviation::Type, field.at);
            continue;
        };
        let inner = text.trim();
        if inner.contains(is_separator) {
            let pieces = inner.split(is_separator).map(str::trim).filter(|piece| !piece.is_empty());
            reading.count_elements(reader, pieces.clone().count(), field.at)?;
            elements.extend(pieces.map(str::to_owned));
            if list.shape == Shape::Array {
                reading.notes.add(Deviation::PolicyStringJoined, field.at);
            }
            continue;
        }
        if inner.len() != text.len() {
            reading.notes.add(Deviation::PolicyStringTrim, field.at);
        }
        if !inner.is_empty() {
            elements.push(inner.to_owned());
        }
    }
    Ok(elements)
}

/// A JSON array of strings written as text. It is read once, not again and again.
fn nested(
    text: &str,
    at: usize,
    outer: &Reader<'_>,
    reading: &mut WireReading<'_>,
) -> Result<Option<Vec<String>>, Fault> {
    let mut elements = Some(Vec::new());
    let read = Reader::open(text, reading.limits.json_string_max_bytes).and_then(|mut reader| {
        reader.array(|reader, _| {
            match (reader.field()?.value, &mut elements) {
                (JsonValue::Text(text), Some(elements)) => elements.push(text.trim().to_owned()),
                _ => elements = None,
            }
            Ok(())
        })
    });
    match read {
        Ok(()) => {}
        Err(fault) if fault.code == FaultCode::TooDeep => return Err(outer.fault(fault.code, fault.detail, at)),
        Err(_) => return Ok(None),
    }
    if let Some(elements) = &mut elements {
        elements.retain(|element| !element.is_empty());
        reading.count_elements(outer, elements.len(), at)?;
    }
    Ok(elements)
}

fn mx_hosts(list: List<'_>, reader: &Reader<'_>, reading: &mut WireReading<'_>) -> Result<Vec<String>, Fault> {
    if list.is_blank() {
        return Ok(Vec::new());
    }
    if list.shape == Shape::Single {
        reading.notes.add(Deviation::MxHostNotArray, list.at);
    }
    let is_separator = |character: char| character == ',' || character.is_whitespace();
    let mut hosts = Vec::new();
    for field in list.items {
        let at = field.at;
        let JsonValue::Text(text) = field.value else {
            reading.notes.add(Deviation::Type, at);
            continue;
        };
        // An address literal has brackets of its own; `mx: host` has a blank of its own.
        let inner = without_prefix(text.trim(), at, &mut reading.notes);
        let unbracketed = inner.trim_matches(['[', ']']);
        if list.shape == Shape::Single && (unbracketed.len() != inner.len() || unbracketed.contains(is_separator)) {
            reading.notes.add(Deviation::MxHostList, at);
            let pieces = unbracketed.split(is_separator).map(|piece| piece.trim_matches(['"', '\'']));
            let pieces = pieces.filter(|piece| !piece.is_empty());
            reading.count_elements(reader, pieces.clone().count(), at)?;
            hosts.extend(pieces.map(host));
        } else if !inner.is_empty() {
            hosts.push(host(inner));
        }
    }
    Ok(hosts)
}

/// `mx: host` is a line of the policy file, not a host.
fn without_prefix<'t>(text: &'t str, at: usize, notes: &mut Notes) -> &'t str {
    match text.split_at_checked(3) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("mx:") => {
            notes.add(Deviation::MxPrefix, at);
            rest.trim_start()
        }
        _ => text,
    }
}
