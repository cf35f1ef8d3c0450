//! The rules about failures of sessions: policy-fetch, certificate, dane, and what was never seen before.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Finding, FindingState, OpenAlerts, Triple,
    failing_senders::{self, failing_senders},
    start_of,
};
use crate::{
    alerts::{Alert, AlertEvidence, AlertFacts, AlertPlan, AlertRule, Subject, facts::FailureFact},
    explain::result_types::{HOSTS_MAX, POLICY_FETCH},
};

/// Result types about the certificate of an MX host that several organisations must see.
pub const CERTIFICATE: [&str; 2] = ["certificate-expired", "certificate-host-mismatch"];
/// RFC 8460 §4.3.2.1.
pub const DANE: [&str; 3] = ["tlsa-invalid", "dnssec-invalid", "dane-required"];

/// Alerts of the rule new-failure that fire at once for one organisation. What is above is noted and stands on the pages.
pub const NEWS_MAX: usize = 100;
/// The same in one evaluation, of all organisations together; one more says how many there are besides.
pub const NEWS_AT_ONCE_MAX: usize = 20;
/// The part that an alert about news left out is about.
pub const BESIDES: &str = "besides";
/// Days after the first failing one on which a rule about causes may still make one message of it: reports of other
/// organisations about that day come on the day after.
pub const OTHERS_REPORT_WITHIN_DAYS: i64 = 1;

/// policy-fetch, certificate and dane.
pub fn causes(facts: &AlertFacts, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Vec<Finding> {
    let mut subjects: BTreeMap<(AlertRule, Subject), Vec<&FailureFact>> = BTreeMap::new();
    for rule in [AlertRule::PolicyFetch, AlertRule::Certificate, AlertRule::Dane] {
        subjects.extend(standing.firing_of(rule).map(|alert| ((rule, alert.subject.clone()), Vec::new())));
    }
    for trouble in &facts.troubles {
        if let Some(cause) = cause_of(trouble, standing) {
            subjects.entry(cause).or_default().push(trouble);
        }
    }
    let settings = &plan.settings;
    let enough = |rule: AlertRule, organisations: usize, failed: i64| {
        let (organisations, failed) = (organisations as u64, u64::try_from(failed).unwrap_or(0));
        match rule {
            AlertRule::PolicyFetch => {
                organisations >= settings.policy_fetch_organisations_min || failed >= settings.policy_fetch_sessions_min
            }
            AlertRule::Certificate => organisations >= settings.certificate_organisations_min,
            _ => failed >= settings.dane_sessions_min,
        }
    };
    let subjects = subjects.into_iter();
    subjects
        .map(|((rule, subject), troubles)| {
            let enough = |organisations, failed| enough(rule, organisations, failed);
            find(rule, subject, &troubles, enough, facts, plan, standing, now)
        })
        .collect()
}

/// new-failure: what fires or goes on, and what is known from now on.
pub fn news(
    facts: &AlertFacts,
    plan: &AlertPlan,
    standing: &OpenAlerts<'_>,
    causes: &BTreeSet<(AlertRule, Subject)>,
    now: DateTime<Utc>,
) -> (Vec<Finding>, Vec<Triple>) {
    let rule = AlertRule::NewFailure;
    let fresh_first = plan.fresh_first(now.date_naive());
    let mut subjects: BTreeMap<Subject, Vec<&FailureFact>> =
        standing.firing_of(rule).map(|alert| (alert.subject.clone(), Vec::new())).collect();
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
        let was_told = standing.firing(rule, &subject).or(standing.over(rule, &subject)).is_some();
        let reported_otherwise = || troubles.iter().all(|trouble| is_notified(trouble, standing, causes));
        let came_late = || troubles.iter().all(|trouble| trouble.last_day() < fresh_first);
        let quietly = !was_told && (learning || reported_otherwise() || came_late());
        let enough = |_, failed| u64::try_from(failed).unwrap_or(0) >= plan.settings.new_failure_sessions_min;
        if let Some(taken_over) = taken_over(&subject, &troubles, standing, causes) {
            findings.push(taken_over);
            known.extend(troubles.iter().any(|trouble| trouble.unknown).then(|| triple(&troubles)).flatten());
            continue;
        }
        if !was_told && !quietly && troubles.iter().any(|trouble| waits(trouble, plan, standing, now)) {
            continue;
        }
        let finding = find(rule, subject, &troubles, enough, facts, plan, standing, now);
        if (was_told || quietly || finding.state == FindingState::Failing)
            && troubles.iter().any(|trouble| trouble.unknown)
        {
            known.extend(triple(&troubles));
        }
        // It fires once: what was told is no news when it comes back.
        let is_over = was_told && standing.firing(rule, &finding.subject).is_none();
        if !quietly && !is_over {
            findings.push(finding);
        }
    }
    (heard(findings, facts, standing, now), known)
}

