//! The one thread that writes. It takes what has gathered, writes it in one transaction, answers everybody, and folds the
//! log into the database when nobody waits. Where the disk is full it says so and goes on as soon as there is space.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use duckdb::Connection;
use tokio::sync::watch;

use super::{
    Entry, Settings, StoreError,
    backoff::Backoff,
    open, quarantine,
    queue::{Change, Job, Queue, Work},
    reader::Readers,
    recover::log_of,
    transaction::{self, Quota},
};
use crate::{
    limits::WAL_IDLE_MAX_BYTES,
    submission::{Busy, Outcome},
};

/// How long nothing must have come before a checkpoint is taken for one nobody waits behind.
const IDLE: Duration = Duration::from_millis(100);

pub struct Writer {
    pub data: PathBuf,
    pub settings: Settings,
    pub queue: Arc<Queue>,
    pub readers: Arc<Readers>,
    /// Counts the transactions that changed what is stored.
    commits: watch::Sender<u64>,
    database: Option<Connection>,
    quarantine_bytes: u64,
    /// When to try again what the machine did not allow.
    checkpoint: Backoff,
    reopen: Backoff,
}

impl Writer {
    /// Takes over an open database and lends it to the readers.
    pub fn new(
        data: PathBuf,
        settings: Settings,
        queue: Arc<Queue>,
        readers: Arc<Readers>,
        commits: watch::Sender<u64>,
        database: Connection,
    ) -> Result<Writer, StoreError> {
        let quarantine_bytes = quarantine::total_bytes(&database)?;
        readers.open(database.try_clone()?);
        Ok(Writer {
            data,
            settings,
            queue,
            readers,
            commits,
            database: Some(database),
            quarantine_bytes,
            checkpoint: Backoff::new(),
            reopen: Backoff::new(),
        })
    }

    /// Works until the queue is closed and empty; then checkpoints and closes the database.
    pub fn run(mut self) {
        loop {
            let log = self.log_bytes();
            if log > self.settings.log_max_bytes {
                self.checkpoint();
            }
            match self.queue.next((log > WAL_IDLE_MAX_BYTES).then_some(IDLE)) {
                Work::Write(jobs) => self.write(jobs),
                Work::Change(change) => self.change(change),
                Work::Idle => self.checkpoint(),
                Work::Close => break,
            }
        }
        if let Some(conn) = &self.database
            && let Err(error) = conn.execute_batch("CHECKPOINT")
        {
            tracing::warn!(error = %error, "no checkpoint at the end: the log is read at the next start");
        }
        self.close();
    }

    fn write(&mut self, jobs: Vec<Job>) {
        let entries: Vec<&Entry> = jobs.iter().flat_map(|job| &job.entries).collect();
        let mut outcomes = self.write_entries(&entries).into_iter();
        for job in jobs {
            let count = job.entries.len();
            // Who does not wait any more does not want to know.
            let _ = job.reply.send(outcomes.by_ref().take(count).collect());
        }
    }

    fn write_entries(&mut self, entries: &[&Entry]) -> Vec<Outcome> {
        let failed = match self.attempt(entries) {
            Ok(outcomes) => return outcomes,
            Err(error) => error,
        };
        if let Some(busy) = self.busy(&failed) {
            tracing::error!(entries = entries.len(), error = %failed, "the store cannot write");
            return vec![Outcome::Busy(busy); entries.len()];
        }
        if entries.len() > 1 {
            tracing::warn!(entries = entries.len(), error = %failed, "a group failed: its entries are written one by one");
        }
        entries.iter().map(|entry| self.write_alone(entry)).collect()
    }

    /// One entry that failed in company: whose fault it was shows now.
    fn write_alone(&mut self, entry: &Entry) -> Outcome {
        let error = match self.attempt(&[entry]) {
            Ok(mut outcomes) => return outcomes.pop().unwrap_or(Outcome::Busy(Busy::StoreFailed)),
            Err(error) => error,
        };
        tracing::error!(
            bytes = entry.arrival.bytes.len(),
            channel = entry.arrival.channel.as_str(),
            name = %quarantine::name(&entry.arrival.bytes, entry.element),
            error = %error,
            "an entry could not be written"
        );
        Outcome::Busy(self.busy(&error).unwrap_or(Busy::StoreFailed))
    }

