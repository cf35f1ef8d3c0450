//! DuckDB: one owner thread writes, clones read. The only module that opens a database.
//!
//! `write` queues; what is surely new is put into the journal and answered, many in one write and one `fdatasync`; the writer loads what
//! has gathered into the tables in one transaction, and decides there about everything else. Questions run on clones, each on one consistent,
//! read-only view; before it is taken, what was answered is loaded.

pub mod engine;
mod error;
#[cfg(test)]
pub mod fixtures;
pub mod journal;
mod settings;
mod sql;
pub mod tables;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use duckdb::Connection;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

pub use engine::bulk::{Bulk, Loads};
pub use engine::open::{is_there, open_to_others};
pub use engine::queue::GroupBounds;
pub use engine::recount::{Renewed, Reread, StoredReportBytes};
pub use engine::rekey::SenderKey;
pub use engine::repair::{RepairReport, finish_repair, repair};
pub use error::{Displaced, StoreError};
#[cfg(test)]
pub use fixtures::kept::{quarantined, raw};
pub use settings::{JournalSettings, StoreSettings};
pub use tables::entry::{Arrival, EntryKind, StoredEntry};
pub use tables::unproven::Bounds;

use crate::{
    limits::STORE_ANSWER_MAX_S,
    submission::{Busy, Outcome},
};
use engine::{
    condition::Condition, open::DirectoryLock, place::DataDirectory, queue::Queue, reader::Readers, writer::Writer,
};
use journal::acknowledge::Acknowledger;

/// The open store. Cheap to clone. `close` ends the writer; so does dropping the last clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    commits: watch::Receiver<u64>,
    /// Counts what was changed besides reports.
    changes: Arc<AtomicU64>,
    condition: Arc<Condition>,
    loads: Arc<watch::Sender<Loads>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<DirectoryLock>>,
}

impl Store {
    /// Opens or creates `tlsight.duckdb` in the data directory, recovers a torn write-ahead log, applies migrations.
    pub fn open(data: &Path, settings: &StoreSettings) -> Result<Store, StoreError> {
        let lock = engine::open::claim(data)?;
        let database = engine::open::open(data, settings)?;
        let queue = Arc::new(Queue::new(settings.queue_max, settings.groups));
        let readers = Arc::new(Readers::new(settings.readers_max, settings.question_max));
        let (committed, commits) = watch::channel(0);
        let condition = Condition::new(DataDirectory::of(data));
        let shared = engine::writer::Shared {
            queue: Arc::clone(&queue),
            readers: Arc::clone(&readers),
            commits: committed,
            condition: Arc::clone(&condition),
        };
        let mut writer = Writer::new(data.to_owned(), settings.clone(), shared, database)?;
        let last = match writer.recover_journal() {
            Ok(last) => last,
            Err(error) => {
                writer.will_not_run();
                return Err(error);
            }
        };
        let mut threads = Vec::new();
        if let Some(journal) = &settings.journal {
            let acknowledger =
                Acknowledger::before(&mut writer, (data, settings, journal), last, (&queue, &readers, &condition));
            threads.push(thread("store-journal", data, move || acknowledger.run())?);
        }
        threads.push(thread("store-writer", data, move || writer.run())?);
        let (threads, lock) = (Mutex::new(threads), Mutex::new(Some(lock)));
        let loads = Arc::new(watch::channel(Loads::default()).0);
        let changes = Arc::new(AtomicU64::new(0));
        Ok(Store(Arc::new(Inner { queue, readers, commits, changes, condition, loads, threads, lock })))
    }

