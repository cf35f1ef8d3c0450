//! The text of the policy (RFC 8461 §3.2).

use super::Findings;
use crate::{
    check::finding::{Check, Effect, Severity},
    report::StsMode,
    sts::policy::{PolicyFaultKind, PolicyReading},
};

/// Seconds below which a policy protects for little longer than it takes to attack it: a day, and a week for one that is enforced.
const DAY_S: u64 = 86_400;
const WEEK_S: u64 = 7 * DAY_S;

pub(super) fn judge(policy: &PolicyReading, findings: &mut Findings) {
    for fault in &policy.faults {
        let (check, severity) = check_of(fault.kind);
        let effect = if severity == Severity::Note { Effect::None } else { Effect::Unprotected };
        let found = if fault.found.is_empty() { String::new() } else { format!(", `{}`,", fault.found) };
        let (part, message) = match fault.line {
            Some(line) => {
                (Some(format!("line {line}")), format!("Line {line} of the policy{found} {}.", fault.problem))
            }
            None => (None, format!("In the policy {}.", fault.problem)),
        };
        findings.add(check, (severity, effect), part, message, None);
    }
    let Some(max_age_s) = policy.max_age_s else { return };
    let week = policy.mode == Some(StsMode::Enforce) && max_age_s < WEEK_S;
    let (severity, message) = match max_age_s {
        0 => (Severity::Warning, "max_age is 0: no sender holds the policy.".to_owned()),
        1..DAY_S => (
            Severity::Warning,
            format!(
                "max_age is {max_age_s} seconds, less than a day: whoever can cut senders off from your policy for so long gets mail unprotected."
            ),
        ),
        _ if week => (Severity::Note, "max_age is less than a week; two weeks or more protect better.".to_owned()),
        _ => return,
    };
    findings.add(Check::PolMaxAgeShort, (severity, Effect::None), None, message, Some("max_age: 1209600".to_owned()));
}

fn check_of(kind: PolicyFaultKind) -> (Check, Severity) {
    match kind {
        PolicyFaultKind::Version => (Check::PolVersion, Severity::Fault),
        PolicyFaultKind::Mode => (Check::PolMode, Severity::Fault),
        PolicyFaultKind::MaxAge => (Check::PolMaxAge, Severity::Fault),
        PolicyFaultKind::MxMissing => (Check::PolMxMissing, Severity::Fault),
        PolicyFaultKind::MxForm => (Check::PolMxForm, Severity::Fault),
        PolicyFaultKind::Line => (Check::PolLine, Severity::Fault),
        PolicyFaultKind::Duplicate { differs: true } => (Check::PolDuplicate, Severity::Fault),
        PolicyFaultKind::Duplicate { differs: false } => (Check::PolDuplicate, Severity::Warning),
        PolicyFaultKind::UnknownKey { is_near: true } => (Check::PolKey, Severity::Warning),
        PolicyFaultKind::UnknownKey { is_near: false } => (Check::PolKey, Severity::Note),
    }
}
