//! The one thread that writes. It takes what has gathered, writes it in one transaction, answers everybody, and folds the
//! log into the database when nobody waits. Where the disk is full it says so and goes on as soon as there is space.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use duckdb::Connection;
use tokio::sync::watch;

use super::{
    backoff::Backoff,
    condition::Condition,
    note::DirectoryNote,
    open,
    parts::Parts,
    probe,
    queue::{Job, Queue, StoreChange, Work},
    reader::Readers,
    recover::log_of,
    transaction::{self, Quota, TransactionOutcome},
};
use crate::{
    limits::WAL_IDLE_MAX_BYTES,
    store::{
        Displaced, StoreError, StoreSettings, StoredEntry,
        tables::{
            quarantine,
            unproven::{self, Holdings, Tidy},
        },
    },
    submission::{Busy, Outcome},
};

/// How long nothing must have come before a checkpoint is taken for one nobody waits behind.
const IDLE: Duration = Duration::from_millis(100);
/// How often it is looked whether what could not be written can be written now.
const PROBE: Duration = Duration::from_millis(500);

/// What the writer has in common with the handles.
pub struct Shared {
    pub queue: Arc<Queue>,
    pub readers: Arc<Readers>,
    /// Counts the transactions that changed what is stored.
    pub commits: watch::Sender<u64>,
    pub condition: Arc<Condition>,
}

pub struct Writer {
    data: PathBuf,
    settings: StoreSettings,
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    commits: watch::Sender<u64>,
    condition: Arc<Condition>,
    note: DirectoryNote,
    database: Option<Connection>,
    quarantine_bytes: u64,
    holdings: Holdings,
    tidy: Tidy,
    /// A large submission under way.
    parts: Option<Parts>,
    /// When to try again what the machine did not allow.
    checkpoint: Backoff,
    reopen: Backoff,
    probe: Backoff,
}

impl Writer {
    /// Takes over an open database and lends it to the readers.
    pub fn new(
        data: PathBuf,
        settings: StoreSettings,
        shared: Shared,
        database: Connection,
    ) -> Result<Writer, StoreError> {
        let Shared { queue, readers, commits, condition } = shared;
        let quarantine_bytes = quarantine::total_bytes(&database)?;
        let holdings = Holdings::read(&database)?;
        readers.open(database.try_clone()?);
        Ok(Writer {
            note: DirectoryNote::open(&data, condition.place.log_bytes()),
            data,
            settings,
            queue,
            readers,
            commits,
            condition,
            database: Some(database),
            quarantine_bytes,
            holdings,
            tidy: Tidy::default(),
            parts: None,
            checkpoint: Backoff::new(),
            reopen: Backoff::new(),
            probe: Backoff::new(),
        })
    }

    /// Works until the queue is closed and empty; then checkpoints and closes the database.
    pub fn run(mut self) {
        loop {
            let log = self.log_bytes();
            if log > self.settings.log_max_bytes {
                self.checkpoint();
            }
            let wait_max = match self.condition.has_failed() {
                true => PROBE,
                false if log > WAL_IDLE_MAX_BYTES => IDLE,
                false => self.tidy.wait().max(IDLE),
            };
            match self.queue.next(wait_max, self.parts.is_some()) {
                Work::Write(jobs) => self.write(jobs),
                Work::Begin(job) => self.begin(job),
                Work::GoOn => self.go_on(),
                Work::Change(change) => self.change(change),
                Work::Idle if self.condition.has_failed() => self.probe(),
                Work::Idle if self.tidy.wait().is_zero() => self.tidy_up(),
                Work::Idle => self.checkpoint_when_large(log),
                Work::Close => break,
            }
            if self.tidy.is_overdue() {
                self.tidy_up();
            }
        }
        self.end();
    }

    /// Checkpoints and closes. Where another database may lie in the place of ours the log stays as it is: DuckDB would
    /// remove the log of that one.
    fn end(&mut self) {
        if let Some(conn) = &self.database {
            let last = match self.condition.place.check() {
                Ok(()) | Err(Displaced::Log(_)) => "CHECKPOINT",
                Err(displaced) => {
                    tracing::error!(error = %displaced, "closed without a checkpoint");
                    "PRAGMA disable_checkpoint_on_shutdown"
                }
            };
            if last == "CHECKPOINT" {
                self.note.folding();
            }
            self.condition.place.log_ends();
            if let Err(error) = conn.execute_batch(last) {
                tracing::warn!(error = %error, "no checkpoint at the end: the log is read at the next start");
            }
        }
        self.close();
    }

