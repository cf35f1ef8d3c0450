//! Stored reports counted again, where a newer version counts in another way: read from their original bytes, slice by slice, into the tables that
//! then take the place of the old ones. What was done stays done when it is broken off; the old tables answer for nothing until then, and
//! are whole until the last step.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use duckdb::{Connection, OptionalExt as _, params};
use uuid::Uuid;

use super::transaction::within;
use crate::{
    report::{Deviation, Report},
    store::{
        Arrival, EntryKind, SenderKey, StoreError, StoredEntry, sql,
        tables::{
            day_sums,
            rows::{Into, StoredReport, Tables},
            test_report,
        },
    },
    submission::Origin,
};

/// Reports of one transaction. Their original bytes are in memory at the same time.
const SLICE: usize = 2_000;
/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// Reads a stored report again as this version would take it.
pub trait Reread: std::fmt::Debug + Send + Sync {
    /// `None` where its original bytes cannot be read any more: it then stays as it is.
    fn reread(&self, stored: &StoredReportBytes) -> Option<Renewed>;

    /// The key of its sender, of what is stored about it; the original bytes are there only where its From address is not known.
    fn sender_key(&self, stored: &StoredReportBytes) -> Option<SenderKey>;

    /// Tells the known reporters by which keys are made from others.
    fn keys_made_by(&self) -> String;
}

/// A stored report with its original bytes.
#[derive(Debug)]
pub struct StoredReportBytes {
    pub arrival: Arrival,
    /// Index in its document, where the document holds several.
    pub element: Option<u32>,
    /// The policy domains under which it was filed.
    pub policy_domains: Vec<String>,
    pub contact: Option<String>,
    pub organisation: Option<String>,
    /// `code count path`, one a line.
    deviations: String,
}

impl StoredReportBytes {
    pub fn had_deviation(&self, deviation: Deviation) -> bool {
        let code = deviation.as_str();
        self.deviations.lines().any(|line| line.split(' ').next() == Some(code))
    }
}

/// The report as it is read now.
#[derive(Debug)]
pub struct Renewed {
    pub report: Report,
    pub content: Uuid,
    pub from_address: Option<String>,
}

/// What the figures were before and after, to be told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sums {
    reports: i64,
    successful: String,
    failed: String,
}

/// Counts again what an older version stored; nothing where that is done.
pub fn finish(conn: &Connection, reread: Option<&Arc<dyn Reread>>) -> Result<(), StoreError> {
    if !is_pending(conn)? {
        return Ok(());
    }
    slices(conn, reread, usize::MAX)?;
    let total: i64 = conn.query_row("SELECT count(*) FROM report", [], |row| row.get(0))?;
    if total > 0 {
        let (before, after) = (sums(conn, "report")?, sums(conn, "report_next")?);
        tracing::info!(
            reports_before = before.reports,
            successful_before = before.successful,
            failed_before = before.failed,
            reports = after.reports,
            successful = after.successful,
            failed = after.failed,
            "the stored reports were counted again; test reports are in no figure any more"
        );
        conn.execute_batch("CHECKPOINT")?;
    }
    within(conn, |conn| {
        for table in ["report", "policy", "failure"] {
            conn.execute_batch(&format!("DROP TABLE {table}; ALTER TABLE {table}_next RENAME TO {table}"))?;
        }
        day_sums::mark_all(conn)?;
        Ok(conn.execute_batch("DROP TABLE recount")?)
    })?;
    Ok(conn.execute_batch("CHECKPOINT")?)
}

/// Counts slice after slice, as long as there are any or for so many; each in a transaction of its own. How many it were.
pub fn slices(conn: &Connection, reread: Option<&Arc<dyn Reread>>, slices_max: usize) -> Result<usize, StoreError> {
    let mut progress = Progress::new(conn)?;
    let mut slices = 0;
    while slices < slices_max
        && let Some((day, after)) = next(conn)?
    {
        let slice = read(conn, day, after, Bytes::OfAll)?;
        let renewed = renew(&slice, reread);
        within(conn, |conn| write(conn, &slice, renewed))?;
        progress.tell(slice.len());
        slices += 1;
    }
    Ok(slices)
}

fn is_pending(conn: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) > 0 FROM duckdb_tables() WHERE table_name = 'recount'";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

