//! quarantine: much of what comes in is quarantined.

use chrono::TimeDelta;

use super::{About, EvidencePage, OVER, RuleDefinition};
use crate::alerts::{
    Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    finding::{Finding, FindingState, Found, World},
    words::text,
};

pub(super) struct QuarantineRule;

impl RuleDefinition for QuarantineRule {
    fn rule(&self) -> AlertRule {
        AlertRule::Quarantine
    }

    fn name(&self) -> &'static str {
        "quarantine"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn meaning(&self) -> &'static str {
        "Much of what comes in is quarantined."
    }

    fn about(&self) -> About {
        About::Arrivals
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let inputs = text::counted(settings.quarantine_min, "input");
        vec![
            (format!("{} % of what came in the last 24 hours, and", settings.quarantine_percent), "quarantine_percent"),
            (format!("{inputs} at least"), "quarantine_min"),
        ]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!(
            "of what came within 24 hours {} % and at least {} inputs were quarantined",
            settings.quarantine_percent, settings.quarantine_min
        )
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        found.findings.push(finding(world));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let reports = text::count(alert.evidence.sessions, "report");
        format!("{} of {reports} of the last 24 hours were quarantined", alert.evidence.failed)
    }

    fn over(&self, _alert: &Alert) -> String {
        "Few reports are quarantined again".to_owned()
    }

    fn since(&self, _alert: &Alert) -> String {
        String::new()
    }

    fn lasted(&self, _alert: &Alert) -> Option<TimeDelta> {
        None
    }

    fn advice(&self, _domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let todo = vec![
            "Look at the faults in the quarantine: one sender with a broken signature can be trusted, forged mail needs nothing.",
            "What was quarantined is not lost: it can be reprocessed.",
        ];
        (todo, Vec::new())
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::At("/quarantine")
    }
}

fn finding(world: &World<'_>) -> Finding {
    let World { facts, plan, open, now, .. } = *world;
    let (rule, subject) = (AlertRule::Quarantine, Subject::default());
    let (quarantined, all) = (facts.intake.quarantined, facts.intake.quarantined.saturating_add(facts.intake.stored));
    let percent = if all == 0 { 0.0 } else { quarantined as f64 * 100.0 / all as f64 };
    let (percent_min, quarantined_min) = (plan.settings.quarantine_percent, plan.settings.quarantine_min);
    let firing = open.firing(rule, &subject);
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
