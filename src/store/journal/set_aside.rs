//! What was answered and cannot be loaded: kept in a file of its own until `tlsight repair` takes it in again.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    layout::{self, Batch, Record, SegmentHeader},
    record,
    segments::with_extension,
};
use crate::store::{Arrival, StoreError, StoredEntry, engine::open::io_error};

/// How the names of these files end.
const EXTENSION: &str = "aside";

/// Keeps a record; on disk when this returns.
pub fn keep(directory: &Path, journal: Uuid, record: &Record<'_>, why: &str) -> Result<(), StoreError> {
    let header = SegmentHeader { journal, number: record.sequence, after: 0 };
    let mut batch = Batch::default();
    batch.push(record.description, record.body);
    let mut bytes = header.encode();
    bytes.truncate(layout::SEGMENT_HEADER_BYTES);
    let at = bytes.len() as u64;
    bytes.extend(batch.seal(&header, at, record.sequence).0);
    // A number may come again where an older database was put back; the same record is one file however often it is kept.
    let path = directory.join(format!("{:016}-{:08x}.{EXTENSION}", record.sequence, crc32fast::hash(&bytes)));
    fs::create_dir_all(directory)
        .and_then(|()| OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path))
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(|source| io_error("write", &path, source))?;
    tracing::error!(
        kept_in = %path.display(),
        error = why,
        "a report that was acknowledged cannot be counted: it is kept, and `tlsight repair` takes it in again"
    );
    Ok(())
}

/// The same for entries as they were journaled.
pub fn keep_entries(
    directory: &Path,
    journal: Uuid,
    sequence: u64,
    entries: &[StoredEntry],
    why: &str,
) -> Result<(), StoreError> {
    let description = record::describe(entries).unwrap_or_default();
    let body = entries.first().map_or(&[][..], |entry| &entry.arrival.bytes);
    keep(directory, journal, &Record { sequence, description: &description, body }, why)
}

/// What is kept here.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    with_extension(directory, EXTENSION)
}

/// The bodies of one such file; none where it cannot be read.
pub fn arrivals(path: &Path) -> io::Result<Vec<Arrival>> {
    let bytes = fs::read(path)?;
    let records = layout::scan(&bytes).map(|found| found.records).unwrap_or_default();
    Ok(records.iter().filter_map(|found| record::arrival(found).ok()).collect())
}
