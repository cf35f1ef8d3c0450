//! Recovery of the write-ahead log before DuckDB opens it.
//!
//! DuckDB replays a truncated log to its last whole commit, but refuses to open one whose tail is zeroed or garbled, which
//! is what a power failure leaves on some file systems. Such a tail is cut, and a copy of the whole log is kept. Nobody was
//! answered for what is in it, unless the disk lost what it had confirmed: that, the note beside the database tells. Damage in
//! front of whole commits is another matter: there the operator decides.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{
    note::{Loss, Noted},
    open::io_error,
    wal::{self, WalState},
};
use crate::{clock::Clock, store::StoreError};

/// A tail that was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub log: PathBuf,
    /// The whole log as it was.
    pub copy: PathBuf,
    /// Bytes that were kept.
    pub at: u64,
    pub cut_bytes: u64,
    /// Whole commits in what was kept.
    pub commits: usize,
    /// Whether anything that was acknowledged was in what was cut.
    pub loss: Loss,
}

/// What recovery found and did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub cuts: Vec<Cut>,
    /// What is gone without a trace in the log: it is missing, empty or shorter than it was.
    pub vanished: Option<Loss>,
}

/// Makes the logs beside the database fit for DuckDB. Nothing is changed where they are sound or where an error returns.
pub fn recover(database: &Path) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered::default();
    let log = log_of(database);
    let noted = database.parent().and_then(Noted::read);
    let Some((bytes, scan)) = read(&log)? else {
        recovered.vanished = vanished(&log, None, noted);
        return Ok(recovered);
    };
    let checkpoint = if scan.checkpoint { read(&checkpoint_log_of(database))? } else { None };
    // Both are looked at before either is touched.
    refuse_damage(&log, &scan)?;
    if let Some((_, scan)) = &checkpoint {
        refuse_damage(&checkpoint_log_of(database), scan)?;
    }
    recovered.cuts.extend(cut_tail(&log, &bytes, &scan, noted)?);
    if recovered.cuts.is_empty() {
        recovered.vanished = vanished(&log, Some(bytes.len() as u64), noted);
    }
    if let Some((bytes, scan)) = checkpoint {
        // Nobody is answered while a checkpoint is under way.
        recovered.cuts.extend(cut_tail(&checkpoint_log_of(database), &bytes, &scan, None)?);
    }
    Ok(recovered)
}

/// What a log that looks sound has lost. `found_bytes` is `None` where there is none.
fn vanished(log: &Path, found_bytes: Option<u64>, noted: Option<Noted>) -> Option<Loss> {
    let noted = noted?;
    let loss = Noted::loss(Some(noted), found_bytes.unwrap_or(0));
    if loss == Loss::Nothing {
        return None;
    }
    let state = match found_bytes {
        None => "is missing",
        Some(0) => "is empty",
        Some(_) => "is shorter than it was",
    };
    tracing::error!(
        log = %log.display(),
        found_bytes = found_bytes.unwrap_or(0),
        expected_bytes = noted.log_bytes,
        "the write-ahead log {state}, although the server did not end by itself the last time: {loss}. If the log is anywhere \
         else, such as in a backup: stop, put it beside its database and start again"
    );
    Some(loss)
}

fn refuse_damage(log: &Path, scan: &wal::Scan) -> Result<(), StoreError> {
    match &scan.state {
        WalState::DamagedMiddle { at, after } => Err(StoreError::Damaged {
            log: log.to_owned(),
            at: *at as u64,
            before: scan.commits.len(),
            after: after.len(),
        }),
        WalState::Clean | WalState::TornTail { .. } => Ok(()),
    }
}

fn cut_tail(log: &Path, bytes: &[u8], scan: &wal::Scan, noted: Option<Noted>) -> Result<Option<Cut>, StoreError> {
    let WalState::TornTail { at } = scan.state else { return Ok(None) };
    let copy = keep_copy(log)?;
    cut(log, at as u64, bytes.len() as u64)?;
    let cut = Cut {
        log: log.to_owned(),
        copy,
        at: at as u64,
        cut_bytes: (bytes.len() - at) as u64,
        commits: scan.commits.len(),
        loss: Noted::loss(noted, at as u64),
    };
    tracing::warn!(
        log = %cut.log.display(),
        copy = %cut.copy.display(),
        cut_bytes = cut.cut_bytes,
        kept_bytes = cut.at,
        kept_commits = cut.commits,
        "the last transaction in the write-ahead log is incomplete: the log was cut before it, and is kept as it was in the \
         copy; {}",
        cut.loss
    );
    Ok(Some(cut))
}

/// The log and what is wrong with it. `None` where there is no log.
pub fn read(log: &Path) -> Result<Option<(Vec<u8>, wal::Scan)>, StoreError> {
    match fs::read(log) {
        Ok(bytes) => {
            let scan = wal::scan(&bytes);
            Ok(Some((bytes, scan)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io_error("read", log, source)),
    }
}

/// Copies a file beside itself under a name of its own, and makes sure that the copy has reached the disk.
pub fn keep_copy(path: &Path) -> Result<PathBuf, StoreError> {
    let stamp = Clock::system().now().format("%Y%m%dT%H%M%S%.6fZ");
    let copy = suffixed(path, &format!(".damaged-{stamp}"));
    if copy.exists() {
        return Err(io_error("copy to", &copy, io::ErrorKind::AlreadyExists.into()));
    }
    if let Err(source) = fs::copy(path, &copy) {
        // Half a copy helps nobody, and on a full disk its space does.
        let _ = fs::remove_file(&copy);
        return Err(io_error("copy", path, source));
    }
    sync(&copy)?;
    sync(copy.parent().unwrap_or(Path::new(".")))?;
    Ok(copy)
}

/// Shortens a log to `at` bytes, provided it still is as long as when it was looked at.
pub fn cut(log: &Path, at: u64, expected_bytes: u64) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).open(log).map_err(|source| io_error("open", log, source))?;
    let found = file.metadata().map_err(|source| io_error("look at", log, source))?.len();
    if found != expected_bytes {
        return Err(StoreError::Locked { path: log.to_owned(), holder: "somebody who is writing to its log".into() });
    }
    file.set_len(at).and_then(|()| file.sync_all()).map_err(|source| io_error("cut", log, source))
}

/// Makes sure that a file, or the names in a directory, have reached the disk.
pub fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|source| io_error("sync", path, source))
}

/// Where DuckDB keeps the log of this database.
pub fn log_of(database: &Path) -> PathBuf {
    suffixed(database, ".wal")
}

/// Where DuckDB writes while a checkpoint folds the log into the database.
pub fn checkpoint_log_of(database: &Path) -> PathBuf {
    suffixed(database, ".wal.checkpoint")
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
