//! One group of entries in one transaction: what is new, what is known, what collides, and who takes whose place.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::NaiveDate;
use duckdb::{Connection, params};
use uuid::Uuid;

use super::{
    Arrival, Entry, Kind, StoreError,
    parts::Parts,
    quarantine::{self, Change, Kept},
    rows::{At, Into, StoredReport, Tables},
    sql, test_report,
    unproven::{self, Bounds, Held, Holdings},
};
use crate::{
    fault::{Fault, FaultCode, Place},
    report::Report,
    submission::{Busy, Channel, Origin, Outcome, Trust},
};

/// Identities looked up by one statement.
const LOOKUP_MAX: usize = 4_096;
/// Identities that are quicker to look up as a list of literals than by a join.
const LOOKUP_LISTED_MAX: usize = 64;
/// Days one look-up may span.
const LOOKUP_DAYS_MAX: i64 = 62;

/// What the writer knows besides the entries.
pub struct Quota<'a> {
    /// Bytes the quarantine costs before the transaction.
    pub quarantine_bytes: u64,
    pub quarantine_max_bytes: u64,
    /// What is held of those who did not prove who they are, before the transaction.
    pub holdings: &'a Holdings,
    pub unproven: Bounds,
}

/// What a transaction did.
pub struct Written {
    pub outcomes: Vec<Outcome>,
    pub held: Vec<Held>,
}

/// Writes the entries, in order of arrival, and commits: one outcome each. On an error nothing is written. The rows of large ones
/// may have been put aside before.
pub fn write(
    conn: &Connection,
    entries: &[&Entry],
    aside: Option<&Parts>,
    quota: &Quota<'_>,
) -> Result<Written, StoreError> {
    within(conn, |conn| decide(conn, entries, aside, quota))
}

/// Runs `change` in a transaction of its own. On an error nothing is written.
pub fn within<T>(
    conn: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.execute_batch("BEGIN TRANSACTION")?;
    let changed = change(conn).and_then(|value| {
        conn.execute_batch("COMMIT")?;
        Ok(value)
    });
    if changed.is_err() {
        // After a failed COMMIT there is no transaction left to roll back, which is an error of its own that says nothing.
        let _ = conn.execute_batch("ROLLBACK");
    }
    changed
}

fn decide(
    conn: &Connection,
    entries: &[&Entry],
    aside: Option<&Parts>,
    quota: &Quota<'_>,
) -> Result<Written, StoreError> {
    let known = known(conn, entries)?;
    let mut group = Group { conn, quota, known, fresh: Vec::new(), held: Vec::new(), changes: Vec::new() };
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        outcomes.push(group.take(entry)?);
    }
    let Group { fresh, changes, .. } = group;
    if fresh.iter().any(Option::is_some) {
        let mut tables = Tables::open(conn, Into::Tables)?;
        let mut moved = Vec::new();
        for stored in fresh.iter().flatten() {
            if let Some(counts) = aside.and_then(|aside| aside.hold(stored)) {
                tables.append_head(stored, counts)?;
                moved.push(stored.identity);
            } else {
                tables.append(stored)?;
            }
        }
        tables.flush()?;
        Parts::move_in(conn, &moved)?;
    }
    let held: Vec<Held> = fresh.iter().flatten().filter_map(Held::of).collect();
    unproven::note(conn, &held)?;
    quarantine::apply(conn, changes, quota.quarantine_bytes, quota.quarantine_max_bytes)?;
    Ok(Written { outcomes, held })
}

/// The identities of entries that are stored already, with the same content.
pub fn duplicates(conn: &Connection, entries: &[&Entry]) -> Result<HashSet<Uuid>, StoreError> {
    let known = known(conn, entries)?;
    let known = |entry: &&Entry| match &entry.kind {
        Kind::Report { identity, content, .. } => {
            known.get(identity).filter(|known| known.content == *content).map(|_| *identity)
        }
        Kind::Quarantine { .. } => None,
    };
    Ok(entries.iter().filter_map(known).collect())
}

/// A report that stands, or will stand after this transaction.
struct Known {
    content: Uuid,
    trust: Trust,
    /// Index in `Group::fresh` where this transaction brings it.
    fresh: Option<usize>,
}

/// The stored reports with the entries' identities. Bounded by day, which the identity implies: DuckDB then reads the row
/// groups of those days only, and nobody makes it read all by dating one report in 1970.
fn known(conn: &Connection, entries: &[&Entry]) -> Result<HashMap<Uuid, Known>, StoreError> {
    let mut wanted: Vec<(NaiveDate, Uuid)> = entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Report { report, identity, .. } => Some((report.range.day(), *identity)),
            Kind::Quarantine { .. } => None,
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut known = HashMap::new();
    let near = |first: NaiveDate, day: NaiveDate| day.signed_duration_since(first).num_days() < LOOKUP_DAYS_MAX;
    let mut rest = wanted.as_slice();
    while let Some((first, _)) = rest.first() {
        let length = rest.iter().take(LOOKUP_MAX).take_while(|(day, _)| near(*first, *day)).count();
        let (part, later) = rest.split_at(length);
        look_up(conn, part, &mut known)?;
        rest = later;
    }
    Ok(known)
}

