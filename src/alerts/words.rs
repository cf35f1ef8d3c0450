//! Transitions in sentences: one notice for one cause, with its evidence, what it means and what to do.

mod advice;
mod sentence;
pub mod text;
pub mod time;
pub mod who;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

pub use advice::of_rule;

use super::{
    Alert, AlertEvent, AlertRule, AlertStatus, Subject, Transition,
    notice::{About, Notice},
    rules::{self, definition},
};
use crate::explain::{MailEffect, result_types};

/// Alerts, organisations and result types that a notice lists before it says how many more there are.
const LISTED_MAX: usize = 10;

/// An alert in one sentence without a full stop at its end: what is wrong, or that it is over. Names are as the reports give
/// them, shortened and without control characters; what shows it still has to escape it.
pub fn sentence(alert: &Alert) -> String {
    let by_reports = definition(alert.rule).about() == rules::About::ReportDays;
    let event = match alert.status {
        AlertStatus::Firing => AlertEvent::Fired,
        AlertStatus::Resolved if alert.evidence.taken_over_by.is_some() => AlertEvent::TakenOver,
        // No report showed that it is over.
        AlertStatus::Resolved if by_reports && alert.evidence.clear_day.is_none() => AlertEvent::Expired,
        AlertStatus::Resolved => AlertEvent::Resolved,
    };
    sentence::title(event, alert)
}

/// Alerts of one rule that began on the same day: mostly one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonCause {
    pub rule: AlertRule,
    /// The first day of all of them.
    pub since: NaiveDate,
    /// How many alerts.
    pub alerts: usize,
    pub sentence: String,
}

/// What several firing alerts have in common, those with the most alerts first; a single one is its own cause.
pub fn causes(alerts: &[Alert]) -> Vec<CommonCause> {
    let mut groups: BTreeMap<(AlertRule, NaiveDate), Vec<&Alert>> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| alert.is_firing() && definition(alert.rule).is_about_domains()) {
        groups.entry((alert.rule, alert.since.date_naive())).or_default().push(alert);
    }
    let several = groups.into_iter().filter(|(_, alerts)| alerts.len() > 1);
    let mut causes: Vec<CommonCause> = several
        .map(|((rule, since), alerts)| {
            let sentence = sentence::title_of_several(rule, AlertEvent::Fired, &alerts);
            CommonCause { rule, since, alerts: alerts.len(), sentence }
        })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.alerts));
    causes
}

/// What the channels are told of one evaluation. Where several alerts of a rule changed in the same way, one notice tells of
/// all.
pub fn notices(transitions: &[Transition], now: DateTime<Utc>) -> Vec<Notice> {
    let mut groups: BTreeMap<(AlertRule, AlertEvent), Vec<&Alert>> = BTreeMap::new();
    // Of what was taken over only those hear that were told of it and keep a state of their own.
    let is_notified =
        |it: &&Transition| it.notified || (it.event == AlertEvent::TakenOver && it.alert.notified_at.is_some());
    for transition in transitions.iter().filter(is_notified) {
        groups.entry((transition.alert.rule, transition.event)).or_default().push(&transition.alert);
    }
    let mut notices: Vec<Notice> = groups
        .into_iter()
        .map(|((rule, event), alerts)| match alerts.as_slice() {
            [alert] => single(event, alert, now),
            alerts => several(rule, event, alerts, now),
        })
        .collect();
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.severity));
    notices
}

fn single(event: AlertEvent, alert: &Alert, now: DateTime<Utc>) -> Notice {
    Notice {
        event: Some(event),
        rule: Some(alert.rule),
        severity: alert.rule.severity(),
        title: sentence::title(event, alert),
        lines: lines(event, alert),
        advice: if is_end(event) { Vec::new() } else { advice::advice(alert) },
        path: path(alert),
        at: now,
        alerts: vec![about(event, alert)],
        more: 0,
    }
}

fn several(rule: AlertRule, event: AlertEvent, alerts: &[&Alert], now: DateTime<Utc>) -> Notice {
    let mut lines: Vec<String> = alerts.iter().take(LISTED_MAX).map(|alert| sentence::title(event, alert)).collect();
    if alerts.len() > LISTED_MAX {
        lines.push(format!("and {} more", alerts.len() - LISTED_MAX));
    }
    Notice {
        event: Some(event),
        rule: Some(rule),
        severity: rule.severity(),
        title: sentence::title_of_several(rule, event, alerts),
        lines,
        advice: if is_end(event) {
            Vec::new()
        } else {
            alerts.first().map(|alert| advice::advice(alert)).unwrap_or_default()
        },
        path: "/alerts".to_owned(),
        at: now,
        alerts: alerts.iter().map(|alert| about(event, alert)).collect(),
        more: 0,
    }
}

