//! silent-sender and no-reports: what does not come any more.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Finding, FindingState, OpenAlerts, days, hours, start_of};
use crate::alerts::{
    Affected, AlertEvidence, AlertFacts, AlertPlan, AlertRule, Subject,
    facts::{Arrivals, SenderRhythm},
};

/// Report days, of the last 60, that make a rhythm.
pub const RHYTHM_MIN_DAYS: usize = 10;
/// Days between two reports above which an organisation has no rhythm.
pub const GAP_MAX_DAYS: i64 = 8;
/// Who has not reported for so long has left.
pub const LEFT_AFTER_DAYS: i64 = 30;
/// The shortest grace: a report on one day comes any time in the next, and a sender may skip a night.
pub const GRACE_MIN_H: u64 = 28;
/// Days with an arrival, of fourteen, that make reports regular.
pub const ARRIVALS_MIN_DAYS: u64 = 7;

pub fn senders(facts: &AlertFacts, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Vec<Finding> {
    let none = no_reports(facts, plan, standing, now);
    // Where nobody reports, it is not the senders' doing: one message for one cause.
    let nobody = plan.is_on(AlertRule::NoReports)
        && (standing.firing_of(AlertRule::NoReports).next().is_some()
            || none.iter().any(|finding| finding.state == FindingState::Failing));
    let mut findings: Vec<Finding> = facts
        .senders
        .iter()
        .filter_map(|sender| silent_sender(sender, &facts.arrivals, plan, standing, now))
        .filter(|finding| !(nobody && finding.state == FindingState::Failing))
        .collect();
    findings.extend(none);
    for alert in standing.firing_of(AlertRule::SilentSender) {
        let is_known = |sender: &SenderRhythm| Some(&sender.organisation) == alert.subject.organisation.as_ref();
        if !facts.senders.iter().any(is_known) && alert.evidence.last_day.is_none_or(|day| has_left(day, now)) {
            findings.push(Finding {
                rule: AlertRule::SilentSender,
                subject: alert.subject.clone(),
                state: FindingState::Expired,
                since: alert.since,
                evidence: alert.evidence.clone(),
            });
        }
    }
    findings
}

fn silent_sender(
    sender: &SenderRhythm,
    arrivals: &Arrivals,
    plan: &AlertPlan,
    standing: &OpenAlerts<'_>,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let last = *sender.days.last()?;
    let subject = Subject { organisation: Some(sender.organisation.clone()), ..Subject::default() };
    let firing = standing.firing(AlertRule::SilentSender, &subject);
    let gap = usual_gap_days(sender).filter(|gap| *gap <= GAP_MAX_DAYS);
    let is_late = gap.zip(sender.lateness_s).is_some_and(|(gap, lateness_s)| {
        let lateness = TimeDelta::seconds(lateness_s.clamp(0, LEFT_AFTER_DAYS * 86_400));
        // The next report is about the day `gap` days on, and comes when that day is over.
        let due = start_of(last) + TimeDelta::days(gap + 1) + lateness;
        // After a time without any reports, ours to answer for or not, everybody needs a while to come back.
        let due = arrivals.back_at.map_or(due, |at| due.max(at + TimeDelta::days(gap) + lateness));
        // While nobody else reports either, it is not this sender that is silent.
        let others_came = arrivals.last_at.is_some_and(|at| at >= due);
        others_came && now > due + hours(plan.settings.silent_sender_grace_h.max(GRACE_MIN_H))
    });
    let is_late = is_late && sender.days.len() >= RHYTHM_MIN_DAYS;
    let heard = firing.and_then(|alert| alert.evidence.last_day).and_then(|before| {
        let later = (std::ops::Bound::Excluded(before), std::ops::Bound::Unbounded);
        sender.days.range(later).next().map(|first| (*first, sender.days.range(later).count() as u64))
    });
    let state = match (firing, heard) {
        _ if has_left(last, now) && firing.is_none() => return None,
        _ if has_left(last, now) => FindingState::Expired,
        (None, _) if is_late => FindingState::Failing,
        (None, _) => return None,
        // A report of a day that was missing came late, and the silence goes on.
        (Some(_), Some(_)) if is_late => FindingState::Failing,
        (Some(_), Some((day, days))) => FindingState::Clear { day: Some(day), days },
        (Some(_), None) => FindingState::Failing,
    };
    let name = sender.name.clone().unwrap_or_else(|| sender.organisation.clone());
    let last_seen = firing.and_then(|alert| alert.evidence.last_day).unwrap_or(last);
    let evidence = AlertEvidence {
        organisations: vec![Affected {
            key: sender.organisation.clone(),
            name,
            failed: 0,
            first_day: None,
            last_day: Some(last_seen),
            clear_day: None,
        }],
        organisations_total: 1,
        last_day: Some(last_seen),
        last_seen_at: Some(start_of(last_seen)),
        detail: gap.map(|gap| match gap {
            1 => "it reported on every day".to_owned(),
            gap => format!("it reported at least every {gap} days"),
        }),
        ..AlertEvidence::default()
    };
    let since = start_of(last_seen) + TimeDelta::days(1);
    Some(Finding { rule: AlertRule::SilentSender, subject, state, since, evidence })
}

fn has_left(last: NaiveDate, now: DateTime<Utc>) -> bool {
    now.date_naive().signed_duration_since(last).num_days() > LEFT_AFTER_DAYS
}

/// The days from one report day to the next, in nine of ten cases.
fn usual_gap_days(sender: &SenderRhythm) -> Option<i64> {
    let days = sender.days.iter();
    let mut gaps: Vec<i64> = days.clone().zip(days.skip(1)).map(|(a, b)| (*b - *a).num_days()).collect();
    gaps.sort_unstable();
    let at = (gaps.len() * 9).div_ceil(10).checked_sub(1)?;
    gaps.get(at).copied()
}

fn no_reports(facts: &AlertFacts, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Option<Finding> {
    let (rule, subject) = (AlertRule::NoReports, Subject::default());
    let firing = standing.firing(rule, &subject);
    let Some(last_at) = facts.arrivals.last_at else {
        // So long ago that it is not looked at any more: whoever has not acted on the reminders will not.
        return firing.map(|alert| Finding {
            rule,
            subject,
            state: FindingState::Expired,
            since: alert.since,
            evidence: alert.evidence.clone(),
        });
    };
    let is_long = now - last_at > hours(plan.settings.no_reports_after_h.max(1));
    let is_recent = now - last_at <= TimeDelta::days(LEFT_AFTER_DAYS + days(plan.settings.no_reports_after_h / 24));
    let state = match firing {
        Some(_) if is_long => FindingState::Failing,
        Some(_) => FindingState::Clear { day: Some(last_at.date_naive()), days: facts.arrivals.days },
        None if is_long && is_recent && facts.arrivals.days >= ARRIVALS_MIN_DAYS => FindingState::Failing,
        None => return None,
    };
    let last_seen = firing.and_then(|alert| alert.evidence.last_seen_at).unwrap_or(last_at);
    let evidence = AlertEvidence { last_seen_at: Some(last_seen), ..AlertEvidence::default() };
    Some(Finding { rule, subject, state, since: last_seen, evidence })
}
