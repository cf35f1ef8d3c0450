//! What waits for the writer: bounded, small before large. What is small is written in groups, what is large in parts between
//! them, so that neither waits for the other's end; changes have their turn too.
//!
//! Where there is a journal, everything passes it first: `push` → `arrivals` → `hand_on` → `next`. What was answered out of the journal
//! holds no place among what waits for an answer, and is loaded when enough has gathered, after half a second, or as soon as somebody asks
//! (`settle`).

mod job;
mod line;

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use duckdb::Connection;
use tokio::sync::{oneshot, watch};

use crate::{
    limits::{
        GROUP_MAX_ENTRIES, JOURNAL_BACKLOG_MAX_BYTES, JOURNAL_BATCH_MAX_BYTES, LOAD_WAIT_MAX_MS, QUEUE_MAX_BYTES,
    },
    store::{StoreError, StoredEntry},
    submission::{Busy, Outcome},
};
pub use job::{GroupBounds, Job};
use job::{Size, pieces, size};
use line::Line;

/// After a load that failed, how long nothing but what waits for an answer makes the writer try again.
const LOAD_PAUSE: Duration = Duration::from_millis(500);

/// Of the places in the queue, those that only what is proven or imported may take: one in so many.
const KEPT_FOR_PROVEN: usize = 4;

/// Something the operator or a transport wants written besides reports. It begins and commits its own transaction, answers
/// for itself, and returns whether DuckDB has given up on the database.
pub type StoreChange = Box<dyn FnOnce(Result<&Connection, StoreError>) -> bool + Send>;

/// What the writer does next.
pub enum Work {
    Write(Vec<Job>),
    /// Begin with a large one. It counts as waiting until `done`.
    Begin(Job),
    /// Go on with the large one that was begun.
    GoOn,
    Change(StoreChange),
    /// Nothing came for as long as the writer wanted to wait.
    Idle,
    /// Everything is done and nothing more will come.
    Close,
}

pub struct Queue {
    line: Mutex<Line>,
    /// Signalled when the journal has something to do, when the writer has, and when something went or was loaded; each also when the
    /// line closes.
    arrived: Condvar,
    moved: Condvar,
    went: Condvar,
    /// The same for who waits for loads without a thread of its own.
    loads: watch::Sender<()>,
    entries_max: usize,
    bounds: GroupBounds,
}

impl Queue {
    /// A queue straight to the writer.
    pub fn new(entries_max: usize, bounds: GroupBounds) -> Queue {
        Queue {
            line: Mutex::default(),
            arrived: Condvar::new(),
            moved: Condvar::new(),
            went: Condvar::new(),
            loads: watch::Sender::new(()),
            entries_max,
            bounds,
        }
    }

    /// From now on everything passes a journal that has loaded everything up to this sequence number.
    pub fn begin_journal(&self, loaded: u64) {
        let mut line = self.line();
        line.arriving = Some(VecDeque::new());
        (line.backlog.acknowledged, line.backlog.loaded) = (loaded, loaded);
    }

    /// Queues for the next group, or says why not.
    pub fn push(&self, entries: Vec<StoredEntry>) -> Result<oneshot::Receiver<Vec<Outcome>>, Busy> {
        let size = size(&entries);
        let mut line = self.line();
        if line.closed {
            return Err(Busy::ShuttingDown);
        }
        if !self.has_room(&line, &entries, size) {
            return Err(Busy::QueueFull);
        }
        Ok(self.append(&mut line, entries, size))
    }

    /// Cuts a batch into pieces that are written one by one.
    pub fn pieces(&self, entries: Vec<StoredEntry>) -> Vec<Vec<StoredEntry>> {
        pieces(entries, &self.bounds)
    }

