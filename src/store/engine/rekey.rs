//! Stored reports given the keys of their senders, where they were made in another way: by an older version, or by other known reporters. In
//! slices, each in a transaction of its own, so that it can be broken off at any time and goes on at the next start.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use duckdb::{Connection, OptionalExt as _, params};
use uuid::Uuid;

use super::{
    recount::{self, Bytes, Old, Reread},
    transaction::within,
};
use crate::store::{StoreError, tables::day_sums};

/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// The key of one report's sender, and what it was made of that was not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderKey {
    pub key: String,
    pub from_address: Option<String>,
}

/// Makes the keys anew; nothing where that is done.
pub fn finish(conn: &Connection, reread: Option<&Arc<dyn Reread>>) -> Result<(), StoreError> {
    let Some(reread) = reread else { return Ok(()) };
    let made_by = reread.keys_made_by();
    let Some(mut position) = begin(conn, &made_by)? else { return Ok(()) };
    let total: i64 = conn.query_row("SELECT count(*) FROM report", [], |row| row.get(0))?;
    if total > 0 {
        tracing::info!(
            reports = total,
            "the stored reports are given the keys of their senders; it may be broken off and goes on at the next start"
        );
    }
    let (mut done, mut logged_at) = (0usize, Instant::now());
    while let Some((day, after)) = recount::next_after(conn, position)? {
        let slice = recount::read(conn, day, after, Bytes::OfSignedMail)?;
        within(conn, |conn| write(conn, &slice, reread.as_ref()))?;
        position = slice.last().map(|last| (last.day, last.uuid));
        done += slice.len();
        if logged_at.elapsed() >= PROGRESS {
            logged_at = Instant::now();
            tracing::info!(done, reports = total, "giving the stored reports the keys of their senders");
        }
    }
    within(conn, end)?;
    if total > 0 {
        conn.execute_batch("CHECKPOINT")?;
    }
    Ok(())
}

/// Where to go on; `None` where nothing is to be done. The outer position is that of the last report that is done.
fn begin(conn: &Connection, made_by: &str) -> Result<Option<Option<(NaiveDate, Uuid)>>, StoreError> {
    let sql = "SELECT made_by, complete, day, uuid FROM sender_keys LIMIT 1";
    let found = conn.query_row(sql, [], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, bool>(1)?,
            row.get::<_, Option<NaiveDate>>(2)?,
            row.get::<_, Option<Uuid>>(3)?,
        ))
    });
    match found.optional()? {
        Some((before, true, ..)) if before == made_by => Ok(None),
        Some((before, false, day, uuid)) if before == made_by => Ok(Some(day.zip(uuid))),
        _ => {
            within(conn, |conn| {
                conn.execute_batch("DELETE FROM sender_keys; DELETE FROM sender_key_change")?;
                Ok(conn.execute("INSERT INTO sender_keys VALUES (?, false, NULL, NULL)", params![made_by])?)
            })?;
            Ok(Some(None))
        }
    }
}

fn write(conn: &Connection, slice: &[Old], reread: &dyn Reread) -> Result<(), StoreError> {
    let Some(last) = slice.last() else { return Ok(()) };
    conn.execute_batch(
        "CREATE OR REPLACE TEMP TABLE renamed (uuid UUID, before VARCHAR, after VARCHAR, from_address VARCHAR)",
    )?;
    {
        let mut renamed = conn.appender("renamed")?;
        for old in slice {
            let Some(SenderKey { key, from_address }) = reread.sender_key(&old.stored) else { continue };
            if key != old.organisation_key || from_address != old.stored.arrival.origin.from_address {
                renamed.append_row(params![old.uuid, old.organisation_key, key, from_address])?;
            }
        }
        renamed.flush()?;
    }
    let day = crate::store::sql::day(last.day);
    conn.execute_batch(&format!(
        "UPDATE report SET organisation_key = after, from_address = renamed.from_address FROM renamed
           WHERE report.day = {day} AND report.uuid = renamed.uuid;
         UPDATE policy SET organisation_key = after FROM renamed
           WHERE policy.day = {day} AND policy.report = renamed.uuid AND before <> after;
         UPDATE failure SET organisation_key = after FROM renamed
           WHERE failure.day = {day} AND failure.report = renamed.uuid AND before <> after;
         INSERT INTO sender_key_change SELECT before, after, count(*) FROM renamed WHERE before <> after GROUP BY before, after;
         DROP TABLE renamed"
    ))?;
    day_sums::mark(conn, [last.day])?;
    conn.execute("UPDATE sender_keys SET day = ?::DATE, uuid = ?::UUID", params![last.day, last.uuid])?;
    Ok(())
}

/// What else speaks of a sender follows: an alert and a silence to the key that took over the most reports, proven ones
/// first; what is known of a failure to all of them.
fn end(conn: &Connection) -> Result<(), StoreError> {
    let followed = "(SELECT before, arg_max(after, (NOT contains(after, ':'), reports)) AS after
                     FROM (SELECT before, after, sum(reports) AS reports FROM sender_key_change GROUP BY before, after) GROUP BY before)";
    conn.execute_batch(&format!(
        "UPDATE alert SET organisation = followed.after FROM {followed} AS followed WHERE alert.organisation = followed.before;
         UPDATE silence SET organisation = followed.after FROM {followed} AS followed WHERE silence.organisation = followed.before;
         INSERT INTO known_failure
           SELECT policy_domain, after, result_type, min(first_day), min(noted_at)
           FROM known_failure JOIN (SELECT DISTINCT before, after FROM sender_key_change) ON organisation_key = before
           GROUP BY policy_domain, after, result_type;
         DELETE FROM sender_key_change;
         UPDATE sender_keys SET complete = true, day = NULL, uuid = NULL"
    ))?;
    Ok(())
}
