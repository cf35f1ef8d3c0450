//! One group of entries in one transaction: what is new, what is known, what collides, and who takes whose place.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::NaiveDate;
use duckdb::{Connection, params};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use super::parts::Parts;
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    report::Report,
    reporters,
    store::{
        Arrival, EntryKind, StoreError, StoredEntry, sql,
        tables::{
            day_sums, journal_position,
            quarantine::{self, NewEntry, QuarantineChange},
            rows::{Into, StoredReport, Tables},
            standing, test_report,
            unproven::{self, Bounds, Held, Holdings},
        },
    },
    submission::{Busy, Outcome, Trust},
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
    pub holdings: &'a Mutex<Holdings>,
    pub unproven: Bounds,
}

/// An entry on its way into the tables, and what is certain about it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    pub entry: &'a StoredEntry,
    /// No report of its name is stored, for sure: nobody has to look.
    pub is_new: bool,
    /// Its sender was told that it is stored: there is no other answer any more.
    pub is_answered: bool,
}

impl<'a> Incoming<'a> {
    /// Of which nothing is known.
    pub fn of(entry: &'a StoredEntry) -> Incoming<'a> {
        Incoming { entry, is_new: false, is_answered: false }
    }
}

/// What a transaction did.
pub struct TransactionOutcome {
    pub outcomes: Vec<Outcome>,
    pub held: Vec<Held>,
}

/// Writes the entries, in order of arrival, and commits: one outcome each. On an error nothing is written. The rows of large ones
/// may have been put aside before. `through`: with them everything in the journal up to this sequence number is in the tables.
pub fn write(
    conn: &Connection,
    entries: &[Incoming<'_>],
    aside: Option<&Parts>,
    quota: &Quota<'_>,
    through: Option<u64>,
) -> Result<TransactionOutcome, StoreError> {
    within(conn, |conn| {
        let decided = decide(conn, entries, aside, quota)?;
        if let Some(through) = through {
            journal_position::advance(conn, through)?;
        }
        Ok(decided)
    })
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
    entries: &[Incoming<'_>],
    aside: Option<&Parts>,
    quota: &Quota<'_>,
) -> Result<TransactionOutcome, StoreError> {
    let doubtful = entries.iter().filter(|incoming| !incoming.is_new).map(|incoming| incoming.entry);
    let known = known(conn, doubtful)?;
    let mut group = Group { conn, quota, known, fresh: Vec::new(), held: Vec::new(), changes: Vec::new() };
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        outcomes.push(group.take(entry)?);
    }
    let Group { fresh, changes, .. } = group;
    if fresh.iter().any(Option::is_some) {
        let mut tables = Tables::new(conn, Into::Tables);
        let mut moved = Vec::new();
        for stored in fresh.iter().flatten() {
            if let Some(counts) = aside.and_then(|aside| aside.hold(stored)) {
                tables.append_head(stored, counts)?;
                moved.push(stored.uuid);
            } else {
                tables.append(stored)?;
            }
        }
        tables.flush()?;
        Parts::move_in(conn, &moved)?;
        day_sums::mark(conn, fresh.iter().flatten().map(|stored| stored.report.range.day()))?;
    }
    let held: Vec<Held> = fresh.iter().flatten().filter_map(Held::of).collect();
    unproven::note(conn, &held)?;
    quarantine::apply(conn, changes, quota.quarantine_bytes, quota.quarantine_max_bytes)?;
    Ok(TransactionOutcome { outcomes, held })
}

/// The identities of entries that are stored already, with the same content.
pub fn duplicates(conn: &Connection, entries: &[StoredEntry]) -> Result<HashSet<Uuid>, StoreError> {
    let known = known(conn, entries.iter())?;
    let known = |entry: &StoredEntry| match &entry.kind {
        EntryKind::Report { identity, content, .. } => known
            .get(identity)
            .filter(|standing| standing.iter().any(|known| known.content == *content))
            .map(|_| *identity),
        EntryKind::Quarantine { .. } => None,
    };
    Ok(entries.iter().filter_map(known).collect())
}

/// A report that stands, or will stand after this transaction.
struct Known {
    uuid: Uuid,
    content: Uuid,
    trust: Trust,
    organisation_key: String,
    /// Index in `Group::fresh` where this transaction brings it.
    fresh: Option<usize>,
}

/// By identity. Where two senders were proven, the reports of both stand under it.
type StoredStanding = HashMap<Uuid, Vec<Known>>;

/// The stored reports with the entries' identities. Bounded by day, which the identity implies: DuckDB then reads the row
/// groups of those days only, and nobody makes it read all by dating one report in 1970.
fn known<'a>(conn: &Connection, entries: impl Iterator<Item = &'a StoredEntry>) -> Result<StoredStanding, StoreError> {
    let names = entries.filter_map(|entry| match &entry.kind {
        EntryKind::Report { report, identity, alias, .. } => Some((report.range.day(), *identity, *alias)),
        EntryKind::Quarantine { .. } => None,
    });
    let mut wanted: Vec<(NaiveDate, Uuid)> = names
        .flat_map(|(day, identity, alias)| [Some(identity), alias].into_iter().flatten().map(move |name| (day, name)))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut known = StoredStanding::new();
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

fn look_up(conn: &Connection, part: &[(NaiveDate, Uuid)], known: &mut StoredStanding) -> Result<(), StoreError> {
    let (Some((first, _)), Some((last, _))) = (part.first(), part.last()) else { return Ok(()) };
    let uuids = part.iter().map(|(_, uuid)| uuid);
    let (join, filter) = if part.len() <= LOOKUP_LISTED_MAX {
        (String::new(), format!("AND coalesce(identity, uuid) IN ({})", sql::uuids(uuids)))
    } else {
        let join = "AS wanted ON wanted.name = coalesce(report.identity, report.uuid)";
        (format!("JOIN ({}) {join}", sql::uuid_table(uuids)), String::new())
    };
    let (first, last) = (sql::day(*first), sql::day(*last));
    let statement = format!(
        "SELECT coalesce(identity, uuid), uuid, content, trust, organisation_key FROM report {join} WHERE day BETWEEN {first} AND {last} {filter}"
    );
    let mut statement = conn.prepare(&statement)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let trust: Trust = row.get(3)?;
        let stands =
            Known { uuid: row.get(1)?, content: row.get(2)?, trust, organisation_key: row.get(4)?, fresh: None };
        known.entry(row.get(0)?).or_default().push(stands);
    }
    Ok(())
}

/// The state of the store as it will be after the entries taken so far.
struct Group<'a> {
    conn: &'a Connection,
    quota: &'a Quota<'a>,
    known: StoredStanding,
    fresh: Vec<Option<StoredReport<'a>>>,
    /// Those of them that nobody proved.
    held: Vec<Held>,
    changes: Vec<QuarantineChange>,
}