    /// The same for callers who rather wait for room than go away.
    pub fn push_blocking(&self, entries: Vec<StoredEntry>) -> Result<oneshot::Receiver<Vec<Outcome>>, Busy> {
        let size = size(&entries);
        let mut line = self.line();
        while !line.closed && !self.has_room(&line, &entries, size) {
            line = self.went.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        if line.closed {
            return Err(Busy::ShuttingDown);
        }
        Ok(self.append(&mut line, entries, size))
    }

    /// Dropped, and so unanswered, where the line is closed.
    pub fn change(&self, change: StoreChange) {
        let mut line = self.line();
        if !line.closed {
            line.changes.push_back(change);
            self.moved.notify_one();
        }
    }

    /// No more comes in; what waits is still written.
    pub fn close(&self) {
        self.line().closed = true;
        self.wake_all();
    }

    /// What came since, a batch of the journal at most, once there is any and the writer is not too far behind. `None` where nothing will
    /// come any more.
    pub fn arrivals(&self) -> Option<Vec<Job>> {
        let mut line = self.line();
        loop {
            // Where loads fail, nothing more goes into the journal, and everybody is told so.
            let is_behind =
                line.backlog.size.bytes > JOURNAL_BACKLOG_MAX_BYTES && !line.closed && !line.backlog.is_failing();
            let arriving = line.arriving.as_mut()?;
            let (mut jobs, mut entries, mut bytes) = (Vec::new(), 0, 0);
            while !is_behind && entries < GROUP_MAX_ENTRIES && bytes < JOURNAL_BATCH_MAX_BYTES / 4 {
                let Some(job) = arriving.pop_front() else { break };
                (entries, bytes) = (entries + job.entries.len(), bytes + job.size.bytes);
                jobs.push(job);
            }
            if !jobs.is_empty() {
                line.in_hand = (entries, jobs.iter().map(|job| job.size.bytes).sum());
                return Some(jobs);
            }
            if line.closed {
                return None;
            }
            line = self.arrived.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What has passed the journal, in its order. What is answered out of it holds no place any more.
    pub fn hand_on(&self, jobs: Vec<Job>) {
        let mut line = self.line();
        let was_empty = line.small.is_empty();
        line.in_hand = (0, 0);
        for job in jobs {
            if let Some(sequence) = job.journaled {
                line.leave(job.entries.len(), job.size.bytes);
                line.backlog.acknowledged = sequence;
            }
            line.place(job);
        }
        // Otherwise the writer knows when it is to look.
        if was_empty || line.is_group_due() || !line.large.is_empty() {
            self.moved.notify_one();
        }
        self.went.notify_all();
    }

    /// One that came and was answered without being handed on.
    pub fn drop_arrival(&self, job: &Job) {
        self.line().leave(job.entries.len(), job.size.bytes);
        self.went.notify_all();
    }

    /// Nothing more will be handed on. What is still arriving goes unanswered.
    pub fn all_handed_on(&self) {
        let mut line = self.line();
        // What its thread had in its hands when it broke off goes with what it had not seen.
        let (entries, bytes) = std::mem::take(&mut line.in_hand);
        line.leave(entries, bytes);
        for job in line.arriving.take().into_iter().flatten() {
            line.leave(job.entries.len(), job.size.bytes);
        }
        drop(line);
        self.wake_all();
    }

    /// Everything that was answered out of the journal up to this sequence number is in the tables.
    pub fn loaded(&self, through: u64) {
        let mut line = self.line();
        line.backlog.loaded = line.backlog.loaded.max(through);
        line.backlog.wanted = line.backlog.wanted.filter(|wanted| *wanted > through);
        line.backlog.paused_until = None;
        drop(line);
        self.wake_all();
        self.loads.send_replace(());
    }

    pub fn has_loaded(&self, through: u64) -> bool {
        self.line().backlog.loaded >= through
    }

    /// The last sequence number that was answered, and the loads that failed until now.
    pub fn acknowledged(&self) -> (u64, u64) {
        let line = self.line();
        (line.backlog.acknowledged, line.backlog.failures)
    }

    /// Whether what was answered cannot be loaded at the moment.
    pub fn is_failing(&self) -> bool {
        self.line().backlog.is_failing()
    }

    /// Whether everything that was answered is in the tables.
    pub fn is_settled(&self) -> bool {
        !self.line().backlog.is_pending()
    }

    /// What was answered and could not be loaded waits to be tried again, in front of what came after it. When the queue is closed it
    /// is left to the next start.
    pub fn load_failed(&self, jobs: Vec<Job>) {
        let mut line = self.line();
        line.backlog.failures += 1;
        line.backlog.wanted = None;
        line.backlog.paused_until = Some(Instant::now() + LOAD_PAUSE);
        if line.closed {
            // What follows must not be taken for all: the tables would be said to have what they lack.
            line.backlog.given_up = true;
            line.small.retain(|job| job.journaled.is_none());
        } else {
            for mut job in jobs.into_iter().rev() {
                job.is_retry = true;
                line.backlog.add(&job);
                line.small.push_front(job);
            }
        }
        drop(line);
        self.wake_all();
        self.loads.send_replace(());
    }

    /// All small ones that wait for an answer.
    pub fn take_waiting(&self) -> Vec<Job> {
        let mut line = self.line();
        let small = std::mem::take(&mut line.small).into_iter();
        let (answered, waiting): (Vec<Job>, Vec<Job>) = small.partition(|job| job.journaled.is_some());
        line.small = answered.into();
        line.unanswered = 0;
        for job in &waiting {
            line.leave(job.entries.len(), job.size.bytes);
        }
        drop(line);
        self.went.notify_all();
        waiting
    }

    /// Waits until everything that is answered by now is in the tables, but not where that fails, nor for ever.
    pub async fn settle(&self) {
        let mut loads = self.loads.subscribe();
        let Some(wanted) = self.want_load() else { return };
        let settled = async { while !self.has_come(wanted) && loads.changed().await.is_ok() {} };
        // What is not loaded by then is on the next page.
        let _ = tokio::time::timeout(Duration::from_millis(LOAD_WAIT_MAX_MS), settled).await;
    }

    /// The same on the caller's thread.
    pub fn settle_blocking(&self) {
        let until = Instant::now() + Duration::from_millis(LOAD_WAIT_MAX_MS);
        let Some(wanted) = self.want_load() else { return };
        let mut line = self.line();
        while !line.has_come(wanted) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            line = self.went.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The sequence number to wait for, and the failures until now. `None` where nothing is pending, or cannot be loaded.
    fn want_load(&self) -> Option<(u64, u64)> {
        let mut line = self.line();
        if !line.backlog.is_pending() || line.backlog.is_paused() || line.abandoned || line.backlog.given_up {
            return None;
        }
        line.backlog.wanted = Some(line.backlog.acknowledged);
        self.moved.notify_one();
        Some((line.backlog.acknowledged, line.backlog.failures))
    }

    fn has_come(&self, wanted: (u64, u64)) -> bool {
        self.line().has_come(wanted)
    }

    /// What was answered and is not loaded, a group at most; nothing where nothing is.
    pub fn take_backlog(&self) -> Vec<Job> {
        let mut line = self.line();
        if line.backlog.entries == 0 { Vec::new() } else { line.take_group(&self.bounds) }
    }

    /// Waits for work, at most for `wait_max`. `begun`: a large one is under way.
    pub fn next(&self, wait_max: Duration, begun: bool) -> Work {
        let until = Instant::now() + wait_max;
        let mut line = self.line();
        loop {
            if let Some(work) = line.take(begun, &self.bounds) {
                self.arrived.notify_one();
                self.went.notify_all();
                return work;
            }
            if line.closed && line.arriving.is_none() {
                return Work::Close;
            }
            let until = line.load_due_at().map_or(until, |due| due.min(until));
            line = match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO if line.load_due_at().is_some_and(|due| due <= Instant::now()) => line,
                Duration::ZERO => return Work::Idle,
                left => self.moved.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// A large one that was begun holds no place any more.
    pub fn done(&self, job: &Job) {
        self.line().leave(job.entries.len(), job.size.bytes);
        self.went.notify_all();
    }

    /// Answers everything that waits, for a writer that cannot go on.
    pub fn abandon(&self) {
        let mut line = self.line();
        (line.closed, line.abandoned) = (true, true);
        if let Some(arriving) = &mut line.arriving {
            arriving.clear();
        }
        line.small.clear();
        line.large.clear();
        line.changes.clear();
        line.backlog.failures += 1;
        drop(line);
        self.wake_all();
        self.loads.send_replace(());
    }

    /// An empty line takes a submission of any size, since it would never fit otherwise.
    fn has_room(&self, line: &Line, entries: &[StoredEntry], size: Size) -> bool {
        let proven = entries.iter().any(|entry| entry.arrival.trust.is_counted_by_default());
        let part = |all: usize| if proven { all } else { all - all / KEPT_FOR_PROVEN };
        let fits =
            line.entries + entries.len() <= part(self.entries_max) && line.bytes + size.bytes <= part(QUEUE_MAX_BYTES);
        line.entries == 0 || fits
    }

    fn append(&self, line: &mut Line, entries: Vec<StoredEntry>, size: Size) -> oneshot::Receiver<Vec<Outcome>> {
        let (reply, receiver) = oneshot::channel();
        line.entries += entries.len();
        line.bytes += size.bytes;
        let job = Job::new(entries, reply, size, &self.bounds);
        match &mut line.arriving {
            Some(arriving) => {
                arriving.push_back(job);
                self.arrived.notify_one();
            }
            None => {
                line.place(job);
                self.moved.notify_one();
            }
        }
        receiver
    }

    fn wake_all(&self) {
        self.arrived.notify_all();
        self.moved.notify_all();
        self.went.notify_all();
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
