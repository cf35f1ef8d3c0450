//! What the rules about failures of sessions have in common.

use std::collections::BTreeMap;

use super::{
    RULES, RuleDefinition,
    failing_senders::{self, failing_senders},
};
use crate::{
    alerts::{
        Alert, AlertRule, Subject,
        facts::FailureFact,
        finding::{Finding, FindingState, OpenAlerts, World, start_of},
        words::{text, who},
    },
    explain::result_types::HOSTS_MAX,
};

/// How the subjects of a rule about causes stand: those of its failures, and those it has alerts of.
pub(super) fn causes(
    rule: &dyn RuleDefinition,
    world: &World<'_>,
    enough: impl Fn(usize, i64) -> bool,
) -> Vec<Finding> {
    let mut subjects: BTreeMap<Subject, Vec<&FailureFact>> =
        world.open.firing_of(rule.rule()).map(|alert| (alert.subject.clone(), Vec::new())).collect();
    for failure in &world.facts.troubles {
        if let Some(subject) = rule.case_of(failure, world.open) {
            subjects.entry(subject).or_default().push(failure);
        }
    }
    let subjects = subjects.into_iter();
    subjects.map(|(subject, failures)| find(rule.rule(), subject, &failures, &enough, world)).collect()
}

/// The rule and subject a failure is a case of.
pub(super) fn cause_of(failure: &FailureFact, open: &OpenAlerts<'_>) -> Option<(&'static dyn RuleDefinition, Subject)> {
    RULES.into_iter().find_map(|rule| Some((rule, rule.case_of(failure, open)?)))
}

/// Whether an alert with a cause of its own reports this failure.
pub(super) fn is_notified(failure: &FailureFact, world: &World<'_>) -> bool {
    cause_of(failure, world.open).is_some_and(|(rule, subject)| world.causes.contains(&(rule.rule(), subject)))
}

/// Whether a rule reports this failure by its sessions alone. One organisation is not enough for the rule about certificates,
/// so a share may have to report those.
pub(super) fn has_own_rule(failure: &FailureFact, world: &World<'_>) -> bool {
    cause_of(failure, world.open).is_some_and(|(rule, _)| rule.goes_by_sessions() && world.plan.is_on(rule.rule()))
}

/// The subject that is the failure's policy domain.
pub(super) fn its_domain(failure: &FailureFact) -> Subject {
    Subject { policy_domain: Some(failure.policy_domain.clone()), ..Subject::default() }
}

/// How a subject of failures stands. `enough`: whether so many organisations with so many failed sessions make it fire.
pub(super) fn find(
    rule: AlertRule,
    subject: Subject,
    troubles: &[&FailureFact],
    enough: impl Fn(usize, i64) -> bool,
    world: &World<'_>,
) -> Finding {
    let World { facts, plan, now, .. } = *world;
    let firing: Option<&Alert> = world.open.firing(rule, &subject);
    let failing_senders = failing_senders(troubles, facts);
    let before = (firing, world.open.over(rule, &subject));
    let (state, behind) =
        failing_senders::judge(&failing_senders, before, enough, &facts.newcomers, plan, now.date_naive());
    let mut evidence = match firing {
        Some(alert) if behind.is_empty() => alert.evidence.clone(),
        _ => failing_senders::evidence(&behind, firing),
    };
    evidence.unheard = state == FindingState::Unheard || state == FindingState::Expired && !behind.is_empty();
    evidence.mx_hosts = mx_hosts(&subject, evidence.mx_hosts, world);
    let claimed = subject.policy_domain.as_ref().and_then(|domain| facts.claimed_clear.get(domain)).copied();
    evidence.claimed_clear_day = claimed.filter(|day| evidence.last_day.is_none_or(|last| *day > last));
    let since = evidence.first_day.map_or(now, start_of);
    Finding { rule, subject, state, since, evidence }
}

/// The hosts to look at: the one it is about, those in the failure details, or those configured for the domain.
fn mx_hosts(subject: &Subject, named: Vec<String>, world: &World<'_>) -> Vec<String> {
    if let Some(host) = &subject.mx_host {
        return vec![host.clone()];
    }
    let Some(domain) = subject.policy_domain.as_ref().filter(|_| named.is_empty()) else { return named };
    if !world.plan.domains.contains_key(domain) && world.open.owners.is_host(domain) {
        return vec![domain.clone()];
    }
    world.plan.domains.get(domain).into_iter().flatten().take(HOSTS_MAX).cloned().collect()
}

/// ` (12 sessions)`.
pub(super) fn in_sessions(alert: &Alert) -> String {
    format!(" ({})", text::count(who::failed(&alert.evidence), "session"))
}
