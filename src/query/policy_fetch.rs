//! Who cannot fetch which policy since when.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use duckdb::Connection;

use super::{Filter, ask, called, get, sessions};
use crate::explain::result_types::POLICY_FETCH;

/// Outages listed; the rest is counted.
const ROWS_MAX: i64 = 20_000;
/// Days before the asked range in which the beginning of an outage is looked for.
const BEGINS_WITHIN_DAYS: u64 = 112;
/// Days after it in which the end is.
const ENDS_WITHIN_DAYS: u64 = 28;

/// A run of days on which one organisation had one kind of trouble with one policy, without a day between them on which it reported on
/// the domain without that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    pub policy_domain: String,
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub result_type: String,
    /// A reason code the sender gave, one of possibly several.
    pub reason_code: Option<String>,
    /// First day it was seen, as far as it is looked for.
    pub since: NaiveDate,
    /// Last day it was seen, in the asked range or before it.
    pub until: NaiveDate,
    /// Failed sessions in the asked range.
    pub failed: i64,
    /// Whether nothing is known of its end.
    pub ongoing: bool,
    /// First day after it on which this organisation reported on the domain without it.
    pub recovered: Option<NaiveDate>,
    /// Failed sessions by day, up to the end of the asked range.
    pub days: BTreeMap<NaiveDate, i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outages {
    /// Ongoing ones first, then most failed sessions first; at most 20,000.
    pub rows: Vec<Outage>,
    pub totals: PolicyFetchTotals,
}

/// Of all outages, listed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyFetchTotals {
    pub outages: i64,
    pub policy_domains: i64,
    /// With an outage of whose end nothing is known.
    pub policy_domains_ongoing: i64,
    pub organisations: i64,
}

/// Outages of the asked range, and those last seen from `seen_from` on which were not over when the range began. Their ends are
/// looked for up to `today`.
pub fn policy_fetch(
    connection: &Connection,
    filter: &Filter,
    seen_from: NaiveDate,
    today: NaiveDate,
) -> duckdb::Result<Outages> {
    let (first, last) = (filter.range.first(), filter.range.last());
    let oldest = first.checked_sub_days(Days::new(BEGINS_WITHIN_DAYS)).unwrap_or(first);
    let later = last.checked_add_days(Days::new(ENDS_WITHIN_DAYS)).unwrap_or(last).min(today).max(last);
    let types = POLICY_FETCH.join("\n");
    let more: [(&str, &dyn duckdb::ToSql); 5] = [
        ("oldest_failing_day", &oldest),
        ("later_day", &later),
        ("seen_from", &seen_from),
        ("rows_max", &ROWS_MAX),
        ("policy_fetch_types", &types),
    ];
    let mut outages = Outages::default();
    for (outage, totals) in ask(connection, include_str!("policy_fetch.sql"), Some(filter), &more, |row| {
        let recovered: Option<NaiveDate> = get(row, 7)?;
        let outage = Outage {
            policy_domain: get(row, 0)?,
            organisation: get(row, 1)?,
            organisation_name: called(row, 1)?,
            result_type: get(row, 2)?,
            reason_code: get(row, 3)?,
            since: get(row, 4)?,
            until: get(row, 5)?,
            failed: sessions(row, 6)?,
            ongoing: recovered.is_none(),
            recovered,
            days: days(&get::<String>(row, 8)?),
        };
        let totals = PolicyFetchTotals {
            outages: get(row, 9)?,
            policy_domains: get(row, 10)?,
            policy_domains_ongoing: get(row, 11)?,
            organisations: get(row, 12)?,
        };
        Ok((outage, totals))
    })? {
        outages.totals = totals;
        outages.rows.push(outage);
    }
    Ok(outages)
}

/// Reads `day sessions` lines. Sums that do not fit stay at the largest number.
fn days(lines: &str) -> BTreeMap<NaiveDate, i64> {
    let read = |line: &str| {
        let (day, failed) = line.split_once(' ')?;
        Some((day.parse().ok()?, failed.parse().unwrap_or(i64::MAX)))
    };
    lines.lines().filter_map(read).collect()
}
