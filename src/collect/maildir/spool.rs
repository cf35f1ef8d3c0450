//! The directory itself: its files are listed, read and moved here, by threads that may block.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use crate::fault::{Fault, FaultCode, FaultPlace};

/// The flags of a mail in `cur`: its reports are stored.
pub(super) const SEEN: &str = "S";
/// No TLS report: for people to read.
pub(super) const UNSEEN: &str = "";
/// Quarantined or refused: for people to look at.
pub(super) const FLAGGED: &str = "F";

/// Mails that are read, and then handed on, at once.
const READ_MAX: usize = 64;
/// Bytes of them, unless one mail alone is larger.
const READ_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Names that are tried where one is taken in `cur`.
const NAMES_MAX: u32 = 1_000;

pub(super) struct Spool {
    pub path: PathBuf,
    pub mail_max_bytes: usize,
}

/// One file of `new`.
pub(super) struct SpoolFile {
    pub name: OsString,
    pub read: Read,
}

pub(super) enum Read {
    Mail {
        bytes: Vec<u8>,
        modified: Option<DateTime<Utc>>,
    },
    /// Somebody else moved it.
    Gone,
    /// Too large, or it may not be read.
    Fault(Fault),
    /// The machine fails, not the mail: no file descriptor, no memory, a disk that stalls.
    Trouble(io::Error),
}

impl Spool {
    pub(super) fn incoming(&self) -> PathBuf {
        self.path.join("new")
    }

    /// The files in `new`, sorted. Links are none: they could lead to what their maker may not read.
    pub(super) fn list(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.incoming())? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.as_bytes().starts_with(b".") && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads from the front what may be held at once; at least one, where there is one. What was not reached comes back.
    pub(super) fn read(&self, mut names: VecDeque<OsString>) -> (Vec<SpoolFile>, VecDeque<OsString>) {
        let mut found = Vec::new();
        let mut held_bytes = 0;
        while found.len() < READ_MAX
            && held_bytes < READ_MAX_BYTES
            && let Some(name) = names.pop_front()
        {
            let read = self.read_one(&self.incoming().join(&name)).unwrap_or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Read::Gone,
                io::ErrorKind::PermissionDenied => {
                    Read::Fault(fault(FaultCode::Incomplete, format!("cannot be read: {error}")))
                }
                _ => Read::Trouble(error),
            });
            if let Read::Mail { bytes, .. } = &read {
                held_bytes += bytes.len();
            }
            found.push(SpoolFile { name, read });
        }
        (found, names)
    }

    fn read_one(&self, path: &Path) -> io::Result<Read> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let max = self.mail_max_bytes as u64;
        let mut bytes = Vec::new();
        if metadata.len() <= max {
            bytes.reserve(metadata.len() as usize + 1);
            file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        }
        if metadata.len() > max || bytes.len() as u64 > max {
            let detail = format!("larger than {max} bytes, the limit set by `limits.mail_wire_max_bytes`");
            return Ok(Read::Fault(fault(FaultCode::TooLargeWire, detail)));
        }
        let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or_default();
        Ok(Read::Mail { bytes, modified: DateTime::from_timestamp(metadata.mtime(), nanoseconds) })
    }

    /// Moves a mail to `cur` with its flags. No other mail is overwritten; one that is gone is settled.
    pub(super) fn settle(&self, name: &OsStr, flags: &str) -> io::Result<()> {
        // Flags that somebody gave it in `new` already do not count there.
        let base = name.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
        let target = (0..NAMES_MAX).map(|number| self.target(base, number, flags)).find(|target| is_free(target));
        let target = target.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
        match fs::rename(self.incoming().join(name), target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_free(&self.incoming().join(name)) => Ok(()),
            moved => moved,
        }
    }

    fn target(&self, base: &[u8], number: u32, flags: &str) -> PathBuf {
        let mut name = base.to_vec();
        if number > 0 {
            name.extend_from_slice(format!("_{number}").as_bytes());
        }
        name.extend_from_slice(b":2,");
        name.extend_from_slice(flags.as_bytes());
        self.path.join("cur").join(OsString::from_vec(name))
    }
}

/// Names are unique in a Maildir, so nobody but the mail's own mover can take it in the next moment.
fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn fault(code: FaultCode, detail: String) -> Fault {
    Fault::new(code, detail, FaultPlace::Whole)
}
