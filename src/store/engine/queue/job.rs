//! What waits for the writer, and how much of it one transaction takes.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::{
    limits::{
        ALONE_MAX_BYTES, ALONE_MAX_ENTRIES, ALONE_MAX_ROWS, GROUP_MAX_BYTES, GROUP_MAX_ENTRIES, GROUP_MAX_ROWS,
        LARGE_MIN_BYTES, PART_MAX_ROWS,
    },
    store::StoredEntry,
    submission::Outcome,
};

/// Bytes a parsed policy or failure detail is taken to need.
const ROW_BYTES: usize = 512;

/// The entries of one submission, or of one batch, that stay together.
pub struct Job {
    pub entries: Vec<StoredEntry>,
    /// `None` once it is answered.
    pub(super) reply: Option<oneshot::Sender<Vec<Outcome>>>,
    pub(super) size: Size,
    /// When it came.
    pub since: Instant,
    /// Its sequence number in the journal, where it was answered out of that.
    pub journaled: Option<u64>,
    /// Its load failed before, or nobody knows whether it did.
    pub is_retry: bool,
    pub(super) is_large: bool,
    /// Bytes of its description in the journal: about what it needs in memory beside the body.
    described_bytes: usize,
}

impl Job {
    pub fn take_reply(&mut self) -> Option<oneshot::Sender<Vec<Outcome>>> {
        self.reply.take()
    }

    /// Tells whoever still waits.
    pub fn answer(mut self, outcomes: Vec<Outcome>) {
        if let Some(reply) = self.reply.take() {
            // Who does not wait any more does not want to know.
            let _ = reply.send(outcomes);
        }
    }

    /// It is in the journal, described in so many bytes.
    pub fn is_journaled(&mut self, sequence: u64, described_bytes: usize) {
        (self.journaled, self.described_bytes) = (Some(sequence), described_bytes);
    }

    /// What it needs in memory, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.size.bytes + 2 * self.described_bytes
    }

    pub(super) fn new(
        entries: Vec<StoredEntry>,
        reply: oneshot::Sender<Vec<Outcome>>,
        size: Size,
        bounds: &GroupBounds,
    ) -> Job {
        Job {
            entries,
            reply: Some(reply),
            size,
            since: Instant::now(),
            journaled: None,
            is_retry: false,
            is_large: size.exceeds(bounds.small),
            described_bytes: 0,
        }
    }

    /// Whether it is written in parts.
    pub fn is_large(&self) -> bool {
        self.is_large
    }
}

/// How much one transaction takes.
#[derive(Debug, Clone, Copy)]
pub struct GroupBounds {
    pub(super) entries: usize,
    /// Of the bodies, and what their rows need, about.
    pub(super) bytes: usize,
    pub(super) rows: usize,
    /// Rows and bytes above which entries are large: they are written in parts.
    pub(super) small: Size,
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
pub(super) struct Size {
    /// Bytes they hold in memory.
    pub(super) bytes: usize,
    /// Rows of all tables.
    pub(super) rows: usize,
}

impl Size {
    pub(super) fn exceeds(self, bounds: Size) -> bool {
        self.rows > bounds.rows || self.bytes > bounds.bytes
    }
}

/// A body shared by several reports counts once.
pub(super) fn size(entries: &[StoredEntry]) -> Size {
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
pub(super) fn pieces(entries: Vec<StoredEntry>, bounds: &GroupBounds) -> Vec<Vec<StoredEntry>> {
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
