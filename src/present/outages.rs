//! Policies that cannot be fetched: by domain and kind of trouble, with everybody who has it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use serde::Serialize;

use super::words::{self, Dates};
use crate::{explain::result_types, query::policy_fetch::Outage};

/// Days in the row of bars, the last one that of the range.
const DAYS_SHOWN: u64 = 14;

#[derive(Serialize)]
pub(super) struct Trouble {
    pub(super) domain: String,
    pub(super) result_type: String,
    pub(super) short: &'static str,
    pub(super) ongoing: bool,
    /// Whether those who had it did not report in the asked range at all, so that nobody knows.
    pub(super) unheard: bool,
    pub(super) since: NaiveDate,
    pub(super) until: NaiveDate,
    /// When the last of the organisations was past it.
    pub(super) recovered: Option<NaiveDate>,
    pub(super) failed: i64,
    pub(super) organisations: Vec<Affected>,
    pub(super) reasons: Vec<String>,
    pub(super) days: Vec<i64>,
    pub(super) days_label: String,
}

#[derive(Serialize)]
pub(super) struct Affected {
    pub(super) key: String,
    pub(super) name: String,
}

/// Ongoing ones first, then by failed sessions; the bars end on `last_day`.
pub(super) fn outages(outages: &[Outage], last_day: NaiveDate) -> Vec<Trouble> {
    let mut groups: BTreeMap<(bool, &str, &str), Vec<&Outage>> = BTreeMap::new();
    for outage in outages {
        groups.entry((outage.ongoing, &outage.policy_domain, &outage.result_type)).or_default().push(outage);
    }
    let mut troubles: Vec<Trouble> = groups.into_values().filter_map(|group| trouble(&group, last_day)).collect();
    troubles.sort_by(|a, b| (b.ongoing, b.failed, &a.domain).cmp(&(a.ongoing, a.failed, &b.domain)));
    troubles
}

fn trouble(group: &[&Outage], last_day: NaiveDate) -> Option<Trouble> {
    let first = *group.first()?;
    let shown: Vec<NaiveDate> =
        (0..DAYS_SHOWN).rev().filter_map(|back| last_day.checked_sub_days(Days::new(back))).collect();
    let on = |day: &NaiveDate| {
        group.iter().fold(0, |sum: i64, outage| sum.saturating_add(*outage.days.get(day).unwrap_or(&0)))
    };
    let mut reasons: Vec<String> = group.iter().filter_map(|outage| outage.reason_code.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons.truncate(2);
    Some(Trouble {
        domain: first.policy_domain.clone(),
        result_type: first.result_type.clone(),
        short: result_types::short(&first.result_type),
        ongoing: first.ongoing,
        unheard: first.ongoing && group.iter().all(|outage| outage.failed == 0),
        since: group.iter().map(|outage| outage.since).min()?,
        until: group.iter().map(|outage| outage.until).max()?,
        recovered: group.iter().filter_map(|outage| outage.recovered).max(),
        failed: group.iter().fold(0, |sum: i64, outage| sum.saturating_add(outage.failed)),
        organisations: group
            .iter()
            .map(|outage| Affected {
                key: outage.organisation.clone(),
                name: outage.organisation_name.clone().unwrap_or_else(|| outage.organisation.clone()),
            })
            .collect(),
        reasons,
        days: shown.iter().map(on).collect(),
        days_label: format!("Failed sessions a day, {DAYS_SHOWN} days to {}", words::day(last_day)),
    })
}

/// Who cannot get the policies of the two first domains, as sentences; empty where everybody can.
pub(super) fn cannot_fetch(outages: &[Outage], dates: Dates) -> String {
    let mut by_domain: BTreeMap<&str, (BTreeSet<String>, NaiveDate)> = BTreeMap::new();
    for outage in outages.iter().filter(|outage| outage.ongoing) {
        let name = outage.organisation_name.clone().unwrap_or_else(|| outage.organisation.clone());
        let entry = by_domain.entry(&outage.policy_domain).or_insert((BTreeSet::new(), outage.since));
        entry.0.insert(name);
        entry.1 = entry.1.min(outage.since);
    }
    let sentences: Vec<String> = by_domain
        .iter()
        .take(2)
        .map(|(domain, (names, since))| {
            let names: Vec<String> = names.iter().cloned().collect();
            format!("{} cannot get the policy of {domain} since {}.", words::listed(&names, 3), dates.day(*since))
        })
        .collect();
    sentences.join(" ")
}

/// Who can get the policies of the two first domains again, as sentences; empty where nobody had trouble that is over.
pub(super) fn can_fetch_again(outages: &[Outage], dates: Dates) -> String {
    let pair = |outage: &Outage| (outage.organisation.clone(), outage.policy_domain.clone());
    // One kind of trouble may have followed another.
    let still: BTreeSet<(String, String)> = outages.iter().filter(|outage| outage.ongoing).map(pair).collect();
    let mut by_domain: BTreeMap<&str, (BTreeSet<String>, NaiveDate)> = BTreeMap::new();
    for outage in outages.iter().filter(|outage| !still.contains(&pair(outage))) {
        let Some(day) = outage.recovered else { continue };
        let name = outage.organisation_name.clone().unwrap_or_else(|| outage.organisation.clone());
        let entry = by_domain.entry(&outage.policy_domain).or_insert((BTreeSet::new(), day));
        entry.0.insert(name);
        entry.1 = entry.1.max(day);
    }
    let sentences: Vec<String> = by_domain
        .iter()
        .take(2)
        .map(|(domain, (names, day))| {
            let names: Vec<String> = names.iter().cloned().collect();
            format!("{} can get the policy of {domain} again since {}.", words::listed(&names, 3), dates.day(*day))
        })
        .collect();
    sentences.join(" ")
}
