//! Who an alert is about: of several organisations some may have said that it is over.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{text::cut, time};
use crate::alerts::{Alert, AlertEvidence};

/// The organisations behind several alerts, those with the most failed sessions first.
pub fn organisations_of_all(alerts: &[&Alert]) -> String {
    let mut sums: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
    for affected in alerts.iter().flat_map(|alert| &alert.evidence.organisations) {
        let (sum, _) = sums.entry(&affected.key).or_insert((0, &affected.name));
        *sum = sum.saturating_add(affected.failed);
    }
    let mut sums: Vec<(i64, &str)> = sums.into_values().collect();
    sums.sort_by_key(|(failed, _)| Reverse(*failed));
    let most = alerts.iter().map(|alert| alert.evidence.organisations_total).max().unwrap_or(0);
    listed(&sums.iter().map(|(_, name)| *name).collect::<Vec<_>>(), most.max(sums.len() as u64))
}

/// Those who reported that it is over while others have not; `None` where there are no such two clients.
pub fn over_for(evidence: &AlertEvidence) -> Option<String> {
    let over: Vec<&str> = named(evidence, true).collect();
    let is_partly = evidence.organisations_over > 0 && evidence.organisations_over < evidence.organisations_total;
    is_partly.then(|| listed(&over, evidence.organisations_over))
}

fn named(evidence: &AlertEvidence, is_over: bool) -> impl Iterator<Item = &str> {
    let of_client = evidence.organisations.iter().filter(move |affected| affected.clear_day.is_some() == is_over);
    of_client.map(|affected| affected.name.as_str())
}

/// ` on Thu 26 Nov`: the days of those for whom it is not over.
pub fn days_of_open(evidence: &AlertEvidence) -> String {
    let open = || evidence.organisations.iter().filter(|affected| affected.clear_day.is_none());
    let first = open().filter_map(|affected| affected.first_day).min().or(evidence.first_day);
    time::days(first, open().filter_map(|affected| affected.last_day).max().or(evidence.last_day))
}

/// Failed sessions of those the sentence is about.
pub fn failed(evidence: &AlertEvidence) -> i64 {
    if over_for(evidence).is_none() || evidence.organisations_total > evidence.organisations.len() as u64 {
        return evidence.failed;
    }
    let open = evidence.organisations.iter().filter(|affected| affected.clear_day.is_none());
    open.fold(0, |sum: i64, affected| sum.saturating_add(affected.failed))
}

pub fn organisations_or(evidence: &AlertEvidence, key: &str) -> String {
    if evidence.organisations.is_empty() { key.to_owned() } else { organisations(evidence) }
}

/// Those for whom it goes on, or all where it is over for all.
pub fn organisations(evidence: &AlertEvidence) -> String {
    let open: Vec<&str> = named(evidence, false).collect();
    if open.is_empty() || over_for(evidence).is_none() {
        let names: Vec<&str> = evidence.organisations.iter().map(|affected| affected.name.as_str()).collect();
        return listed(&names, evidence.organisations_total);
    }
    listed(&open, going_on(evidence))
}

/// For how many it goes on.
pub fn going_on(evidence: &AlertEvidence) -> u64 {
    match over_for(evidence) {
        Some(_) => evidence.organisations_total - evidence.organisations_over,
        None => evidence.organisations_total,
    }
}

/// `Microsoft`, `Microsoft and Mail.ru`, `Microsoft, Mail.ru and 3 more`.
fn listed(names: &[&str], total: u64) -> String {
    let total = total.max(names.len() as u64);
    let names: Vec<String> = names.iter().take(2).map(|name| cut(name, 30)).collect();
    match names.as_slice() {
        [] => "an organisation".to_owned(),
        [one] if total <= 1 => one.clone(),
        [one] => format!("{one} and {} more", total - 1),
        [one, two, ..] if total <= 2 => format!("{one} and {two}"),
        [one, two, ..] => format!("{one}, {two} and {} more", total - 2),
    }
}
