//! How sessions went, day by day.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, ask, get, sessions, shares::Sessions};

/// One UTC day on which something was reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Day {
    pub sessions: Sessions,
    /// Failed sessions that the failure details do not explain.
    pub not_itemised: i64,
    /// Failed sessions by result type, as the failure details claim; the empty name is all the small ones together.
    pub result_types: BTreeMap<String, i64>,
}

pub fn daily(connection: &Connection, filter: &Filter) -> duckdb::Result<BTreeMap<NaiveDate, Day>> {
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    for (day, successful, failed, not_itemised) in
        ask(connection, include_str!("daily.sql"), Some(filter), &[], |row| {
            Ok((get::<NaiveDate>(row, 0)?, sessions(row, 1)?, sessions(row, 2)?, sessions(row, 3)?))
        })?
    {
        let entry = days.entry(day).or_default();
        entry.sessions = Sessions { successful, failed };
        entry.not_itemised = not_itemised;
    }
    for (day, result_type, failed) in
        ask(connection, include_str!("daily_result_types.sql"), Some(filter), &[], |row| {
            Ok((get::<NaiveDate>(row, 0)?, get::<Option<String>>(row, 1)?, sessions(row, 2)?))
        })?
    {
        days.entry(day).or_default().result_types.insert(result_type.unwrap_or_default(), failed);
    }
    Ok(days)
}
