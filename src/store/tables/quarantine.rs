//! Input that is kept but not counted: written once for each content, bounded in total, read back byte for byte.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{eviction, rows::At};
use crate::{
    fault::Fault,
    limits::QUARANTINE_KEPT_MAX_BYTES,
    store::{Arrival, StoreError},
    submission::NetworkState,
};

/// Bytes a quarantine entry is taken to cost besides its content.
pub(crate) const ENTRY_OVERHEAD_BYTES: u64 = 512;

/// The name of a content: 128 bits of SHA-256 over the bytes and, for one report of several, its index.
pub fn name(bytes: &[u8], element: Option<u32>) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(bytes);
    if let Some(element) = element {
        hash.update(element.to_be_bytes());
        hash.update(b"element");
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut name = [0; 16];
    name.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(name).into_uuid()
}

/// Something to be kept, on its way into the table.
pub struct NewEntry {
    pub arrival: Arc<Arrival>,
    pub element: Option<u32>,
    pub fault: Fault,
    pub report: Option<Uuid>,
    pub organisation: Option<String>,
    pub report_id: Option<String>,
}

/// What one transaction does to the quarantine, in the order of arrival.
pub enum QuarantineChange {
    Keep(Uuid, Box<NewEntry>),
    /// The entry was looked at again and stays, perhaps for another reason.
    Judge(Uuid, Fault, Option<Uuid>),
    Remove(Uuid),
}

/// Bytes the whole quarantine is taken to cost.
pub fn total_bytes(conn: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(sum(least(bytes_total, ?) + ?), 0)::UBIGINT FROM quarantine";
    Ok(conn.query_row(sql, params![QUARANTINE_KEPT_MAX_BYTES as u64, ENTRY_OVERHEAD_BYTES], |row| row.get(0))?)
}

/// Removes an entry for good. False where there is none.
pub fn discard(conn: &Connection, uuid: Uuid) -> Result<bool, StoreError> {
    Ok(conn.execute("DELETE FROM quarantine WHERE uuid = ?::UUID", params![uuid])? > 0)
}

/// Applies the changes within the caller's transaction. `total` is what `total_bytes` would say before, `max` its bound.
///
/// Over the bound those who hold most give way, each with its oldest entries first (`eviction`).
pub fn apply(conn: &Connection, changes: Vec<QuarantineChange>, total: u64, max: u64) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    eviction::make_room(conn, &changes, total, max)?;
    let known = known(conn, &changes)?;
    let mut outcome: HashMap<Uuid, Row> = HashMap::new();
    for change in changes {
        match change {
            QuarantineChange::Keep(uuid, kept) => {
                outcome.entry(uuid).or_insert_with(|| Row::new(known.contains(&uuid))).keep(*kept)
            }
            QuarantineChange::Judge(uuid, fault, report) => {
                outcome.entry(uuid).or_insert_with(|| Row::new(true)).judge(fault, report)
            }
            QuarantineChange::Remove(uuid) => outcome.entry(uuid).or_insert_with(|| Row::new(true)).remove(),
        }
    }
    let mut appender = None;
    for (uuid, row) in &outcome {
        if row.stored && row.removed {
            conn.execute("DELETE FROM quarantine WHERE uuid = ?::UUID", params![uuid])?;
        }
        match &row.new {
            Some(kept) => {
                if appender.is_none() {
                    appender = Some(conn.appender("quarantine")?);
                }
                let appender = appender.as_mut().expect("opened just before");
                append(appender, *uuid, kept, row)?;
            }
            None if !row.removed => update(conn, *uuid, row)?,
            None => {}
        }
    }
    if let Some(mut appender) = appender {
        appender.flush()?;
    }
    Ok(())
}

/// One entry as the transaction leaves it.
struct Row {
    /// Was there before the transaction.
    stored: bool,
    /// Has left the table at some point of the transaction.
    removed: bool,
    new: Option<NewEntry>,
    /// Arrivals in this transaction.
    arrivals: u64,
    last_received_at: Option<DateTime<Utc>>,
    judged: Option<(Fault, Option<Uuid>)>,
}

impl Row {
    fn new(stored: bool) -> Row {
        Row { stored, removed: false, new: None, arrivals: 0, last_received_at: None, judged: None }
    }

    fn keep(&mut self, kept: NewEntry) {
        self.arrivals += 1;
        self.last_received_at = self.last_received_at.max(Some(kept.arrival.received_at));
        if self.new.is_none() && (!self.stored || self.removed) {
            self.new = Some(kept);
        }
    }

    fn judge(&mut self, fault: Fault, report: Option<Uuid>) {
        match &mut self.new {
            Some(kept) => (kept.fault, kept.report) = (fault, report),
            None => self.judged = Some((fault, report)),
        }
    }

    fn remove(&mut self) {
        *self = Row { removed: true, ..Row::new(self.stored) };
    }
}

fn append(appender: &mut duckdb::Appender<'_>, uuid: Uuid, kept: &NewEntry, row: &Row) -> duckdb::Result<()> {
    let arrival = &kept.arrival;
    let bytes = &arrival.bytes[..arrival.bytes.len().min(QUARANTINE_KEPT_MAX_BYTES)];
    appender.append_row(params![
        uuid,
        At(arrival.received_at),
        At(row.last_received_at.unwrap_or(arrival.received_at)),
        row.arrivals,
        arrival.channel.as_str(),
        arrival.peer.map(|peer| peer.to_string()),
        arrival.source,
        arrival.token_domains.as_ref().map(|domains| domains.join("\n")),
        arrival.trust.as_str(),
        arrival.origin.dkim_domain,
        arrival.submitter,
        kept.fault.code.as_str(),
        kept.fault.detail,
        kept.fault.place.to_string(),
        kept.element,
        kept.report,
        kept.organisation,
        kept.report_id,
        arrival.media_type,
        arrival.content_encoding,
        arrival.bytes.len() as u64,
        bytes,
        arrival.origin.from_domain,
        arrival.origin.dkim_verdict,
        arrival.origin.dkim_selector,
        arrival.origin.mailed_at.map(At),
        arrival.origin.network_state.map(NetworkState::as_str),
        arrival.origin.network_domain,
        arrival.origin.network_evidence,
        arrival.origin.key_secure,
        eviction::charged_to(arrival),
    ])
}

fn update(conn: &Connection, uuid: Uuid, row: &Row) -> duckdb::Result<()> {
    if row.arrivals > 0 {
        let sql = "UPDATE quarantine SET times = times + ?, last_received_at = greatest(last_received_at, ?) \
                   WHERE uuid = ?::UUID";
        conn.execute(sql, params![row.arrivals, row.last_received_at.map(At), uuid])?;
    }
    if let Some((fault, report)) = &row.judged {
        let sql = "UPDATE quarantine SET code = ?, detail = ?, place = ?, report = ?::UUID WHERE uuid = ?::UUID";
        conn.execute(sql, params![fault.code.as_str(), fault.detail, fault.place.to_string(), report, uuid])?;
    }
    Ok(())
}

fn known(conn: &Connection, changes: &[QuarantineChange]) -> Result<HashSet<Uuid>, StoreError> {
    let names: HashSet<Uuid> = changes
        .iter()
        .filter_map(|change| match change {
            QuarantineChange::Keep(uuid, _) => Some(*uuid),
            QuarantineChange::Judge(..) | QuarantineChange::Remove(_) => None,
        })
        .collect();
    if names.is_empty() {
        return Ok(names);
    }
    let sql = format!("SELECT uuid FROM quarantine WHERE uuid IN ({})", crate::store::sql::uuids(&names));
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}
