//! What the journal still holds after a crash: everything behind the last sequence number that the database has.

use std::{
    fs,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    layout::{self, Record, SegmentFault, SegmentHeader, Tail},
    record,
    segments::{self, list},
    set_aside,
};
use crate::{
    clock::Clock,
    store::{StoreError, StoredEntry, engine::open::io_error},
};

/// Submissions that are loaded at a time.
const LOADED_AT_ONCE: usize = 1_000;

/// One submission that was answered and may not be in the database.
#[derive(Debug)]
pub struct JournaledEntries {
    pub sequence: u64,
    pub entries: Vec<StoredEntry>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Submissions that were handed on.
    pub submissions: usize,
    /// Segments whose last batch is incomplete.
    pub torn: Vec<PathBuf>,
    /// Segments that were read.
    pub segments: usize,
    /// Submissions that were answered and are neither in the journal nor in the database, at most.
    pub missing: u64,
    /// The last sequence number that was ever used, as far as is known.
    pub last: u64,
}

/// A segment that can be read.
struct Sound {
    path: PathBuf,
    header: SegmentHeader,
    /// The last sequence number in it, or the one after which it begins.
    last: u64,
    is_torn: bool,
}

/// Hands everything on that a database which has loaded up to a sequence number lacks, in its order. Before anything is handed on or
/// touched it is known that no segment is damaged.
pub fn replay(
    directory: &Path,
    journal: Uuid,
    loaded: u64,
    mut load: impl FnMut(Vec<JournaledEntries>) -> Result<(), StoreError>,
) -> Result<Replayed, StoreError> {
    let mut replayed = Replayed { last: loaded, ..Replayed::default() };
    let mut segments = sound(directory, journal)?;
    segments.sort_by_key(|segment| segment.header.number);
    replayed.segments = segments.len();
    check_order(&segments, loaded, &mut replayed);
    for segment in &segments {
        let bytes = read(&segment.path)?;
        let found = layout::scan(&bytes).map_err(|fault| damaged(&segment.path, fault))?;
        let records: Vec<Record<'_>> = found.records.into_iter().filter(|record| record.sequence > loaded).collect();
        for part in records.chunks(LOADED_AT_ONCE) {
            replayed.submissions += part.len();
            load(decoded(directory, journal, part)?)?;
        }
    }
    Ok(replayed)
}

fn decoded(directory: &Path, journal: Uuid, records: &[Record<'_>]) -> Result<Vec<JournaledEntries>, StoreError> {
    let mut decoded = Vec::new();
    for found in records {
        match record::entries(found) {
            Ok(entries) => decoded.push(JournaledEntries { sequence: found.sequence, entries }),
            Err(error) => set_aside::keep(directory, journal, found, &error.to_string())?,
        }
    }
    Ok(decoded)
}

/// The segments that were ever written to. Damage stops here.
fn sound(directory: &Path, journal: Uuid) -> Result<Vec<Sound>, StoreError> {
    let mut sound = Vec::new();
    for path in list(directory).map_err(|source| io_error("read", directory, source))? {
        let bytes = read(&path)?;
        let segment = match layout::scan(&bytes) {
            Ok(segment) => segment,
            Err(SegmentFault::Unborn) => continue,
            Err(fault) => return Err(damaged(&path, fault)),
        };
        let header = segment.header;
        if header.journal != journal && !segment.records.is_empty() {
            return Err(StoreError::ForeignJournal { directory: directory.to_owned() });
        }
        if let Tail::Damaged { at, behind } = &segment.tail {
            let what = format!(
                "at byte {at} is no whole batch, although {} stand before it and {} behind it",
                segment.batches,
                behind.len()
            );
            return Err(StoreError::JournalDamaged { path, what });
        }
        if header.journal == journal {
            let last = segment.records.last().map_or(header.after, |record| record.sequence);
            sound.push(Sound { path, header, last, is_torn: matches!(segment.tail, Tail::Torn { .. }) });
        }
    }
    Ok(sound)
}

/// What is missing in front of a segment the database had taken, so that it was let go of, and has lost since: that is told.
fn check_order(segments: &[Sound], loaded: u64, replayed: &mut Replayed) {
    let mut known = loaded;
    for Sound { path, header, last, is_torn } in segments {
        replayed.missing += header.after.saturating_sub(known);
        if *is_torn {
            replayed.torn.push(path.clone());
        }
        known = known.max(*last);
    }
    replayed.last = known;
    if replayed.missing > 0 {
        tracing::error!(
            submissions = replayed.missing,
            "the database has lost what it had taken out of the journal, or is an older one that was put back: up to so many submissions \
             that were acknowledged are in neither"
        );
    }
}

fn damaged(path: &Path, fault: SegmentFault) -> StoreError {
    StoreError::JournalDamaged { path: path.to_owned(), what: fault.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|source| io_error("read", path, source))
}

/// Everything in the segments is in the database: they go. Those whose end is incomplete are kept under another name.
pub fn finish(directory: &Path, torn: &[PathBuf]) -> Result<(), StoreError> {
    for path in torn {
        let kept = path.with_extension(format!("torn-{}", Clock::system().now().format("%Y%m%dT%H%M%S%.6fZ")));
        fs::rename(path, &kept).map_err(|source| io_error("rename", path, source))?;
        tracing::warn!(
            segment = %path.display(),
            kept = %kept.display(),
            "the last batch in the journal is incomplete, as is normal after a crash in the midst of a write: nobody had been answered \
             for it. What was found is kept"
        );
    }
    segments::remove_all(directory).map_err(|source| io_error("remove a segment of", directory, source))
}
