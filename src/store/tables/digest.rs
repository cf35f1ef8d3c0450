//! Up to which moment each digest has been settled, so that none goes out twice and none is forgotten over a restart.

use chrono::{DateTime, Utc};
use duckdb::{Connection, OptionalExt, params};

use super::rows::At;
use crate::store::StoreError;

/// The last due moment that was settled for the digest of this name; `None` for one that is new.
/// What was settled by a clock that was ahead does not count until its time has come.
pub fn settled(conn: &Connection, name: &str, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let sql = "SELECT max(due_at) FROM digest WHERE name = ? AND due_at <= ?";
    let found = conn.prepare(sql)?.query_row(params![name, At(now)], |row| row.get::<_, Option<DateTime<Utc>>>(0));
    Ok(found.optional()?.flatten())
}

/// Settles the digest of this name up to and including `due_at`; belongs into the transaction that puts it into the outbox.
pub fn settle(conn: &Connection, name: &str, due_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), StoreError> {
    conn.execute("INSERT INTO digest VALUES (?, ?, ?)", params![name, At(due_at), At(now)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{engine::migrate, fixtures::memory};

    #[test]
    fn the_last_settled_moment_is_known() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        assert_eq!(settled(&conn, "weekly", at(99)).unwrap(), None);
        settle(&conn, "weekly", at(7), at(8)).unwrap();
        settle(&conn, "weekly", at(14), at(15)).unwrap();
        settle(&conn, "daily", at(21), at(22)).unwrap();
        assert_eq!(settled(&conn, "weekly", at(99)).unwrap(), Some(at(14)));
        assert_eq!(settled(&conn, "weekly", at(13)).unwrap(), Some(at(7)), "the clock was ahead");
    }
}