    /// One transaction. After an error that DuckDB cannot live with the database is opened again.
    fn attempt(&mut self, entries: &[&Entry]) -> Result<Vec<Outcome>, StoreError> {
        self.reopen_when_due()?;
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        let quota =
            Quota { quarantine_bytes: self.quarantine_bytes, quarantine_max_bytes: self.settings.quarantine_max_bytes };
        let written = transaction::write(conn, entries, &quota);
        match &written {
            Ok(outcomes) => {
                self.commits.send_modify(|count| *count += 1);
                if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Quarantined { .. })) || left(entries) {
                    self.recount();
                }
            }
            Err(error) if error.is_fatal() => self.close(),
            Err(_) => {}
        }
        written
    }

    /// What senders hear where the machine and not the entry is at fault.
    fn busy(&self, error: &StoreError) -> Option<Busy> {
        if error.is_disk_full() {
            Some(Busy::DiskFull)
        } else if self.database.is_none() && self.reopen.has_failed() {
            Some(if self.reopen.was_disk_full() { Busy::DiskFull } else { Busy::StoreFailed })
        } else {
            None
        }
    }

    fn change(&mut self, change: Change) {
        let conn = self.reopen_when_due().and_then(|()| self.database.as_ref().ok_or(StoreError::Unavailable));
        if change(conn) {
            self.close();
        } else {
            // It may have been a quarantine entry that went.
            self.recount();
        }
    }

    fn recount(&mut self) {
        let Some(conn) = &self.database else { return };
        match quarantine::total_bytes(conn) {
            Ok(bytes) => self.quarantine_bytes = bytes,
            Err(error) => tracing::warn!(error = %error, "cannot tell the size of the quarantine"),
        }
    }

    /// Folds the log into the database file. A failure costs nothing but the time to read the log at the next start.
    fn checkpoint(&mut self) {
        let Some(conn) = &self.database else { return };
        if !self.checkpoint.is_due() {
            return;
        }
        match conn.execute_batch("CHECKPOINT") {
            Ok(()) => self.checkpoint.succeeded(),
            Err(source) => {
                let error = StoreError::Duckdb(source);
                tracing::warn!(error = %error, "the log could not be folded into the database: tried again later");
                self.checkpoint.failed(error.is_disk_full());
                if error.is_fatal() {
                    self.close();
                }
            }
        }
    }

    fn reopen_when_due(&mut self) -> Result<(), StoreError> {
        if self.database.is_some() {
            return Ok(());
        }
        if !self.reopen.is_due() {
            return Err(StoreError::Unavailable);
        }
        let opened = open::open(&self.data, &self.settings).and_then(|conn| {
            self.readers.open(conn.try_clone()?);
            Ok(conn)
        });
        match opened {
            Ok(conn) => {
                tracing::warn!("the database was opened again after an error");

                self.database = Some(conn);
                self.reopen.succeeded();
                self.recount();
                Ok(())
            }
            Err(error) => {
                tracing::error!(error = %error, "the database cannot be opened again: tried again later");
                self.reopen.failed(error.is_disk_full());
                Err(error)
            }
        }
    }

    /// Gives the database back. DuckDB must be out of it entirely before it is opened again.
    fn close(&mut self) {
        self.readers.close();
        self.database = None;
    }

    fn log_bytes(&self) -> u64 {
        fs::metadata(log_of(&self.data.join(open::DATABASE))).map_or(0, |log| log.len())
    }
}

impl Drop for Writer {
    /// Whether it ends or panics: nobody waits for ever.
    fn drop(&mut self) {
        self.queue.abandon();
        self.close();
    }
}

/// Whether entries may have left the quarantine.
fn left(entries: &[&Entry]) -> bool {
    entries.iter().any(|entry| entry.from_quarantine.is_some())
}
