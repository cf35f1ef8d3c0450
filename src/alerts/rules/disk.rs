//! disk: the disk of the data directory is nearly full, or nothing can be stored.

use super::{About, EvidencePage, OVER, RuleDefinition};
use crate::alerts::{
    Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    finding::{Finding, FindingState, Found, World},
    words::text,
};

pub(super) struct DiskRule;

impl RuleDefinition for DiskRule {
    fn rule(&self) -> AlertRule {
        AlertRule::Disk
    }

    fn name(&self) -> &'static str {
        "disk"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn meaning(&self) -> &'static str {
        "The disk of the data directory is nearly full."
    }

    fn about(&self) -> About {
        About::Machine
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        vec![(format!("less than {} free", text::bytes(settings.disk_free_min_bytes)), "disk_free_min_bytes")]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!(
            "less than {} free, nothing can be stored, or what was acknowledged cannot be counted",
            text::bytes(settings.disk_free_min_bytes)
        )
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        found.findings.extend(finding(world));
    }

    fn sentence(&self, alert: &Alert) -> String {
        if alert.evidence.cannot_store.is_some() {
            return "Nothing can be stored".to_owned();
        }
        if alert.evidence.cannot_count.is_some() {
            return "Reports that were acknowledged cannot be counted".to_owned();
        }
        let free = alert.evidence.detail.as_deref().unwrap_or("little is free");
        format!("The disk of the data directory is nearly full: {free}")
    }

    fn over(&self, alert: &Alert) -> String {
        if alert.evidence.cannot_store.is_some() {
            return "Reports can be stored again".to_owned();
        }
        if alert.evidence.cannot_count.is_some() {
            return "Nothing is kept aside any more that was acknowledged and not counted".to_owned();
        }
        format!("There is room on the disk again: {}", alert.evidence.detail.as_deref().unwrap_or("?"))
    }

    fn since(&self, _alert: &Alert) -> String {
        String::new()
    }

    fn advice(&self, _domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let todo = vec![
            "Make room, or move the data directory: once the disk is full, senders are asked to come back later and nothing is stored.",
        ];
        (todo, vec!["df -h".to_owned(), "du -xh --max-depth=2 / 2>/dev/null | sort -h | tail".to_owned()])
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::At("/sources")
    }
}

fn finding(world: &World<'_>) -> Option<Finding> {
    let World { facts, plan, open, now, .. } = *world;
    let (rule, subject) = (AlertRule::Disk, Subject::default());
    let firing = open.firing(rule, &subject);
    let min = plan.settings.disk_free_min_bytes;
    let mut cannot_store = facts.store_trouble.clone();
    let mut cannot_count = Some(facts.set_aside).filter(|submissions| *submissions > 0 && cannot_store.is_none());
    let state = match facts.disk_free_bytes {
        _ if cannot_store.is_some() || cannot_count.is_some() => FindingState::Failing,
        None => return None,
        Some(free) if free < min => FindingState::Failing,
        Some(free) if free >= min.saturating_add(min / 10) => OVER,
        Some(_) => FindingState::Open,
    };
    if state == OVER {
        cannot_store = firing.and_then(|alert| alert.evidence.cannot_store.clone());
        cannot_count = firing.and_then(|alert| alert.evidence.cannot_count);
    }
    let since = firing.map_or(now, |alert| alert.since);
    let detail = facts.disk_free_bytes.map(|free| format!("{} MiB are free", free / (1024 * 1024)));
    Some(Finding {
        rule,
        subject,
        state,
        since,
        evidence: AlertEvidence { detail, cannot_store, cannot_count, ..AlertEvidence::default() },
    })
}
