//! conflict: a report came twice with different content.

use chrono::TimeDelta;

use super::{About, EvidencePage, OVER, RuleDefinition};
use crate::alerts::{
    Affected, Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    finding::{Finding, FindingState, Found, World},
    words::{text, who},
};

pub(super) struct ConflictRule;

impl RuleDefinition for ConflictRule {
    fn rule(&self) -> AlertRule {
        AlertRule::Conflict
    }

    fn name(&self) -> &'static str {
        "conflict"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn meaning(&self) -> &'static str {
        "A report came twice with different content."
    }

    fn about(&self) -> About {
        About::Arrivals
    }

    fn thresholds(&self, _settings: &AlertSettings) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    fn fires(&self, _settings: &AlertSettings) -> String {
        "a report came again with other content".to_owned()
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        found.findings.push(finding(world));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let reports = text::count(alert.evidence.failed, "report");
        format!("{reports} came again with other content within 24 hours ({})", who::organisations(&alert.evidence))
    }

    fn over(&self, _alert: &Alert) -> String {
        "No report has come again with other content for 24 hours".to_owned()
    }

    fn since(&self, _alert: &Alert) -> String {
        String::new()
    }

    fn lasted(&self, _alert: &Alert) -> Option<TimeDelta> {
        None
    }

    fn advice(&self, _domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let todo = vec![
            "Compare both in the quarantine. The first one counts until you admit the other.",
            "A sender that corrects itself is harmless; somebody who posts in the name of another is not.",
        ];
        (todo, Vec::new())
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::At("/quarantine?code=conflict")
    }
}

fn finding(world: &World<'_>) -> Finding {
    let World { facts, open, now, .. } = *world;
    let (rule, subject) = (AlertRule::Conflict, Subject::default());
    let firing = open.firing(rule, &subject);
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