impl<'a> Group<'a> {
    fn take(&mut self, incoming: &Incoming<'a>) -> Result<Outcome, StoreError> {
        let entry = incoming.entry;
        match &entry.kind {
            EntryKind::Quarantine { fault, organisation, report_id } => {
                Ok(self.keep(entry, fault.clone(), None, organisation.clone(), report_id.clone()))
            }
            EntryKind::Report { .. } => match StoredReport::of(entry) {
                Some(stored) => self.take_report(stored, incoming.is_answered),
                None => Ok(Outcome::Busy(Busy::StoreFailed)),
            },
        }
    }

    fn take_report(&mut self, stored: StoredReport<'a>, is_answered: bool) -> Result<Outcome, StoreError> {
        let entry = stored.entry;
        if test_report::is_one(&stored.report.report_id) {
            test_report::keep(self.conn, &stored)?;
            self.leave_quarantine(entry);
            return Ok(Outcome::Stored(stored.uuid));
        }
        if let Some((name, index)) = self.same(&stored) {
            let uuid = self.meet(name, index, &stored)?;
            self.leave_quarantine(entry);
            return Ok(Outcome::Duplicate(uuid));
        }
        let Some((uuid, trust, day)) = self.rival(&stored) else {
            if let Some(held) = Held::of(&stored) {
                let Quota { holdings, unproven, .. } = self.quota;
                let holdings = holdings.lock().unwrap_or_else(PoisonError::into_inner);
                if !is_answered && !holdings.have_room(&held, &self.held, unproven) {
                    return Ok(Outcome::Busy(Busy::ShareFull));
                }
                // What is answered is counted as what is in the journal.
                if !is_answered {
                    self.held.push(held);
                }
            }
            return Ok(Outcome::Stored(self.store(stored)));
        };
        if stored.trust > trust || entry.replaces {
            self.supersede(stored.identity, uuid, day, entry)?;
            return Ok(Outcome::Stored(self.store(stored)));
        }
        let fault = Fault::new(
            FaultCode::Conflict,
            "a report with the same sender, report-id, date range and policy domains but other content is already stored",
            FaultPlace::Whole,
        );
        let Report { organisation, report_id, .. } = stored.report;
        Ok(self.keep(entry, fault, Some(uuid), organisation.clone(), Some(report_id.clone())))
    }

