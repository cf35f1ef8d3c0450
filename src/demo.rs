//! Eight weeks of invented reports in a data directory, for `tlsight demo`.

pub mod generator;
mod history;
mod random;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::{
    alerts::AlertPlan,
    config::{Config, Domain},
    pipeline::Pipeline,
    submission::{Outcome, Receipt},
};
use generator::{Generator, SITES};

/// Everybody sees the same demo.
const SEED: u64 = 8460;
/// Eight weeks.
const DAYS: u64 = 56;
/// Reports in one transaction.
const BATCH: usize = 512;
/// Stands in a directory from the start of filling to its end, so that a half-filled one is recognised.
const UNFINISHED: &str = "demo-unfinished";

/// Where the demo keeps its data.
#[derive(Debug)]
pub enum DemoDirectory {
    /// Removed when this is dropped.
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    pub stored: u64,
    pub duplicate: u64,
    pub quarantined: u64,
    pub refused: u64,
}

impl DemoDirectory {
    /// The directory to keep, created where there is none, else a temporary one.
    pub fn open(keep: Option<PathBuf>) -> io::Result<DemoDirectory> {
        match keep {
            None => tempfile::Builder::new().prefix("tlsight-demo-").tempdir().map(DemoDirectory::Temporary),
            Some(path) => fs::create_dir_all(&path).map(|()| DemoDirectory::Kept(path)),
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            DemoDirectory::Temporary(directory) => directory.path(),
            DemoDirectory::Kept(path) => path,
        }
    }

    /// Whether there is anything to do before it can be shown. What was interrupted is filled again: what is stored by then
    /// is recognised.
    pub fn wants_filling(&self) -> io::Result<bool> {
        Ok(self.path().join(UNFINISHED).exists() || fs::read_dir(self.path())?.next().is_none())
    }
}

/// The report address of the demo.
pub const RECIPIENT: &str = "tlsrpt@example.com";

/// Adds the demo's domains and its report address to a configuration.
pub fn configure(config: &mut Config) {
    config.smtp.recipients = vec![RECIPIENT.to_owned()];
    // What is invented is eight weeks old.
    config.store.unproven_keep_days = 0;
    config.domain = SITES
        .iter()
        .map(|site| Domain {
            name: site.domain.to_owned(),
            mx: site.mx_names().into_iter().map(str::to_owned).collect(),
            token: site.token.map(str::to_owned),
            token_file: None,
        })
        .collect();
}

/// The days that are told about, both included: eight weeks up to yesterday.
pub fn days(now: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
    let to = now.date_naive() - Days::new(1);
    (to - Days::new(DAYS - 1), to)
}

/// Sends the reports through the pipeline as if they had arrived when they would have, and evaluates `plan` over that time.
pub fn fill(place: &Path, pipeline: &Arc<Pipeline>, plan: &AlertPlan, now: DateTime<Utc>) -> io::Result<Filled> {
    fs::write(place.join(UNFINISHED), "")?;
    let (from, to) = days(now);
    let mut reports = Generator::new(SEED).days(from, to).peekable();
    let mut filled = Filled::default();
    while reports.peek().is_some() {
        let batch = reports.by_ref().take(BATCH).map(|mut report| {
            // Some of yesterday's come later today.
            report.received_at = report.received_at.min(now);
            pipeline.prepare(report.submission(), None)
        });
        let batch = batch.collect();
        pipeline.store_blocking(batch).iter().try_for_each(|receipt| filled.add(receipt))?;
    }
    history::invent(pipeline.store(), plan, from, now).map_err(io::Error::other)?;
    fs::remove_file(place.join(UNFINISHED))?;
    Ok(filled)
}

impl Filled {
    fn add(&mut self, receipt: &Receipt) -> io::Result<()> {
        for outcome in &receipt.0 {
            match outcome {
                Outcome::Stored(_) => self.stored += 1,
                Outcome::Duplicate(_) => self.duplicate += 1,
                Outcome::Quarantined { .. } => self.quarantined += 1,
                Outcome::Refused(_) | Outcome::Ignored(_) => self.refused += 1,
                Outcome::Busy(busy) => return Err(io::Error::other(*busy)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
