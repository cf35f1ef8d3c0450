//! How findings begin and end over many looks. What could not be seen in a look neither begins nor ends anything.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Check, Effect, Finding, Severity,
    finding::CheckGroup,
    observed::{Observed, Seen},
};

/// A finding is confirmed by a second look at least so many minutes after the first.
const CONFIRMED_AFTER_MIN: i64 = 10;

/// A finding from the first look that had it to the first that had it no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFinding {
    pub check: Check,
    /// Address, line or host; empty for the domain as a whole.
    pub part: String,
    pub severity: Severity,
    pub effect: Effect,
    /// Of the last look that had it.
    pub message: String,
    pub remedy: Option<String>,
    /// The last look before it; it began between that and `began_at`. `None` where there was none.
    pub last_before_at: Option<DateTime<Utc>>,
    pub began_at: DateTime<Utc>,
    /// A later look that had it too, at least ten minutes after the first.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Since then looks do not have it any more.
    pub good_at: Option<DateTime<Utc>>,
    /// The second look in a row without it.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What one look changes in what is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingChanges {
    pub begun: Vec<KnownFinding>,
    /// Known ones, by check and part, as they stand now.
    pub changed: Vec<KnownFinding>,
}

/// Holds a look against the findings that had not ended before it. `before_at`: the look before this one.
pub fn advance(
    known: &[KnownFinding],
    findings: &[Finding],
    observed: &Observed,
    before_at: Option<DateTime<Utc>>,
) -> FindingChanges {
    let now = observed.looked_at;
    let mut changes = FindingChanges::default();
    for finding in findings.iter().filter(|finding| finding.severity != Severity::Unknown) {
        let part = finding.part.clone().unwrap_or_default();
        let same = |known: &&KnownFinding| known.check == finding.check && known.part == part;
        match known.iter().find(same) {
            Some(known) => changes.changed.extend(seen_again(known, finding, now)),
            // A check may tell two things about one part: they are one finding with the worse severity, which comes first.
            None if changes.begun.iter().any(|begun| same(&begun)) => {}
            None => changes.begun.push(KnownFinding {
                check: finding.check,
                part,
                severity: finding.severity,
                effect: finding.effect,
                message: finding.message.clone(),
                remedy: finding.remedy.clone(),
                last_before_at: before_at,
                began_at: now,
                confirmed_at: None,
                good_at: None,
                ended_at: None,
            }),
        }
    }
    for known in known {
        let is_there = findings.iter().any(|finding| {
            finding.severity != Severity::Unknown
                && finding.check == known.check
                && finding.part.as_deref().unwrap_or_default() == known.part
        });
        if !is_there && could_be_seen(known, findings, observed) {
            let good_at = known.good_at.unwrap_or(now);
            let ended_at = known.good_at.is_some().then_some(now);
            changes.changed.push(KnownFinding { good_at: Some(good_at), ended_at, ..known.clone() });
        }
    }
    changes
}

/// `None` where nothing changed.
fn seen_again(known: &KnownFinding, finding: &Finding, now: DateTime<Utc>) -> Option<KnownFinding> {
    let is_late_enough = now - known.began_at >= TimeDelta::minutes(CONFIRMED_AFTER_MIN);
    let changed = KnownFinding {
        severity: finding.severity,
        effect: finding.effect,
        message: finding.message.clone(),
        remedy: finding.remedy.clone(),
        confirmed_at: known.confirmed_at.or(is_late_enough.then_some(now)),
        good_at: None,
        ..known.clone()
    };
    (changed != *known).then_some(changed)
}

/// Whether a look that does not have a finding shows that it is over.
fn could_be_seen(known: &KnownFinding, findings: &[Finding], observed: &Observed) -> bool {
    let group = known.check.group();
    let unknown = findings.iter().filter(|finding| finding.severity == Severity::Unknown);
    let is_hidden = unknown.into_iter().any(|unknown| {
        let is_about_it = unknown.check.group() == group;
        let part = unknown.part.as_deref().unwrap_or_default();
        is_about_it && (part.is_empty() || known.part.is_empty() || part == known.part)
    });
    let needs_policy =
        group == CheckGroup::Policy || matches!(known.check, Check::MxUncovered | Check::MxSurplus | Check::MxImplicit);
    let needs_mx = matches!(group, CheckGroup::Mx | CheckGroup::Smtp | CheckGroup::Dane);
    let policy_is_hidden = needs_policy && observed.policy_host.body().is_none();
    let mx_is_hidden = needs_mx && matches!(observed.mx, Seen::Unknown(_));
    let smtp_is_hidden = matches!(group, CheckGroup::Smtp | CheckGroup::Dane) && observed.smtp.is_none();
    !(is_hidden || policy_is_hidden || mx_is_hidden || smtp_is_hidden)
}
