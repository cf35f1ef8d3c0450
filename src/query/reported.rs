//! How many reports came, from how many organisations.

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::{Filter, ask, first, get};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reported {
    pub reports: i64,
    pub organisations: i64,
    pub last_received_at: Option<DateTime<Utc>>,
}

/// Reports with a policy that matches.
pub fn reported(connection: &Connection, filter: &Filter) -> duckdb::Result<Reported> {
    let rows = ask(connection, include_str!("reported.sql"), Some(filter), &[], |row| {
        Ok(Reported { reports: get(row, 0)?, organisations: get(row, 1)?, last_received_at: get(row, 2)? })
    })?;
    Ok(first(rows).unwrap_or_default())
}
