//! new-failure: an organisation fails at a domain with a result type that was never seen there from it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::{About, RuleDefinition, failures};
use crate::alerts::{
    Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    facts::FailureFact,
    finding::{Finding, FindingState, Found, Triple, World, start_of},
    words::{text, who},
};

/// Alerts of the rule new-failure that fire at once for one organisation. What is above is noted and stands on the pages.
pub const NEWS_MAX: usize = 100;
/// The same in one evaluation, of all organisations together; one more says how many there are besides.
pub const NEWS_AT_ONCE_MAX: usize = 20;
/// The part that an alert about news left out is about.
pub const BESIDES: &str = "besides";
/// Days after the first failing one on which a rule about causes may still make one message of it: reports of other
/// organisations about that day come on the day after.
pub const OTHERS_REPORT_WITHIN_DAYS: i64 = 1;

pub struct NewFailure;

impl RuleDefinition for NewFailure {
    fn rule(&self) -> AlertRule {
        AlertRule::NewFailure
    }

    fn name(&self) -> &'static str {
        "new-failure"
    }

    fn severity(&self) -> Severity {
        Severity::Info
    }

    fn meaning(&self) -> &'static str {
        "An organisation fails at a domain with a result type that was never seen there from it."
    }

    fn about(&self) -> About {
        About::ReportDays
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let days = text::counted(settings.new_failure_learning_days, "day");
        vec![
            (text::counted(settings.new_failure_sessions_min, "failed session"), "new_failure_sessions_min"),
            (format!("after {days} of reports"), "new_failure_learning_days"),
        ]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!(
            "a combination never seen before, from {} sessions, after {} days of reports",
            settings.new_failure_sessions_min, settings.new_failure_learning_days
        )
    }

    fn is_about_domains(&self) -> bool {
        true
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        let (findings, known) = news(world);
        found.findings.extend(findings);
        found.known.extend(known);
    }

    fn sentence(&self, alert: &Alert) -> String {
        let (subject, evidence) = (&alert.subject, &alert.evidence);
        if subject.part.is_some() {
            let organisations = i64::try_from(evidence.organisations_total).unwrap_or(i64::MAX);
            let of = text::count(organisations, "organisation");
            return format!("{} more failures are new, of {of}", evidence.detail.as_deref().unwrap_or("Some"));
        }
        format!(
            "{} {} at {} with {} for the first time",
            who::organisations_or(evidence, &text::part(&subject.organisation)),
            if evidence.unheard { "failed" } else { "fails" },
            text::part(&subject.policy_domain),
            text::part(&subject.result_type)
        )
    }

    fn over(&self, alert: &Alert) -> String {
        let subject = &alert.subject;
        if subject.part.is_some() {
            return "What else was new is some days ago".to_owned();
        }
        format!(
            "{} does not fail any more at {} with {}",
            who::organisations_or(&alert.evidence, &text::part(&subject.organisation)),
            text::part(&subject.policy_domain),
            text::part(&subject.result_type)
        )
    }

    fn several(&self, alerts: usize, by: &str, _since: &str) -> String {
        format!("{alerts} failures were seen for the first time by {by}")
    }

    fn since(&self, _alert: &Alert) -> String {
        String::new()
    }

    fn measure(&self, alert: &Alert) -> String {
        failures::in_sessions(alert)
    }

    fn is_about_result_types(&self, _alert: &Alert) -> bool {
        true
    }
}

/// new-failure: what fires or goes on, and what is known from now on.
fn news(world: &World<'_>) -> (Vec<Finding>, Vec<Triple>) {
    let World { facts, plan, open, now, .. } = *world;
    let rule = AlertRule::NewFailure;
    let fresh_first = plan.fresh_first(now.date_naive());
    let mut subjects: BTreeMap<Subject, Vec<&FailureFact>> =
        open.firing_of(rule).map(|alert| (alert.subject.clone(), Vec::new())).collect();
    for trouble in &facts.troubles {
        let subject = Subject {
            policy_domain: Some(trouble.policy_domain.clone()),
            organisation: Some(trouble.organisation.clone()),
            result_type: Some(trouble.result_type.clone()),
            ..Subject::default()
        };
        match subjects.get_mut(&subject) {
            Some(troubles) => troubles.push(trouble),
            None if trouble.unknown => drop(subjects.insert(subject, vec![trouble])),
            None => {}
        }
    }
    let learning = facts.first || facts.learned_days < plan.settings.new_failure_learning_days || !plan.is_on(rule);
    let (mut findings, mut known) = (Vec::new(), Vec::new());
    for (subject, troubles) in subjects {
        let was_told = open.firing(rule, &subject).or(open.over(rule, &subject)).is_some();
        let reported_otherwise = || troubles.iter().all(|trouble| failures::is_notified(trouble, world));
        let came_late = || troubles.iter().all(|trouble| trouble.last_day() < fresh_first);
        let quietly = !was_told && (learning || reported_otherwise() || came_late());
        let enough = |_, failed| u64::try_from(failed).unwrap_or(0) >= plan.settings.new_failure_sessions_min;
        if let Some(taken_over) = taken_over(&subject, &troubles, world) {
            findings.push(taken_over);
            known.extend(troubles.iter().any(|trouble| trouble.unknown).then(|| triple(&troubles)).flatten());
            continue;
        }
        if !was_told && !quietly && troubles.iter().any(|trouble| waits(trouble, world)) {
            continue;
        }
        let finding = failures::find(rule, subject, &troubles, enough, world);
        if (was_told || quietly || finding.state == FindingState::Failing)
            && troubles.iter().any(|trouble| trouble.unknown)
        {
            known.extend(triple(&troubles));
        }
        // It fires once: what was told is no news when it comes back.
        let is_over = was_told && open.firing(rule, &finding.subject).is_none();
        if !quietly && !is_over {
            findings.push(finding);
        }
    }
    (heard(findings, world), known)
}

