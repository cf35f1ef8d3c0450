//! The one sentence that says what happened.

use chrono::TimeDelta;

use super::{
    text, time,
    who::{days_of_open, organisations_of_all, over_for},
};
use crate::alerts::{Alert, AlertEvent, AlertEvidence, AlertRule, rules::definition};

/// What happened, without a full stop at its end.
pub(super) fn title(event: AlertEvent, alert: &Alert) -> String {
    let (rule, evidence) = (definition(alert.rule), &alert.evidence);
    let what = || match evidence.unheard {
        true => format!("{}{}{}", rule.sentence(alert), days_of_open(evidence), rule.measure(alert)),
        false => format!("{}{}{}", rule.sentence(alert), rule.since(alert), rule.measure(alert)),
    };
    // Of several organisations some may have said that it is over: the sentence is about the others.
    let going_on = || match (evidence.unheard, over_for(evidence)) {
        (false, None) => what(),
        (false, Some(over)) => format!("{}; over for {over}", what()),
        (true, None) => format!("{}; not heard of since", what()),
        (true, Some(over)) => format!("{}; not heard of since, over for {over}", what()),
    };
    match event {
        AlertEvent::Fired => going_on(),
        AlertEvent::Reopened => format!("Again: {}", going_on()),
        AlertEvent::Reminded | AlertEvent::Acknowledged => format!("Still: {}", going_on()),
        AlertEvent::Resolved => format!("{}{}", rule.over(alert), after(alert)),
        AlertEvent::Expired => match over_for(evidence) {
            None => format!("Not heard of any more: {}", what()),
            Some(over) => format!("Not heard of any more: {}, over for {over}", what()),
        },
        AlertEvent::TakenOver => {
            let by = evidence.taken_over_by.map_or("another rule", AlertRule::as_str);
            format!("Reported by {by} from now on: {}", what())
        }
    }
}

/// The same for several alerts of one rule.
pub(super) fn title_of_several(rule: AlertRule, event: AlertEvent, alerts: &[&Alert]) -> String {
    let (rule, n, by) = (definition(rule), alerts.len(), organisations_of_all(alerts));
    let since = match alerts.iter().map(|alert| alert.since.date_naive()).min() {
        Some(day) if matches!(event, AlertEvent::Fired | AlertEvent::Reopened | AlertEvent::Reminded) => {
            format!(" since {}", time::day(day))
        }
        _ => String::new(),
    };
    let what = rule.several(n, &by, &since);
    match event {
        AlertEvent::Fired => what,
        AlertEvent::Reopened => format!("Again: {what}"),
        AlertEvent::Reminded | AlertEvent::Acknowledged => format!("Still: {what}"),
        AlertEvent::Resolved => rule.several_over(n, &by).unwrap_or_else(|| format!("Over: {what}")),
        AlertEvent::Expired => format!("Not heard of any more: {what}"),
        AlertEvent::TakenOver => format!("Reported by another rule from now on: {what}"),
    }
}

/// How long it lasted.
pub(super) fn lasted(alert: &Alert) -> Option<String> {
    let AlertEvidence { first_day, clear_day, last_day, failed, .. } = alert.evidence;
    match (first_day, clear_day) {
        (Some(first), Some(clear)) => {
            let last = last_day.map_or(String::new(), |last| format!(", last seen on {}", time::day(last)));
            Some(format!(
                "It lasted from {} to {}{last}: {} failed in all.",
                time::day(first),
                time::day(clear),
                text::count(failed, "session")
            ))
        }
        _ => Some(format!("It lasted from {} to {}.", time::moment(alert.since), time::moment(alert.changed_at))),
    }
}

fn after(alert: &Alert) -> String {
    match definition(alert.rule).lasted(alert) {
        Some(span) if span >= TimeDelta::minutes(1) => format!(" after {}", time::span(span)),
        _ => String::new(),
    }
}
