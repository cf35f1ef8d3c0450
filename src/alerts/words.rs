//! Transitions in sentences: one notice for one cause, with its evidence, what it means and what to do.

mod advice;
mod sentence;
mod time;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Alert, Event, Rule, Subject, Transition};
use crate::{
    explain::{Mail, result_types},
    notice::{About, Notice},
};

/// Alerts, organisations and result types that a notice lists before it says how many more there are.
const LISTED_MAX: usize = 10;

/// A notice, and the key by which the outbox knows it: the same transitions have the same key.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub notice: Notice,
    pub dedupe: String,
}

/// What the channels are told of one evaluation. Where several alerts of a rule changed in the same way, one notice tells of
/// all. Transitions that are not told, and those a channel is not interested in, are left out before.
pub fn told(transitions: &[Transition], now: DateTime<Utc>) -> Vec<Told> {
    let mut groups: BTreeMap<(Rule, Event), Vec<&Alert>> = BTreeMap::new();
    for transition in transitions.iter().filter(|transition| transition.told) {
        groups.entry((transition.alert.rule, transition.event)).or_default().push(&transition.alert);
    }
    let mut told: Vec<Told> = groups
        .into_iter()
        .map(|((rule, event), alerts)| Told {
            dedupe: dedupe(event, &alerts),
            notice: match alerts.as_slice() {
                [alert] => single(event, alert, now),
                alerts => several(rule, event, alerts, now),
            },
        })
        .collect();
    told.sort_by_key(|told| std::cmp::Reverse(told.notice.severity));
    told
}

/// Event, alerts, and which time it is for each of them.
fn dedupe(event: Event, alerts: &[&Alert]) -> String {
    let mut digest = Sha256::new();
    let mut alerts: Vec<&&Alert> = alerts.iter().collect();
    alerts.sort_by_key(|alert| alert.uuid);
    for alert in alerts {
        digest.update(alert.uuid.as_bytes());
        digest.update(alert.times.to_be_bytes());
        if event == Event::Reminded {
            digest.update(alert.told_at.map_or(0, |at| at.timestamp_micros()).to_be_bytes());
        }
    }
    let bytes: [u8; 32] = digest.finalize().into();
    let name = uuid::Builder::from_custom_bytes(std::array::from_fn(|at| bytes[at])).into_uuid();
    format!("{}-{name}", event.as_str())
}

fn single(event: Event, alert: &Alert, now: DateTime<Utc>) -> Notice {
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
    }
}

fn several(rule: Rule, event: Event, alerts: &[&Alert], now: DateTime<Utc>) -> Notice {
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
    }
}

fn about(event: Event, alert: &Alert) -> About {
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

fn is_end(event: Event) -> bool {
    matches!(event, Event::Resolved | Event::Lapsed)
}

fn path(alert: &Alert) -> String {
    format!("/alerts/{}", alert.uuid)
}

fn lines(event: Event, alert: &Alert) -> Vec<String> {
    let evidence = &alert.evidence;
    let mut lines = Vec::new();
    if event == Event::Resolved {
        lines.extend(sentence::lasted(alert));
    }
    if event == Event::Lapsed {
        lines.push(
            "No report that could tell whether it is over has come for a long time; the alert is closed.".to_owned(),
        );
    }
    if alert.times > 1 && !is_end(event) {
        lines.push(format!("It has come {} times since {}.", alert.times, time::moment(alert.fired_at)));
    }
    if evidence.organisations.iter().any(|affected| affected.failed > 0) {
        for affected in evidence.organisations.iter().take(LISTED_MAX) {
            let days = time::days(affected.first_day, affected.last_day);
            let name = sentence::name(&affected.name);
            lines.push(format!("{name}: {} failed{days}.", sentence::count(affected.failed, "session")));
        }
        let more = evidence.organisations_total.saturating_sub(evidence.organisations.len().min(LISTED_MAX) as u64);
        if more > 0 {
            lines.push(format!("and {more} more organisations"));
        }
    }
    if let Some(last_at) = evidence.last_seen_at.filter(|_| alert.rule == Rule::NoReports) {
        lines.push(format!("The last report came on {}.", time::moment(last_at)));
    }
    if is_end(event) {
        return lines;
    }
    let named = alert.subject.result_type.iter().chain(&evidence.result_types);
    let mut result_types: Vec<&String> = named.collect();
    result_types.dedup();
    for name in result_types.iter().take(LISTED_MAX) {
        lines.push(format!("{}: {}", sentence::name(name), result_types::short(name)));
    }
    for reason in &evidence.reasons {
        lines.push(format!("A reason given: {}", sentence::cut(reason, 200)));
    }
    if alert.rule == Rule::PolicyFetch {
        lines.push("What became of the mail: mail went out without your policy’s protection, unless the sender held a cached policy.".to_owned());
    } else if alert.rule == Rule::Dane {
        lines.push(format!("What became of the mail: {}.", Mail::Refused.sentence()));
    } else if alert.rule == Rule::Certificate {
        lines.push(
            "What became of the mail: under a policy in mode enforce it was not delivered on that try.".to_owned(),
        );
    }
    if let Some(detail) = evidence.detail.as_ref().filter(|_| alert.rule == Rule::SilentSender) {
        lines.push(format!("Before, {}.", sentence::cut(detail, 200)));
    }
    lines
}

#[cfg(test)]
mod tests;