    /// Keeps the entries of one submission; resolves with one outcome each, once they are on disk for good or will not be.
    pub async fn write(&self, entries: Vec<StoredEntry>) -> Vec<Outcome> {
        let count = entries.len();
        let busy = |busy| vec![Outcome::Busy(busy); count];
        let answer = match self.0.queue.push(entries) {
            Ok(answer) => answer,
            Err(reason) => return busy(reason),
        };
        // What is written after all becomes a duplicate when the sender comes back.
        match tokio::time::timeout(Duration::from_secs(STORE_ANSWER_MAX_S), answer).await {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(_)) => busy(Busy::StoreFailed),
            Err(_) => busy(Busy::QueueFull),
        }
    }

    /// The same for callers outside the async runtime, for a large batch in few transactions. Waits for room in the queue.
    pub fn write_blocking(&self, entries: Vec<StoredEntry>) -> Vec<Outcome> {
        // One after the other is queued before the first is waited for, so that the writer never waits for us.
        let pushed =
            self.0.queue.pieces(entries).into_iter().map(|piece| (piece.len(), self.0.queue.push_blocking(piece)));
        let pushed: Vec<_> = pushed.collect();
        let answered = pushed.into_iter().flat_map(|(count, answer)| {
            match answer.map(tokio::sync::oneshot::Receiver::blocking_recv) {
                Ok(Ok(outcomes)) => outcomes,
                Ok(Err(_)) => vec![Outcome::Busy(Busy::StoreFailed); count],
                Err(busy) => vec![Outcome::Busy(busy); count],
            }
        });
        answered.collect()
    }

    /// Changes with each group commit of reports. Who waits for the next change hears of it after it can be read, and of its
    /// end when the store closes.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.clone()
    }

    /// To be held while many reports are loaded that belong together, such as an import.
    pub fn begin_load(&self) -> Bulk {
        Bulk::begin(&self.0.loads)
    }

    /// The loads that are under way; changes when one begins or ends.
    pub fn loads(&self) -> watch::Receiver<Loads> {
        self.0.loads.subscribe()
    }

    /// Another number after each change of what is stored, before whoever wanted the change hears that it is done.
    pub fn version(&self) -> u64 {
        *self.0.commits.borrow() + self.0.changes.load(Ordering::Acquire)
    }

    /// Why nothing can be stored now, in words; `None` where it can. The data directory is looked at, the database is not asked.
    pub fn trouble(&self) -> Option<String> {
        self.0.condition.trouble()
    }

    /// Submissions that were acknowledged and cannot be counted; they are kept beside the journal.
    pub fn set_aside(&self) -> usize {
        self.0.condition.set_aside_count()
    }

    /// Removes a quarantine entry for good. False where there is none.
    pub async fn discard(&self, entry: Uuid) -> Result<bool, StoreError> {
        self.change(move |conn| tables::quarantine::discard(conn, entry)).await
    }

    /// Runs a small change in a transaction of its own on the writer's thread, between two groups of reports.
    pub async fn change<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.queue_change(change).await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same for callers outside the async runtime.
    pub fn change_blocking<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.queue_change(change).blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    fn queue_change<T, F>(&self, change: F) -> oneshot::Receiver<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let (condition, changes) = (Arc::clone(&self.0.condition), Arc::clone(&self.0.changes));
        self.0.queue.change(Box::new(move |conn| {
            let changed = conn.and_then(|conn| engine::transaction::within(conn, change));
            let fatal = changed.as_ref().is_err_and(StoreError::is_fatal);
            if let Err(error) = &changed
                && (fatal || error.is_disk_full())
            {
                condition.write_failed(error);
            }
            changes.fetch_add(1, Ordering::Release);
            // Who does not wait any more does not want to know.
            let _ = sender.send(changed);
            fatal
        }));
        receiver
    }

    /// Runs a question on a reader's own connection, off the async threads.
    pub async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.queue.settle().await;
        self.0.readers.ask(question).await
    }

    /// Returns once everything that was answered until now is in the tables: `read` does it by itself, who keeps answers has to ask before
    /// `version`.
    pub async fn settle(&self) {
        self.0.queue.settle().await;
    }

    /// The same on the caller's thread, for commands.
    pub fn read_blocking<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.queue.settle_blocking();
        self.0.readers.ask_blocking(question)
    }

    /// Writes what is queued, checkpoints and closes. Later writes are answered Busy(ShuttingDown).
    pub async fn close(&self) -> Result<(), StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.close_blocking())
            .await
            .map_err(|failed| StoreError::Panicked(failed.to_string()))?
    }

    /// The same on the caller's thread.
    pub fn close_blocking(&self) -> Result<(), StoreError> {
        self.0.close()
    }
}

impl Inner {
    fn close(&self) -> Result<(), StoreError> {
        self.queue.close();
        // The second to close waits for the first here.
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let ended: Vec<_> = threads.drain(..).map(JoinHandle::join).collect();
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        match ended.iter().any(Result::is_err) {
            true => Err(StoreError::Panicked("the writer had panicked".into())),
            false => Ok(()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to tell; the log holds everything that was answered.
        let _ = self.close();
    }
}

fn thread(name: &str, data: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|source| StoreError::Io {
        what: "start the writer for",
        path: data.to_owned(),
        source,
    })
}

/// The name of a content: the same bytes have the same, whatever they are.
pub fn name(bytes: &[u8]) -> Uuid {
    tables::quarantine::name(bytes, None)
}

#[cfg(test)]
mod tests;
