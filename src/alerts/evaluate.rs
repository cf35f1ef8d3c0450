//! Facts against rules: what fires, what goes on, what is over. Pure.
//!
//! Every rule says of each of its subjects how it stands (`Finding`); `lifecycle` makes transitions of the difference to the
//! alerts that stand. What is about failures depends on report days alone, never on the order reports came in.

mod failing_senders;
mod failures;
mod intake;
mod lifecycle;
mod outage;
mod senders;
mod share;

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    Alert, AlertEvidence, AlertFacts, AlertPlan, AlertRule, Mute, Subject, Transition, facts::FailureFact,
    hosts::Owners,
};

pub use failures::{BESIDES, CERTIFICATE, DANE};
pub use senders::GRACE_MIN_H;
pub use share::BASELINE_MIN;

/// What one evaluation found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    pub transitions: Vec<Transition>,
    /// Failures that are news no more; to be noted in the transaction that records the transitions.
    pub known: Vec<Triple>,
    /// Alerts that go on as they were, with what is known of them by now.
    pub refreshed: Vec<Alert>,
    /// Everything that was ever stored has to be noted with them: nothing was noted before.
    pub first: bool,
}

impl Evaluation {
    /// Only what does not depend on stored reports: what comes in from senders, the sources, the disk. For a time in which
    /// reports are loaded that belong together.
    pub fn without_stored(self) -> Evaluation {
        let stays = |rule: AlertRule| {
            matches!(
                rule,
                AlertRule::NoReports
                    | AlertRule::Quarantine
                    | AlertRule::Conflict
                    | AlertRule::Source
                    | AlertRule::Disk
            )
        };
        let transitions = self.transitions.into_iter().filter(|it| stays(it.alert.rule)).collect();
        let refreshed = self.refreshed.into_iter().filter(|alert| stays(alert.rule)).collect();
        Evaluation { transitions, refreshed, ..Evaluation::default() }
    }
}

/// An organisation that was seen to fail at a policy domain with a result type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    pub policy_domain: String,
    /// Organisation key.
    pub organisation: String,
    pub result_type: String,
    pub first_day: NaiveDate,
}

/// How one subject of one rule stands.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    rule: AlertRule,
    subject: Subject,
    state: FindingState,
    since: DateTime<Utc>,
    evidence: AlertEvidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FindingState {
    Failing,
    /// Not enough to fire, not enough to resolve.
    Open,
    /// Over. `days`: how many report days have shown it.
    Clear {
        day: Option<NaiveDate>,
        days: u64,
    },
    /// Some say that it is over, and those who do not have not been heard of for some days.
    Unheard,
    /// Nobody says anything about it any more.
    Expired,
    /// The alert of this rule tells of it.
    TakenOver(AlertRule),
}

/// The alerts an evaluation starts from: those that fire, and those resolved lately. They can be thousands, and each finding
/// is looked up in them.
struct OpenAlerts<'a> {
    alerts: &'a [Alert],
    firing: HashMap<(AlertRule, &'a Subject), &'a Alert>,
    over: HashMap<(AlertRule, &'a Subject), &'a Alert>,
    /// Whose MX hosts are whose.
    owners: Owners<'a>,
}

/// Holds the facts against the rules. The same input gives the same output, uuids included.
pub fn evaluate(
    standing: &[Alert],
    facts: &AlertFacts,
    plan: &AlertPlan,
    mutes: &[Mute],
    now: DateTime<Utc>,
) -> Evaluation {
    let standing = OpenAlerts::new(standing, Owners::new(plan, &facts.mx_seen));
    let mut findings = failures::causes(facts, plan, &standing, now);
    let causes = causes(&findings, plan, &standing, now);
    let (news, known) = failures::news(facts, plan, &standing, &causes, now);
    findings.extend(news);
    findings.extend(share::shares(facts, plan, &standing, &causes, now));
    findings.extend(senders::senders(facts, plan, &standing, now));
    findings.extend(intake::intake(facts, plan, &standing, now));
    findings.retain(|finding| {
        let changes =
            finding.state == FindingState::Failing || standing.firing(finding.rule, &finding.subject).is_some();
        changes && plan.is_on(finding.rule)
    });
    let mut refreshed = lifecycle::refreshed(&standing, &findings);
    let transitions = lifecycle::transitions(&standing, findings, plan, mutes, now);
    let changed: BTreeSet<Uuid> = transitions.iter().map(|transition| transition.alert.uuid).collect();
    refreshed.retain(|alert| !changed.contains(&alert.uuid));
    Evaluation { transitions, known, refreshed, first: facts.first }
}

/// What is told already, or was until lately, so that no other rule tells it again.
fn causes(
    findings: &[Finding],
    plan: &AlertPlan,
    standing: &OpenAlerts<'_>,
    now: DateTime<Utc>,
) -> BTreeSet<(AlertRule, Subject)> {
    let lately = now - TimeDelta::days(days(plan.settings.failure_share_days.saturating_add(1)));
    let firing = findings.iter().filter(|finding| finding.state == FindingState::Failing);
    let recent = standing.alerts.iter().filter(|alert| alert.is_firing() || alert.changed_at >= lately);
    firing
        .map(|finding| (finding.rule, finding.subject.clone()))
        .chain(recent.map(|alert| (alert.rule, alert.subject.clone())))
        .filter(|(rule, _)| plan.is_on(*rule))
        .collect()
}

impl<'a> OpenAlerts<'a> {
    fn new(alerts: &'a [Alert], owners: Owners<'a>) -> OpenAlerts<'a> {
        let mut standing = OpenAlerts { alerts, firing: HashMap::new(), over: HashMap::new(), owners };
        for alert in alerts {
            let key = (alert.rule, &alert.subject);
            if alert.is_firing() {
                standing.firing.entry(key).or_insert(alert);
                continue;
            }
            match standing.over.entry(key) {
                Entry::Occupied(held) if held.get().changed_at > alert.changed_at => {}
                entry => drop(entry.insert_entry(alert)),
            }
        }
        standing
    }

    fn firing(&self, rule: AlertRule, subject: &Subject) -> Option<&'a Alert> {
        self.firing.get(&(rule, subject)).copied()
    }

    fn firing_of(&self, rule: AlertRule) -> impl Iterator<Item = &'a Alert> {
        self.alerts.iter().filter(move |alert| alert.is_firing() && alert.rule == rule)
    }

    /// The last one of this rule and subject that is over.
    fn over(&self, rule: AlertRule, subject: &Subject) -> Option<&'a Alert> {
        self.over.get(&(rule, subject)).copied()
    }
}

impl FailureFact {
    fn last_day(&self) -> NaiveDate {
        self.days.last_key_value().map_or(NaiveDate::MIN, |(day, _)| *day)
    }

    fn first_day(&self) -> NaiveDate {
        self.days.first_key_value().map_or(NaiveDate::MAX, |(day, _)| *day)
    }
}

fn start_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// A number of days or hours from the configuration, as far as times reach.
fn days(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).min(36_500)
}

fn hours(number: u64) -> TimeDelta {
    TimeDelta::hours(i64::try_from(number).unwrap_or(i64::MAX).min(876_000))
}

#[cfg(test)]
mod tests;
