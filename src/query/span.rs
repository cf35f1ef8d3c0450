//! From when to when there are reports.

use chrono::NaiveDate;
use duckdb::Connection;

use super::{ask, first, get};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub reports: i64,
}

/// `None` while there is no report. Reports dated after `today` are left out: a wrong clock must not move the pages.
pub fn span(connection: &Connection, today: NaiveDate) -> duckdb::Result<Option<Span>> {
    let rows = ask(connection, include_str!("span.sql"), None, &[("today", &today)], |row| {
        let (oldest, newest): (Option<NaiveDate>, Option<NaiveDate>) = (get(row, 0)?, get(row, 1)?);
        let reports = get(row, 2)?;
        Ok(oldest.zip(newest).map(|(first, last)| Span { first, last, reports }))
    })?;
    Ok(first(rows).flatten())
}
