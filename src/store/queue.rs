//! What waits for the writer: bounded, in order of arrival.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use duckdb::Connection;
use tokio::sync::oneshot;

use super::{Entry, Kind, StoreError};
use crate::{
    limits::{GROUP_MAX_BYTES, GROUP_MAX_ENTRIES, QUEUE_MAX_BYTES},
    submission::{Busy, Outcome},
};

/// Bytes a parsed policy or failure detail is taken to need.
const ROW_BYTES: usize = 512;

/// The entries of one submission, or of one batch, that stay together.
pub struct Job {
    pub entries: Vec<Entry>,
    pub reply: oneshot::Sender<Vec<Outcome>>,
    bytes: usize,
}

/// Something the operator or a transport wants written besides reports. It begins and commits its own transaction, answers
/// for itself, and returns whether DuckDB has given up on the database.
pub type Change = Box<dyn FnOnce(Result<&Connection, StoreError>) -> bool + Send>;

/// What the writer does next.
pub enum Work {
    Write(Vec<Job>),
    Change(Change),
    /// Nothing came for as long as the writer wanted to wait.
    Idle,
    /// Everything is done and nothing more will come.
    Close,
}

pub struct Queue {
    line: Mutex<Line>,
    /// Signalled when something comes, goes, or the line closes.
    moved: Condvar,
    entries_max: usize,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    changes: VecDeque<Change>,
    entries: usize,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub fn new(entries_max: usize) -> Queue {
        Queue { line: Mutex::default(), moved: Condvar::new(), entries_max }
    }

    /// Queues for the next group, or says why not.
    pub fn push(&self, entries: Vec<Entry>) -> Result<oneshot::Receiver<Vec<Outcome>>, Busy> {
        let bytes = weight(&entries);
        let mut line = self.line();
        if line.closed {
            return Err(Busy::ShuttingDown);
        }
        if !self.has_room(&line, entries.len(), bytes) {
            return Err(Busy::QueueFull);
        }
        Ok(self.append(&mut line, entries, bytes))
    }

    /// The same for callers who rather wait for room than go away.
    pub fn push_blocking(&self, entries: Vec<Entry>) -> Result<oneshot::Receiver<Vec<Outcome>>, Busy> {
        let bytes = weight(&entries);
        let mut line = self.line();
        while !line.closed && !self.has_room(&line, entries.len(), bytes) {
            line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        if line.closed {
            return Err(Busy::ShuttingDown);
        }
        Ok(self.append(&mut line, entries, bytes))
    }

    /// Dropped, and so unanswered, where the line is closed.
    pub fn change(&self, change: Change) {
        let mut line = self.line();
        if !line.closed {
            line.changes.push_back(change);
            self.moved.notify_all();
        }
    }

    /// No more comes in; what waits is still written.
    pub fn close(&self) {
        self.line().closed = true;
        self.moved.notify_all();
    }

    /// Waits for work, at most for `patience` where one is given.
    pub fn next(&self, patience: Option<Duration>) -> Work {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut line = self.line();
        loop {
            if !line.jobs.is_empty() {
                let group = line.take_group();
                self.moved.notify_all();
                return Work::Write(group);
            }
            if let Some(change) = line.changes.pop_front() {
                return Work::Change(change);
            }
            if line.closed {
                return Work::Close;
            }
            line = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Work::Idle,
                Some(left) => self.moved.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.moved.wait(line).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Answers everything that waits, for a writer that cannot go on.
    pub fn abandon(&self) {
        let mut line = self.line();
        line.closed = true;
        line.jobs.clear();
        line.changes.clear();
        self.moved.notify_all();
    }

    /// An empty line takes a submission of any size, since it would never fit otherwise.
    fn has_room(&self, line: &Line, entries: usize, bytes: usize) -> bool {
        line.jobs.is_empty() || (line.entries + entries <= self.entries_max && line.bytes + bytes <= QUEUE_MAX_BYTES)
    }

    fn append(&self, line: &mut Line, entries: Vec<Entry>, bytes: usize) -> oneshot::Receiver<Vec<Outcome>> {
        let (reply, receiver) = oneshot::channel();
        line.entries += entries.len();
        line.bytes += bytes;
        line.jobs.push_back(Job { entries, reply, bytes });
        self.moved.notify_all();
        receiver
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// The jobs of the next transaction: at least one, whatever its size.
    fn take_group(&mut self) -> Vec<Job> {
        let (mut group, mut entries, mut bytes) = (Vec::new(), 0, 0);
        while let Some(job) = self.jobs.front() {
            let fits = entries + job.entries.len() <= GROUP_MAX_ENTRIES && bytes + job.bytes <= GROUP_MAX_BYTES;
            if !group.is_empty() && !fits {
                break;
            }
            entries += job.entries.len();
            bytes += job.bytes;
            group.extend(self.jobs.pop_front());
        }
        self.entries -= entries;
        self.bytes -= bytes;
        group
    }
}

/// Bytes, about, that entries hold in memory. A body shared by several reports counts once.
fn weight(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let mut last = std::ptr::null();
    for entry in entries {
        if !std::ptr::eq(last, &*entry.arrival) {
            bytes += entry.arrival.bytes.len();
            last = &*entry.arrival;
        }
        bytes += match &entry.kind {
            Kind::Report { report, .. } => {
                let rows: usize = report.policies.iter().map(|policy| 1 + policy.failures.len()).sum();
                rows * ROW_BYTES
            }
            Kind::Quarantine { .. } => 0,
        };
    }
    bytes
}
