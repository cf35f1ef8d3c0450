//! Repair of a damaged journal, by order of the operator: every whole batch is handed back to be taken in again like any other report, and
//! nothing is thrown away.

use std::{
    fs,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    layout::{self, SegmentFault, Tail},
    record, segments, set_aside,
};
use crate::{
    clock::Clock,
    store::{
        Arrival, StoreError,
        engine::{open::io_error, recover},
    },
};

/// Where files of the journal lie while they are taken in again.
const UNDER_REPAIR: &str = "under-repair";

/// What was found in the journal.
#[derive(Debug, Default)]
pub struct MendedJournal {
    /// The files that are taken in again, as they were; they stay until `finish`.
    pub files: Vec<PathBuf>,
    /// Places where something is damaged.
    pub damaged: usize,
    pub salvaged: Vec<Arrival>,
}

/// Takes a journal apart in which something is damaged, or that belongs to another database, and what was set aside. A sound one
/// stays as it is. What an earlier repair did not finish is found again.
pub fn mend(directory: &Path, journal: Uuid) -> Result<MendedJournal, StoreError> {
    let mut mended = MendedJournal::default();
    let there = directory.join(UNDER_REPAIR);
    let listed = |found: std::io::Result<Vec<PathBuf>>| found.map_err(|source| io_error("read", directory, source));
    let segments = listed(segments::list(directory))?;
    let looked = segments.iter().map(|path| look(path, journal)).collect::<Result<Vec<_>, _>>()?;
    let mut moving = listed(set_aside::list(directory))?;
    if looked.iter().any(|looked| looked.is_wrong) {
        moving.extend(segments);
    }
    for path in moving {
        fs::create_dir_all(&there).map_err(|source| io_error("create", &there, source))?;
        let Some(name) = path.file_name() else { continue };
        let mut to = there.join(name);
        // A repair that was not finished may have left one of the same name.
        if to.exists() {
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            to = there.join(format!("{}.{extension}", Uuid::new_v4().simple()));
        }
        fs::rename(&path, &to).map_err(|source| io_error("move", &path, source))?;
    }
    if there.is_dir() {
        recover::sync(&there)?;
        recover::sync(directory)?;
    }
    for path in listed(segments::list(&there))? {
        let looked = look(&path, journal)?;
        mended.damaged += looked.damaged;
        mended.salvaged.extend(looked.arrivals);
        mended.files.push(path);
    }
    for path in listed(set_aside::list(&there))? {
        let arrivals = set_aside::arrivals(&path).map_err(|source| io_error("read", &path, source))?;
        mended.damaged += usize::from(arrivals.is_empty());
        mended.salvaged.extend(arrivals);
        mended.files.push(path);
    }
    Ok(mended)
}

/// Files of a repair that was not finished: what is in them is not counted.
pub fn unfinished(directory: &Path) -> usize {
    fs::read_dir(directory.join(UNDER_REPAIR)).map_or(0, Iterator::count)
}

/// What was found is taken in. The files are kept, and not looked at any more; where they are.
pub fn finish(directory: &Path) -> Result<Option<PathBuf>, StoreError> {
    let there = directory.join(UNDER_REPAIR);
    if !there.is_dir() {
        return Ok(None);
    }
    let kept = directory.join(format!("repaired-{}", Clock::system().now().format("%Y%m%dT%H%M%S%.6fZ")));
    fs::rename(&there, &kept).map_err(|source| io_error("rename", &there, source))?;
    recover::sync(directory)?;
    Ok(Some(kept))
}

struct Looked {
    is_wrong: bool,
    damaged: usize,
    arrivals: Vec<Arrival>,
}

fn look(path: &Path, journal: Uuid) -> Result<Looked, StoreError> {
    let bytes = fs::read(path).map_err(|source| io_error("read", path, source))?;
    let mut looked = Looked { is_wrong: false, damaged: 0, arrivals: Vec::new() };
    let records = match layout::scan(&bytes) {
        Ok(segment) => {
            let mut records = segment.records;
            looked.is_wrong = segment.header.journal != journal && !records.is_empty();
            if let Tail::Damaged { behind, .. } = &segment.tail {
                (looked.is_wrong, looked.damaged) = (true, 1);
                records.extend(layout::records_at(&bytes, &segment.header, behind));
            }
            records
        }
        Err(SegmentFault::Unborn) => Vec::new(),
        Err(fault @ SegmentFault::Version(_)) => {
            return Err(StoreError::JournalDamaged { path: path.to_owned(), what: fault.to_string() });
        }
        Err(SegmentFault::Header) => {
            (looked.is_wrong, looked.damaged) = (true, 1);
            layout::batches_without_header(&bytes, journal)
                .map(|(header, places)| layout::records_at(&bytes, &header, &places))
                .unwrap_or_default()
        }
    };
    for found in &records {
        match record::arrival(found) {
            Ok(arrival) => looked.arrivals.push(arrival),
            Err(_) => (looked.is_wrong, looked.damaged) = (true, looked.damaged + 1),
        }
    }
    Ok(looked)
}