/// The end of an alert whose failures another one tells of by now.
fn taken_over(subject: &Subject, troubles: &[&FailureFact], world: &World<'_>) -> Option<Finding> {
    let alert = world.open.firing(AlertRule::NewFailure, subject)?;
    let (by, _) = troubles.first().and_then(|trouble| failures::cause_of(trouble, world.open))?;
    let by = by.rule();
    let evidence = AlertEvidence { taken_over_by: Some(by), ..alert.evidence.clone() };
    let state = FindingState::TakenOver(by);
    let finding = Finding { rule: alert.rule, subject: subject.clone(), state, since: alert.since, evidence };
    troubles.iter().all(|trouble| failures::is_notified(trouble, world)).then_some(finding)
}

/// Whether the reports of others, which are on their way, may make it a case for a rule about its cause.
fn waits(trouble: &FailureFact, world: &World<'_>) -> bool {
    let others_by = trouble.first_day() + TimeDelta::days(OTHERS_REPORT_WITHIN_DAYS);
    failures::cause_of(trouble, world.open).is_some_and(|(rule, _)| world.plan.is_on(rule.rule()))
        && world.now.date_naive() <= others_by
}

/// Of what is new, the largest, known reporters first, so that nobody can drown the rest: result types are words that senders
/// choose. What is left is told in one.
fn heard(findings: Vec<Finding>, world: &World<'_>) -> Vec<Finding> {
    let World { facts, open, .. } = *world;
    let mut room: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for alert in open.firing_of(AlertRule::NewFailure) {
        let room = room.entry(alert.subject.organisation.clone()).or_insert(NEWS_MAX);
        *room = room.saturating_sub(1);
    }
    let begins = |finding: &Finding| {
        finding.state == FindingState::Failing && open.firing(finding.rule, &finding.subject).is_none()
    };
    let (mut new, mut heard): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(begins);
    let is_known =
        |finding: &Finding| finding.subject.organisation.as_ref().is_some_and(|key| facts.known.contains(key));
    new.sort_by_key(|finding| (!is_known(finding), std::cmp::Reverse(finding.evidence.failed)));
    let (mut reported, mut left) = (0, Vec::new());
    for finding in new {
        let room = room.entry(finding.subject.organisation.clone()).or_insert(NEWS_MAX);
        if *room == 0 {
            continue;
        }
        *room -= 1;
        if reported < NEWS_AT_ONCE_MAX {
            reported += 1;
            heard.push(finding);
        } else {
            left.push(finding);
        }
    }
    heard.extend(besides(&left, world));
    heard
}

/// One finding for what was left out of an evaluation's news.
fn besides(left: &[Finding], world: &World<'_>) -> Option<Finding> {
    let subject = Subject { part: Some(BESIDES.to_owned()), ..Subject::default() };
    if left.is_empty() || world.open.firing(AlertRule::NewFailure, &subject).is_some() {
        return None;
    }
    let organisations: BTreeSet<&Option<String>> = left.iter().map(|finding| &finding.subject.organisation).collect();
    let evidence = AlertEvidence {
        failed: left.iter().fold(0, |sum: i64, finding| sum.saturating_add(finding.evidence.failed)),
        organisations_total: organisations.len() as u64,
        detail: Some(left.len().to_string()),
        first_day: left.iter().filter_map(|finding| finding.evidence.first_day).min(),
        last_day: left.iter().filter_map(|finding| finding.evidence.last_day).max(),
        ..AlertEvidence::default()
    };
    let since = evidence.first_day.map_or(world.now, start_of);
    Some(Finding { rule: AlertRule::NewFailure, subject, state: FindingState::Failing, since, evidence })
}

fn triple(troubles: &[&FailureFact]) -> Option<Triple> {
    let first_day = troubles.iter().map(|trouble| trouble.first_day()).min()?;
    let FailureFact { policy_domain, organisation, result_type, .. } = *troubles.first()?;
    Some(Triple {
        policy_domain: policy_domain.clone(),
        organisation: organisation.clone(),
        result_type: result_type.clone(),
        first_day,
    })
}
