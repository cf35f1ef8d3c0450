//! Whether the files that are open still are those that lie in the data directory. A file that was removed, renamed or
//! covered by a mount stays open and takes what is written to it; whoever starts again does not find it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{open::DATABASE, recover::log_of};
use crate::store::Displaced;

/// The open files of one data directory. Asking costs two `stat`.
#[derive(Debug)]
pub struct DataDirectory {
    database: PathBuf,
    log: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    database: Option<File>,
    /// As of the last commit. `None` where DuckDB may open another one: after a checkpoint.
    log: Option<(File, u64)>,
}

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct File {
    device: u64,
    inode: u64,
}

impl DataDirectory {
    /// To be asked after the database was opened.
    pub fn of(data: &Path) -> DataDirectory {
        let database = data.join(DATABASE);
        let place = DataDirectory { log: log_of(&database), database, open: Mutex::default() };
        place.opened();
        place
    }

    /// The database has been opened; the first time it is remembered which file it is.
    pub fn opened(&self) {
        let mut open = self.open();
        if open.database.is_none() {
            open.database = look(&self.database).ok().map(|(file, _)| file);
        }
        open.log = look(&self.log).ok();
    }

    /// Before anything is written: an error means that it would be written into nothing.
    pub fn check(&self) -> Result<(), Displaced> {
        let open = self.open();
        self.check_database(&open)?;
        match open.log {
            Some(known) => self.check_log(known).map(drop),
            None => Ok(()),
        }
    }

    /// The same for the database alone: before it is opened again.
    pub fn check_closed(&self) -> Result<(), Displaced> {
        self.check_database(&self.open())
    }

    /// After a commit and before anybody hears of it: the bytes of the log. `wrote`: it held something, so that there is one.
    pub fn committed(&self, wrote: bool) -> Result<u64, Displaced> {
        let mut open = self.open();
        self.check_database(&open)?;
        open.log = match open.log {
            Some(known) => Some(self.check_log(known)?),
            None => match look(&self.log) {
                Ok(found) => Some(found),
                Err(_) if wrote => return Err(Displaced::Log(self.log.clone())),
                Err(_) => None,
            },
        };
        Ok(open.log.map_or(0, |(_, bytes)| bytes))
    }

    /// Bytes of the log as of the last commit, or the opening.
    pub fn log_bytes(&self) -> u64 {
        self.open().log.map_or(0, |(_, bytes)| bytes)
    }

    /// DuckDB is about to fold the log into the database, after which it begins another.
    pub fn log_ends(&self) {
        self.open().log = None;
    }

    fn check_database(&self, open: &Open) -> Result<(), Displaced> {
        let Some(known) = open.database else { return Ok(()) };
        match look(&self.database) {
            Ok((found, _)) if found == known => Ok(()),
            Ok(_) => Err(Displaced::OtherDatabase(self.database.clone())),
            Err(_) => Err(match self.database.parent() {
                Some(data) if !data.is_dir() => Displaced::Directory(data.to_owned()),
                _ => Displaced::Database(self.database.clone()),
            }),
        }
    }

    /// A log only grows between two checkpoints.
    fn check_log(&self, known: (File, u64)) -> Result<(File, u64), Displaced> {
        match look(&self.log) {
            Ok(found) if found.0 == known.0 && found.1 >= known.1 => Ok(found),
            _ => Err(Displaced::Log(self.log.clone())),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which file it is, and its bytes.
fn look(path: &Path) -> io::Result<(File, u64)> {
    fs::metadata(path).map(|found| (File { device: found.dev(), inode: found.ino() }, found.len()))
}
