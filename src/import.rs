//! Reports and mails from files: walked in a fixed order, read and judged on all cores, stored by one writer. What lies in
//! an mbox or an archive comes where the file stands in that order.
//!
//! The order of storing is the order of walking, so that an import that was interrupted and run again ends like one that
//! was not. Memory is bounded by batches, not by the number or size of the files.

mod archive;
mod batches;
mod container;
mod load;
mod mbox;
mod sink;
mod sniff;
mod tally;
mod walk;

use std::{
    io::Read,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

pub use load::UNREADABLE;
pub use sink::ImportSink;
pub use tally::ImportTally;
pub use walk::count;

use crate::{
    clock::Clock,
    control::{ControlError, OutcomeWord, ReportedOutcome},
};
use batches::Batches;
use load::{Input, Loader};

/// Inputs that are stored in one transaction, where their reports are small.
const BATCH_INPUTS: usize = 2_048;
/// Paths the walk is ahead of the reading.
const WALK_AHEAD: usize = 4_096;

/// One input with what became of the reports in it, never none.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportItem {
    pub path: PathBuf,
    pub outcomes: Vec<ReportedOutcome>,
}

/// Why an import ended before its last file. What is stored by then stays; run again, the rest follows.
#[derive(Debug, thiserror::Error)]
pub enum ImportStop {
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Busy(String),
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// What to import.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// Files, directories and `-` (standard input).
    pub paths: Vec<PathBuf>,
    /// The operator trusts them: mail among them is not asked for a signature.
    pub trusted_input: bool,
}

/// Imports the files and tells of each input in the order of the walk, after the commit that holds it. Ends early when
/// `interrupted` turns true, with whole batches. A mail whose signature cannot be judged now is told as busy and holds
/// nothing up.
pub fn import(
    request: ImportRequest,
    sink: &mut ImportSink,
    clock: &Clock,
    interrupted: &AtomicBool,
    mut tell: impl FnMut(&ImportItem),
) -> Result<(), ImportStop> {
    let (found_sender, found) = crossbeam_channel::bounded(WALK_AHEAD);
    let (ready_sender, ready) = crossbeam_channel::bounded(1);
    let ImportRequest { paths, trusted_input } = request;
    let loader = Loader { limits: sink.limits(), clock: clock.clone(), trusted_input };
    let (judge, mut writer) = sink.split();
    let batches = Batches { judge, loader, ready: ready_sender, interrupted };
    let result = thread::scope(|scope| {
        // Each thread ends when its receiver is gone, so returning from here unwinds the whole line.
        scope.spawn(move || walk::walk(&paths, &mut |found| found_sender.send(found).is_ok()));
        scope.spawn(move || batches.run(&found));
        for batch in ready {
            for item in writer.store(batch)? {
                if let Some(busy) = item
                    .outcomes
                    .iter()
                    .find(|reported| reported.outcome == OutcomeWord::Busy && !reported.is_deferred())
                {
                    return Err(ImportStop::Busy(busy.detail.clone().unwrap_or_default()));
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
        Ok(()) if interrupted.load(Ordering::Relaxed) => Err(ImportStop::Interrupted),
        result => result,
    }
}

/// Imports one mail or one report, as a mail server pipes it, and tells what became of it, never nothing. It is taken
/// as it is: an mbox or an archive is not opened.
pub fn import_piped(
    input: impl Read,
    trusted_input: bool,
    sink: &mut ImportSink,
    clock: &Clock,
) -> Result<Vec<ReportedOutcome>, ImportStop> {
    let loader = Loader { limits: sink.limits(), clock: clock.clone(), trusted_input };
    let input = loader.piped(input).unwrap_or_else(|error| Input::Settled(load::unreadable(&error)));
    let (judge, mut writer) = sink.split();
    let (judged, _) = judge.judge(PathBuf::from("-"), input);
    let items = writer.store(vec![judged])?;
    Ok(items.into_iter().flat_map(|item| item.outcomes).collect())
}

#[cfg(test)]
mod tests;
