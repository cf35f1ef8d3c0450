//! The line itself: whose turn it is, and what was answered out of the journal and waits to be loaded.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    StoreChange, Work,
    job::{GroupBounds, Job, Size},
};
use crate::limits::{LARGE_WAIT_MAX_S, LOAD_EVERY_MS, LOAD_MAX_ENTRIES, LOAD_MAX_ROWS, LOAD_MIN_ENTRIES};

#[derive(Default)]
pub(super) struct Line {
    /// What has not passed the journal. `None` where there is none.
    pub(super) arriving: Option<VecDeque<Job>>,
    pub(super) small: VecDeque<Job>,
    pub(super) large: Vec<Job>,
    pub(super) changes: VecDeque<StoreChange>,
    turn: Turn,
    /// Of those that wait for an answer.
    pub(super) entries: usize,
    pub(super) bytes: usize,
    /// Jobs in `small` that wait for an answer.
    pub(super) unanswered: usize,
    pub(super) backlog: Backlog,
    pub(super) closed: bool,
    /// The writer is gone: nobody takes anything any more.
    pub(super) abandoned: bool,
    /// Entries and bytes of what the journal's thread has in its hands.
    pub(super) in_hand: (usize, usize),
}

/// What was answered out of the journal and is not loaded.
#[derive(Default)]
pub(super) struct Backlog {
    pub(super) entries: usize,
    pub(super) size: Size,
    /// The last sequence number that was answered, and that is loaded.
    pub(super) acknowledged: u64,
    pub(super) loaded: u64,
    /// The sequence number that somebody waits for.
    pub(super) wanted: Option<u64>,
    /// Some of it could not be loaded while the store closes: all of it is left to the next start, and nothing is decided before.
    pub(super) given_up: bool,
    pub(super) failures: u64,
    pub(super) paused_until: Option<Instant>,
}

impl Backlog {
    pub(super) fn is_pending(&self) -> bool {
        self.acknowledged > self.loaded
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_until.is_some_and(|until| until > Instant::now())
    }

    /// The last load failed.
    pub(super) fn is_failing(&self) -> bool {
        self.paused_until.is_some()
    }

    pub(super) fn add(&mut self, job: &Job) {
        self.entries += job.entries.len();
        self.size.bytes += job.memory_bytes();
        self.size.rows += job.size.rows;
    }

    pub(super) fn take(&mut self, job: &Job) {
        self.entries = self.entries.saturating_sub(job.entries.len());
        self.size.bytes = self.size.bytes.saturating_sub(job.memory_bytes());
        self.size.rows = self.size.rows.saturating_sub(job.size.rows);
    }
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

impl Line {
    /// What is there for the next turn, or the one after it.
    pub(super) fn take(&mut self, begun: bool, bounds: &GroupBounds) -> Option<Work> {
        self.turn.round().find_map(|turn| {
            let work = match turn {
                Turn::Small if self.is_group_due() => Some(Work::Write(self.take_group(bounds))),
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

    pub(super) fn place(&mut self, job: Job) {
        if self.abandoned || self.backlog.given_up {
            // Who waits for it hears that the store failed.
            if job.journaled.is_none() {
                self.leave(job.entries.len(), job.size.bytes);
            }
            return;
        }
        if job.journaled.is_some() {
            self.backlog.add(&job);
            self.small.push_back(job);
        } else if job.is_large {
            self.large.push(job);
        } else {
            self.unanswered += 1;
            self.small.push_back(job);
        }
    }

    /// Somebody waits for an answer or for a load, or enough has gathered.
    pub(super) fn is_group_due(&self) -> bool {
        if self.small.is_empty() {
            return false;
        }
        let gathered = self.backlog.entries >= LOAD_MIN_ENTRIES || self.backlog.size.rows >= LOAD_MAX_ROWS;
        let due = self.load_due_at().is_some_and(|due| due <= Instant::now());
        self.unanswered > 0
            || self.closed
            || (!self.backlog.is_paused() && (gathered || self.backlog.wanted.is_some() || due))
    }

    /// When what was answered is loaded, however little it is.
    pub(super) fn load_due_at(&self) -> Option<Instant> {
        let oldest = self.small.front().filter(|job| job.journaled.is_some())?;
        let due = oldest.since + Duration::from_millis(LOAD_EVERY_MS);
        Some(self.backlog.paused_until.map_or(due, |until| due.max(until)))
    }

    pub(super) fn has_come(&self, (sequence, failures): (u64, u64)) -> bool {
        self.backlog.loaded >= sequence || self.backlog.failures != failures
    }

    /// The jobs of the next transaction: at least one, whatever its size. Those who wait for an answer wait for few others.
    pub(super) fn take_group(&mut self, bounds: &GroupBounds) -> Vec<Job> {
        let (mut group, mut all, mut waiting) = (Vec::new(), Group::default(), Group::default());
        while let Some(job) = self.small.front() {
            let fits = all.entries + job.entries.len() <= bounds.entries.max(LOAD_MAX_ENTRIES)
                && all.size.bytes + job.memory_bytes() <= bounds.bytes
                && all.size.rows + job.size.rows <= bounds.rows.max(LOAD_MAX_ROWS);
            let fits = fits
                && (job.journaled.is_some()
                    || (waiting.entries + job.entries.len() <= bounds.entries
                        && waiting.size.rows + job.size.rows <= bounds.rows));
            if !group.is_empty() && !fits {
                break;
            }
            let Some(job) = self.small.pop_front() else { break };
            all.add(&job);
            if job.journaled.is_some() {
                self.backlog.take(&job);
            } else {
                waiting.entries += job.entries.len();
                waiting.size.bytes += job.size.bytes;
                waiting.size.rows += job.size.rows;
                self.unanswered = self.unanswered.saturating_sub(1);
            }
            group.push(job);
        }
        self.leave(waiting.entries, waiting.size.bytes);
        group
    }

    /// The smallest of the large ones, but the oldest as soon as that has waited long.
    fn take_large(&mut self) -> Option<Job> {
        let wait_max = Duration::from_secs(LARGE_WAIT_MAX_S);
        let oldest = self.large.first()?.since.elapsed() > wait_max;
        let smallest = self.large.iter().enumerate().min_by_key(|(_, job)| job.size.rows).map(|(index, _)| index);
        Some(self.large.remove(if oldest { 0 } else { smallest? }))
    }

    pub(super) fn leave(&mut self, entries: usize, bytes: usize) {
        self.entries = self.entries.saturating_sub(entries);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// What a transaction takes so far.
#[derive(Default)]
struct Group {
    pub(super) entries: usize,
    pub(super) size: Size,
}

impl Group {
    pub(super) fn add(&mut self, job: &Job) {
        self.entries += job.entries.len();
        self.size.bytes += job.memory_bytes();
        self.size.rows += job.size.rows;
    }
}
