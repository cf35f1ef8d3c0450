//! The two TXT records (RFC 8460 §3, RFC 8461 §3.1).

use super::{Findings, Observed};
use crate::{
    check::{
        finding::{Check, Effect, Severity},
        observed::{RecordsSeen, Seen},
    },
    sts::record::{self, RecordFault, RecordKind, RecordReading},
};

/// The checks of one of the two records, which are the same but for their names.
struct Checks {
    lookup: Check,
    several: Check,
    prefix: Check,
    syntax: Check,
    strings: Check,
    elsewhere: Check,
    effect: Effect,
}

const TLSRPT: Checks = Checks {
    lookup: Check::TlsrptLookup,
    several: Check::TlsrptSeveral,
    prefix: Check::TlsrptPrefix,
    syntax: Check::TlsrptSyntax,
    strings: Check::TlsrptStrings,
    elsewhere: Check::TlsrptElsewhere,
    effect: Effect::Unreported,
};

const STS: Checks = Checks {
    lookup: Check::StsLookup,
    several: Check::StsSeveral,
    prefix: Check::StsPrefix,
    syntax: Check::StsSyntax,
    strings: Check::StsStrings,
    elsewhere: Check::StsElsewhere,
    effect: Effect::Unprotected,
};

pub(super) fn judge(observed: &Observed, findings: &mut Findings) {
    one(observed, &observed.tlsrpt, &TLSRPT, findings);
    one(observed, &observed.sts, &STS, findings);
}

fn one(observed: &Observed, seen: &RecordsSeen, checks: &Checks, findings: &mut Findings) {
    let name = &seen.name;
    let records = match &seen.records {
        Seen::Found(records) => records.as_slice(),
        Seen::Nothing => &[],
        Seen::Unknown(why) => {
            let message = format!("Whether there is a record at {name} could not be found out: {why}.");
            return findings.unknown(checks.lookup, None, message);
        }
    };
    let fault = (Severity::Fault, checks.effect);
    match record::read(seen.kind, records) {
        RecordReading::One(record) => {
            for fault in &record.faults {
                told(seen.kind, fault, checks, findings);
            }
            if seen.kind == RecordKind::Tlsrpt {
                https_only(&record.uris(), findings);
            }
        }
        RecordReading::Several(texts) => findings.add(
            checks.several,
            fault,
            None,
            format!("There are {} records at {name}: senders use none of them.", texts.len()),
            Some(format!("Leave one of these: {}", texts.join(" | "))),
        ),
        RecordReading::None { near } => {
            for (text, problem) in &near {
                let remedy = Some(format!("Publish it so: {}", corrected(seen.kind, text)));
                findings.add(
                    checks.prefix,
                    fault,
                    Some(text.clone()),
                    format!(
                        "Senders see no record at {name}: {problem}. It has to begin with exactly {}",
                        seen.kind.version()
                    ),
                    remedy,
                );
            }
            let found = elsewhere(observed, seen.kind, checks, findings);
            if near.is_empty() && !found {
                missing(observed, seen, findings);
            }
        }
    }
}

/// A record that stands at a name where nobody looks.
fn elsewhere(observed: &Observed, kind: RecordKind, checks: &Checks, findings: &mut Findings) -> bool {
    let mut found = false;
    for seen in observed.elsewhere.iter().filter(|seen| seen.kind == kind) {
        let Seen::Found(records) = &seen.records else { continue };
        if matches!(record::read(kind, records), RecordReading::None { .. }) {
            continue;
        }
        found = true;
        let right = format!("{}.{}", kind.label(), observed.domain);
        findings.add(
            checks.elsewhere,
            (Severity::Fault, checks.effect),
            Some(seen.name.clone()),
            format!("The record stands at {}, where no sender looks.", seen.name),
            Some(format!(
                "Move it to {right}. Where a DNS tool completes names by itself, type {} only.",
                kind.label()
            )),
        );
    }
    found
}

