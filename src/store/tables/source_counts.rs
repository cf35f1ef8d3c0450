//! What each source brought, over restarts.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::rows::At;
use crate::store::StoreError;

/// One row of `source_count`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCount {
    /// As on the health registry.
    pub name: String,
    pub counted_since: DateTime<Utc>,
    pub stored: u64,
    pub duplicate: u64,
    pub quarantined: u64,
    pub refused: u64,
    pub ignored: u64,
    pub busy: u64,
}

/// Everything that was counted, also of sources that are not configured any more.
pub fn counts(conn: &Connection) -> Result<Vec<SourceCount>, StoreError> {
    let sql = "SELECT name, counted_since, stored, duplicate, quarantined, refused, ignored, busy FROM source_count \
               ORDER BY name";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        // A negative number was never written.
        let count = |index| Ok::<u64, duckdb::Error>(u64::try_from(row.get::<_, i64>(index)?).unwrap_or_default());
        Ok(SourceCount {
            name: row.get(0)?,
            counted_since: row.get(1)?,
            stored: count(2)?,
            duplicate: count(3)?,
            quarantined: count(4)?,
            refused: count(5)?,
            ignored: count(6)?,
            busy: count(7)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Puts these in the place of what was counted for the same names. To be run in a transaction.
pub fn keep(conn: &Connection, counts: &[SourceCount]) -> Result<(), StoreError> {
    let mut remove = conn.prepare("DELETE FROM source_count WHERE name = ?")?;
    let mut insert = conn.prepare("INSERT INTO source_count VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for SourceCount { name, counted_since, stored, duplicate, quarantined, refused, ignored, busy } in counts {
        remove.execute(params![name])?;
        insert.execute(params![
            name,
            At(*counted_since),
            number(*stored),
            number(*duplicate),
            number(*quarantined),
            number(*refused),
            number(*ignored),
            number(*busy)
        ])?;
    }
    Ok(())
}
