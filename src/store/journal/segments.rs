//! The segments that are not written to any more: they are let go of once all they hold is loaded.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::limits::JOURNAL_SPARE_SEGMENTS_MAX;

/// Shared by who writes the journal and who loads from it.
#[derive(Debug, Default)]
pub struct Segments(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Full ones, the oldest first.
    closed: VecDeque<ClosedSegment>,
    /// Files that can be written over.
    spare: Vec<PathBuf>,
    /// Everything up to this sequence number may be let go of.
    through: u64,
}

#[derive(Debug)]
pub struct ClosedSegment {
    pub path: PathBuf,
    /// The last sequence number that may be in it.
    pub last: u64,
    /// Nothing ever failed with this file.
    pub is_sound: bool,
}

impl Segments {
    pub fn close(&self, segment: ClosedSegment) {
        let mut state = self.state();
        state.closed.push_back(segment);
        state.release();
    }

    /// A file to write over, where there is one.
    pub fn take_spare(&self) -> Option<PathBuf> {
        self.state().spare.pop()
    }

    /// Everything up to this sequence number is in the database, for good.
    pub fn let_go(&self, through: u64) {
        let mut state = self.state();
        state.through = state.through.max(through);
        state.release();
    }

    /// What the database has is in doubt: nothing more is let go of until it is said anew how far it has come.
    pub fn hold(&self) {
        self.state().through = 0;
    }

    /// The disk is full: what is only kept to be written over goes.
    pub fn give_space_back(&self) {
        self.state().spare.drain(..).for_each(|path| remove(&path));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn release(&mut self) {
        while self.closed.front().is_some_and(|segment| segment.last <= self.through) {
            let Some(segment) = self.closed.pop_front() else { return };
            if segment.is_sound && self.spare.len() < JOURNAL_SPARE_SEGMENTS_MAX {
                self.spare.push(segment.path);
            } else {
                remove(&segment.path);
            }
        }
    }
}

fn remove(segment: &Path) {
    if let Err(error) = fs::remove_file(segment) {
        tracing::warn!(segment = %segment.display(), %error, "a segment of the journal cannot be removed");
    }
}

/// The path of a segment. Names sort like their numbers.
pub fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016}.segment"))
}

/// The segments of a directory, in the order of their names; none where there is no directory.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    with_extension(directory, "segment")
}

/// The highest number of a segment in a directory.
pub fn highest(directory: &Path) -> u64 {
    let last = list(directory).ok().and_then(|paths| paths.last()?.file_stem()?.to_str()?.parse().ok());
    last.unwrap_or(0)
}

/// The files of a directory that end like this, sorted.
pub fn with_extension(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

/// Removes all segments: everything in them is loaded.
pub fn remove_all(directory: &Path) -> io::Result<()> {
    for path in list(directory)? {
        fs::remove_file(path)?;
    }
    Ok(())
}
