//! Opening the data directory: it exists and is ours alone, its log is sound, its schema is this program's.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use duckdb::{Config, Connection};

use super::{migrate, recount, recover, rekey};
use crate::store::{StoreError, StoreSettings, error};

/// The database file in the data directory.
pub const DATABASE: &str = "tlsight.duckdb";
const LOCK: &str = "tlsight.lock";
/// A database in the making: it gets its name when it is complete.
const UNBORN: &str = "tlsight.duckdb.new";
const TEMPORARY: &str = "tmp";
/// DuckDB checkpoints by itself above this, in the midst of a commit. Ours come where nobody waits.
const NEVER_BY_ITSELF: &str = "1TB";
/// Memory that replaying the log may take, for each byte of it: DuckDB ends the process when it runs out.
const REPLAY_BYTES_PER_BYTE: u64 = 16;
const REPLAY_BASE_BYTES: u64 = 512 * 1024 * 1024;

/// Holds the data directory for this process alone, until dropped.
#[derive(Debug)]
pub struct DirectoryLock(File);

impl Drop for DirectoryLock {
    /// Closing the file would do where nobody else has it open. A program that is being started has, for a moment: it begins as a copy of
    /// this process.
    fn drop(&mut self) {
        // It goes with the file in any case.
        let _ = self.0.unlock();
    }
}

