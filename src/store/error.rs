//! What can go wrong with the store, and what the operator can do about it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Duckdb(#[from] duckdb::Error),
    #[error("cannot use the data directory {}: {source}; it must exist or be creatable, and be writable", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("{} is in use by {holder}; only one server or command can hold it at a time", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error(
        "the database was written by a newer version of tlsight (schema {found}, this program knows {known}): \
         install that version or restore a backup made before the upgrade; nothing was changed"
    )]
    Newer { found: usize, known: usize },
    #[error("migration {name} of the database failed and was rolled back: {source}")]
    Migration { name: String, source: duckdb::Error },
    #[error(
        "{} is damaged at byte {at}: {before} whole commits stand before the damage and {after} behind it, so this is no \
         unfinished write but a fault of the disk, the file system or a copy. Nothing was changed. Stop here and either \
         restore a backup, or run `tlsight repair --data {}`, which keeps a copy of everything, cuts the log at the damage \
         and takes in again what can be read behind it", log.display(), directory(log)
    )]
    Damaged { log: PathBuf, at: u64, before: usize, after: usize },
    #[error(
        "{} is missing although its log {} is there: restore the database file, or move the log away to start empty; \
         nothing was changed", database.display(), log.display()
    )]
    DatabaseMissing { database: PathBuf, log: PathBuf },
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: duckdb::Error },
    #[error(
        "{} and its log do not fit together: {source}. Restore both from one backup, or run `tlsight repair --data {}`, which \
         keeps a copy of both", path.display(), directory(path)
    )]
    Replay { path: PathBuf, source: duckdb::Error },
    #[error(
        "{} of the journal is damaged: {what}. This is no unfinished write but a fault of the disk, the file system or a copy, and it holds \
         reports that were acknowledged and are not counted yet. Nothing was changed. Either restore the file, or run `tlsight repair --data \
         {}`, which keeps the file and takes in every whole batch again", path.display(), data_of(path)
    )]
    JournalDamaged { path: PathBuf, what: String },
    #[error(
        "the journal {} belongs to another database than the one beside it, and holds reports that were acknowledged. Nothing was changed. \
         Either restore the database it belongs to, or run `tlsight repair --data {}`, which takes its reports into this one", directory.display(),
        self::directory(directory)
    )]
    ForeignJournal { directory: PathBuf },
    #[error(transparent)]
    Displaced(#[from] Displaced),
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the question took longer than {} s", .0.as_secs_f32())]
    Deadline(Duration),
    #[error("the database is closed until the disk can be written again")]
    Unavailable,
    #[error("the store is closed")]
    Closed,
    #[error("a question failed: {0}")]
    Panicked(String),
}

impl StoreError {
    /// There was no space, which passes when the operator makes some.
    pub fn is_disk_full(&self) -> bool {
        match self {
            StoreError::Io { source, .. } | StoreError::Directory { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            ),
            StoreError::Duckdb(source)
            | StoreError::Open { source, .. }
            | StoreError::Replay { source, .. }
            | StoreError::Migration { source, .. } => says_disk_full(&source.to_string()),
            _ => false,
        }
    }

    /// DuckDB has given up on this database until it is opened again.
    pub fn is_fatal(&self) -> bool {
        match self {
            StoreError::Duckdb(source) => {
                let text = source.to_string();
                text.contains("has been invalidated")
                    || text.starts_with("FATAL Error")
                    || text.starts_with("INTERNAL Error")
            }
            _ => false,
        }
    }
}

/// DuckDB hands the operating system's words through, and has none of its own for this.
pub(super) fn says_disk_full(text: &str) -> bool {
    ["No space left on device", "Disk quota exceeded", "File too large", "Could not write all bytes"]
        .iter()
        .any(|words| text.contains(words))
}

fn directory(file: &Path) -> std::path::Display<'_> {
    file.parent().unwrap_or(file).display()
}

/// The data directory of a segment.
fn data_of(segment: &Path) -> std::path::Display<'_> {
    segment.parent().map_or_else(|| segment.display(), directory)
}

/// What does not lie where it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Displaced {
    #[error(
        "the data directory {} is gone: it was removed, renamed or is not mounted. Nothing is stored until it is there \
         again with the same files; to begin with others, restart the server", .0.display()
    )]
    Directory(PathBuf),
    #[error(
        "the database {} is gone: it was removed or renamed while the server runs. Nothing is stored until the same file is \
         there again; to begin with another, restart the server", .0.display()
    )]
    Database(PathBuf),
    #[error(
        "{} is another database than the one the server has open. Nothing is stored: restart the server to use it, or put \
         the former one back", .0.display()
    )]
    OtherDatabase(PathBuf),
    #[error(
        "the write-ahead log {} was removed, replaced or cut while the server runs. Nothing is stored until what it held is \
         in the database file, which is tried again and again; do not stop the server before", .0.display()
    )]
    Log(PathBuf),
}

impl Displaced {
    /// The database lies where it should, only its log does not.
    pub fn is_log(&self) -> bool {
        matches!(self, Displaced::Log(_))
    }
}
