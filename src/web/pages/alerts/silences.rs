//! Silences of the page and of the configuration, and maintenance windows, as one list each.

use chrono::{DateTime, Utc};
use minijinja::Value;

use super::{
    Rules,
    rules::{end_of, moment},
};
use crate::{
    alerts::{Alert, AlertRule, Maintenance, Mute, Silence},
    store::tables::silence::SetSilence,
    templates::fields,
    wording,
};

/// Silences that have ended and are still shown.
const ENDED_SHOWN_MAX: usize = 10;

/// Those in force, the first to end first.
pub(crate) fn in_force(set: &[SetSilence], rules: &Rules, now: DateTime<Utc>) -> Vec<Value> {
    let mut rows: Vec<(DateTime<Utc>, Value)> = set
        .iter()
        .filter(|silence| is_in_force(silence, now))
        .map(|silence| (silence.until, of_page(silence)))
        .chain(rules.silences.iter().filter_map(|silence| {
            let until = end_of(silence).filter(|until| *until > now)?;
            Some((until, of_configuration(silence, until)))
        }))
        .collect();
    rows.sort_by_key(|(until, _)| *until);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Those of the page that are over, the last to end first.
pub(crate) fn ended(set: &[SetSilence], now: DateTime<Utc>) -> Vec<Value> {
    set.iter().filter(|silence| !is_in_force(silence, now)).take(ENDED_SHOWN_MAX).map(of_page).collect()
}

pub(crate) fn is_in_force(silence: &SetSilence, now: DateTime<Utc>) -> bool {
    silence.ended_at.is_none() && silence.until > now
}

/// The end of the silence over an alert that lasts longest; `None` where there is none. By the same test as the evaluation.
pub(crate) fn covering(set: &[SetSilence], rules: &Rules, alert: &Alert, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let of_page = set.iter().filter(|silence| is_in_force(silence, now)).cloned().map(|silence| Mute {
        until: silence.until,
        reason: silence.reason,
        rule: silence.rule,
        policy_domain: silence.policy_domain,
        organisation: silence.organisation,
        result_type: silence.result_type,
    });
    let of_configuration = rules.silences.iter().filter_map(|silence| silence.compile().ok());
    of_page.chain(of_configuration).filter(|mute| mute.covers(alert, now)).map(|mute| mute.until).max()
}

/// Windows of the configuration; those that are over for good are marked.
pub(crate) fn windows(rules: &Rules, now: DateTime<Utc>) -> Vec<Value> {
    let row = |window: &Maintenance| {
        let end = window.to.as_deref().and_then(moment);
        fields! {
            when => when(window),
            reason => window.reason.clone(),
            policy_domains => window.policy_domains.clone(),
            over => window.weekly.is_none() && end.is_some_and(|end| end <= now),
        }
    };
    rules.maintenance.iter().map(row).collect()
}

fn when(window: &Maintenance) -> String {
    if let Some(weekly) = &window.weekly {
        return format!("every week, {weekly} {}", window.zone.as_deref().unwrap_or("UTC"));
    }
    let end = |text: &Option<String>| {
        text.as_deref()
            .map_or_else(|| "?".to_owned(), |text| moment(text).map_or_else(|| text.to_owned(), wording::moment))
    };
    format!("{} to {}", end(&window.from), end(&window.to))
}

fn of_page(silence: &SetSilence) -> Value {
    fields! {
        uuid => Some(silence.uuid),
        scope => scope(silence.rule, [&silence.policy_domain, &silence.organisation, &silence.result_type]),
        until => silence.until,
        ended_at => silence.ended_at,
        reason => silence.reason.clone(),
        added_at => Some(silence.added_at),
    }
}

fn of_configuration(silence: &Silence, until: DateTime<Utc>) -> Value {
    fields! {
        uuid => None::<String>,
        scope => scope(silence.rule, [&silence.policy_domain, &silence.organisation, &silence.result_type]),
        until,
        ended_at => None::<DateTime<Utc>>,
        reason => silence.reason.clone(),
        added_at => None::<DateTime<Utc>>,
    }
}

/// Kind and name of everything that narrows it; empty where everything is silenced.
fn scope(
    rule: Option<AlertRule>,
    [domain, organisation, result_type]: [&Option<String>; 3],
) -> Vec<(&'static str, String)> {
    let parts = [
        ("rule", rule.map(|rule| rule.as_str().to_owned())),
        ("domain", domain.clone()),
        ("organisation", organisation.clone()),
        ("result type", result_type.clone()),
    ];
    parts.into_iter().filter_map(|(kind, name)| Some((kind, name?))).collect()
}
