//! Recovery of the write-ahead log before DuckDB opens it.
//!
//! DuckDB replays a truncated log to its last whole commit, but refuses to open one whose tail is zeroed or garbled, which
//! is what a power failure leaves on some file systems. Nobody was answered for what is in such a tail, so it is cut, and a
//! copy of the whole log is kept. Damage in front of whole commits is another matter: there the operator decides.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{
    StoreError,
    open::io_error,
    wal::{self, State},
};
use crate::clock::Clock;

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
}

/// Makes the logs beside the database fit for DuckDB. Nothing is changed where they are sound or where an error returns.
pub fn recover(database: &Path) -> Result<Vec<Cut>, StoreError> {
    let mut cuts = Vec::new();
    let log = log_of(database);
    let Some((bytes, scan)) = read(&log)? else { return Ok(cuts) };
    let checkpoint = if scan.checkpoint { read(&checkpoint_log_of(database))? } else { None };
    // Both are looked at before either is touched.
    refuse_damage(&log, &scan)?;
    if let Some((_, scan)) = &checkpoint {
        refuse_damage(&checkpoint_log_of(database), scan)?;
    }
    cuts.extend(cut_tail(&log, &bytes, &scan)?);
    if let Some((bytes, scan)) = checkpoint {
        cuts.extend(cut_tail(&checkpoint_log_of(database), &bytes, &scan)?);
    }
    Ok(cuts)
}

fn refuse_damage(log: &Path, scan: &wal::Scan) -> Result<(), StoreError> {
    match &scan.state {
        State::DamagedMiddle { at, after } => Err(StoreError::Damaged {
            log: log.to_owned(),
            at: *at as u64,
            before: scan.commits.len(),
            after: after.len(),
        }),
        State::Clean | State::TornTail { .. } => Ok(()),
    }
}

fn cut_tail(log: &Path, bytes: &[u8], scan: &wal::Scan) -> Result<Option<Cut>, StoreError> {
    let State::TornTail { at } = scan.state else { return Ok(None) };
    let copy = keep_copy(log)?;
    cut(log, at as u64, bytes.len() as u64)?;
    let cut = Cut {
        log: log.to_owned(),
        copy,
        at: at as u64,
        cut_bytes: (bytes.len() - at) as u64,
        commits: scan.commits.len(),
    };
    tracing::warn!(
        log = %cut.log.display(),
        copy = %cut.copy.display(),
        cut_bytes = cut.cut_bytes,
        kept_bytes = cut.at,
        kept_commits = cut.commits,
        "the write-ahead log ended in an unfinished commit, as after a power failure: it was cut after its last whole commit, \
         which loses nothing that was acknowledged; the log as it was is kept in the copy"
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
