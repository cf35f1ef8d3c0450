//! How far the journal is loaded into the tables.

use duckdb::{Connection, params};
use uuid::Uuid;

use crate::store::StoreError;

/// Which journal belongs to this database, and the last sequence number that is in the tables.
pub fn read(conn: &Connection) -> Result<(Uuid, u64), StoreError> {
    Ok(conn.query_row("SELECT id, loaded FROM journal", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Belongs into the transaction that loads.
pub fn advance(conn: &Connection, through: u64) -> Result<(), StoreError> {
    conn.execute("UPDATE journal SET loaded = ?", params![through])?;
    Ok(())
}
