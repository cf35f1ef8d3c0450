//! The one thread that writes. It takes what has gathered, writes it in one transaction, answers everybody, and folds the
//! log into the database when nobody waits. Where the disk is full it says so and goes on as soon as there is space.

mod group;
mod large;
mod sums;
mod upkeep;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use duckdb::Connection;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    backoff::Backoff,
    condition::Condition,
    note::DirectoryNote,
    open::io_error,
    parts::Parts,
    queue::{Queue, StoreChange, Work},
    reader::Readers,
};
use crate::{
    limits::WAL_IDLE_MAX_BYTES,
    store::{
        Displaced, StoreError, StoreSettings,
        journal::{
            append,
            identities::Identities,
            mend, replay,
            segments::{self, ClosedSegment, Segments},
            set_aside,
        },
        tables::{
            journal_position, quarantine,
            unproven::{Holdings, Tidy},
        },
    },
};

use sums::PendingSums;

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
    holdings: Arc<Mutex<Holdings>>,
    tidy: Tidy,
    sums: PendingSums,
    /// A large submission under way.
    parts: Option<Parts>,
    /// When to try again what the machine did not allow.
    checkpoint: Backoff,
    reopen: Backoff,
    probe: Backoff,
    journal_id: Uuid,
    journal_directory: PathBuf,
    /// `None` where nothing passes the journal.
    segments: Option<Arc<Segments>>,
    /// Names of all that is stored, where nothing passes the journal and there was reason to read them.
    identities: Option<Identities>,
    /// The last sequence number that is in the tables.
    loaded: u64,
    /// The database was opened again after an error: until its log is folded into it nobody knows how much of that is on disk.
    log_is_in_doubt: bool,
    /// The database is being made whole: it is not opened once more meanwhile.
    is_making_good: bool,
    /// Segments that are loaded and could not be let go of at the start.
    leftover: Vec<PathBuf>,
    /// How often the database was opened.
    openings: u64,
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
        let holdings = Arc::new(Mutex::new(Holdings::read(&database)?));
        let (journal_id, loaded) = journal_position::read(&database)?;
        readers.open(database.try_clone()?);
        Ok(Writer {
            note: DirectoryNote::open(&data, condition.place.log_bytes()),
            journal_id,
            journal_directory: append::directory(&data),
            segments: None,
            identities: None,
            loaded,
            log_is_in_doubt: false,
            is_making_good: false,
            leftover: Vec::new(),
            openings: 0,
            data,
            sums: PendingSums::new(settings.sums_quiet),
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
                false => self.tidy.wait().min(self.sums.wait()).max(IDLE),
            };
            match self.queue.next(wait_max, self.parts.is_some()) {
                Work::Write(jobs) => self.write(jobs),
                Work::Begin(job) => self.begin(job),
                Work::GoOn => self.go_on(),
                Work::Change(change) => self.change(change),
                Work::Idle if self.condition.has_failed() => self.probe(),
                Work::Idle if self.tidy.wait().is_zero() => self.tidy_up(),
                Work::Idle if self.sums.wait().is_zero() => self.make_sums(),
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
            // Nobody else wants the machine from here.
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            if let Err(error) = conn.execute_batch(&format!("SET threads = {threads}")) {
                tracing::debug!(%error, "the last checkpoint has one thread");
            }
            match conn.execute_batch(last) {
                Ok(()) if last == "CHECKPOINT" => self.clear_journal(),
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "no checkpoint at the end: the log is read at the next start");
                }
            }
        }
        self.close();
    }

    /// The database file itself has everything: nothing in the journal is needed any more.
    fn clear_journal(&self) {
        if self.journal_directory.is_dir()
            && self.queue.is_settled()
            && self.is_in_place()
            && let Err(error) = replay::finish(&self.journal_directory, &[])
        {
            tracing::warn!(%error, "the journal could not be cleared: the next start finds nothing new in it");
        }
    }

    fn is_in_place(&self) -> bool {
        self.condition.place.check_closed().is_ok()
    }

    /// Before anything is written: what the journal still holds is loaded. The last sequence number that was ever used.
    pub fn recover_journal(&mut self) -> Result<u64, StoreError> {
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        let (id, loaded) = journal_position::read(conn)?;
        let directory = self.journal_directory.clone();
        let replayed = replay::replay(&directory, id, loaded, |found| self.replay(&found))?;
        if replayed.submissions > 0 {
            tracing::info!(
                submissions = replayed.submissions,
                "what was acknowledged before the last end and not yet counted was taken out of the journal"
            );
        }
        let aside = set_aside::list(&directory).map_err(|source| io_error("read", &directory, source))?;
        self.condition.set_aside(aside.len() + mend::unfinished(&directory));
        if replayed.last > loaded {
            // Numbers that were used and left nothing are not missed at the next start.
            self.attempt(&[], None, Some(replayed.last))?;
        }
        self.loaded = replayed.last;
        if replayed.segments > 0 {
            // What the log says may have been read out of memory, by a machine whose disk failed to take it.
            self.note.folding();
            self.condition.place.log_ends();
            let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
            match conn.execute_batch("CHECKPOINT").map_err(StoreError::Duckdb) {
                Ok(()) => self.note.folded(),
                Err(error) if error.is_disk_full() => {
                    // They go with the next checkpoint.
                    tracing::warn!(%error, "the journal is kept until there is room on the disk");
                    self.leftover =
                        segments::list(&directory).map_err(|source| io_error("read", &directory, source))?;
                    self.log_is_in_doubt = true;
                    return Ok(replayed.last);
                }
                Err(error) => return Err(error),
            }
        }
        replay::finish(&directory, &replayed.torn)?;
        Ok(replayed.last)
    }

    /// The database is closed at once, by which DuckDB folds the log into it: that is no loss.
    pub fn will_not_run(&mut self) {
        self.note.folding();
    }

    /// From now on what is new is acknowledged in front of this writer; what is held of those who did not prove who they are is counted by
    /// both.
    pub fn begin_journal(&mut self, segments: Arc<Segments>) -> Arc<Mutex<Holdings>> {
        for path in self.leftover.drain(..) {
            segments.close(ClosedSegment { path, last: self.loaded, is_sound: false });
        }
        self.segments = Some(segments);
        Arc::clone(&self.holdings)
    }

    pub fn journal_id(&self) -> Uuid {
        self.journal_id
    }

    fn change(&mut self, change: StoreChange) {
        // It may be about what was answered before.
        self.load_backlog();
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
            // It may have been about a sender, …
            self.sums.changed();
            // … or a quarantine entry that went.
            self.recount();
        }
    }
}

impl Drop for Writer {
    /// Whether it ends or panics: nobody waits for ever.
    fn drop(&mut self) {
        self.queue.abandon();
        self.close();
    }
}
