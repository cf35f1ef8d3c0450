//! What waits for the writer: bounded, small before large. What is small is written in groups, what is large in parts between
//! them, so that neither waits for the other's end; changes have their turn too.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use duckdb::Connection;
use tokio::sync::oneshot;

use crate::{
    limits::{
        ALONE_MAX_BYTES, ALONE_MAX_ENTRIES, ALONE_MAX_ROWS, GROUP_MAX_BYTES, GROUP_MAX_ENTRIES, GROUP_MAX_ROWS,
        LARGE_MIN_BYTES, LARGE_WAIT_MAX_S, PART_MAX_ROWS, QUEUE_MAX_BYTES,
    },
    store::{StoreError, StoredEntry},
    submission::{Busy, Outcome},
};

/// Bytes a parsed policy or failure detail is taken to need.
const ROW_BYTES: usize = 512;
/// Of the places in the queue, those that only what is proven or imported may take: one in so many.
const KEPT_FOR_PROVEN: usize = 4;

/// The entries of one submission, or of one batch, that stay together.
pub struct Job {
    pub entries: Vec<StoredEntry>,
    pub reply: oneshot::Sender<Vec<Outcome>>,
    size: Size,
    /// When it came.
    pub since: Instant,
}

/// How much one transaction takes.
#[derive(Debug, Clone, Copy)]
pub struct GroupBounds {
    entries: usize,
    /// Of the bodies, and what their rows need, about.
    bytes: usize,
    rows: usize,
    /// Rows and bytes above which entries are large: they are written in parts.
    small: Size,
}

impl GroupBounds {
    /// Where many wait for their answers: nobody waits long for what somebody else sent.
    pub const SHARED: GroupBounds = GroupBounds {
        entries: GROUP_MAX_ENTRIES,
        bytes: GROUP_MAX_BYTES,
        rows: GROUP_MAX_ROWS,
        small: Size { bytes: LARGE_MIN_BYTES, rows: PART_MAX_ROWS },
    };
    /// Where one import has the store to itself: a transaction costs much the same however much it holds.
    pub const ALONE: GroupBounds = GroupBounds {
        entries: ALONE_MAX_ENTRIES,
        bytes: ALONE_MAX_BYTES,
        rows: ALONE_MAX_ROWS,
        small: Size { bytes: usize::MAX, rows: usize::MAX },
    };
}

/// What entries cost, about.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// Bytes they hold in memory.
    bytes: usize,
    /// Rows of all tables.
    rows: usize,
}

impl Size {
    fn exceeds(self, bounds: Size) -> bool {
        self.rows > bounds.rows || self.bytes > bounds.bytes
    }
}

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
    /// Signalled when something comes, goes, or the line closes.
    moved: Condvar,
    entries_max: usize,
    bounds: GroupBounds,
}

#[derive(Default)]
struct Line {
    small: VecDeque<Job>,
    large: Vec<Job>,
    changes: VecDeque<StoreChange>,
    turn: Turn,
    entries: usize,
    bytes: usize,
    closed: bool,
}

/// Whose turn it is, if they are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    Small,
    Large,
    Change,
}

impl Turn {
    const ALL: [Turn; 3] = [Turn::Small, Turn::Large, Turn::Change];

    /// All of them from this one on.
    fn round(self) -> impl Iterator<Item = Turn> {
        Turn::ALL.into_iter().cycle().skip_while(move |turn| *turn != self).take(Turn::ALL.len())
    }

    fn next(self) -> Turn {
        match self {
            Turn::Small => Turn::Large,
            Turn::Large => Turn::Change,
            Turn::Change => Turn::Small,
        }
    }
}