    /// A large one: its rows are put aside first, in parts.
    fn begin(&mut self, job: Job) {
        let begun = match &self.database {
            Some(conn) => Parts::plan(conn, &job),
            None => Err(StoreError::Unavailable),
        };
        match begun {
            Ok(waiting) => self.parts = Some(Parts::new(job, waiting)),
            Err(error) => {
                self.could_not_part(&error);
                self.queue.done(&job);
                self.write(vec![job]);
            }
        }
    }

    fn go_on(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let complete = match &self.database {
            Some(conn) => parts.go_on(conn),
            None => Err(StoreError::Unavailable),
        };
        match complete {
            Ok(false) => {
                self.parts = Some(parts);
                return;
            }
            Ok(true) => self.write_parts(parts),
            Err(error) => {
                self.could_not_part(&error);
                self.queue.done(&parts.job);
                self.write(vec![parts.job]);
            }
        }
        if let Some(conn) = &self.database {
            Parts::clear(conn);
        }
    }

    fn write_parts(&mut self, parts: Parts) {
        let entries: Vec<&StoredEntry> = parts.job.entries.iter().collect();
        let begun = Instant::now();
        let outcomes = self.write_entries(&entries, Some(&parts));
        let (waited_ms, commit_ms) = (parts.job.since.elapsed().as_millis(), begun.elapsed().as_millis());
        tracing::debug!(entries = entries.len(), waited_ms, commit_ms, "a large submission was written in parts");
        self.queue.done(&parts.job);
        let _ = parts.job.reply.send(outcomes);
    }

    fn could_not_part(&mut self, error: &StoreError) {
        tracing::warn!(error = %error, "a large submission could not be put aside in parts: it is written at once");
        if error.is_fatal() {
            self.close();
        }
    }

    fn write(&mut self, jobs: Vec<Job>) {
        let entries: Vec<&StoredEntry> = jobs.iter().flat_map(|job| &job.entries).collect();
        let mut outcomes = self.write_entries(&entries, None).into_iter();
        for job in jobs {
            let count = job.entries.len();
            // Who does not wait any more does not want to know.
            let _ = job.reply.send(outcomes.by_ref().take(count).collect());
        }
    }

    fn write_entries(&mut self, entries: &[&StoredEntry], aside: Option<&Parts>) -> Vec<Outcome> {
        let failed = match self.attempt(entries, aside) {
            Ok(outcomes) => return outcomes,
            Err(error) => error,
        };
        if let Some(busy) = self.busy(&failed) {
            self.condition.write_failed(&failed);
            tracing::error!(entries = entries.len(), error = %failed, "the store cannot write");
            return vec![Outcome::Busy(busy); entries.len()];
        }
        if entries.len() > 1 {
            tracing::warn!(entries = entries.len(), error = %failed, "a group failed: its entries are written one by one");
        }
        entries.iter().map(|entry| self.write_alone(entry, aside)).collect()
    }

