//! What is stored of senders who did not prove who they are: so much in all and so long, no client more than its share. What is
//! proven or imported is never removed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use duckdb::{Connection, params};
use uuid::Uuid;

use super::{
    columns::{ColumnType, Columns, columns},
    day_sums,
    rows::{At, StoredReport},
};
use crate::{
    limits::{
        STORED_ROW_BYTES, UNPROVEN_CLIENT_SHARE, UNPROVEN_GIVES_WAY_H, UNPROVEN_OVERDUE_S,
        UNPROVEN_REMOVED_AT_ONCE_MAX, UNPROVEN_TIDY_EVERY_S,
    },
    store::{Arrival, StoreError, StoredEntry, sql},
    submission::{ClientNetwork, Trust},
};

/// The columns of the table, in their order.
pub(super) const UNPROVEN: &[ColumnType] = columns! { Uuid Date Varchar Timestamp Bigint };

/// Bounds on what nobody proved; 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub bytes_max: u64,
    pub keep_days: u32,
}

/// Bytes that are held, in all and by client, about: what goes for another reason is noticed at the next look.
#[derive(Debug, Default)]
pub struct Holdings {
    stored: Sums,
    /// What is in the journal and not yet stored.
    journaled: Sums,
}

#[derive(Debug, Default)]
struct Sums {
    total: u64,
    clients: HashMap<String, u64>,
}

impl Sums {
    fn add(&mut self, held: &[Held]) {
        for held in held {
            self.total += held.bytes;
            match self.clients.get_mut(&held.charged_to) {
                Some(bytes) => *bytes += held.bytes,
                None => drop(self.clients.insert(held.charged_to.clone(), held.bytes)),
            }
        }
    }

    fn take(&mut self, held: &[Held]) {
        for held in held {
            self.total = self.total.saturating_sub(held.bytes);
            if let Some(bytes) = self.clients.get_mut(&held.charged_to) {
                *bytes = bytes.saturating_sub(held.bytes);
                if *bytes == 0 {
                    self.clients.remove(&held.charged_to);
                }
            }
        }
    }

    fn of(&self, charged_to: &str) -> u64 {
        self.clients.get(charged_to).copied().unwrap_or(0)
    }
}

/// One stored report more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    report: Uuid,
    day: NaiveDate,
    charged_to: String,
    received_at: DateTime<Utc>,
    bytes: u64,
}

impl Held {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `None` for what is proven or imported.
    pub fn of(stored: &StoredReport<'_>) -> Option<Held> {
        (!stored.trust.is_counted_by_default()).then(|| Held {
            report: stored.uuid,
            day: stored.report.range.day(),
            charged_to: charged_to(&stored.entry.arrival),
            received_at: stored.entry.arrival.received_at,
            bytes: bytes(stored.entry),
        })
    }
}

/// Whose share something counts in.
fn charged_to(arrival: &Arrival) -> String {
    arrival.peer.map_or_else(String::new, |peer| ClientNetwork::widest(peer).to_string())
}

fn bytes(entry: &StoredEntry) -> u64 {
    entry.arrival.bytes.len() as u64 + entry.rows() as u64 * STORED_ROW_BYTES
}

