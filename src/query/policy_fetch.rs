//! Who cannot fetch which policy since when.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, Range, ask, get, sessions};

/// Pairs of domain and organisation looked at; those with the most failed sessions.
const PAIRS_MAX: i64 = 200;

/// One organisation's trouble with one policy, seen in the asked range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    pub policy_domain: String,
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub result_type: String,
    /// A reason code the sender gave, one of possibly several.
    pub reason_code: Option<String>,
    /// Start of the present run of days without a clean one; as far back as eight periods are looked at.
    pub since: NaiveDate,
    /// Last day it was seen.
    pub until: NaiveDate,
    /// Failed sessions in the asked range.
    pub failed: i64,
    /// Whether the last day this organisation reported on was still one with this error.
    pub ongoing: bool,
    /// First day after the last one it was seen, on which this organisation reported on the domain without it.
    pub recovered: Option<NaiveDate>,
    /// Failed sessions by day, over the asked range and the seven before it.
    pub days: BTreeMap<NaiveDate, i64>,
}

type Pair = (String, String);

/// Most failed sessions first, ongoing ones before ended ones.
pub fn policy_fetch(connection: &Connection, filter: &Filter) -> duckdb::Result<Vec<Outage>> {
    let mut outages: BTreeMap<(String, String, String), Outage> = BTreeMap::new();
    let rows = ask(connection, include_str!("policy_fetch.sql"), Some(filter), &[("pairs_max", &PAIRS_MAX)], |row| {
        let key = (get::<String>(row, 0)?, get::<String>(row, 1)?, get::<String>(row, 3)?);
        let (name, reason): (Option<String>, Option<String>) = (get(row, 2)?, get(row, 6)?);
        Ok((key, name, reason, get::<NaiveDate>(row, 4)?, sessions(row, 5)?))
    })?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    for (key, organisation_name, reason_code, day, failed) in rows {
        let (policy_domain, organisation, result_type) = key.clone();
        let outage = outages.entry(key).or_insert_with(|| Outage {
            policy_domain,
            organisation,
            organisation_name,
            result_type,
            reason_code,
            since: day,
            until: day,
            failed: 0,
            ongoing: false,
            recovered: None,
            days: BTreeMap::new(),
        });
        outage.days.insert(day, failed);
    }
    let reported = reported_days(connection, filter)?;
    let mut seen: Vec<Outage> = outages.into_values().filter_map(|outage| judge(outage, filter, &reported)).collect();
    seen.sort_by(|a, b| {
        (b.ongoing, b.failed, &a.policy_domain, &a.organisation).cmp(&(
            a.ongoing,
            a.failed,
            &b.policy_domain,
            &b.organisation,
        ))
    });
    Ok(seen)
}

/// Looks for the end of outages that were ongoing when their range ended, in the days of `later`. Their days and sessions stay
/// those of the range.
pub fn recovered_later(
    connection: &Connection,
    filter: &Filter,
    outages: &mut [Outage],
    later: Range,
) -> duckdb::Result<()> {
    let mut domains: Vec<String> =
        outages.iter().filter(|outage| outage.ongoing).map(|outage| outage.policy_domain.clone()).collect();
    domains.sort();
    domains.dedup();
    if domains.is_empty() {
        return Ok(());
    }
    let filter = Filter { policy_domains: Some(domains), ..filter.with_range(later) };
    let mut clean: BTreeMap<Pair, NaiveDate> = BTreeMap::new();
    for (pair, day) in ask(connection, include_str!("policy_fetch_later.sql"), Some(&filter), &[], |row| {
        Ok(((get::<String>(row, 0)?, get::<String>(row, 1)?), get::<NaiveDate>(row, 2)?))
    })? {
        clean.entry(pair).and_modify(|first| *first = day.min(*first)).or_insert(day);
    }
    for outage in outages.iter_mut().filter(|outage| outage.ongoing) {
        outage.recovered = clean.get(&(outage.policy_domain.clone(), outage.organisation.clone())).copied();
        outage.ongoing = outage.recovered.is_none();
    }
    Ok(())
}

fn reported_days(connection: &Connection, filter: &Filter) -> duckdb::Result<BTreeMap<Pair, BTreeSet<NaiveDate>>> {
    let mut reported: BTreeMap<Pair, BTreeSet<NaiveDate>> = BTreeMap::new();
    for (pair, day) in
        ask(connection, include_str!("policy_fetch_days.sql"), Some(filter), &[("pairs_max", &PAIRS_MAX)], |row| {
            Ok(((get::<String>(row, 0)?, get::<String>(row, 1)?), get::<NaiveDate>(row, 2)?))
        })?
    {
        reported.entry(pair).or_default().insert(day);
    }
    Ok(reported)
}

/// Finds where the present run begins and whether it goes on; `None` where nothing of it lies in the asked range.
fn judge(mut outage: Outage, filter: &Filter, reported: &BTreeMap<Pair, BTreeSet<NaiveDate>>) -> Option<Outage> {
    outage.failed =
        outage.days.range(filter.range.first()..).fold(0, |sum: i64, (_, failed)| sum.saturating_add(*failed));
    outage.until = *outage.days.last_key_value()?.0;
    if outage.until < filter.range.first() {
        return None;
    }
    let nothing = BTreeSet::new();
    let heard = reported.get(&(outage.policy_domain.clone(), outage.organisation.clone())).unwrap_or(&nothing);
    outage.recovered = heard.range((Bound::Excluded(outage.until), Bound::Unbounded)).next().copied();
    outage.ongoing = outage.recovered.is_none();
    let clean = heard.range(..outage.until).rev().find(|day| !outage.days.contains_key(day));
    let run = match clean {
        Some(clean) => outage.days.range(*clean..).next(),
        None => outage.days.first_key_value(),
    };
    outage.since = run.map_or(outage.until, |(day, _)| *day);
    Some(outage)
}