/// Creates the data directory where it is missing, readable by its owner only, and claims it.
///
/// DuckDB locks its file too, but not against this process, and not before we have looked at its log.
pub fn claim(data: &Path) -> Result<DirectoryLock, StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|source| denied(data, source))?;
    warn_if_open(data);
    let path = data.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| denied(data, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who it is only helps the message.
            let _ = file.read_to_string(&mut holder);
            return Err(StoreError::Locked { path: data.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(fs::TryLockError::Error(source)) => return Err(io_error("lock", &path, source)),
    }
    let holder = format!("process {}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(holder.as_bytes()))
        .map_err(|source| denied(data, source))?;
    Ok(DirectoryLock(file))
}

/// A directory that was there before may have been made by hand.
fn warn_if_open(data: &Path) {
    if let Some(warned) = open_to_others(data) {
        tracing::warn!("{warned}");
    }
}

/// That every user of this machine may look into the directory, in words; `None` where it is not so, or not known.
pub fn open_to_others(data: &Path) -> Option<String> {
    let mode = fs::metadata(data).ok()?.permissions().mode() & 0o777;
    let data = data.display();
    let warned =
        format!("the data directory {data} is open to every user of this machine (mode {mode:04o}): chmod o= {data}");
    (mode & 0o007 != 0).then_some(warned)
}

/// Opens the database of a claimed directory, creating it where there is none.
pub fn open(data: &Path, settings: &StoreSettings) -> Result<Connection, StoreError> {
    let conn = open_as_counted(data, settings)?;
    recount::finish(&conn, settings.reread.as_ref())?;
    rekey::finish(&conn, settings.reread.as_ref())?;
    Ok(conn)
}

/// The same without counting again what an older version stored: its figures are still those of then.
pub fn open_as_counted(data: &Path, settings: &StoreSettings) -> Result<Connection, StoreError> {
    let path = data.join(DATABASE);
    if !exists(&path)? {
        create(data, settings)?;
    }
    recover::recover(&path)?;
    let conn = connect(&path, settings)?;
    migrate::migrate(&conn)?;
    Ok(conn)
}

/// Whether the directory holds a database, or what is left of one. What cannot be looked at may: opening it says why not.
pub fn is_there(data: &Path) -> bool {
    let path = data.join(DATABASE);
    [recover::log_of(&path), path].iter().any(|path| exists(path).unwrap_or(true))
}

/// Makes a complete database under another name, so that a crash on the way leaves no half of one.
fn create(data: &Path, settings: &StoreSettings) -> Result<(), StoreError> {
    let path = data.join(DATABASE);
    let orphan = recover::log_of(&path);
    // DuckDB would delete it without a word.
    if fs::metadata(&orphan).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(StoreError::DatabaseMissing { database: path, log: orphan });
    }
    let unborn = data.join(UNBORN);
    for leftover in [&unborn, &recover::log_of(&unborn)] {
        match fs::remove_file(leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", leftover, error)),
            _ => {}
        }
    }
    let conn = connect(&unborn, settings)?;
    migrate::migrate(&conn)?;
    recount::finish(&conn, settings.reread.as_ref())?;
    rekey::finish(&conn, settings.reread.as_ref())?;
    conn.execute_batch("CHECKPOINT")?;
    conn.close().map_err(|(_, source)| StoreError::Duckdb(source))?;
    recover::sync(&unborn)?;
    fs::rename(&unborn, &path).map_err(|source| io_error("rename", &unborn, source))?;
    recover::sync(data)
}

/// Opens a DuckDB file as this program needs it. The log must have been looked at before.
pub fn connect(path: &Path, settings: &StoreSettings) -> Result<Connection, StoreError> {
    let replay = fs::metadata(recover::log_of(path))
        .map_or(0, |log| REPLAY_BASE_BYTES.saturating_add(log.len().saturating_mul(REPLAY_BYTES_PER_BYTE)));
    let opened = config(path, settings, settings.memory_max_bytes.max(replay))
        .and_then(|config| Connection::open_with_flags(path, config));
    let conn = opened.map_err(|source| {
        let text = source.to_string();
        if text.contains("Could not set lock on file") {
            StoreError::Locked { path: path.to_owned(), holder: text }
        } else if error::says_disk_full(&text) {
            StoreError::Duckdb(source)
        } else if text.contains("WAL") {
            StoreError::Replay { path: path.to_owned(), source }
        } else {
            StoreError::Open { path: path.to_owned(), source }
        }
    })?;
    if replay > settings.memory_max_bytes {
        conn.execute_batch(&format!("SET memory_limit = '{}B'", settings.memory_max_bytes))?;
    }
    Ok(conn)
}

fn config(path: &Path, settings: &StoreSettings, memory_bytes: u64) -> duckdb::Result<Config> {
    let temporary = path.with_file_name(TEMPORARY);
    let mut config = Config::default()
        // The server never fetches code, whatever a statement names.
        .enable_autoload_extension(false)?
        .with("autoinstall_known_extensions", "false")?
        .with("allow_community_extensions", "false")?
        .with("temp_directory", temporary.to_string_lossy())?
        .with("checkpoint_threshold", NEVER_BY_ITSELF)?
        // This file format ties the log to its database, so that neither is taken for another's.
        .with("storage_compatibility_version", "v1.5.0")?
        // Every question states its order.
        .with("preserve_insertion_order", "false")?
        .max_memory(&format!("{memory_bytes}B"))?;
    if let Some(threads) = threads(settings.threads, std::thread::available_parallelism().map_or(1, usize::from)) {
        config = config.threads(i64::try_from(threads).unwrap_or(i64::MAX))?;
    }
    Ok(config)
}

/// Threads of one query; `None` leaves it to DuckDB, which takes all cores. With two, handing the small statements of a commit to
/// the other and back costs more than it saves, and the listeners have nothing left.
fn threads(wanted: usize, cores: usize) -> Option<usize> {
    match wanted {
        0 if cores <= 2 => Some(1),
        0 => None,
        wanted => Some(wanted),
    }
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|source| io_error("look for", path, source))
}

fn denied(data: &Path, source: io::Error) -> StoreError {
    StoreError::Directory { path: data.to_owned(), source }
}

pub fn io_error(what: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { what, path: PathBuf::from(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_free_although_a_program_that_is_being_started_has_a_copy_of_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let lock = claim(directory.path()).unwrap();
        let copy = lock.0.try_clone().unwrap();
        assert!(matches!(claim(directory.path()), Err(StoreError::Locked { .. })));
        drop(lock);
        claim(directory.path()).unwrap();
        drop(copy);
    }

    #[test]
    fn a_small_machine_gives_a_query_one_thread_unless_it_is_told_otherwise() {
        assert_eq!(
            [(0, 1), (0, 2), (0, 4), (3, 2)].map(|(wanted, cores)| threads(wanted, cores)),
            [Some(1), Some(1), None, Some(3)]
        );
    }
}
