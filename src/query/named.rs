//! Which organisation is meant by a name that somebody typed.

use duckdb::Connection;

use super::{ask, called, get};

/// One organisation that may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub key: String,
    pub name: Option<String>,
    pub reports: i64,
}

/// Those that match best: the one with this key, else those with this name, else those whose key or name holds it, whatever the
/// case; at most 101, those with most reports first.
pub fn named(connection: &Connection, typed: &str) -> duckdb::Result<Vec<Named>> {
    let rows = ask(connection, include_str!("named.sql"), None, &[("typed", &typed)], |row| {
        let distance: i32 = get(row, 3)?;
        Ok((distance, Named { key: get(row, 0)?, name: called(row, 0)?, reports: get(row, 2)? }))
    })?;
    let best = rows.first().map(|(distance, _)| *distance);
    Ok(rows.into_iter().filter(|(distance, _)| Some(*distance) == best).map(|(_, named)| named).collect())
}