    /// The standing report that this one is a copy of, by whatever way either came. Those of two proven senders never are.
    fn same(&self, stored: &StoredReport<'_>) -> Option<(Uuid, usize)> {
        let names = [Some(stored.identity), stored.alias].into_iter().flatten();
        names.filter_map(|name| self.known.get(&name).map(|standing| (name, standing))).find_map(|(name, standing)| {
            let is_same = |known: &Known| {
                known.content == stored.content && may_be_one(known.trust, &known.organisation_key, stored)
            };
            standing.iter().position(is_same).map(|index| (name, index))
        })
    }

    /// The standing report of the same name that this one contradicts.
    fn rival(&self, stored: &StoredReport<'_>) -> Option<(Uuid, Trust, NaiveDate)> {
        let standing = self.known.get(&stored.identity)?;
        let rival = standing.iter().find(|known| may_be_one(known.trust, &known.organisation_key, stored))?;
        Some((rival.uuid, rival.trust, stored.report.range.day()))
    }

    /// Under which uuid it is stored.
    fn store(&mut self, mut stored: StoredReport<'a>) -> Uuid {
        self.leave_quarantine(stored.entry);
        let standing = self.known.entry(stored.identity).or_default();
        if standing.iter().any(|known| known.uuid == stored.uuid) {
            stored.uuid = uuid_beside(stored.identity, stored.organisation_key);
        }
        let uuid = stored.uuid;
        standing.push(Known {
            uuid,
            content: stored.content,
            trust: stored.trust,
            organisation_key: stored.organisation_key.to_owned(),
            fresh: Some(self.fresh.len()),
        });
        self.fresh.push(Some(stored));
        uuid
    }

    fn leave_quarantine(&mut self, entry: &StoredEntry) {
        if let Some(uuid) = entry.from_quarantine {
            self.changes.push(QuarantineChange::Remove(uuid));
        }
    }

    fn keep(
        &mut self,
        entry: &StoredEntry,
        fault: Fault,
        report: Option<Uuid>,
        organisation: Option<String>,
        report_id: Option<String>,
    ) -> Outcome {
        let uuid = quarantine::name(&entry.arrival.bytes, entry.element);
        // What comes out of the quarantine and goes back into it has not arrived once more.
        self.changes.push(if entry.from_quarantine == Some(uuid) {
            QuarantineChange::Judge(uuid, fault.clone(), report)
        } else {
            let arrival = Arc::clone(&entry.arrival);
            let kept =
                NewEntry { arrival, element: entry.element, fault: fault.clone(), report, organisation, report_id };
            QuarantineChange::Keep(uuid, Box::new(kept))
        });
        Outcome::Quarantined { entry: uuid, fault }
    }

