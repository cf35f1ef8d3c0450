//! no-reports: no organisation reports any more.

use chrono::TimeDelta;

use super::{
    About, EvidencePage, RuleDefinition, expired, look_at_the_record, silent_sender::LEFT_AFTER_DAYS, since_moment,
};
use crate::alerts::{
    Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    finding::{Finding, FindingState, Found, World, days, hours},
    words::{text, time},
};

/// Days with an arrival, of fourteen, that make reports regular.
pub const ARRIVALS_MIN_DAYS: u64 = 7;

pub struct NoReports;

impl RuleDefinition for NoReports {
    fn rule(&self) -> AlertRule {
        AlertRule::NoReports
    }

    fn name(&self) -> &'static str {
        "no-reports"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn meaning(&self) -> &'static str {
        "No organisation reports any more."
    }

    fn about(&self) -> About {
        About::Arrivals
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let hours = text::counted(settings.no_reports_after_h, "hour");
        vec![(format!("{hours} without a report"), "no_reports_after_h")]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!(
            "nothing from anybody for {} hours, though reports came on {ARRIVALS_MIN_DAYS} of 14 days",
            settings.no_reports_after_h
        )
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        found.findings.extend(finding(world));
    }

    fn sentence(&self, _alert: &Alert) -> String {
        "No organisation reports any more".to_owned()
    }

    fn over(&self, _alert: &Alert) -> String {
        "Reports come in again".to_owned()
    }

    fn since(&self, alert: &Alert) -> String {
        since_moment(alert.since)
    }

    /// It begins and ends at moments, not with days.
    fn lasted(&self, alert: &Alert) -> Option<TimeDelta> {
        Some(alert.changed_at - alert.since)
    }

    fn lines(&self, alert: &Alert) -> Vec<String> {
        let last = alert.evidence.last_seen_at;
        last.map(|at| format!("The last report came on {}.", time::moment(at))).into_iter().collect()
    }

    fn advice(&self, domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let todo = vec![
            "See whether the TLSRPT record (TXT at _smtp._tls, under your domain) still names this server, and whether a report gets through: “tlsight send-test-report” with your domain’s name tries every address in the record.",
            "Look at the sources and, for mail, at the log of the mail server in front.",
        ];
        (todo, look_at_the_record(domain))
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::ReportsBefore
    }
}

/// `None` where nothing is known of it.
pub fn finding(world: &World<'_>) -> Option<Finding> {
    let World { facts, plan, open, now, .. } = *world;
    let (rule, subject) = (AlertRule::NoReports, Subject::default());
    let firing = open.firing(rule, &subject);
    let Some(last_at) = facts.arrivals.last_at else {
        // So long ago that it is not looked at any more: whoever has not acted on the reminders will not.
        return firing.map(expired);
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
