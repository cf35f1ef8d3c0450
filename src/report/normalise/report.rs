//! A whole report, once its policies are done.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{date, domain::domain, text::text};
use crate::{
    fault::{Fault, FaultCode},
    report::{
        Deviation, Deviations, Judge, Report,
        json::{JsonField, JsonValue, Reader},
        notes::Notes,
        wire::{Envelope, Policies},
    },
};

/// The deviations of the result are still missing: the caller resolves the notes.
pub(crate) fn report(
    envelope: Envelope<'_>,
    judge: Judge,
    reader: &Reader<'_>,
    notes: &mut Notes,
) -> Result<Report, Fault> {
    if let Some(at) = envelope.draft {
        let detail = "this is a draft of RFC 8460, not its final format";
        return Err(reader.fault(FaultCode::DraftFormat, detail, at));
    }
    let policies = match envelope.policies {
        Policies::Given { at, entries, results } => {
            if entries == 0 {
                notes.add(Deviation::PoliciesEmpty, at);
            } else if results.is_empty() {
                let detail = "none of the policies is an object that says anything";
                return Err(reader.fault(FaultCode::NoUsablePolicy, detail, at));
            }
            results
        }
        Policies::Absent(at) => {
            let detail = "a report has an array `policies` (RFC 8460 §4)";
            return Err(reader.fault(FaultCode::NotAReport, detail, at));
        }
    };
    let range = date::range(envelope.range, envelope.at, judge, reader, notes)?;
    Ok(Report {
        organisation: organisation(envelope.organisation, notes),
        contact: contact(envelope.contact, notes),
        report_id: report_id(envelope.report_id, envelope.text, notes),
        range,
        policies,
        deviations: Deviations::default(),
    })
}

fn organisation(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    let at = field.at;
    let name = text(field, notes);
    match &name {
        None => notes.add(Deviation::OrgMissing, at),
        Some(name) if is_host_name(name) => notes.add(Deviation::OrgHostName, at),
        Some(_) => {}
    }
    name
}

/// A name below a registrable domain, such as that of the sending host.
fn is_host_name(name: &str) -> bool {
    name.contains('.')
        && domain(name).is_some_and(|host| psl::domain_str(&host).is_some_and(|registrable| registrable != host))
}

/// RFC 8460 §4.4 wants an addr-spec (RFC 5322 §3.4.1). One that hides in a URI or behind a display name is taken out.
fn contact(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    let at = field.at;
    if matches!(field.value, JsonValue::Null) {
        return None;
    }
    let Some(written) = text(field, notes) else {
        notes.add(Deviation::ContactMissing, at);
        return None;
    };
    if is_addr_spec(&written) {
        return Some(written);
    }
    notes.add(Deviation::ContactNotAddrSpec, at);
    let inner = match written.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => rest.split('?').next().unwrap_or(rest),
        _ => written.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(&*written, |(inner, _)| inner),
    };
    Some(if is_addr_spec(inner.trim()) { inner.trim().to_owned() } else { written })
}

fn is_addr_spec(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let forbidden =
        |character: char| character.is_whitespace() || character.is_control() || "<>,;:()".contains(character);
    !local.is_empty() && (local.starts_with('"') || !local.contains(forbidden)) && domain(host).is_some()
}

/// Opaque, unique by the sender's will only. Without one, the content is the name.
fn report_id(field: JsonField<'_>, document: &str, notes: &mut Notes) -> String {
    let at = field.at;
    let id = match field.value {
        JsonValue::Number(number) => {
            notes.add(Deviation::ReportIdNotString, at);
            Some(number.to_owned())
        }
        _ => text(field, notes),
    };
    id.unwrap_or_else(|| {
        notes.add(Deviation::ReportIdMissing, at);
        let mut id = "sha256:".to_owned();
        for byte in Sha256::digest(document) {
            let _ = write!(id, "{byte:02x}");
        }
        id
    })
}