impl Holdings {
    pub fn read(conn: &Connection) -> Result<Holdings, StoreError> {
        let mut statement = conn.prepare("SELECT charged_to, sum(bytes)::UBIGINT FROM unproven GROUP BY charged_to")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, u64>(1)?)))?;
        let clients = rows.collect::<duckdb::Result<HashMap<String, u64>>>()?;
        Ok(Holdings { stored: Sums { total: clients.values().sum(), clients }, journaled: Sums::default() })
    }

    /// What is stored is looked at anew; what is in the journal stays.
    pub fn renew(&mut self, found: Holdings) {
        self.stored = found.stored;
    }

    pub fn add(&mut self, held: &[Held]) {
        self.stored.add(held);
    }

    pub fn take(&mut self, held: &[Held]) {
        self.stored.take(held);
    }

    /// Whether there is room for these, which then are in the journal.
    pub fn journal(&mut self, held: &[Held], bounds: &Bounds) -> bool {
        let room = held.iter().enumerate().all(|(index, one)| self.have_room(one, &held[..index], bounds));
        if room {
            self.journaled.add(held);
        }
        room
    }

    /// These are in the journal no more.
    pub fn not_journaled(&mut self, held: &[Held]) {
        self.journaled.take(held);
    }

    fn total(&self) -> u64 {
        self.stored.total + self.journaled.total
    }

    pub fn exceed(&self, bounds: &Bounds) -> bool {
        bounds.bytes_max > 0 && self.total() > bounds.bytes_max
    }

    /// Whether there is room for one more, besides those that come in the same transaction.
    pub fn have_room(&self, held: &Held, coming: &[Held], bounds: &Bounds) -> bool {
        if bounds.bytes_max == 0 {
            return true;
        }
        let coming =
            |of: &dyn Fn(&Held) -> bool| coming.iter().filter(|held| of(held)).map(|held| held.bytes).sum::<u64>();
        let total = self.total() + coming(&|_| true) + held.bytes;
        let before = self.stored.of(&held.charged_to) + self.journaled.of(&held.charged_to);
        let of_charged = before + coming(&|other| other.charged_to == held.charged_to) + held.bytes;
        // Removing follows within moments: a tenth more does no harm.
        let in_all = total <= bounds.bytes_max + bounds.bytes_max / 10;
        // Behind the operator's own mail server nobody's network is known.
        in_all && (held.charged_to.is_empty() || of_charged <= bounds.share())
    }
}

impl Bounds {
    /// Bytes one client may hold.
    fn share(&self) -> u64 {
        self.bytes_max / UNPROVEN_CLIENT_SHARE
    }
}

/// Notes new ones, within the transaction that stores them.
pub fn note(conn: &Connection, held: &[Held]) -> Result<(), StoreError> {
    let mut rows = Columns::new(UNPROVEN);
    for Held { report, day, charged_to, received_at, bytes } in held {
        let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
        rows.push(&[(*report).into(), (*day).into(), charged_to.into(), (*received_at).into(), bytes.into()])?;
    }
    Ok(rows.flush(|| conn.appender("unproven"))?)
}

/// A report is no more among them: it is proven now.
pub fn forget(conn: &Connection, report: Uuid, day: NaiveDate) -> Result<(), StoreError> {
    conn.execute("DELETE FROM unproven WHERE day = ?::DATE AND report = ?::UUID", params![day, report])?;
    Ok(())
}

/// When to look again for what has to go, and what went since that was logged.
pub struct Tidy {
    due_at: Instant,
    reports: u64,
    bytes: u64,
}

impl Default for Tidy {
    fn default() -> Tidy {
        Tidy { due_at: Instant::now(), reports: 0, bytes: 0 }
    }
}

impl Tidy {
    /// A client has come to its share, or all have.
    pub fn soon(&mut self) {
        self.due_at = self.due_at.min(Instant::now());
    }

    pub fn wait(&self) -> Duration {
        self.due_at.saturating_duration_since(Instant::now())
    }

    /// It has waited for long enough for a moment when nobody else does.
    pub fn is_overdue(&self) -> bool {
        self.due_at.elapsed() > Duration::from_secs(UNPROVEN_OVERDUE_S)
    }

    /// Notes what was removed; a look without a find is told and followed by a pause.
    pub fn removed(&mut self, reports: u64, bytes: u64) {
        (self.reports, self.bytes) = (self.reports + reports, self.bytes + bytes);
        if reports > 0 {
            self.due_at = Instant::now();
            return;
        }
        self.due_at = Instant::now() + Duration::from_secs(UNPROVEN_TIDY_EVERY_S);
        if self.reports > 0 {
            tracing::warn!(
                reports = self.reports,
                freed_bytes = self.bytes,
                "reports that nobody proved were removed, the oldest of those who sent most first: they were older than \
                 store.unproven_keep_days, or there was no room in store.unproven_max_bytes"
            );
        }
        (self.reports, self.bytes) = (0, 0);
    }
}

