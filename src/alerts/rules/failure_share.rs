//! failure-share: too many sessions fail, or many more than usual.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{
    About, RuleDefinition,
    failing_senders::{FailingSender, failing_senders, mx_hosts},
    failures::{has_own_rule, is_notified},
};
use crate::{
    alerts::{
        Affected, Alert, AlertEvidence, AlertFacts, AlertPlan, AlertRule, AlertSettings, Severity, Subject,
        facts::{FailureFact, FailureShare, Of, SessionCount},
        finding::{Finding, FindingState, Found, World, start_of},
        words::{text, who},
    },
    share, wording,
};

/// The least share a baseline is taken for: five times nothing is nothing.
pub const BASELINE_MIN: f64 = 0.01;
/// Kept as evidence.
const ORGANISATIONS_MAX: usize = 20;
const RESULT_TYPES_MAX: usize = 5;

pub struct FailureShareRule;

impl RuleDefinition for FailureShareRule {
    fn rule(&self) -> AlertRule {
        AlertRule::FailureShare
    }

    fn name(&self) -> &'static str {
        "failure-share"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn meaning(&self) -> &'static str {
        "Too many sessions fail, or many more than in the four weeks before."
    }

    fn about(&self) -> About {
        About::ReportDays
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let of: Vec<String> = settings.failure_share_of.iter().map(|of| of.replace('_', " ")).collect();
        let mut lines = vec![
            (format!("by {}", wording::listed(&of, of.len())), "failure_share_of"),
            (format!("{} % fail, or", settings.failure_share_percent), "failure_share_percent"),
        ];
        if settings.failure_share_times > 0.0 {
            let (times, least) = (settings.failure_share_times, settings.failure_share_times * BASELINE_MIN * 100.0);
            lines.push((format!("{times} times the share before, {least} % at least"), "failure_share_times"));
        }
        let days = text::counted(settings.failure_share_days, "report day");
        lines.push((format!("over {days}"), "failure_share_days"));
        let sessions = text::counted(settings.failure_share_sessions_min, "session");
        lines.push((format!("from {sessions} on"), "failure_share_sessions_min"));
        lines
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!(
            "of at least {} sessions in {} days and today {} % fail, or {} times the share of the four weeks before, {} % at least; or {} % of one organisation's own",
            settings.failure_share_sessions_min,
            settings.failure_share_days,
            settings.failure_share_percent,
            settings.failure_share_times,
            settings.failure_share_times * BASELINE_MIN * 100.0,
            settings.failure_share_percent
        )
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        found.findings.extend(shares(world));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let (subject, evidence) = (&alert.subject, &alert.evidence);
        let of = match (&subject.policy_domain, &subject.result_type) {
            (Some(domain), _) => format!("of the sessions with {} fail", text::name(domain)),
            (_, Some(result_type)) => format!("of all sessions fail with {}", text::name(result_type)),
            _ => format!("of the sessions of {} fail", who::organisations(evidence)),
        };
        format!("{} {of}", share::failed(evidence.failed, evidence.sessions))
    }

    fn over(&self, alert: &Alert) -> String {
        let Subject { policy_domain, organisation, result_type, .. } = &alert.subject;
        let of = [policy_domain, organisation, result_type].into_iter().flatten().next();
        format!("The share of failed sessions of {} is back to normal", text::name(of.map_or("?", String::as_str)))
    }

    fn several(&self, alerts: usize, _by: &str, _since: &str) -> String {
        format!("Too many sessions fail ({alerts} alerts)")
    }

    fn measure(&self, alert: &Alert) -> String {
        let before = alert.evidence.baseline.map(|before| format!(" ({} before)", share::failed_fraction(before)));
        before.unwrap_or_default()
    }

    fn lines(&self, alert: &Alert) -> Vec<String> {
        let sessions = text::count(alert.evidence.sessions, "session");
        vec![format!("{} of {sessions} failed.", alert.evidence.failed)]
    }

    fn is_about_result_types(&self, alert: &Alert) -> bool {
        alert.subject.result_type.is_some()
    }
}

