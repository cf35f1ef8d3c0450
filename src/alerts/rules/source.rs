//! source: a source of reports does not work, or turns senders away.

use chrono::TimeDelta;

use super::{About, EvidencePage, OVER, RuleDefinition, expired, since_moment};
use crate::alerts::{
    Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    facts::SourceHealth,
    finding::{Finding, FindingState, Found, World},
    words::text,
};

pub(super) struct SourceRule;

impl RuleDefinition for SourceRule {
    fn rule(&self) -> AlertRule {
        AlertRule::Source
    }

    fn name(&self) -> &'static str {
        "source"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn meaning(&self) -> &'static str {
        "A source of reports does not work, or turns senders away."
    }

    fn about(&self) -> About {
        About::Machine
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let minutes = text::counted(settings.source_after_min, "minute");
        vec![(format!("{minutes} of failing"), "source_after_min")]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!("it fails for {} minutes, or asks senders to come again later", settings.source_after_min)
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        let Some(parts) = &world.facts.parts else { return };
        found.findings.extend(parts.iter().map(|part| finding(part, world)));
        // It is not configured any more.
        let gone = |alert: &&Alert| {
            !parts.is_empty() && !parts.iter().any(|part| Some(&part.name) == alert.subject.part.as_ref())
        };
        found.findings.extend(world.open.firing_of(AlertRule::Source).filter(gone).map(expired));
    }

    fn sentence(&self, alert: &Alert) -> String {
        format!("Source {} does not work", text::part(&alert.subject.part))
    }

    fn over(&self, alert: &Alert) -> String {
        format!("Source {} works again", text::part(&alert.subject.part))
    }

    fn several(&self, alerts: usize, _by: &str, _since: &str) -> String {
        format!("{alerts} sources do not work")
    }

    fn since(&self, alert: &Alert) -> String {
        since_moment(alert.since)
    }

    fn measure(&self, alert: &Alert) -> String {
        let detail = alert.evidence.detail.as_deref();
        detail.map(|detail| format!(": {}", text::cut(detail, 80))).unwrap_or_default()
    }

    fn advice(&self, _domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let todo = vec![
            "Read what the source says of itself, mend that, and it goes on by itself. Senders try again for days.",
        ];
        (todo, vec!["tlsight healthcheck".to_owned(), "journalctl -u tlsight --since today".to_owned()])
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::At("/sources")
    }
}

fn finding(part: &SourceHealth, world: &World<'_>) -> Finding {
    let World { plan, open, now, .. } = *world;
    let (rule, subject) = (AlertRule::Source, Subject { part: Some(part.name.clone()), ..Subject::default() });
    let firing = open.firing(rule, &subject);
    let after = TimeDelta::minutes(i64::try_from(plan.settings.source_after_min).unwrap_or(i64::MAX).min(52_560_000));
    let is_failing = part.failing_since.is_some_and(|since| now - since >= after);
    let sends_away = part.later_at.is_some_and(|at| now - at < after.max(TimeDelta::minutes(1)));
    let state = if is_failing || sends_away {
        FindingState::Failing
    } else if part.well {
        OVER
    } else {
        // It fails for a short time, or has just been started.
        FindingState::Open
    };
    let detail =
        if sends_away && !is_failing { "senders are asked to come again later".to_owned() } else { part.words.clone() };
    let detail = match (state, firing) {
        (OVER, Some(alert)) => alert.evidence.detail.clone(),
        _ => Some(detail).filter(|detail| !detail.is_empty()),
    };
    let begun = part.failing_since.filter(|_| is_failing).or(part.later_at).unwrap_or(now);
    let evidence = AlertEvidence { detail, ..AlertEvidence::default() };
    Finding { rule, subject, state, since: firing.map_or(begun, |alert| alert.since), evidence }
}