fn about(event: AlertEvent, alert: &Alert) -> About {
    let Subject { policy_domain, organisation, result_type, mx_host, part } = alert.subject.clone();
    About {
        alert: alert.uuid,
        title: sentence::title(event, alert),
        policy_domain,
        organisation,
        result_type,
        mx_host,
        part,
        since: alert.since,
        ended_at: is_end(event).then_some(alert.changed_at),
        path: path(alert),
    }
}

fn is_end(event: AlertEvent) -> bool {
    matches!(event, AlertEvent::Resolved | AlertEvent::Expired | AlertEvent::TakenOver)
}

fn path(alert: &Alert) -> String {
    format!("/alerts/{}", alert.uuid)
}

fn lines(event: AlertEvent, alert: &Alert) -> Vec<String> {
    let evidence = &alert.evidence;
    let mut lines = Vec::new();
    if event == AlertEvent::Resolved {
        lines.extend(sentence::lasted(alert));
    }
    if event == AlertEvent::Expired {
        lines.push(match who::over_for(evidence) {
            None => {
                "No report that could tell whether it is over has come for a long time; the alert is closed.".to_owned()
            }
            Some(over) => format!(
                "It is over for {over}; from the others no report that could tell has come for a long time. The alert is closed."
            ),
        });
    }
    if alert.times > 1 && !is_end(event) {
        lines.push(format!("It has come {} times since {}.", alert.times, time::moment(alert.fired_at)));
    }
    lines.extend(definition(alert.rule).lines(alert));
    if evidence.organisations.iter().any(|affected| affected.failed > 0) {
        for affected in evidence.organisations.iter().take(LISTED_MAX) {
            let days = time::days(affected.first_day, affected.last_day);
            let name = text::name(&affected.name);
            let then = match affected.clear_day {
                Some(clear) if event != AlertEvent::Resolved => format!("; over on {}", time::day(clear)),
                None if evidence.unheard => "; not heard of since".to_owned(),
                _ => String::new(),
            };
            lines.push(format!("{name}: {} failed{days}{then}.", text::count(affected.failed, "session")));
        }
        let more = evidence.organisations_total.saturating_sub(evidence.organisations.len().min(LISTED_MAX) as u64);
        if more > 0 {
            lines.push(format!("and {more} more organisations"));
        }
    }
    if is_end(event) {
        return lines;
    }
    let named = alert.subject.result_type.iter().chain(&evidence.result_types);
    let mut result_types: Vec<&String> = named.collect();
    result_types.dedup();
    for name in result_types.iter().take(LISTED_MAX) {
        lines.push(format!("{}: {}", text::name(name), result_types::short(name)));
    }
    for reason in &evidence.reasons {
        lines.push(format!("A reason given: {}", text::cut(reason, 200)));
    }
    lines.extend(became(alert));
    if let Some(words) = &evidence.cannot_store {
        lines.push(format!("{}.", text::cut(words, 1_000)));
        lines.push("Senders are asked to come again later. What was acknowledged before is not touched.".to_owned());
    }
    if let Some(submissions) = evidence.cannot_count {
        let told = "submissions were acknowledged, and the database does not take them. They are kept in the directory `journal`.";
        lines.push(format!("{submissions} {told}"));
    }
    lines
}

/// What became of the mail, as far as the reports tell; of alerts from before that was kept what the rule alone tells.
fn became(alert: &Alert) -> Option<String> {
    let of_rule = definition(alert.rule).became()?;
    let mails = &alert.evidence.mails;
    let words: Vec<&str> =
        mails.iter().filter(|mail| **mail != MailEffect::Unknown).map(|mail| mail.sentence()).collect();
    let words = match words.as_slice() {
        [] => of_rule.to_owned(),
        [one] => (*one).to_owned(),
        several => format!("{}, by session", several.join("; or ")),
    };
    Some(format!("What became of the mail: {words}."))
}

#[cfg(test)]
mod tests;
