//! Who fails, and whether that is new: sessions by sending organisation or by policy domain, over eight periods.

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, ask, filter::PERIODS, get, sessions, shares::Sessions};

/// Rows of one breakdown; the rest is counted, not listed.
const ROWS_MAX: i64 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Organisation,
    PolicyDomain,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breakdown {
    /// Most failed sessions first; at most 200.
    pub rows: Vec<Part>,
    /// How many reported in the period, listed or not.
    pub reporting: i64,
    /// How many had failed sessions in the period, listed or not.
    pub failing: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub key: String,
    /// `organization-name` as sent last; means nothing for a policy domain.
    pub organisation: Option<String>,
    pub sessions: Sessions,
    pub before: Sessions,
    /// Failed sessions of each period, oldest first, the asked one last.
    pub periods: [i64; PERIODS],
    /// First day with failures in the period.
    pub first_failed: Option<NaiveDate>,
    /// Last day with failures in the period or the one before.
    pub last_failed: Option<NaiveDate>,
    /// Whether it reported in the period at all.
    pub reported: bool,
}

pub fn breakdown(connection: &Connection, filter: &Filter, by: By) -> duckdb::Result<Breakdown> {
    let (key, name) = match by {
        By::Organisation => ("organisation_key", "organisation"),
        By::PolicyDomain => ("policy_domain", "NULL::VARCHAR"),
    };
    let sql = include_str!("breakdown.sql").replace("key_column", key).replace("name_column", name);
    let rows = ask(connection, &sql, Some(filter), &[("rows_max", &ROWS_MAX)], |row| {
        let sessions_now = Sessions { successful: sessions(row, 2)?, failed: sessions(row, 3)? };
        let before = Sessions { successful: sessions(row, 4)?, failed: sessions(row, 5)? };
        let mut periods = [0; PERIODS];
        periods[PERIODS - 1] = sessions_now.failed;
        periods[PERIODS - 2] = before.failed;
        for (column, period) in (6..12).zip(periods[..PERIODS - 2].iter_mut().rev()) {
            *period = sessions(row, column)?;
        }
        let part = Part {
            key: get(row, 0)?,
            organisation: get(row, 1)?,
            sessions: sessions_now,
            before,
            periods,
            first_failed: get(row, 12)?,
            last_failed: get(row, 13)?,
            reported: get(row, 16)?,
        };
        Ok((part, get::<i64>(row, 14)?, get::<i64>(row, 15)?))
    })?;
    let (reporting, failing) = rows.first().map_or((0, 0), |(_, reporting, failing)| (*reporting, *failing));
    Ok(Breakdown { rows: rows.into_iter().map(|(part, _, _)| part).collect(), reporting, failing })
}