fn look_up(conn: &Connection, part: &[(NaiveDate, Uuid)], known: &mut HashMap<Uuid, Known>) -> Result<(), StoreError> {
    let (Some((first, _)), Some((last, _))) = (part.first(), part.last()) else { return Ok(()) };
    let uuids = part.iter().map(|(_, uuid)| uuid);
    let (join, filter) = if part.len() <= LOOKUP_LISTED_MAX {
        (String::new(), format!("AND uuid IN ({})", sql::uuids(uuids)))
    } else {
        (format!("JOIN ({}) AS wanted ON wanted.name = report.uuid", sql::uuid_table(uuids)), String::new())
    };
    let (first, last) = (sql::day(*first), sql::day(*last));
    let statement =
        format!("SELECT uuid, content, trust FROM report {join} WHERE day BETWEEN {first} AND {last} {filter}");
    let mut statement = conn.prepare(&statement)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let trust = Trust::from_name(&row.get::<_, String>(2)?).unwrap_or(Trust::None);
        known.insert(row.get(0)?, Known { content: row.get(1)?, trust, fresh: None });
    }
    Ok(())
}

/// The state of the store as it will be after the entries taken so far.
struct Group<'a> {
    conn: &'a Connection,
    quota: &'a Quota<'a>,
    known: HashMap<Uuid, Known>,
    fresh: Vec<Option<StoredReport<'a>>>,
    /// Those of them that nobody proved.
    held: Vec<Held>,
    changes: Vec<Change>,
}

impl<'a> Group<'a> {
    fn take(&mut self, entry: &'a Entry) -> Result<Outcome, StoreError> {
        match &entry.kind {
            Kind::Quarantine { fault, organisation, report_id } => {
                Ok(self.keep(entry, fault.clone(), None, organisation.clone(), report_id.clone()))
            }
            Kind::Report { .. } => match StoredReport::of(entry) {
                Some(stored) => self.take_report(stored),
                None => Ok(Outcome::Busy(Busy::StoreFailed)),
            },
        }
    }

    fn take_report(&mut self, stored: StoredReport<'a>) -> Result<Outcome, StoreError> {
        let (entry, identity) = (stored.entry, stored.identity);
        if test_report::is_one(&stored.report.report_id) {
            test_report::keep(self.conn, &stored)?;
            self.leave_quarantine(entry);
            return Ok(Outcome::Stored(identity));
        }
        let Some(known) = self.known.get(&identity) else {
            if let Some(held) = Held::of(&stored) {
                let Quota { holdings, unproven, .. } = self.quota;
                if !holdings.have_room(&held, &self.held, unproven) {
                    return Ok(Outcome::Busy(Busy::ShareFull));
                }
                self.held.push(held);
            }
            self.store(stored);
            return Ok(Outcome::Stored(identity));
        };
        if known.content == stored.content {
            if stored.trust > known.trust {
                self.raise_trust(&stored)?;
            }
            self.leave_quarantine(entry);
            return Ok(Outcome::Duplicate(identity));
        }
        if stored.trust > known.trust || entry.replaces {
            self.supersede(identity, stored.report.range.day(), entry)?;
            self.store(stored);
            return Ok(Outcome::Stored(identity));
        }
        let fault = Fault::new(
            FaultCode::Conflict,
            "a report with the same sender, report-id, date range and policy domains but other content is already stored",
            Place::Whole,
        );
        let Report { organisation, report_id, .. } = stored.report;
        Ok(self.keep(entry, fault, Some(identity), organisation.clone(), Some(report_id.clone())))
    }

    fn store(&mut self, stored: StoredReport<'a>) {
        self.leave_quarantine(stored.entry);
        let known = Known { content: stored.content, trust: stored.trust, fresh: Some(self.fresh.len()) };
        self.known.insert(stored.identity, known);
        self.fresh.push(Some(stored));
    }

    fn leave_quarantine(&mut self, entry: &Entry) {
        if let Some(uuid) = entry.from_quarantine {
            self.changes.push(Change::Remove(uuid));
        }
    }

    fn keep(
        &mut self,
        entry: &Entry,
        fault: Fault,
        report: Option<Uuid>,
        organisation: Option<String>,
        report_id: Option<String>,
    ) -> Outcome {
        let uuid = quarantine::name(&entry.arrival.bytes, entry.element);
        // What comes out of the quarantine and goes back into it has not arrived once more.
        self.changes.push(if entry.from_quarantine == Some(uuid) {
            Change::Judge(uuid, fault.clone(), report)
        } else {
            let arrival = Arc::clone(&entry.arrival);
            let kept = Kept { arrival, element: entry.element, fault: fault.clone(), report, organisation, report_id };
            Change::Keep(uuid, Box::new(kept))
        });
        Outcome::Quarantined { entry: uuid, fault }
    }