/// The day of the next slice, and the last report of that day that is done.
fn next(conn: &Connection) -> Result<Option<(NaiveDate, Option<Uuid>)>, StoreError> {
    let done = conn.query_row("SELECT day, uuid FROM recount LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)));
    next_after(conn, done.optional()?)
}

/// The same after one report; from the beginning without one.
pub fn next_after(
    conn: &Connection,
    done: Option<(NaiveDate, Uuid)>,
) -> Result<Option<(NaiveDate, Option<Uuid>)>, StoreError> {
    let Some((day, uuid)) = done else { return first_day(conn, NaiveDate::MIN) };
    let sql = "SELECT count(*) > 0 FROM report WHERE day = ?::DATE AND uuid > ?::UUID";
    if conn.query_row(sql, params![day, uuid], |row| row.get(0))? {
        return Ok(Some((day, Some(uuid))));
    }
    first_day(conn, day)
}

fn first_day(conn: &Connection, after: NaiveDate) -> Result<Option<(NaiveDate, Option<Uuid>)>, StoreError> {
    let condition = if after == NaiveDate::MIN { String::new() } else { format!("WHERE day > {}", sql::day(after)) };
    let day: Option<NaiveDate> =
        conn.query_row(&format!("SELECT min(day) FROM report {condition}"), [], |row| row.get(0))?;
    Ok(day.map(|day| (day, None)))
}

/// One report of a slice: what it is stored under, and itself.
pub struct Old {
    pub uuid: Uuid,
    pub day: NaiveDate,
    pub organisation_key: String,
    report_id: String,
    pub stored: StoredReportBytes,
}

/// Of which reports the original bytes are read as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    OfAll,
    /// Of those whose From address is not stored although it is a part of their sender's key.
    OfSignedMail,
}

pub fn read(conn: &Connection, day: NaiveDate, after: Option<Uuid>, bytes: Bytes) -> Result<Vec<Old>, StoreError> {
    let which = match bytes {
        Bytes::OfAll => "true",
        Bytes::OfSignedMail => "r.trust = 'dkim' AND r.from_address IS NULL",
    };
    let sql = format!(
        "WITH slice AS (SELECT * FROM report WHERE day = {day} AND ($1 IS NULL OR uuid > $1::UUID) ORDER BY uuid LIMIT {SLICE})
         SELECT r.uuid, r.report_id, w.bytes, r.channel, r.peer, r.source, r.received_at, r.trust, r.dkim_domain, r.submitter,
                w.media_type, w.content_encoding, w.element, r.from_domain, r.dkim_verdict, r.dkim_selector, r.mailed_at, r.policy_domains, r.deviations,
                r.from_address, r.network_domain, r.contact, r.organisation, r.organisation_key, r.network_state, r.network_evidence, r.key_secure
         FROM slice r LEFT JOIN raw w ON w.report = r.uuid AND w.day = {day} AND {which}
         ORDER BY r.uuid",
        day = sql::day(day)
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![after.map(|uuid| uuid.to_string())], |row| {
        let peer: Option<String> = row.get(4)?;
        let policy_domains: String = row.get(17)?;
        Ok(Old {
            uuid: row.get(0)?,
            day,
            organisation_key: row.get(23)?,
            report_id: row.get(1)?,
            stored: StoredReportBytes {
                arrival: Arrival {
                    bytes: row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default(),
                    channel: row.get(3)?,
                    peer: peer.and_then(|peer| peer.parse().ok()),
                    source: row.get(5)?,
                    received_at: row.get(6)?,
                    trust: row.get(7)?,
                    token_domains: None,
                    origin: Origin {
                        from_domain: row.get(13)?,
                        dkim_verdict: row.get(14)?,
                        dkim_domain: row.get(8)?,
                        dkim_selector: row.get(15)?,
                        mailed_at: row.get(16)?,
                        from_address: row.get(19)?,
                        network_state: row.get(24)?,
                        network_domain: row.get(20)?,
                        network_evidence: row.get(25)?,
                        key_secure: row.get(26)?,
                    },
                    submitter: row.get(9)?,
                    media_type: row.get(10)?,
                    content_encoding: row.get(11)?,
                },
                element: row.get(12)?,
                policy_domains: policy_domains.lines().map(str::to_owned).collect(),
                deviations: row.get(18)?,
                contact: row.get(21)?,
                organisation: row.get(22)?,
            },
        })
    })?;
    Ok(rows.collect::<duckdb::Result<Vec<Old>>>()?)
}

/// Reading is what takes the time: on all cores.
fn renew(slice: &[Old], reread: Option<&Arc<dyn Reread>>) -> Vec<Option<Renewed>> {
    let Some(reread) = reread else { return slice.iter().map(|_| None).collect() };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = slice.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = slice
            .chunks(part)
            .map(|part| {
                let reread = Arc::clone(reread);
                let work = move || part.iter().map(|old| reread.reread(&old.stored)).collect::<Vec<_>>();
                (part.len(), scope.spawn(work))
            })
            .collect();
        // A report that cannot be read stays as it is, also where reading it panics.
        threads.into_iter().flat_map(|(length, thread)| thread.join().unwrap_or_else(|_| none(length))).collect()
    })
}