fn shares(world: &World<'_>) -> Vec<Finding> {
    let World { facts, plan, open, now, .. } = *world;
    let rule = AlertRule::FailureShare;
    let today = now.date_naive();
    let mut findings: Vec<Finding> = Vec::new();
    for share in facts.shares.iter().filter(|share| plan.shares_of().contains(&share.of)) {
        let subject = subject(share);
        let firing = open.firing(rule, &subject);
        let state = match firing {
            None => fires_at(share, || reported(share, world), plan),
            Some(alert) => goes_on(share, alert, plan, today),
        };
        if state == FindingState::Open && firing.is_none() {
            continue;
        }
        let evidence = evidence(share, firing, facts, plan, today);
        let since = evidence.first_day.map_or(now, start_of);
        findings.push(Finding { rule, subject, state, since, evidence });
    }
    let heard: BTreeSet<Subject> = facts.shares.iter().map(subject).collect();
    let silent = open.firing_of(rule).filter(|alert| !heard.contains(&alert.subject));
    let expired = silent.map(|alert| {
        let is_old = alert.evidence.last_day.is_none_or(|day| day < plan.expire_first(today));
        Finding {
            rule,
            subject: alert.subject.clone(),
            state: if is_old { FindingState::Expired } else { FindingState::Open },
            since: alert.since,
            evidence: alert.evidence.clone(),
        }
    });
    findings.extend(expired.collect::<Vec<_>>());
    findings
}

fn fires_at(share: &FailureShare, reported: impl FnOnce() -> i64, plan: &AlertPlan) -> FindingState {
    let reported = reported();
    let least = limit(baseline(&share.before, plan), plan);
    let fails = |failed: i64| failed > 0 && failed as f64 / share.now.sessions as f64 >= least;
    let all =
        has_enough(&share.now, plan) && fails(share.now.failed) && fails(share.now.failed.saturating_sub(reported));
    // Whoever else reports how much: one that is known by its past and fails by itself is enough.
    let one = share.worst.as_ref().is_some_and(|worst| {
        let failed = worst.now.failed.saturating_sub(reported);
        let own = SessionCount { failed, ..worst.now };
        has_enough(&own, plan) && failed > 0 && own.share() >= limit(None, plan)
    });
    if all || one { FindingState::Failing } else { FindingState::Open }
}

/// It is over below half of what made it fire, so that a share close to the limit does not come and go.
fn goes_on(share: &FailureShare, alert: &Alert, plan: &AlertPlan, today: NaiveDate) -> FindingState {
    if !has_enough(&share.now, plan) {
        return if share.reported_day < plan.expire_first(today) { FindingState::Expired } else { FindingState::Open };
    }
    let over = |now: &SessionCount, baseline| now.share() < limit(baseline, plan) / 2.0;
    let one_fails = share.worst.as_ref().is_some_and(|worst| has_enough(&worst.now, plan) && !over(&worst.now, None));
    if over(&share.now, alert.evidence.baseline) && !one_fails {
        FindingState::Clear { day: Some(share.reported_day), days: share.days }
    } else {
        FindingState::Failing
    }
}

fn has_enough(counted: &SessionCount, plan: &AlertPlan) -> bool {
    counted.sessions > 0 && u64::try_from(counted.sessions).unwrap_or(0) >= plan.settings.failure_share_sessions_min
}

/// The share from which on it fires.
fn limit(baseline: Option<f64>, plan: &AlertPlan) -> f64 {
    let fixed = plan.settings.failure_share_percent / 100.0;
    let times = plan.settings.failure_share_times;
    match baseline {
        Some(baseline) if times > 0.0 => fixed.min(times * baseline.max(BASELINE_MIN)),
        _ => fixed,
    }
}

/// What failed before, where there were sessions enough to tell.
fn baseline(before: &SessionCount, plan: &AlertPlan) -> Option<f64> {
    has_enough(before, plan).then(|| before.share())
}

/// Failed sessions of the window that another alert reports already: one message for one cause.
fn reported(share: &FailureShare, world: &World<'_>) -> i64 {
    if share.of != Of::PolicyDomain {
        return 0;
    }
    let first = world.plan.share_first(world.now.date_naive());
    let troubles = world.facts.troubles.iter().filter(|trouble| trouble.policy_domain == share.key);
    let elsewhere = |trouble: &&FailureFact| has_own_rule(trouble, world) || is_notified(trouble, world);
    let days = troubles.filter(elsewhere).flat_map(|trouble| trouble.days.range(first..));
    days.fold(0, |sum: i64, (_, failed)| sum.saturating_add(*failed))
}

