//! Facts against rules: what fires, what goes on, what is over. Pure.
//!
//! Every rule says of each of its subjects how it stands (`Finding`); `lifecycle` makes transitions of the difference to the
//! alerts that stand. What is about failures depends on report days alone, never on the order reports came in.

mod lifecycle;
mod outage;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub use super::finding::Triple;
use super::{
    Alert, AlertFacts, AlertPlan, AlertRule, Mute, Subject, Transition,
    finding::{Finding, FindingState, Found, OpenAlerts, World, days},
    hosts::Owners,
    rules::{About, RULES, definition},
};

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
        let stays = |rule: AlertRule| definition(rule).about() != About::ReportDays;
        let transitions = self.transitions.into_iter().filter(|it| stays(it.alert.rule)).collect();
        let refreshed = self.refreshed.into_iter().filter(|alert| stays(alert.rule)).collect();
        Evaluation { transitions, refreshed, ..Evaluation::default() }
    }
}

/// Holds the facts against the rules. The same input gives the same output, uuids included.
pub fn evaluate(
    alerts: &[Alert],
    facts: &AlertFacts,
    plan: &AlertPlan,
    mutes: &[Mute],
    now: DateTime<Utc>,
) -> Evaluation {
    let open = OpenAlerts::new(alerts, Owners::new(plan, &facts.mx_seen));
    let mut world = World { facts, plan, open: &open, now, causes: BTreeSet::new() };
    let mut found = Found::default();
    let (causes_first, others): (Vec<_>, Vec<_>) = RULES.into_iter().partition(|rule| rule.is_about_a_cause());
    causes_first.iter().for_each(|rule| rule.evaluate(&world, &mut found));
    world.causes = causes(&found.findings, plan, &open, now);
    others.iter().for_each(|rule| rule.evaluate(&world, &mut found));
    let Found { mut findings, known } = found;
    findings.retain(|finding| {
        let changes = finding.state == FindingState::Failing || open.firing(finding.rule, &finding.subject).is_some();
        changes && plan.is_on(finding.rule)
    });
    let mut refreshed = lifecycle::refreshed(&open, &findings);
    let transitions = lifecycle::transitions(&open, findings, plan, mutes, now);
    let changed: BTreeSet<Uuid> = transitions.iter().map(|transition| transition.alert.uuid).collect();
    refreshed.retain(|alert| !changed.contains(&alert.uuid));
    Evaluation { transitions, known, refreshed, first: facts.first }
}

/// What is reported already, or was until lately, so that no other rule reports it again.
fn causes(
    findings: &[Finding],
    plan: &AlertPlan,
    open: &OpenAlerts<'_>,
    now: DateTime<Utc>,
) -> BTreeSet<(AlertRule, Subject)> {
    let lately = now - TimeDelta::days(days(plan.settings.failure_share_days.saturating_add(1)));
    let firing = findings.iter().filter(|finding| finding.state == FindingState::Failing);
    let recent = open.alerts.iter().filter(|alert| alert.is_firing() || alert.changed_at >= lately);
    firing
        .map(|finding| (finding.rule, finding.subject.clone()))
        .chain(recent.map(|alert| (alert.rule, alert.subject.clone())))
        .filter(|(rule, _)| plan.is_on(*rule))
        .collect()
}

#[cfg(test)]
mod tests;
