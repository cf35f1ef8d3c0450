//! Readers: clones of the database connection, a bounded number at work, each with a deadline.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use duckdb::{Connection, InterruptHandle};
use tokio::sync::Semaphore;

use crate::store::StoreError;

/// How often an overdue question is interrupted again: an interrupt between two of its statements has no effect.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(50);

/// Lends connections to questions. Shared with the writer, which takes the database away to reopen it.
pub struct Readers {
    pool: Mutex<ReaderPool>,
    /// Signalled when a connection comes back.
    returned: Condvar,
    permits: Arc<Semaphore>,
    deadline: Duration,
}

struct ReaderPool {
    /// The connection the others are cloned from. `None` while the database is closed.
    root: Option<Connection>,
    spare: Vec<Connection>,
    lent: HashMap<u64, Arc<InterruptHandle>>,
    next: u64,
    /// Counts openings, so that a connection to an earlier one is not put back.
    opening: u64,
}

impl Readers {
    pub fn new(readers_max: usize, deadline: Duration) -> Readers {
        Readers {
            pool: Mutex::new(ReaderPool { root: None, spare: Vec::new(), lent: HashMap::new(), next: 0, opening: 0 }),
            returned: Condvar::new(),
            permits: Arc::new(Semaphore::new(readers_max.max(1))),
            deadline,
        }
    }

    /// Lends from this database from now on.
    pub fn open(&self, root: Connection) {
        let mut pool = self.pool();
        pool.opening += 1;
        pool.root = Some(root);
    }

    /// Interrupts every question and returns when no connection of the readers is left.
    pub fn close(&self) {
        let mut pool = self.pool();
        pool.root = None;
        pool.spare.clear();
        while !pool.lent.is_empty() {
            pool.lent.values().for_each(|handle| handle.interrupt());
            pool = self.returned.wait_timeout(pool, INTERRUPT_AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Runs a question off the async threads, on a consistent and read-only view of what is committed.
    pub async fn ask<T, F>(self: &Arc<Self>, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let until = tokio::time::Instant::now() + self.deadline;
        let overdue = StoreError::Deadline(self.deadline);
        let Ok(permit) = tokio::time::timeout_at(until, Arc::clone(&self.permits).acquire_owned()).await else {
            return Err(overdue);
        };
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let loan = self.lend()?;
        // A task of its own, so that the deadline also holds when the caller has gone away.
        let supervised = tokio::spawn(async move {
            let answer = supervise(loan, question, until).await;
            drop(permit);
            answer
        });
        match supervised.await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(overdue),
            Err(failed) => Err(StoreError::Panicked(failed.to_string())),
        }
    }

    /// The same on the caller's thread, without a deadline.
    pub fn ask_blocking<T>(
        self: &Arc<Self>,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.lend()?.run(question)
    }

    fn lend(self: &Arc<Self>) -> Result<Loan, StoreError> {
        let mut pool = self.pool();
        let conn = match pool.spare.pop() {
            Some(conn) => conn,
            None => pool.root.as_ref().ok_or(StoreError::Unavailable)?.try_clone()?,
        };
        let (number, handle) = (pool.next, conn.interrupt_handle());
        pool.next += 1;
        pool.lent.insert(number, Arc::clone(&handle));
        Ok(Loan { readers: Arc::clone(self), conn: Some(conn), number, opening: pool.opening, handle })
    }

    fn pool(&self) -> MutexGuard<'_, ReaderPool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a question on a thread that may block, and interrupts it from `until` on. `None` where it was interrupted.
async fn supervise<T, F>(loan: Loan, question: F, until: tokio::time::Instant) -> Option<Result<T, StoreError>>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    let handle = Arc::clone(&loan.handle);
    let mut task = tokio::task::spawn_blocking(move || loan.run(question));
    let mut wait = until;
    loop {
        match tokio::time::timeout_at(wait, &mut task).await {
            Ok(Ok(Err(_))) if wait > until => return None,
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(failed)) => return Some(Err(StoreError::Panicked(failed.to_string()))),
            Err(_) => {
                handle.interrupt();
                wait = tokio::time::Instant::now() + INTERRUPT_AGAIN;
            }
        }
    }
}

/// A lent connection; goes back when dropped, also by a panic.
struct Loan {
    readers: Arc<Readers>,
    conn: Option<Connection>,
    number: u64,
    opening: u64,
    handle: Arc<InterruptHandle>,
}

impl Loan {
    fn run<T>(mut self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Some(conn) = self.conn.take() else { return Err(StoreError::Unavailable) };
        // One view for all statements of a question, and none of them can write.
        conn.execute_batch("BEGIN TRANSACTION READ ONLY")?;
        let answer = question(&conn);
        conn.execute_batch("ROLLBACK")?;
        self.conn = Some(conn);
        answer
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut pool = self.readers.pool();
        if let Some(conn) = self.conn.take()
            && pool.root.is_some()
            && pool.opening == self.opening
        {
            pool.spare.push(conn);
        }
        pool.lent.remove(&self.number);
        self.readers.returned.notify_all();
    }
}