fn none(length: usize) -> Vec<Option<Renewed>> {
    std::iter::repeat_with(|| None).take(length).collect()
}

fn write(conn: &Connection, slice: &[Old], renewed: Vec<Option<Renewed>>) -> Result<(), StoreError> {
    let (mut entries, mut left): (HashMap<Uuid, StoredEntry>, Vec<&Old>) = (HashMap::new(), Vec::new());
    for (old, renewed) in slice.iter().zip(renewed) {
        if test_report::is_one(&old.report_id) {
            test_report::move_here(conn, old.day, old.uuid)?;
            continue;
        }
        let Some(Renewed { report, content, from_address }) = renewed else {
            left.push(old);
            continue;
        };
        let mut arrival = Arrival { bytes: Vec::new(), ..old.stored.arrival.clone() };
        arrival.origin.from_address = from_address;
        let arrival = Arc::new(arrival);
        // Under the key it had: `rekey` makes the new ones, and tells what else speaks of the sender.
        let organisation_key = old.organisation_key.clone();
        let kind =
            EntryKind::Report { report: Box::new(report), identity: old.uuid, alias: None, content, organisation_key };
        let entry = StoredEntry { arrival, element: old.stored.element, kind, from_quarantine: None, replaces: false };
        entries.insert(old.uuid, entry);
    }
    let mut tables = Tables::new(conn, Into::Next);
    for entry in slice.iter().filter_map(|old| entries.get(&old.uuid)) {
        if let Some(stored) = StoredReport::of(entry) {
            tables.append(&stored)?;
        }
    }
    tables.flush()?;
    keep_as_stored(conn, &left)?;
    let Some(last) = slice.last() else { return Ok(()) };
    conn.execute_batch("DELETE FROM recount")?;
    conn.execute("INSERT INTO recount VALUES (?::DATE, ?::UUID)", params![last.day, last.uuid])?;
    Ok(())
}

/// Copies the rows of reports that cannot be read again.
fn keep_as_stored(conn: &Connection, left: &[&Old]) -> Result<(), StoreError> {
    let Some(first) = left.first() else { return Ok(()) };
    tracing::debug!(reports = left.len(), day = %first.day, "reports without readable original bytes stay as they were counted");
    let (day, uuids) = (sql::day(first.day), sql::uuids(left.iter().map(|old| &old.uuid)));
    conn.execute_batch(&format!(
        "INSERT INTO report_next BY NAME SELECT * FROM report WHERE day = {day} AND uuid IN ({uuids});
         INSERT INTO policy_next BY NAME
           SELECT * EXCLUDE (counted), CASE WHEN counted THEN greatest(coalesce(successful, 0), 0) ELSE 0 END AS once_successful,
                  CASE WHEN counted THEN greatest(coalesce(failed, 0), 0) ELSE 0 END AS once_failed
           FROM policy WHERE day = {day} AND report IN ({uuids});
         INSERT INTO failure_next BY NAME SELECT * FROM failure WHERE day = {day} AND report IN ({uuids});"
    ))?;
    Ok(())
}

fn sums(conn: &Connection, table: &str) -> Result<Sums, StoreError> {
    let sql = format!(
        "SELECT count(*), coalesce(sum(successful), 0)::VARCHAR, coalesce(sum(failed), 0)::VARCHAR FROM {table}"
    );
    Ok(conn
        .query_row(&sql, [], |row| Ok(Sums { reports: row.get(0)?, successful: row.get(1)?, failed: row.get(2)? }))?)
}

/// How far it is, told now and then.
struct Progress {
    total: i64,
    done: i64,
    logged_at: Instant,
}

impl Progress {
    fn new(conn: &Connection) -> Result<Progress, StoreError> {
        let total: i64 = conn.query_row("SELECT count(*) FROM report", [], |row| row.get(0))?;
        let done: i64 = conn.query_row("SELECT count(*) FROM report_next", [], |row| row.get(0))?;
        if total > 0 {
            tracing::info!(
                reports = total,
                done,
                "this version counts in another way: the stored reports are counted again; it may be broken off and goes on at the next start"
            );
        }
        Ok(Progress { total, done, logged_at: Instant::now() })
    }

    fn tell(&mut self, reports: usize) {
        self.done += i64::try_from(reports).unwrap_or(i64::MAX);
        if self.logged_at.elapsed() >= PROGRESS {
            self.logged_at = Instant::now();
            tracing::info!(done = self.done, reports = self.total, "counting the stored reports again");
        }
    }
}