/// What has to go next, few enough to be a matter of a moment: what is too old; where there is too much in all, the oldest of
/// the client that holds most; where one client has come to its share, what it sent before the last day.
pub fn victims(
    conn: &Connection,
    holdings: &Holdings,
    bounds: &Bounds,
    now: DateTime<Utc>,
) -> Result<Vec<Held>, StoreError> {
    if bounds.keep_days > 0 {
        let before = now - TimeDelta::days(i64::from(bounds.keep_days));
        let old = oldest(conn, "", before, u64::MAX)?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    if bounds.bytes_max == 0 {
        return Ok(Vec::new());
    }
    let Some((largest, held)) =
        holdings.stored.clients.iter().max_by_key(|(charged_to, bytes)| (**bytes, charged_to.as_str()))
    else {
        return Ok(Vec::new());
    };
    let this_one = charged_to_is(largest);
    if holdings.stored.total > bounds.bytes_max / 10 * 9 {
        return oldest(conn, &this_one, DateTime::<Utc>::MAX_UTC, holdings.stored.total - bounds.bytes_max / 10 * 9);
    }
    // A tenth of its room is made, so that this is not done at each report.
    let room = bounds.share() / 10 * 9;
    if *held > room && !largest.is_empty() {
        return oldest(conn, &this_one, now - TimeDelta::hours(UNPROVEN_GIVES_WAY_H), held - room);
    }
    Ok(Vec::new())
}

fn charged_to_is(charged_to: &str) -> String {
    format!("AND charged_to = '{}'", charged_to.replace('\'', "''"))
}

fn oldest(conn: &Connection, filter: &str, before: DateTime<Utc>, bytes: u64) -> Result<Vec<Held>, StoreError> {
    let before = before.min(DateTime::from_timestamp(32_503_680_000, 0).unwrap_or_default());
    let sql = format!(
        "SELECT report, day, charged_to, received_at, bytes::UBIGINT FROM unproven WHERE received_at < ? {filter} \
         ORDER BY received_at, report LIMIT {UNPROVEN_REMOVED_AT_ONCE_MAX}"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![At(before)], |row| {
        Ok(Held {
            report: row.get(0)?,
            day: row.get(1)?,
            charged_to: row.get(2)?,
            received_at: row.get(3)?,
            bytes: row.get(4)?,
        })
    })?;
    let mut victims = Vec::new();
    let mut freed = 0u64;
    for held in rows {
        if freed >= bytes {
            break;
        }
        let held = held?;
        freed += held.bytes;
        victims.push(held);
    }
    Ok(victims)
}

/// Removes them from all tables, within the caller's transaction; those that are proven by now stay, and are no more among them.
pub fn remove(conn: &Connection, victims: &[Held]) -> Result<u64, StoreError> {
    let (Some(first), Some(last)) =
        (victims.iter().map(|held| held.day).min(), victims.iter().map(|held| held.day).max())
    else {
        return Ok(0);
    };
    let within = format!("day BETWEEN {} AND {}", sql::day(first), sql::day(last));
    let all = sql::uuids(victims.iter().map(|held| &held.report));
    let trusts = Trust::ALL.into_iter().filter(|trust| !trust.is_counted_by_default());
    let trusts: Vec<String> = trusts.map(|trust| format!("'{}'", trust.as_str())).collect();
    let sql = format!("SELECT uuid FROM report WHERE {within} AND uuid IN ({all}) AND trust IN ({})", trusts.join(","));
    let going: Vec<Uuid> = conn.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<duckdb::Result<_>>()?;
    if !going.is_empty() {
        let going = sql::uuids(&going);
        for (table, column) in [("report", "uuid"), ("policy", "report"), ("failure", "report"), ("raw", "report")] {
            conn.execute_batch(&format!("DELETE FROM {table} WHERE {within} AND {column} IN ({going})"))?;
        }
        day_sums::mark(conn, victims.iter().map(|held| held.day))?;
    }
    conn.execute_batch(&format!("DELETE FROM unproven WHERE {within} AND report IN ({all})"))?;
    Ok(going.len() as u64)
}
