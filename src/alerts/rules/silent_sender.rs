//! silent-sender: an organisation that reports regularly has stopped.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{About, EvidencePage, RuleDefinition, expired, look_at_the_record, no_reports};
use crate::alerts::{
    Affected, Alert, AlertEvidence, AlertRule, AlertSettings, Severity, Subject,
    facts::SenderRhythm,
    finding::{Finding, FindingState, Found, World, hours, start_of},
    words::{text, time, who},
};

/// Report days, of the last 60, that make a rhythm.
pub const RHYTHM_MIN_DAYS: usize = 10;
/// Days between two reports above which an organisation has no rhythm.
pub const GAP_MAX_DAYS: i64 = 8;
/// The shortest grace: a report on one day comes any time in the next, and a sender may skip a night.
pub const GRACE_MIN_H: u64 = 28;
/// Who has not reported for so long has left.
pub const LEFT_AFTER_DAYS: i64 = 30;
pub struct SilentSender;

impl RuleDefinition for SilentSender {
    fn rule(&self) -> AlertRule {
        AlertRule::SilentSender
    }

    fn name(&self) -> &'static str {
        "silent-sender"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn meaning(&self) -> &'static str {
        "An organisation that reports regularly has stopped."
    }

    fn about(&self) -> About {
        About::ReportDays
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let hours = text::counted(settings.silent_sender_grace_h.max(GRACE_MIN_H), "hour");
        vec![(format!("{hours} beyond its own rhythm"), "silent_sender_grace_h")]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        let hours = settings.silent_sender_grace_h.max(GRACE_MIN_H);
        format!("nothing beyond its own rhythm plus {hours} hours, while others report")
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        // Where nobody reports, it is not the senders' doing: one message for one cause.
        let nobody = world.plan.is_on(AlertRule::NoReports)
            && (world.open.firing_of(AlertRule::NoReports).next().is_some()
                || no_reports::finding(world).is_some_and(|finding| finding.state == FindingState::Failing));
        let of_senders = world.facts.senders.iter().filter_map(|sender| silent_sender(sender, world));
        found.findings.extend(of_senders.filter(|finding| !(nobody && finding.state == FindingState::Failing)));
        let is_gone = |alert: &&Alert| {
            let is_it = |sender: &SenderRhythm| Some(&sender.organisation) == alert.subject.organisation.as_ref();
            !world.facts.senders.iter().any(is_it) && alert.evidence.last_day.is_none_or(|day| has_left(day, world.now))
        };
        found.findings.extend(world.open.firing_of(AlertRule::SilentSender).filter(is_gone).map(expired));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let last = alert.evidence.last_day.map_or_else(|| "long".to_owned(), time::day);
        let who = who::organisations_or(&alert.evidence, &text::part(&alert.subject.organisation));
        format!("{who} has stopped reporting: its last report is about {last}")
    }

    fn over(&self, alert: &Alert) -> String {
        let who = who::organisations_or(&alert.evidence, &text::part(&alert.subject.organisation));
        format!("{who} reports again")
    }

    fn several(&self, alerts: usize, _by: &str, _since: &str) -> String {
        format!("{alerts} organisations that report regularly have stopped")
    }

    fn since(&self, _alert: &Alert) -> String {
        String::new()
    }

    fn lines(&self, alert: &Alert) -> Vec<String> {
        let rhythm = alert.evidence.detail.as_ref();
        rhythm.map(|rhythm| format!("Before, {}.", text::cut(rhythm, 200))).into_iter().collect()
    }

    fn advice(&self, domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let todo = vec![
            "One sender that stops has mostly changed something on its side, or has no mail for you any more.",
            "If several stop, look at the TLSRPT record and the sources first.",
        ];
        (todo, look_at_the_record(domain))
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::ReportsBefore
    }
}

fn silent_sender(sender: &SenderRhythm, world: &World<'_>) -> Option<Finding> {
    let World { facts, plan, open, now, .. } = *world;
    let arrivals = &facts.arrivals;
    let last = *sender.days.last()?;
    let subject = Subject { organisation: Some(sender.organisation.clone()), ..Subject::default() };
    let firing = open.firing(AlertRule::SilentSender, &subject);
    let gap = usual_gap_days(sender).filter(|gap| *gap <= GAP_MAX_DAYS);
    let is_late = gap.zip(sender.lateness_s).is_some_and(|(gap, lateness_s)| {
        let lateness = TimeDelta::seconds(lateness_s.clamp(0, LEFT_AFTER_DAYS * 86_400));
        // The next report is about the day `gap` days on, and comes when that day is over.
        let due = start_of(last) + TimeDelta::days(gap + 1) + lateness;
        // After a time without any reports, ours to answer for or not, everybody needs a while to come back.
        let due = arrivals.back_at.map_or(due, |at| due.max(at + TimeDelta::days(gap) + lateness));
        // While nobody else reports either, it is not this sender that is silent.
        let others_came = arrivals.last_at.is_some_and(|at| at >= due);
        others_came && now > due + hours(plan.settings.silent_sender_grace_h.max(GRACE_MIN_H))
    });
    let is_late = is_late && sender.days.len() >= RHYTHM_MIN_DAYS;
    let heard = firing.and_then(|alert| alert.evidence.last_day).and_then(|before| {
        let later = (std::ops::Bound::Excluded(before), std::ops::Bound::Unbounded);
        sender.days.range(later).next().map(|first| (*first, sender.days.range(later).count() as u64))
    });
    let state = match (firing, heard) {
        _ if has_left(last, now) && firing.is_none() => return None,
        _ if has_left(last, now) => FindingState::Expired,
        (None, _) if is_late => FindingState::Failing,
        (None, _) => return None,
        // A report of a day that was missing came late, and the silence goes on.
        (Some(_), Some(_)) if is_late => FindingState::Failing,
        (Some(_), Some((day, days))) => FindingState::Clear { day: Some(day), days },
        (Some(_), None) => FindingState::Failing,
    };
    let name = sender.name.clone().unwrap_or_else(|| sender.organisation.clone());
    let last_seen = firing.and_then(|alert| alert.evidence.last_day).unwrap_or(last);
    let evidence = AlertEvidence {
        organisations: vec![Affected {
            key: sender.organisation.clone(),
            name,
            failed: 0,
            first_day: None,
            last_day: Some(last_seen),
            clear_day: None,
        }],
        organisations_total: 1,
        last_day: Some(last_seen),
        last_seen_at: Some(start_of(last_seen)),
        detail: gap.map(|gap| match gap {
            1 => "it reported on every day".to_owned(),
            gap => format!("it reported at least every {gap} days"),
        }),
        ..AlertEvidence::default()
    };
    let since = start_of(last_seen) + TimeDelta::days(1);
    Some(Finding { rule: AlertRule::SilentSender, subject, state, since, evidence })
}

fn has_left(last: NaiveDate, now: DateTime<Utc>) -> bool {
    now.date_naive().signed_duration_since(last).num_days() > LEFT_AFTER_DAYS
}

/// The days from one report day to the next, in nine of ten cases.
fn usual_gap_days(sender: &SenderRhythm) -> Option<i64> {
    let days = sender.days.iter();
    let mut gaps: Vec<i64> = days.clone().zip(days.skip(1)).map(|(a, b)| (*b - *a).num_days()).collect();
    gaps.sort_unstable();
    let at = (gaps.len() * 9).div_ceil(10).checked_sub(1)?;
    gaps.get(at).copied()
}