fn evidence(
    share: &FailureShare,
    firing: Option<&Alert>,
    facts: &AlertFacts,
    plan: &AlertPlan,
    today: NaiveDate,
) -> AlertEvidence {
    let before = firing.map(|alert| &alert.evidence);
    let first = plan.share_first(today);
    let of_this = |trouble: &&FailureFact| match share.of {
        Of::PolicyDomain => trouble.policy_domain == share.key,
        Of::Organisation => trouble.organisation == share.key,
        Of::ResultType => trouble.result_type == share.key,
    };
    let troubles: Vec<(&FailureFact, i64)> = facts
        .troubles
        .iter()
        .filter(of_this)
        .map(|trouble| {
            (trouble, trouble.days.range(first..).fold(0, |sum: i64, (_, failed)| sum.saturating_add(*failed)))
        })
        .filter(|(_, failed)| *failed > 0)
        .collect();
    let organisations = match share.of {
        Of::Organisation => vec![Affected {
            key: share.key.clone(),
            name: share.name.clone().unwrap_or_else(|| share.key.clone()),
            failed: share.now.failed,
            first_day: share.first_day,
            last_day: share.last_day,
            clear_day: None,
        }],
        Of::PolicyDomain | Of::ResultType => who(&troubles),
    };
    let result_types = what(&troubles);
    let all: Vec<&FailureFact> = troubles.iter().map(|(trouble, _)| *trouble).collect();
    let most: Vec<&FailureFact> =
        all.iter().copied().filter(|it| result_types.first() == Some(&it.result_type)).collect();
    // An alert about the same failures says that they began when these did, and so does this one.
    let began = failing_senders(&most, facts).iter().map(FailingSender::first_day).min();
    let first_day = [began, share.first_day].into_iter().flatten().min();
    AlertEvidence {
        organisations_total: organisations.len() as u64,
        organisations: organisations.into_iter().take(ORGANISATIONS_MAX).collect(),
        mx_hosts: mx_hosts(&failing_senders(&all, facts).iter().collect::<Vec<_>>()),
        mails: all.iter().flat_map(|trouble| &trouble.mails).copied().collect::<BTreeSet<_>>().into_iter().collect(),
        result_types,
        failed: share.now.failed,
        sessions: share.now.sessions,
        // Of the time before it fired: else a trouble that lasts would in the end be its own measure.
        baseline: before.map_or_else(|| baseline(&share.before, plan), |evidence| evidence.baseline),
        first_day: before.and_then(|evidence| evidence.first_day).or(first_day),
        last_day: share.last_day.or(before.and_then(|evidence| evidence.last_day)),
        ..AlertEvidence::default()
    }
}

/// The organisations that fail, most failed sessions first.
fn who(troubles: &[(&FailureFact, i64)]) -> Vec<Affected> {
    let mut found: BTreeMap<&str, Affected> = BTreeMap::new();
    for (trouble, failed) in troubles {
        let affected = found.entry(&trouble.organisation).or_insert_with(|| Affected {
            key: trouble.organisation.clone(),
            name: trouble.organisation_name.clone().unwrap_or_else(|| trouble.organisation.clone()),
            ..Affected::default()
        });
        affected.failed = affected.failed.saturating_add(*failed);
    }
    let mut found: Vec<Affected> = found.into_values().collect();
    found.sort_by_key(|affected| std::cmp::Reverse(affected.failed));
    found
}

/// The result types they fail with, most failed sessions first.
fn what(troubles: &[(&FailureFact, i64)]) -> Vec<String> {
    let mut found: BTreeMap<&str, i64> = BTreeMap::new();
    for (trouble, failed) in troubles {
        let sum = found.entry(&trouble.result_type).or_default();
        *sum = sum.saturating_add(*failed);
    }
    let mut found: Vec<(&str, i64)> = found.into_iter().collect();
    found.sort_by_key(|(_, failed)| std::cmp::Reverse(*failed));
    found.into_iter().take(RESULT_TYPES_MAX).map(|(name, _)| name.to_owned()).collect()
}

fn subject(share: &FailureShare) -> Subject {
    let key = Some(share.key.clone());
    match share.of {
        Of::PolicyDomain => Subject { policy_domain: key, ..Subject::default() },
        Of::Organisation => Subject { organisation: key, ..Subject::default() },
        Of::ResultType => Subject { result_type: key, ..Subject::default() },
    }
}