    /// One entry that failed in company: whose fault it was shows now.
    fn write_alone(&mut self, entry: &StoredEntry, aside: Option<&Parts>) -> Outcome {
        let error = match self.attempt(&[entry], aside) {
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
        // Where anything else can be written it was the entry's own fault.
        self.condition.write_failed(&error);
        self.probe();
        Outcome::Busy(self.busy(&error).unwrap_or(Busy::StoreFailed))
    }

    /// One transaction. After an error that DuckDB cannot live with the database is opened again.
    fn attempt(&mut self, entries: &[&StoredEntry], aside: Option<&Parts>) -> Result<Vec<Outcome>, StoreError> {
        // What was put aside went with the connection.
        let aside = aside.filter(|_| self.database.is_some());
        self.reopen_when_due()?;
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        self.condition.place.check()?;
        let quota = Quota {
            quarantine_bytes: self.quarantine_bytes,
            quarantine_max_bytes: self.settings.quarantine_max_bytes,
            holdings: &self.holdings,
            unproven: self.settings.unproven,
        };
        let written = transaction::write(conn, entries, aside, &quota).and_then(|written| {
            let kept = |outcome: &&Outcome| matches!(outcome, Outcome::Stored(_) | Outcome::Quarantined { .. });
            let acknowledged = written.outcomes.iter().filter(kept).count();
            let stores = written.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Stored(_)));
            self.note.committed(self.condition.place.committed(stores)?, acknowledged as u64);
            Ok(written)
        });
        match &written {
            Ok(TransactionOutcome { outcomes, held }) => {
                self.condition.write_succeeded();
                self.commits.send_modify(|count| *count += 1);
                self.holdings.add(held);
                let full = outcomes.contains(&Outcome::Busy(Busy::ShareFull));
                if full || self.holdings.exceed(&self.settings.unproven) {
                    self.tidy.soon();
                }
                if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Quarantined { .. })) || left(entries) {
                    self.recount();
                }
            }
            Err(error) if error.is_fatal() => self.close(),
            Err(_) => {}
        }
        written.map(|written| written.outcomes)
    }

    /// Removes a few of the reports that nobody proved, where some have to go.
    fn tidy_up(&mut self) {
        let Some(conn) = &self.database else { return };
        let now = self.settings.clock.now();
        let removed = Holdings::read(conn).and_then(|holdings| {
            self.holdings = holdings;
            let victims = unproven::victims(conn, &self.holdings, &self.settings.unproven, now)?;
            if victims.is_empty() {
                return Ok((0, 0));
            }
            transaction::within(conn, |conn| unproven::remove(conn, &victims))?;
            self.holdings.take(&victims);
            Ok((victims.len() as u64, victims.iter().map(unproven::Held::bytes).sum()))
        });
        match removed {
            Ok((reports, bytes)) => {
                self.tidy.removed(reports, bytes);
                if reports > 0 {
                    self.commits.send_modify(|count| *count += 1);
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "reports that nobody proved could not be removed: tried again later");
                self.tidy.removed(0, 0);
                if error.is_fatal() {
                    self.close();
                }
            }
        }
    }

    /// What senders hear where the machine and not the entry is at fault.
    fn busy(&self, error: &StoreError) -> Option<Busy> {
        if error.is_disk_full() {
            Some(Busy::DiskFull)
        } else if matches!(error, StoreError::Displaced(_)) {
            Some(Busy::StoreFailed)
        } else if self.database.is_none() && self.reopen.has_failed() {
            Some(if self.reopen.was_disk_full() { Busy::DiskFull } else { Busy::StoreFailed })
        } else {
            None
        }
    }

    fn change(&mut self, change: StoreChange) {
        let conn = self.reopen_when_due().and_then(|()| {
            self.condition.place.check()?;
            self.database.as_ref().ok_or(StoreError::Unavailable)
        });
        if let Err(error) = &conn {
            self.condition.write_failed(error);
        }
        if change(conn) {
            self.close();
        } else {
            // What is wrong where it is displaced, the next write says.
            if let Ok(log_bytes) = self.condition.place.committed(false) {
                self.note.committed(log_bytes, 0);
            }
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

    fn checkpoint_when_large(&mut self, log: u64) {
        if log > WAL_IDLE_MAX_BYTES {
            self.checkpoint();
        }
    }

    /// Folds the log into the database file. A failure costs nothing but the time to read the log at the next start.
    fn checkpoint(&mut self) {
        let Some(conn) = &self.database else { return };
        if !self.checkpoint.is_due() || matches!(self.condition.place.check(), Err(displaced) if !displaced.is_log()) {
            return;
        }
        self.note.folding();
        self.condition.place.log_ends();
        match conn.execute_batch("CHECKPOINT") {
            Ok(()) => {
                self.note.folded();
                self.checkpoint.succeeded();
            }
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

    /// Looks whether what could not be written can be written now.
    fn probe(&mut self) {
        if !self.probe.is_due() {
            return;
        }
        match self.attempt_probe() {
            Ok(()) => {
                self.probe.succeeded();
                self.condition.write_succeeded();
            }
            Err(error) => {
                // Looking at a directory costs nothing.
                if !matches!(error, StoreError::Displaced(_)) {
                    self.probe.failed(error.is_disk_full());
                }
                if error.is_fatal() {
                    self.close();
                }
                self.condition.write_failed(&error);
            }
        }
    }

    fn attempt_probe(&mut self) -> Result<(), StoreError> {
        self.reopen_when_due()?;
        if self.condition.place.check().is_err_and(|displaced| displaced.is_log()) {
            // Everything the log held is still known: it belongs into the database file.
            self.checkpoint();
        }
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        self.condition.place.check()?;
        probe::write(conn)?;
        self.note.committed(self.condition.place.committed(true)?, 0);
        Ok(())
    }

    fn reopen_when_due(&mut self) -> Result<(), StoreError> {
        if self.database.is_some() {
            return Ok(());
        }
        self.condition.place.check_closed()?;
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
                self.condition.place.opened();
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
        self.condition.place.log_ends();
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
fn left(entries: &[&StoredEntry]) -> bool {
    entries.iter().any(|entry| entry.from_quarantine.is_some())
}