    /// The same content came again: the report is believed as far as its best copy, and is that one's sender's. That it came
    /// without proof as well is noted. The uuid it stands under.
    fn meet(&mut self, name: Uuid, index: usize, copy: &StoredReport<'a>) -> Result<Uuid, StoreError> {
        let Some(known) = self.known.get_mut(&name).and_then(|standing| standing.get_mut(index)) else {
            return Ok(copy.uuid);
        };
        let (uuid, day, before) = (known.uuid, copy.report.range.day(), known.trust);
        let fresh = known.fresh.and_then(|index| self.fresh[index].as_mut());
        if copy.trust > before {
            (known.trust, known.organisation_key) = (copy.trust, copy.organisation_key.to_owned());
            match fresh {
                Some(fresh) => {
                    if !before.is_proven() && copy.trust.is_proven() {
                        fresh.unproven_copy = Some(fresh.entry.arrival.channel);
                    }
                    (fresh.trust, fresh.origin) = (copy.trust, copy.origin);
                    fresh.organisation_key = copy.organisation_key;
                }
                None => {
                    if !before.is_counted_by_default() && copy.trust.is_counted_by_default() {
                        unproven::forget(self.conn, uuid, day)?;
                    }
                    standing::raise(self.conn, uuid, day, before, copy)?;
                }
            }
        } else if before.is_proven() && !copy.trust.is_proven() {
            let channel = copy.entry.arrival.channel;
            match fresh {
                Some(fresh) => fresh.unproven_copy = Some(channel),
                None => {
                    let sql = "UPDATE report SET unproven_copy = ? WHERE day = ?::DATE AND uuid = ?::UUID AND unproven_copy IS NULL";
                    self.conn.execute(sql, params![channel.as_str(), day, uuid])?;
                }
            }
        }
        Ok(uuid)
    }

    /// Moves the report that stands under this identity to the quarantine, its original bytes with their provenance.
    fn supersede(&mut self, identity: Uuid, uuid: Uuid, day: NaiveDate, by: &StoredEntry) -> Result<(), StoreError> {
        let fault = Fault::new(
            FaultCode::Superseded,
            if by.replaces {
                "the operator admitted another copy of this report in its place".to_owned()
            } else {
                format!("a copy of this report with the higher trust `{}` took its place", by.arrival.trust.as_str())
            },
            FaultPlace::Whole,
        );
        let standing = self.known.entry(identity).or_default();
        let index = standing.iter().position(|known| known.uuid == uuid);
        let fresh = index.map(|index| standing.remove(index)).and_then(|known| known.fresh);
        let kept = match fresh.and_then(|index| self.fresh[index].take()) {
            Some(old) => NewEntry {
                arrival: Arc::new(Arrival {
                    trust: old.trust,
                    origin: old.origin.clone(),
                    ..Arrival::clone(&old.entry.arrival)
                }),
                element: old.entry.element,
                fault,
                report: Some(uuid),
                organisation: old.report.organisation.clone(),
                report_id: Some(old.report.report_id.clone()),
            },
            None => {
                let kept = standing::stored(self.conn, uuid, day, fault)?;
                standing::remove(self.conn, uuid, day)?;
                kept
            }
        };
        let entry = quarantine::name(&kept.arrival.bytes, kept.element);
        self.changes.push(QuarantineChange::Keep(entry, Box::new(kept)));
        Ok(())
    }
}

/// Whether a standing report and a new one of its name may be one: they are of one sender, or one of them proves no sender.
fn may_be_one(trust: Trust, organisation_key: &str, new: &StoredReport<'_>) -> bool {
    !trust.is_proven() || !new.trust.is_proven() || reporters::same_sender(organisation_key, new.organisation_key)
}

/// The uuid of a report whose name stands under its identity already, as another sender's.
fn uuid_beside(identity: Uuid, organisation_key: &str) -> Uuid {
    let mut digest = Sha256::new();
    digest.update(identity.as_bytes());
    digest.update(organisation_key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}
