//! A large submission on its way into the tables: its rows are put aside part by part, each in a moment, and moved into the
//! tables by the transaction that makes the report visible.
//!
//! They are put aside in temporary tables, which belong to the writer's connection and are in no log: after a crash nothing is
//! left of them, and nobody was told that they are stored.

use std::{collections::HashSet, ops::Range, time::Duration};

use duckdb::Connection;
use uuid::Uuid;

use super::{queue::Job, transaction};
use crate::{
    limits::{GROUP_MAX_ROWS, LARGE_WAIT_MAX_S, PART_MAX_ROWS},
    store::{
        EntryKind, StoreError, StoredEntry, sql,
        tables::{
            counts,
            rows::{Into, StoredReport, Tables},
        },
    },
};

/// Tables whose rows are put aside; `report` and `raw` have one row for each report.
const TABLES: [&str; 2] = ["policy", "failure"];

/// A large job and how far it is.
pub struct Parts {
    pub job: Job,
    /// Which opening of the database the temporary tables belong to.
    pub opening: u64,
    /// Indexes of the entries to put aside, the next one last.
    waiting: Vec<usize>,
    /// The entry under way, its counts, and the rows of it that are done.
    current: Option<(usize, counts::Counts, usize)>,
    /// The entries whose rows are complete, with their counts.
    complete: Vec<(usize, counts::Counts)>,
}

impl Parts {
    /// `waiting`: what `plan` said.
    pub fn new(job: Job, waiting: Vec<usize>, opening: u64) -> Parts {
        Parts { job, opening, waiting, current: None, complete: Vec::new() }
    }

    /// Makes the temporary tables, empty, and finds out which entries are worth putting aside, the first last.
    pub fn plan(conn: &Connection, job: &Job) -> Result<Vec<usize>, StoreError> {
        let rows: usize = job.entries.iter().map(StoredEntry::rows).sum();
        if rows <= PART_MAX_ROWS {
            return Ok(Vec::new());
        }
        for table in TABLES {
            conn.execute_batch(&format!("CREATE OR REPLACE TEMP TABLE {table}_part AS FROM {table} LIMIT 0"))?;
        }
        let duplicates = transaction::duplicates(conn, &job.entries)?;
        let mut identities = HashSet::new();
        let new = job.entries.iter().enumerate().filter(|(_, entry)| match &entry.kind {
            EntryKind::Report { identity, .. } => !duplicates.contains(identity) && identities.insert(*identity),
            EntryKind::Quarantine { .. } => false,
        });
        let mut waiting: Vec<usize> = new.map(|(index, _)| index).collect();
        waiting.reverse();
        Ok(waiting)
    }

    /// Puts the next rows aside. True when all are.
    pub fn go_on(&mut self, conn: &Connection) -> Result<bool, StoreError> {
        let late = self.job.since.elapsed() > Duration::from_secs(LARGE_WAIT_MAX_S);
        let mut left = if late { GROUP_MAX_ROWS } else { PART_MAX_ROWS };
        while left > 0 {
            let Some((index, counts, done)) = self.current.take().or_else(|| self.next()) else { return Ok(true) };
            let Some(stored) = self.job.entries.get(index).and_then(StoredReport::of) else { continue };
            let until = (done + left).min(stored.entry.rows());
            let mut tables = Tables::new(conn, Into::Parts);
            tables.append_rows(&stored, &counts, Range { start: done, end: until })?;
            tables.flush()?;
            left -= until - done;
            if until == stored.entry.rows() {
                self.complete.push((index, counts));
            } else {
                self.current = Some((index, counts, until));
            }
        }
        Ok(self.current.is_none() && self.waiting.is_empty())
    }

    fn next(&mut self) -> Option<(usize, counts::Counts, usize)> {
        let index = self.waiting.pop()?;
        let stored = StoredReport::of(self.job.entries.get(index)?)?;
        Some((index, counts::count(stored.report), 0))
    }

    /// The counts of this very report, where all rows of it are put aside as it is believed now.
    pub fn hold(&self, stored: &StoredReport<'_>) -> Option<&counts::Counts> {
        let is_it = |(index, _): &&(usize, counts::Counts)| {
            self.job.entries.get(*index).is_some_and(|entry| std::ptr::eq(entry, stored.entry))
        };
        let complete = self.complete.iter().find(is_it).map(|(_, counts)| counts);
        let as_it_came = stored.trust == stored.entry.arrival.trust && stored.uuid == stored.identity;
        complete.filter(|_| as_it_came)
    }

    /// Moves the rows of these reports into the tables, within the caller's transaction.
    pub fn move_in(conn: &Connection, reports: &[Uuid]) -> Result<(), StoreError> {
        if reports.is_empty() {
            return Ok(());
        }
        let reports = sql::uuids(reports);
        for table in TABLES {
            conn.execute_batch(&format!("INSERT INTO {table} FROM temp.{table}_part WHERE report IN ({reports})"))?;
        }
        Ok(())
    }

    /// Gives the memory of the temporary tables back.
    pub fn clear(conn: &Connection) {
        for table in TABLES {
            // The next large one replaces them.
            let _ = conn.execute_batch(&format!("DROP TABLE IF EXISTS temp.{table}_part"));
        }
    }
}