    /// The same content came by a more credible way: the report is believed as far as its best copy.
    fn raise_trust(&mut self, better: &StoredReport<'a>) -> Result<(), StoreError> {
        let Some(known) = self.known.get_mut(&better.identity) else { return Ok(()) };
        let was_counted = known.trust.is_counted_by_default();
        known.trust = better.trust;
        if let Some(fresh) = known.fresh.and_then(|index| self.fresh[index].as_mut()) {
            fresh.trust = better.trust;
            fresh.origin = better.origin;
            return Ok(());
        }
        if !was_counted && better.trust.is_counted_by_default() {
            unproven::forget(self.conn, better.identity, better.report.range.day())?;
        }
        let (trust, day, uuid) = (better.trust.as_str(), better.report.range.day(), better.identity);
        let sql = "UPDATE report SET trust = ?, from_domain = ?, dkim_verdict = ?, dkim_domain = ?, dkim_selector = ?, mailed_at = ? \
                   WHERE day = ?::DATE AND uuid = ?::UUID";
        let Origin { from_domain, dkim_verdict, dkim_domain, dkim_selector, mailed_at } = better.origin;
        let mailed_at = mailed_at.map(At);
        let better = params![trust, from_domain, dkim_verdict, dkim_domain, dkim_selector, mailed_at, day, uuid];
        self.conn.execute(sql, better)?;
        for table in ["policy", "failure"] {
            let sql = format!("UPDATE {table} SET trust = ? WHERE day = ?::DATE AND report = ?::UUID");
            self.conn.execute(&sql, params![trust, day, uuid])?;
        }
        Ok(())
    }

    /// Moves the report that stands under this identity to the quarantine, its original bytes with their provenance.
    fn supersede(&mut self, identity: Uuid, day: NaiveDate, by: &Entry) -> Result<(), StoreError> {
        let fault = Fault::new(
            FaultCode::Superseded,
            if by.replaces {
                "the operator admitted another copy of this report in its place".to_owned()
            } else {
                format!("a copy of this report with the higher trust `{}` took its place", by.arrival.trust.as_str())
            },
            Place::Whole,
        );
        let fresh = self.known.remove(&identity).and_then(|known| known.fresh);
        let kept = match fresh.and_then(|index| self.fresh[index].take()) {
            Some(old) => Kept {
                arrival: Arc::new(Arrival {
                    trust: old.trust,
                    origin: old.origin.clone(),
                    ..Arrival::clone(&old.entry.arrival)
                }),
                element: old.entry.element,
                fault,
                report: Some(identity),
                organisation: old.report.organisation.clone(),
                report_id: Some(old.report.report_id.clone()),
            },
            None => {
                let kept = stored(self.conn, identity, day, fault)?;
                remove(self.conn, identity, day)?;
                kept
            }
        };
        let uuid = quarantine::name(&kept.arrival.bytes, kept.element);
        self.changes.push(Change::Keep(uuid, Box::new(kept)));
        Ok(())
    }
}

/// The original bytes of a stored report, ready for the quarantine.
fn stored(conn: &Connection, identity: Uuid, day: NaiveDate, fault: Fault) -> Result<Kept, StoreError> {
    let sql = "SELECT w.bytes, r.channel, r.peer, r.source, r.received_at, r.trust, r.dkim_domain, r.submitter, \
               w.media_type, w.content_encoding, w.element, r.organisation, r.report_id, r.from_domain, r.dkim_verdict, \
               r.dkim_selector, r.mailed_at \
               FROM report r LEFT JOIN raw w ON w.report = r.uuid AND w.day = r.day \
               WHERE r.day = ?::DATE AND r.uuid = ?::UUID LIMIT 1";
    Ok(conn.query_row(sql, params![day, identity], |row| {
        let peer: Option<String> = row.get(2)?;
        let arrival = Arrival {
            // Retention may have removed the bytes before the report.
            bytes: row.get::<_, Option<Vec<u8>>>(0)?.unwrap_or_default(),
            channel: Channel::from_name(&row.get::<_, String>(1)?).unwrap_or(Channel::Import),
            peer: peer.and_then(|peer| peer.parse().ok()),
            source: row.get(3)?,
            received_at: row.get(4)?,
            trust: Trust::from_name(&row.get::<_, String>(5)?).unwrap_or(Trust::None),
            token_domains: None,
            origin: Origin {
                from_domain: row.get(13)?,
                dkim_verdict: row.get(14)?,
                dkim_domain: row.get(6)?,
                dkim_selector: row.get(15)?,
                mailed_at: row.get(16)?,
            },
            submitter: row.get(7)?,
            media_type: row.get(8)?,
            content_encoding: row.get(9)?,
        };
        Ok(Kept {
            arrival: Arc::new(arrival),
            element: row.get(10)?,
            fault,
            report: Some(identity),
            organisation: row.get(11)?,
            report_id: row.get(12)?,
        })
    })?)
}

fn remove(conn: &Connection, identity: Uuid, day: NaiveDate) -> Result<(), StoreError> {
    let tables =
        [("report", "uuid"), ("policy", "report"), ("failure", "report"), ("raw", "report"), ("unproven", "report")];
    for (table, column) in tables {
        let sql = format!("DELETE FROM {table} WHERE day = ?::DATE AND {column} = ?::UUID");
        conn.execute(&sql, params![day, identity])?;
    }
    Ok(())
}
