//! How complete a day is: reports arrive the day after, and some later.

use chrono::{Days, NaiveDate};
use duckdb::Connection;

use super::{Filter, ask, get};

/// Days before the asked one that are looked at.
const USUAL_DAYS: u64 = 14;
/// Who reported on so many of them reports daily. A few may be late, or had no mail for us.
const USUAL_DAYS_MIN: i64 = 11;
/// Missing organisations named.
const NAMED_MAX: i64 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    pub day: NaiveDate,
    /// Organisations that reported on at least 11 of the 14 days before.
    pub usual: i64,
    /// How many of them have reported on the day.
    pub reported: i64,
    /// Key and name of those that have not; at most 20.
    pub missing: Vec<(String, Option<String>)>,
}

/// The range and the policy type of the filter are not looked at.
pub fn coverage(connection: &Connection, filter: &Filter, day: NaiveDate) -> duckdb::Result<Coverage> {
    let usual_first_day = day.checked_sub_days(Days::new(USUAL_DAYS)).unwrap_or(day);
    let more: [(&str, &dyn duckdb::ToSql); 4] = [
        ("day", &day),
        ("usual_first_day", &usual_first_day),
        ("usual_days_min", &USUAL_DAYS_MIN),
        ("rows_max", &NAMED_MAX),
    ];
    let mut coverage = Coverage { day, usual: 0, reported: 0, missing: Vec::new() };
    for (organisation, name, has_reported, usual, reported) in
        ask(connection, include_str!("coverage.sql"), Some(filter), &more, |row| {
            Ok((
                get::<String>(row, 0)?,
                get::<Option<String>>(row, 1)?,
                get::<bool>(row, 2)?,
                get(row, 3)?,
                get(row, 4)?,
            ))
        })?
    {
        (coverage.usual, coverage.reported) = (usual, reported);
        if !has_reported {
            coverage.missing.push((organisation, name));
        }
    }
    Ok(coverage)
}
