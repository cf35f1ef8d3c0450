//! Who used to report and did not in this period.

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, Range, ask, called, get};

/// Organisations listed; the rest is counted.
const ROWS_MAX: i64 = 200;

/// Periods before the asked one that are looked at; who reported in three of them is missed.
pub const PERIODS: usize = 4;

#[derive(Debug, Clone, PartialEq)]
pub struct MissingSender {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    /// The last day it reported on.
    pub last_day: NaiveDate,
    /// Days with a report in the four periods before, for each seven of them.
    pub days_a_week: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SilentSenders {
    /// Those that reported on the most days first; at most 200.
    pub rows: Vec<MissingSender>,
    pub total: i64,
}

impl MissingSender {
    /// The name to show.
    pub fn name(&self) -> &str {
        self.organisation_name.as_deref().unwrap_or(&self.organisation)
    }
}

/// `before`: the four periods before the filter's range, the oldest first.
pub fn silent(connection: &Connection, filter: &Filter, before: [Range; PERIODS]) -> duckdb::Result<SilentSenders> {
    let [oldest, third, second, newest] = before.map(Range::first);
    let more: [(&str, &dyn duckdb::ToSql); 5] = [
        ("start_4", &oldest),
        ("start_3", &third),
        ("start_2", &second),
        ("start_1", &newest),
        ("rows_max", &ROWS_MAX),
    ];
    let looked_at_days = before.iter().map(|period| period.days()).sum::<i64>().max(1);
    let rows = ask(connection, include_str!("silent.sql"), Some(filter), &more, |row| {
        let days: i64 = get(row, 2)?;
        let missing = MissingSender {
            organisation: get(row, 0)?,
            organisation_name: called(row, 0)?,
            last_day: get(row, 1)?,
            days_a_week: days as f64 * 7.0 / looked_at_days as f64,
        };
        Ok((missing, get::<i64>(row, 3)?))
    })?;
    let total = rows.first().map_or(0, |(_, total)| *total);
    Ok(SilentSenders { rows: rows.into_iter().map(|(missing, _)| missing).collect(), total })
}
