//! The files below the given paths, in the order of their names, each directory once.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use super::load::{ignored, unreadable};
use crate::control::ReportedOutcome;

/// Something to import, or a path that was decided on the way.
#[derive(Debug)]
pub(super) enum FoundFile {
    File {
        path: PathBuf,
        why: FileReason,
    },
    Stdin,
    /// Nothing to read here.
    Settled {
        path: PathBuf,
        outcome: ReportedOutcome,
    },
}

/// Why a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileReason {
    /// The operator named it.
    Named,
    /// The operator named a directory above it.
    Below,
    /// It lies in `new` or `cur` of a Maildir: a mail.
    Maildir,
}

/// Walks depth first in the order of the names' bytes and hands over what it finds until `hand` returns false.
///
/// What is named is read, also where it is a symbolic link. Below it a link is followed only to what lies in the same tree,
/// so that a stray one does not lead over the whole machine; a directory is entered once, however many links lead to it.
/// Hidden names are left out, but for the folders of a Maildir, whose names begin with a dot.
pub(super) fn walk(paths: &[PathBuf], hand: &mut dyn FnMut(FoundFile) -> bool) {
    let mut walk = Walk { entered: HashSet::new(), root: PathBuf::new(), hand };
    for path in paths {
        let go_on = match fs::metadata(path) {
            _ if path.as_os_str() == "-" => (walk.hand)(FoundFile::Stdin),
            Ok(found) if found.is_dir() => match fs::canonicalize(path) {
                Ok(root) => {
                    walk.root = root;
                    walk.directory(path, &found, FileReason::Below)
                }
                Err(error) => walk.unreadable(path, &error),
            },
            // Also what is no file: a pipe of the shell's `<(…)` can be read.
            Ok(_) => (walk.hand)(FoundFile::File { path: path.clone(), why: FileReason::Named }),
            Err(error) => walk.unreadable(path, &error),
        };
        if !go_on {
            return;
        }
    }
}

/// How many things `walk` will find, as good as it can be known beforehand: for the progress bar.
pub fn count(paths: &[PathBuf], mut more: impl FnMut() -> bool) {
    walk(paths, &mut |_| more());
}

struct Walk<'a> {
    /// Device and inode of the directories that were entered.
    entered: HashSet<(u64, u64)>,
    /// The named directory that is being walked, without links in its path.
    root: PathBuf,
    hand: &'a mut dyn FnMut(FoundFile) -> bool,
}

impl Walk<'_> {
    /// The files in it are handed over for the reason `why`. False when the receiver wants no more.
    fn directory(&mut self, path: &Path, found: &fs::Metadata, why: FileReason) -> bool {
        if !self.entered.insert((found.dev(), found.ino())) {
            return self.ignored(path, "this directory was read already");
        }
        let names: io::Result<Vec<OsString>> =
            fs::read_dir(path).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect());
        let mut names = match names {
            Ok(names) => names,
            Err(error) => return self.unreadable(path, &error),
        };
        names.sort_unstable();
        let maildir = ["cur", "new", "tmp"].iter().all(|part| path.join(part).is_dir());
        names.into_iter().all(|name| {
            let entry = path.join(&name);
            match name.as_bytes() {
                b"cur" | b"new" if maildir => self.entry(&entry, FileReason::Maildir),
                b"tmp" if maildir => self.ignored(&entry, "mail that is still being delivered"),
                [b'.', ..] if !(maildir && is_folder(&entry)) => self.ignored(&entry, "hidden"),
                _ => self.entry(&entry, why),
            }
        })
    }

    fn entry(&mut self, path: &Path, why: FileReason) -> bool {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            match fs::canonicalize(path) {
                Ok(target) if target.starts_with(&self.root) => {}
                Ok(target) => {
                    let target = target.display();
                    return self
                        .ignored(path, &format!("a link out of the named directory, to {target}: name that too"));
                }
                Err(error) => return self.unreadable(path, &error),
            }
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => self.directory(path, &found, why),
            Ok(found) if found.is_file() => (self.hand)(FoundFile::File { path: path.to_owned(), why }),
            Ok(found) => {
                let kind = found.file_type();
                let what = if kind.is_fifo() {
                    "a pipe"
                } else if kind.is_socket() {
                    "a socket"
                } else {
                    "a device"
                };
                self.ignored(path, what)
            }
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn ignored(&mut self, path: &Path, why: &str) -> bool {
        (self.hand)(FoundFile::Settled { path: path.to_owned(), outcome: ignored(why) })
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) -> bool {
        (self.hand)(FoundFile::Settled { path: path.to_owned(), outcome: unreadable(error) })
    }
}

/// A folder beside the inbox, as Maildir++ has them.
fn is_folder(path: &Path) -> bool {
    ["cur", "new"].iter().all(|part| path.join(part).is_dir())
}
