//! Policies that cannot be fetched: by domain and kind of trouble, with everybody who has it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::Serialize;

use super::figures::Figures;
use crate::{explain::result_types, present::words, query::policy_fetch::Outage};

/// Days in the row of bars, the last one that of the range.
const DAYS_SHOWN: u64 = 14;

#[derive(Serialize)]
pub(super) struct Trouble {
    domain: String,
    result_type: String,
    short: &'static str,
    ongoing: bool,
    since: NaiveDate,
    until: NaiveDate,
    failed: i64,
    organisations: Vec<Affected>,
    reasons: Vec<String>,
    days: Vec<i64>,
    days_label: String,
}

#[derive(Serialize)]
struct Affected {
    key: String,
    name: String,
}

/// Ongoing ones first, then by failed sessions.
pub(super) fn outages(figures: &Figures) -> Vec<Trouble> {
    let mut groups: BTreeMap<(bool, &str, &str), Vec<&Outage>> = BTreeMap::new();
    for outage in &figures.outages {
        groups.entry((outage.ongoing, &outage.policy_domain, &outage.result_type)).or_default().push(outage);
    }
    let mut troubles: Vec<Trouble> = groups.into_values().filter_map(|group| trouble(figures, &group)).collect();
    troubles.sort_by(|a, b| (b.ongoing, b.failed, &a.domain).cmp(&(a.ongoing, a.failed, &b.domain)));
    troubles
}

fn trouble(figures: &Figures, group: &[&Outage]) -> Option<Trouble> {
    let first = *group.first()?;
    let last_day = figures.filter.range.last();
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
        since: group.iter().map(|outage| outage.since).min()?,
        until: group.iter().map(|outage| outage.until).max()?,
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