/// The end of an alert whose failures another one tells of by now.
fn taken_over(
    subject: &Subject,
    troubles: &[&FailureFact],
    standing: &OpenAlerts<'_>,
    causes: &BTreeSet<(AlertRule, Subject)>,
) -> Option<Finding> {
    let alert = standing.firing(AlertRule::NewFailure, subject)?;
    let (by, _) = troubles.first().and_then(|trouble| cause_of(trouble, standing))?;
    let evidence = AlertEvidence { taken_over_by: Some(by), ..alert.evidence.clone() };
    let state = FindingState::TakenOver(by);
    let finding = Finding { rule: alert.rule, subject: subject.clone(), state, since: alert.since, evidence };
    troubles.iter().all(|trouble| is_notified(trouble, standing, causes)).then_some(finding)
}

/// Whether the reports of others, which are on their way, may make it a case for a rule about its cause.
fn waits(trouble: &FailureFact, plan: &AlertPlan, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> bool {
    let others_by = trouble.first_day() + TimeDelta::days(OTHERS_REPORT_WITHIN_DAYS);
    cause_of(trouble, standing).is_some_and(|(rule, _)| plan.is_on(rule)) && now.date_naive() <= others_by
}

/// Of what is new, the largest, known reporters first, so that nobody can drown the rest: result types are words that senders
/// choose. What is left is told in one.
fn heard(findings: Vec<Finding>, facts: &AlertFacts, standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Vec<Finding> {
    let mut room: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for alert in standing.firing_of(AlertRule::NewFailure) {
        let room = room.entry(alert.subject.organisation.clone()).or_insert(NEWS_MAX);
        *room = room.saturating_sub(1);
    }
    let begins = |finding: &Finding| {
        finding.state == FindingState::Failing && standing.firing(finding.rule, &finding.subject).is_none()
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
    heard.extend(besides(&left, standing, now));
    heard
}

/// One finding for what was left out of an evaluation's news.
fn besides(left: &[Finding], standing: &OpenAlerts<'_>, now: DateTime<Utc>) -> Option<Finding> {
    let subject = Subject { part: Some(BESIDES.to_owned()), ..Subject::default() };
    if left.is_empty() || standing.firing(AlertRule::NewFailure, &subject).is_some() {
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
    let since = evidence.first_day.map_or(now, start_of);
    Some(Finding { rule: AlertRule::NewFailure, subject, state: FindingState::Failing, since, evidence })
}

/// Whether an alert with a cause of its own tells of this trouble.
pub fn is_notified(trouble: &FailureFact, standing: &OpenAlerts<'_>, causes: &BTreeSet<(AlertRule, Subject)>) -> bool {
    cause_of(trouble, standing).is_some_and(|cause| causes.contains(&cause))
}

/// Whether a rule tells of this trouble by its sessions alone, sooner or later: what it does not find worth telling no other
/// rule tells either. One organisation is not enough for the rule about certificates, so a share may have to tell of those.
pub fn has_own_rule(trouble: &FailureFact, plan: &AlertPlan, standing: &OpenAlerts<'_>) -> bool {
    let by_sessions =
        |(rule, _): (AlertRule, Subject)| matches!(rule, AlertRule::PolicyFetch | AlertRule::Dane) && plan.is_on(rule);
    cause_of(trouble, standing).is_some_and(by_sessions)
}

#[expect(clippy::too_many_arguments, reason = "all an evaluation knows, and what is asked for")]
fn find(
    rule: AlertRule,
    subject: Subject,
    troubles: &[&FailureFact],
    enough: impl Fn(usize, i64) -> bool,
    facts: &AlertFacts,
    plan: &AlertPlan,
    standing: &OpenAlerts<'_>,
    now: DateTime<Utc>,
) -> Finding {
    let firing: Option<&Alert> = standing.firing(rule, &subject);
    let failing_senders = failing_senders(troubles, facts);
    let before = (firing, standing.over(rule, &subject));
    let (state, behind) =
        failing_senders::judge(&failing_senders, before, enough, &facts.newcomers, plan, now.date_naive());
    let mut evidence = match firing {
        Some(alert) if behind.is_empty() => alert.evidence.clone(),
        _ => failing_senders::evidence(&behind, firing),
    };
    evidence.unheard = state == FindingState::Unheard || state == FindingState::Expired && !behind.is_empty();
    evidence.mx_hosts = mx_hosts(&subject, evidence.mx_hosts, plan, standing);
    let claimed = subject.policy_domain.as_ref().and_then(|domain| facts.claimed_clear.get(domain)).copied();
    evidence.claimed_clear_day = claimed.filter(|day| evidence.last_day.is_none_or(|last| *day > last));
    let since = evidence.first_day.map_or(now, start_of);
    Finding { rule, subject, state, since, evidence }
}

/// The rule and subject a trouble is a case of.
fn cause_of(trouble: &FailureFact, standing: &OpenAlerts<'_>) -> Option<(AlertRule, Subject)> {
    let result_type = trouble.result_type.as_str();
    let domain = || Subject { policy_domain: Some(trouble.policy_domain.clone()), ..Subject::default() };
    if POLICY_FETCH.contains(&result_type) {
        return Some((AlertRule::PolicyFetch, domain()));
    }
    if DANE.contains(&result_type) {
        return Some((AlertRule::Dane, of_dane(domain(), standing)));
    }
    let mx_host = trouble.mx_host.as_ref().filter(|_| CERTIFICATE.contains(&result_type))?;
    standing.owners.is_ours(&trouble.policy_domain, mx_host).then(|| {
        let (mx_host, result_type) = (Some(mx_host.clone()), Some(trouble.result_type.clone()));
        (AlertRule::Certificate, Subject { mx_host, result_type, ..Subject::default() })
    })
}

/// Some senders name the MX host as the policy domain (RFC 7672 §2.2.3), others the domain: it is one trouble. An alert that
/// fires for the host already goes on for it.
fn of_dane(named: Subject, standing: &OpenAlerts<'_>) -> Subject {
    let name = named.policy_domain.as_deref().unwrap_or_default();
    let Some(domain) = standing.owners.domain_of(name) else { return named };
    let of_domain = Subject { policy_domain: Some(domain.to_owned()), ..Subject::default() };
    let goes_on =
        standing.firing(AlertRule::Dane, &named).is_some() && standing.firing(AlertRule::Dane, &of_domain).is_none();
    if goes_on { named } else { of_domain }
}

/// The hosts to look at: the one it is about, those in the failure details, or those configured for the domain.
fn mx_hosts(subject: &Subject, named: Vec<String>, plan: &AlertPlan, standing: &OpenAlerts<'_>) -> Vec<String> {
    if let Some(host) = &subject.mx_host {
        return vec![host.clone()];
    }
    let Some(domain) = subject.policy_domain.as_ref().filter(|_| named.is_empty()) else { return named };
    if !plan.domains.contains_key(domain) && standing.owners.is_host(domain) {
        return vec![domain.clone()];
    }
    plan.domains.get(domain).into_iter().flatten().take(HOSTS_MAX).cloned().collect()
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
