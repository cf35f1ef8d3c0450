//! quarantine, conflict, source and disk: what the machine says of itself.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Finding, FindingState, OpenAlerts};
use crate::alerts::{Affected, AlertEvidence, AlertFacts, AlertPlan, AlertRule, Subject, facts::SourceHealth};

pub fn intake(facts: &AlertFacts, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = vec![quarantine(facts, plan, standing, now), conflict(facts, standing, now)];
    findings.extend(facts.parts.iter().flatten().map(|part| source(part, plan, standing, now)));
    findings.extend(disk(facts, plan, standing, now));
    if let Some(parts) = &facts.parts {
        let gone = |alert: &&crate::alerts::Alert| {
            !parts.is_empty() && !parts.iter().any(|part| Some(&part.name) == alert.subject.part.as_ref())
        };
        // It is not configured any more.
        findings.extend(standing.firing_of(AlertRule::Source).filter(gone).map(|alert| Finding {
            rule: AlertRule::Source,
            subject: alert.subject.clone(),
            state: FindingState::Expired,
            since: alert.since,
            evidence: alert.evidence.clone(),
        }));
    }
    findings
}

/// Nothing comes again and again: one moment tells that it is over.
const OVER: FindingState = FindingState::Clear { day: None, days: u64::MAX };

fn quarantine(facts: &AlertFacts, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Finding {
    let (rule, subject) = (AlertRule::Quarantine, Subject::default());
    let (quarantined, all) = (facts.intake.quarantined, facts.intake.quarantined.saturating_add(facts.intake.stored));
    let percent = if all == 0 { 0.0 } else { quarantined as f64 * 100.0 / all as f64 };
    let (percent_min, quarantined_min) = (plan.settings.quarantine_percent, plan.settings.quarantine_min);
    let firing = standing.firing(rule, &subject);
    let state = if quarantined > 0 && percent >= percent_min && quarantined >= quarantined_min {
        FindingState::Failing
    } else if percent < percent_min / 2.0 || quarantined.saturating_mul(2) < quarantined_min {
        OVER
    } else {
        FindingState::Open
    };
    let evidence = AlertEvidence {
        failed: i64::try_from(quarantined).unwrap_or(i64::MAX),
        sessions: i64::try_from(all).unwrap_or(i64::MAX),
        detail: Some(format!("{quarantined} of {all} reports of the last 24 hours")),
        ..AlertEvidence::default()
    };
    Finding { rule, subject, state, since: firing.map_or(now - TimeDelta::days(1), |alert| alert.since), evidence }
}

fn conflict(facts: &AlertFacts, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Finding {
    let (rule, subject) = (AlertRule::Conflict, Subject::default());
    let firing = standing.firing(rule, &subject);
    let intake = &facts.intake;
    let names = intake.conflict_organisations.iter();
    let mut evidence = AlertEvidence {
        organisations: names
            .map(|name| Affected { key: name.clone(), name: name.clone(), ..Affected::default() })
            .collect(),
        organisations_total: intake.conflict_organisations.len() as u64,
        failed: i64::try_from(intake.conflicts).unwrap_or(i64::MAX),
        last_seen_at: intake.conflict_at,
        ..AlertEvidence::default()
    };
    let state = if intake.conflicts > 0 { FindingState::Failing } else { OVER };
    if let (OVER, Some(alert)) = (state, firing) {
        evidence = alert.evidence.clone();
    }
    let since = firing.map(|alert| alert.since).or(intake.conflict_at).unwrap_or(now);
    Finding { rule, subject, state, since, evidence }
}

fn source(part: &SourceHealth, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Finding {
    let (rule, subject) = (AlertRule::Source, Subject { part: Some(part.name.clone()), ..Subject::default() });
    let firing = standing.firing(rule, &subject);
    let after = TimeDelta::minutes(i64::try_from(plan.settings.source_after_min).unwrap_or(i64::MAX).min(52_560_000));
    let is_failing = part.failing_since.is_some_and(|since| now - since >= after);
    let sends_away = part.later_at.is_some_and(|at| now - at < after.max(TimeDelta::minutes(1)));
    let state = if is_failing || sends_away {
        FindingState::Failing
    } else if part.well {
        OVER
    } else {
        // It fails for a short time, or has just been started.
        FindingState::Open
    };
    let detail =
        if sends_away && !is_failing { "senders are asked to come again later".to_owned() } else { part.words.clone() };
    let detail = match (state, firing) {
        (OVER, Some(alert)) => alert.evidence.detail.clone(),
        _ => Some(detail).filter(|detail| !detail.is_empty()),
    };
    let begun = part.failing_since.filter(|_| is_failing).or(part.later_at).unwrap_or(now);
    let evidence = AlertEvidence { detail, ..AlertEvidence::default() };
    Finding { rule, subject, state, since: firing.map_or(begun, |alert| alert.since), evidence }
}

fn disk(facts: &AlertFacts, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Option<Finding> {
    let (rule, subject) = (AlertRule::Disk, Subject::default());
    let firing = standing.firing(rule, &subject);
    let min = plan.settings.disk_free_min_bytes;
    let mut cannot_store = facts.store_trouble.clone();
    let state = match facts.disk_free_bytes {
        _ if cannot_store.is_some() => FindingState::Failing,
        None => return None,
        Some(free) if free < min => FindingState::Failing,
        Some(free) if free >= min.saturating_add(min / 10) => OVER,
        Some(_) => FindingState::Open,
    };
    if state == OVER {
        cannot_store = firing.and_then(|alert| alert.evidence.cannot_store.clone());
    }
    let since = firing.map_or(now, |alert| alert.since);
    let detail = facts.disk_free_bytes.map(|free| format!("{} MiB are free", free / (1024 * 1024)));
    Some(Finding {
        rule,
        subject,
        state,
        since,
        evidence: AlertEvidence { detail, cannot_store, ..AlertEvidence::default() },
    })
}
