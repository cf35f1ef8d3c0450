//! Reports from files: walked in a fixed order, read and judged on all cores, stored by one writer.
//!
//! The order of storing is the order of walking, so that an import that was interrupted and run again ends like one that
//! was not. Memory is bounded by portions, not by the number or size of the files.

mod load;
mod printable;
mod sink;
mod tally;
mod walk;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

pub use load::Loaded;
pub use printable::{printable, visible};
pub use sink::Sink;
pub use tally::Tally;
pub use walk::count;

use super::batch;
use crate::{
    clock::Clock,
    ingest::control::{ControlError, Told, Word},
};
use load::Loader;
use walk::Found;

/// Files that are stored in one transaction, where their reports are small.
const PORTION_FILES: usize = 1_024;
/// Paths the walk is ahead of the reading.
const WALK_AHEAD: usize = 4_096;

/// One input with what became of the reports in it, never none.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub path: PathBuf,
    pub told: Vec<Told>,
}

/// Why an import ended before its last file. What is stored by then stays; run again, the rest follows.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Busy(String),
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Imports files, directories and `-` (standard input), and tells of each file in the order of the walk, after the commit
/// that holds it. Ends early when `interrupted` turns true, with whole portions.
pub fn import(
    paths: Vec<PathBuf>,
    sink: &mut Sink,
    clock: &Clock,
    interrupted: &AtomicBool,
    mut tell: impl FnMut(&Item),
) -> Result<(), Stop> {
    let (found_sender, found) = crossbeam_channel::bounded(WALK_AHEAD);
    let (ready_sender, ready) = crossbeam_channel::bounded(1);
    let loader = Loader { wire_max_bytes: sink.wire_max_bytes(), clock: clock.clone() };
    let (judge, mut writer) = sink.split();
    let result = thread::scope(|scope| {
        // Each thread ends when its receiver is gone, so returning from here unwinds the whole line.
        scope.spawn(move || walk::walk(&paths, &mut |found| found_sender.send(found).is_ok()));
        scope.spawn(move || {
            let mut gathered: VecDeque<Found> = VecDeque::new();
            while !interrupted.load(Ordering::Relaxed) {
                gather(&found, &mut gathered);
                if gathered.is_empty() {
                    break;
                }
                let portion = batch::portion(&mut gathered, |found| judge.judge(found, &loader));
                if ready_sender.send(portion).is_err() {
                    break;
                }
            }
        });
        for portion in ready {
            for item in writer.store(portion)? {
                if let Some(busy) = item.told.iter().find(|told| told.outcome == Word::Busy) {
                    return Err(Stop::Busy(busy.detail.clone().unwrap_or_default()));
                }
                tell(&item);
            }
            if interrupted.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    });
    match result {
        Ok(()) if interrupted.load(Ordering::Relaxed) => Err(Stop::Interrupted),
        result => result,
    }
}

/// Fills up to a portion; waits for the first only, so that a slow walk (or a slow pipe) does not hold back what is there.
fn gather(found: &crossbeam_channel::Receiver<Found>, gathered: &mut VecDeque<Found>) {
    if gathered.is_empty() {
        gathered.extend(found.recv().ok());
    }
    gathered.extend(found.try_iter().take(PORTION_FILES.saturating_sub(gathered.len())));
}

#[cfg(test)]
mod tests;
