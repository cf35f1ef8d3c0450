//! A note beside the database of how long the write-ahead log was when senders were last answered: whether a log that is
//! found shorter has lost what was acknowledged, the log itself cannot tell.
//!
//! One line of a fixed length, written over in place with each commit and not synced, as that would cost what the commit
//! costs; synced before the log is folded into the database. It survives the end of the process. After a power failure it may be
//! older than the log, and then claims too little.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Name of the file in the data directory.
const NOTE: &str = "tlsight.state";
const VERSION: &str = "tlsight-state-1";

/// What the note says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noted {
    /// Bytes of the log up to the last commit that somebody was answered for; 0 where the log may be gone.
    pub log_bytes: u64,
    /// Bytes of the log before the last commit with reports, and how many inputs it acknowledged.
    pub last_from_bytes: u64,
    pub last: u64,
    /// Inputs that were acknowledged since the log began.
    pub all: u64,
}

/// What the note says about a log of which some bytes are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// There is no note.
    Unknown,
    /// Everything that was answered, as far as the note knows, is in it.
    Nothing,
    /// Acknowledged inputs are lost, at most so many; 0 where it was nothing but the server's own.
    UpTo(u64),
}

/// The note of an open store.
#[derive(Debug)]
pub struct DirectoryNote {
    file: Option<File>,
    noted: Noted,
    /// That it cannot be written was said.
    warned: bool,
}

impl Noted {
    /// `None` where there is no note that can be read.
    pub fn read(data: &Path) -> Option<Noted> {
        let text = fs::read_to_string(path(data)).ok()?;
        let mut words = text.split_ascii_whitespace();
        if words.next() != Some(VERSION) {
            return None;
        }
        let mut number = || words.next()?.split_once('=')?.1.parse().ok();
        Some(Noted { log_bytes: number()?, last_from_bytes: number()?, last: number()?, all: number()? })
    }

    /// `kept_bytes` of the log are whole commits.
    pub fn loss(noted: Option<Noted>, kept_bytes: u64) -> Loss {
        match noted {
            None => Loss::Unknown,
            Some(noted) if kept_bytes >= noted.log_bytes => Loss::Nothing,
            Some(noted) if kept_bytes >= noted.last_from_bytes => Loss::UpTo(noted.last),
            Some(noted) => Loss::UpTo(noted.all),
        }
    }
}

impl DirectoryNote {
    /// Goes on with the note of the data directory, whose log has this length now. Without one that can be written there is
    /// none, which costs nothing but what it could have told.
    pub fn open(data: &Path, log_bytes: u64) -> DirectoryNote {
        let found = Noted::read(data).filter(|noted| noted.log_bytes <= log_bytes && noted.log_bytes > 0);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path(data));
        if let Err(error) = &opened {
            tracing::warn!(%error, "no note is kept of what was acknowledged");
        }
        let mut note = DirectoryNote { file: opened.ok(), noted: found.unwrap_or_default(), warned: false };
        note.noted.log_bytes = log_bytes;
        note.write();
        note
    }

    /// After a commit, before anybody hears of it: the log is so long now, and so many inputs are acknowledged.
    pub fn committed(&mut self, log_bytes: u64, inputs: u64) {
        if inputs > 0 {
            (self.noted.last_from_bytes, self.noted.last) = (self.noted.log_bytes, inputs);
            self.noted.all += inputs;
        }
        self.noted.log_bytes = log_bytes;
        self.write();
    }

    /// The log is about to be folded into the database: from now on it may be gone.
    pub fn folding(&mut self) {
        let before = std::mem::take(&mut self.noted);
        self.write();
        if let Some(file) = &self.file
            && let Err(error) = file.sync_data()
        {
            tracing::warn!(%error, "the note of what was acknowledged cannot be synced");
        }
        self.noted.all = before.all;
    }

    /// The log is folded into the database.
    pub fn folded(&mut self) {
        self.noted = Noted::default();
    }

    fn write(&mut self) {
        let Noted { log_bytes, last_from_bytes, last, all } = self.noted;
        let line =
            format!("{VERSION} log={log_bytes:020} last_from={last_from_bytes:020} last={last:020} all={all:020}\n");
        let Some(file) = &self.file else { return };
        match file.write_all_at(line.as_bytes(), 0) {
            Ok(()) => self.warned = false,
            Err(error) => {
                if !self.warned {
                    tracing::warn!(%error, "no note can be kept now of what was acknowledged");
                }
                self.warned = true;
            }
        }
    }
}

/// Takes the note away after the log was changed by order of the operator.
pub fn remove(data: &Path) {
    match fs::remove_file(path(data)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "the note of what was acknowledged cannot be removed");
        }
        _ => {}
    }
}

fn path(data: &Path) -> PathBuf {
    data.join(NOTE)
}

impl fmt::Display for Loss {
    /// A clause about what was acknowledged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Unknown => f.write_str(
                "after a crash in the midst of a write that is normal and nothing that was acknowledged is lost; where the \
                 disk or the file system lost data, what was acknowledged last may be",
            ),
            Loss::Nothing => f.write_str(
                "by the server's note nobody had been answered for what is missing, as is normal after a crash in the midst \
                 of a write",
            ),
            Loss::UpTo(0) => f.write_str("the disk or the file system lost data, though no report by the server's note"),
            Loss::UpTo(inputs) => write!(
                f,
                "the disk or the file system lost data: by the server's note up to {inputs} reports that were acknowledged \
                 are lost, but for those that the journal still holds: they are loaded next"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_knows_how_much_of_a_log_was_acknowledged() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        assert_eq!(Noted::read(data), None);
        let mut note = DirectoryNote::open(data, 0);
        note.committed(100, 3);
        note.committed(120, 0);
        note.committed(200, 2);
        drop(note);
        let noted = Noted::read(data);
        let loss = |kept| Noted::loss(noted, kept);
        assert_eq!(
            [loss(300), loss(200), loss(199), loss(120), loss(119), loss(0)],
            [Loss::Nothing, Loss::Nothing, Loss::UpTo(2), Loss::UpTo(2), Loss::UpTo(5), Loss::UpTo(5)]
        );
        assert_eq!(Noted::loss(None, 0), Loss::Unknown);

        // After a restart with the same log it goes on.
        let mut note = DirectoryNote::open(data, 210);
        note.committed(300, 1);
        assert_eq!(Noted::loss(Noted::read(data), 0), Loss::UpTo(6));
        note.folding();
        assert_eq!(Noted::loss(Noted::read(data), 0), Loss::Nothing, "the log may be gone from now on");
        note.folded();
        note.committed(50, 1);
        assert_eq!(Noted::loss(Noted::read(data), 0), Loss::UpTo(1));
        // With a shorter one what it said of the longer is told once.
        drop(DirectoryNote::open(data, 10));
        assert_eq!(Noted::loss(Noted::read(data), 0), Loss::UpTo(0));
        fs::write(path(data), "rubbish").unwrap();
        assert_eq!(Noted::read(data), None);
        remove(data);
        remove(data);
    }
}