impl Queue {
    pub fn new(entries_max: usize, bounds: GroupBounds) -> Queue {
        Queue { line: Mutex::default(), moved: Condvar::new(), entries_max, bounds }
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
            line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
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
            self.moved.notify_all();
        }
    }

    /// No more comes in; what waits is still written.
    pub fn close(&self) {
        self.line().closed = true;
        self.moved.notify_all();
    }

    /// Waits for work, at most for `wait_max`. `begun`: a large one is under way.
    pub fn next(&self, wait_max: Duration, begun: bool) -> Work {
        let until = Instant::now() + wait_max;
        let mut line = self.line();
        loop {
            if let Some(work) = line.take(begun, &self.bounds) {
                self.moved.notify_all();
                return work;
            }
            if line.closed {
                return Work::Close;
            }
            line = match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Work::Idle,
                left => self.moved.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// A large one that was begun holds no place any more.
    pub fn done(&self, job: &Job) {
        self.line().leave(job.entries.len(), job.size.bytes);
        self.moved.notify_all();
    }

    /// Answers everything that waits, for a writer that cannot go on.
    pub fn abandon(&self) {
        let mut line = self.line();
        line.closed = true;
        line.small.clear();
        line.large.clear();
        line.changes.clear();
        self.moved.notify_all();
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
        let job = Job { entries, reply, size, since: Instant::now() };
        if size.exceeds(self.bounds.small) {
            line.large.push(job);
        } else {
            line.small.push_back(job);
        }
        self.moved.notify_all();
        receiver
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// What is there for the next turn, or the one after it.
    fn take(&mut self, begun: bool, bounds: &GroupBounds) -> Option<Work> {
        self.turn.round().find_map(|turn| {
            let work = match turn {
                Turn::Small if !self.small.is_empty() => Some(Work::Write(self.take_group(bounds))),
                Turn::Large if begun => Some(Work::GoOn),
                Turn::Large => self.take_large().map(Work::Begin),
                Turn::Change => self.changes.pop_front().map(Work::Change),
                Turn::Small => None,
            };
            if work.is_some() {
                self.turn = turn.next();
            }
            work
        })
    }

    /// The jobs of the next transaction: at least one, whatever its size.
    fn take_group(&mut self, bounds: &GroupBounds) -> Vec<Job> {
        let (mut group, mut entries, mut size) = (Vec::new(), 0, Size::default());
        while let Some(job) = self.small.front() {
            let fits = entries + job.entries.len() <= bounds.entries
                && size.bytes + job.size.bytes <= bounds.bytes
                && size.rows + job.size.rows <= bounds.rows;
            if !group.is_empty() && !fits {
                break;
            }
            entries += job.entries.len();
            size.bytes += job.size.bytes;
            size.rows += job.size.rows;
            group.extend(self.small.pop_front());
        }
        self.leave(entries, size.bytes);
        group
    }

    /// The smallest of the large ones, but the oldest as soon as that has waited long.
    fn take_large(&mut self) -> Option<Job> {
        let wait_max = Duration::from_secs(LARGE_WAIT_MAX_S);
        let oldest = self.large.first()?.since.elapsed() > wait_max;
        let smallest = self.large.iter().enumerate().min_by_key(|(_, job)| job.size.rows).map(|(index, _)| index);
        Some(self.large.remove(if oldest { 0 } else { smallest? }))
    }

    fn leave(&mut self, entries: usize, bytes: usize) {
        self.entries = self.entries.saturating_sub(entries);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// A body shared by several reports counts once.
fn size(entries: &[StoredEntry]) -> Size {
    let mut size = Size::default();
    let mut last = std::ptr::null();
    for entry in entries {
        if !std::ptr::eq(last, &*entry.arrival) {
            size.bytes += entry.arrival.bytes.len();
            last = &*entry.arrival;
        }
        size.rows += entry.rows();
        size.bytes += (entry.rows() - 1) * ROW_BYTES;
    }
    size
}

/// Each no larger than a group, none empty.
fn pieces(entries: Vec<StoredEntry>, bounds: &GroupBounds) -> Vec<Vec<StoredEntry>> {
    let mut pieces = Vec::new();
    let (mut piece, mut rows, mut bytes) = (Vec::new(), 0, 0);
    let (rows_max, bytes_max) = (bounds.small.rows.min(bounds.rows), bounds.small.bytes.min(bounds.bytes) / 2);
    for entry in entries {
        let (more_rows, more_bytes) = (entry.rows(), entry.arrival.bytes.len());
        let fits = piece.len() < bounds.entries && rows + more_rows <= rows_max && bytes + more_bytes <= bytes_max;
        if !piece.is_empty() && !fits {
            pieces.push(std::mem::take(&mut piece));
            (rows, bytes) = (0, 0);
        }
        (rows, bytes) = (rows + more_rows, bytes + more_bytes);
        piece.push(entry);
    }
    pieces.extend((!piece.is_empty()).then_some(piece));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::PolicyType,
        store::fixtures::{entry, failure, policy, report, simple},
        submission::Trust,
    };

    fn small(id: &str, trust: Trust) -> Vec<StoredEntry> {
        vec![entry(simple(id, 1), trust)]
    }

    fn large(id: &str, details: usize) -> Vec<StoredEntry> {
        let mut policy = policy("example.com", PolicyType::Sts, Some(1), Some(1));
        policy.failures = vec![failure("certificate-expired", Some(1)); details];
        vec![entry(report(id, vec![policy]), Trust::None)]
    }

    /// What comes next: the rows of each job of a group, or of a large one.
    fn next(queue: &Queue, begun: bool) -> String {
        match queue.next(Duration::ZERO, begun) {
            Work::Write(jobs) => format!("{:?}", jobs.iter().map(|job| job.size.rows).collect::<Vec<_>>()),
            Work::Begin(job) => format!("large {}", job.size.rows),
            Work::GoOn => "go on".into(),
            Work::Change(_) => "change".into(),
            Work::Idle => "idle".into(),
            Work::Close => "close".into(),
        }
    }

    #[test]
    fn small_ones_have_every_other_turn_and_the_smallest_large_one_is_next() {
        let queue = Queue::new(100, GroupBounds::SHARED);
        let mut answers = vec![queue.push(large("huge", 9_000)), queue.push(large("big", 2_000))];
        answers.extend(["a", "b"].map(|id| queue.push(small(id, Trust::None))));
        queue.change(Box::new(|_| false));
        assert_eq!(next(&queue, false), "[4, 4]");
        answers.push(queue.push(small("c", Trust::None)));
        assert_eq!(next(&queue, false), "large 2003");
        assert_eq!(next(&queue, true), "change");
        assert_eq!(next(&queue, true), "[4]");
        assert_eq!(next(&queue, true), "go on");
        answers.push(queue.push(small("d", Trust::None)));
        assert_eq!(next(&queue, true), "[4]");
        assert_eq!(next(&queue, false), "large 9003");
        queue.close();
        assert_eq!(next(&queue, true), "go on");
        assert_eq!(next(&queue, false), "close");
    }

    #[test]
    fn groups_are_split_by_rows() {
        let queue = Queue::new(1_000, GroupBounds::SHARED);
        let answers: Vec<_> = (0..8).map(|number| queue.push(large(&number.to_string(), 900))).collect();
        assert_eq!(next(&queue, false), "[903, 903, 903, 903, 903]");
        assert_eq!(next(&queue, false), "[903, 903, 903]");
        drop(answers);
    }

    #[test]
    fn a_quarter_of_the_places_is_kept_for_what_is_proven() {
        let queue = Queue::new(8, GroupBounds::SHARED);
        let push = |id: &str, trust| queue.push(small(id, trust)).map(drop);
        for number in 0..6 {
            push(&number.to_string(), Trust::Token).unwrap();
        }
        assert_eq!(push("one more", Trust::None), Err(Busy::QueueFull));
        push("proven", Trust::Dkim).unwrap();
        push("imported", Trust::Import).unwrap();
        assert_eq!(push("proven too", Trust::Dkim), Err(Busy::QueueFull));
        assert_eq!(next(&queue, false), "[4, 4, 4, 4, 4, 4, 4, 4]");
        push("one more", Trust::None).unwrap();
    }

    #[test]
    fn a_large_one_holds_its_place_until_it_is_done() {
        let queue = Queue::new(4, GroupBounds::SHARED);
        let _answer = queue.push(large("a", 2_000)).unwrap();
        let Work::Begin(job) = queue.next(Duration::ZERO, false) else { panic!("it is large") };
        for number in 0..2 {
            queue.push(small(&number.to_string(), Trust::None)).unwrap();
        }
        assert_eq!(queue.push(small("more", Trust::None)).map(drop), Err(Busy::QueueFull));
        queue.done(&job);
        queue.push(small("more", Trust::None)).unwrap();
    }

    #[test]
    fn a_batch_is_cut_into_pieces_in_its_order() {
        let mut batch: Vec<StoredEntry> =
            (0..600).flat_map(|number| small(&number.to_string(), Trust::Import)).collect();
        batch.extend(large("large", 3_000));
        batch.extend(small("last", Trust::Import));
        let rows = |piece: &Vec<StoredEntry>| piece.iter().map(StoredEntry::rows).sum::<usize>();
        let pieces = pieces(batch, &GroupBounds::SHARED);
        assert_eq!(pieces.iter().map(rows).collect::<Vec<_>>(), [1_000, 1_000, 400, 3_003, 4]);
        assert_eq!(pieces.iter().map(Vec::len).sum::<usize>(), 602);
    }

    #[test]
    fn an_import_that_has_the_store_to_itself_is_written_in_few_groups_and_without_parts() {
        let queue = Queue::new(10_000, GroupBounds::ALONE);
        let mut batch: Vec<StoredEntry> =
            (0..2_000).flat_map(|number| small(&number.to_string(), Trust::Import)).collect();
        batch.extend(large("large", 3_000));
        let pieces = queue.pieces(batch);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [2_001]);
        let _answers: Vec<_> = pieces.into_iter().map(|piece| queue.push(piece)).collect();
        assert_eq!(next(&queue, false), "[11003]");
    }
}
