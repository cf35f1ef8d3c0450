//! A write that serves nobody: whether the store can write again, asked while nothing comes in.

use duckdb::{Connection, params};

use super::transaction::within;
use crate::{
    clock::Clock,
    limits::PROBE_BYTES,
    store::{StoreError, tables::rows::At},
};

/// Replaces the one row there is: what it takes on the disk is what a report of some size takes in the log.
pub fn write(conn: &Connection) -> Result<(), StoreError> {
    within(conn, |conn| {
        conn.execute_batch("DELETE FROM probe")?;
        conn.execute(
            "INSERT INTO probe VALUES (?, ?)",
            params![At(Clock::system().now()), vec![0xa5_u8; PROBE_BYTES]],
        )?;
        Ok(())
    })
}