fn missing(observed: &Observed, seen: &RecordsSeen, findings: &mut Findings) {
    let name = &seen.name;
    match seen.kind {
        RecordKind::Tlsrpt => findings.add(
            Check::TlsrptMissing,
            (Severity::Warning, Effect::Unreported),
            None,
            format!("No sender reports to you: there is no TLSRPT record at {name}."),
            Some(format!("{name}. IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@REPORTS.EXAMPLE\"")),
        ),
        RecordKind::Sts if observed.policy_host.body().is_some() => findings.add(
            Check::StsFileOnly,
            (Severity::Warning, Effect::Unprotected),
            None,
            format!(
                "{} serves a file, but senders look for the record at {name} first, and there is none.",
                observed.policy_host.name
            ),
            Some(format!("{name}. IN TXT \"v=STSv1; id={}\"", observed.looked_at.format("%Y%m%d%H%M%S"))),
        ),
        RecordKind::Sts => findings.add(
            Check::StsMissing,
            (Severity::Note, Effect::None),
            None,
            format!("You publish no MTA-STS policy: there is no record at {name}."),
            None,
        ),
    }
}

fn told(kind: RecordKind, fault: &RecordFault, checks: &Checks, findings: &mut Findings) {
    let is_fault = (Severity::Fault, checks.effect);
    match fault {
        RecordFault::Syntax { part, problem } => {
            findings.add(
                checks.syntax,
                is_fault,
                Some(part.clone()),
                format!("A part of the record cannot be read: {problem}."),
                None,
            );
        }
        RecordFault::Seam { before, after } => findings.add(
            checks.strings,
            is_fault,
            Some(format!("{before} | {after}")),
            "The record is cut into two strings and a ; or , is missing at the cut: senders join them without a blank.",
            Some("Put the separator at the end of the first string.".to_owned()),
        ),
        RecordFault::Twice(name) => findings.add(
            checks.syntax,
            (Severity::Warning, checks.effect),
            Some((*name).to_owned()),
            format!("The field {name} stands there twice: not every sender takes the same one."),
            Some("Leave one.".to_owned()),
        ),
        RecordFault::Id { found, problem, better } => {
            let message = match found {
                Some(found) => format!("Senders ignore the record, because {problem}: {found}"),
                None => format!("Senders ignore the record, because {problem}."),
            };
            let remedy = better.as_ref().map_or_else(
                || "Add id= and some digits, new with each change of the policy.".to_owned(),
                |better| format!("id={better}"),
            );
            findings.add(Check::StsId, is_fault, found.clone(), message, Some(remedy));
        }
        RecordFault::NoRua => findings.add(
            checks.syntax,
            is_fault,
            None,
            "The record does not say where reports go: it has no rua.",
            Some(format!("{} rua=mailto:tlsrpt@REPORTS.EXAMPLE", kind.version())),
        ),
        RecordFault::Uri { uri, problem, better } => findings.add(
            Check::TlsrptRuaUri,
            is_fault,
            Some(uri.clone()),
            format!("Senders cannot use {uri}: {problem}."),
            better.as_ref().map(|better| format!("Write {better}")),
        ),
    }
}

fn https_only(uris: &[&str], findings: &mut Findings) {
    if !uris.is_empty() && uris.iter().all(|uri| uri.to_ascii_lowercase().starts_with("https:")) {
        findings.add(
            Check::TlsrptRuaHttpsOnly,
            (Severity::Warning, Effect::Unreported),
            None,
            "Reports are asked for by https: only, and most senders send them by mail only.",
            Some("Add a mailto: to rua.".to_owned()),
        );
    }
}

/// The record as it was meant.
fn corrected(kind: RecordKind, text: &str) -> String {
    let bare = text.trim_start_matches('\u{feff}').trim().trim_matches(['"', '\'', '\u{201c}', '\u{201d}']);
    let fields = match bare.split_once(';') {
        Some((_, fields)) => fields,
        None => bare.split_once(char::is_whitespace).map_or("", |(_, fields)| fields),
    };
    match (kind, fields.trim()) {
        (RecordKind::Sts, "") => format!("{} id=1", kind.version()),
        (RecordKind::Tlsrpt, "") => format!("{} rua=mailto:tlsrpt@REPORTS.EXAMPLE", kind.version()),
        (_, fields) => format!("{} {fields}", kind.version()),
    }
}
