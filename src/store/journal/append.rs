//! Writing to the journal: one batch, one write, one sync.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    disk::{SegmentDisk, SegmentFile},
    layout::{Batch, SEGMENT_HEADER_BYTES, SegmentHeader},
    segments::{self, ClosedSegment, Segments},
};

/// The end of the journal.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    disk: Arc<dyn SegmentDisk>,
    segment_bytes: u64,
    id: Uuid,
    segments: Arc<Segments>,
    next_number: u64,
    next_sequence: u64,
    /// The last sequence number that is surely on disk, or in the database.
    durable: u64,
    current: Option<CurrentSegment>,
}

#[derive(Debug)]
struct CurrentSegment {
    header: SegmentHeader,
    path: PathBuf,
    file: Box<dyn SegmentFile>,
    /// Where the next batch goes.
    at: u64,
}

/// Why a batch is not in the journal.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written: there is no segment to write to.
    #[error("a segment of the journal cannot be made: {0}")]
    NoSegment(io::Error),
    /// Whether it is on disk nobody knows. It may be counted after the next start.
    #[error("the journal cannot be written: {0}")]
    Failed(io::Error),
}

impl Journal {
    /// Begins an empty journal in this directory of a database that has loaded everything up to a sequence number.
    pub fn new(directory: PathBuf, disk: Arc<dyn SegmentDisk>, segment_bytes: u64, id: Uuid, loaded: u64) -> Journal {
        let next_number = segments::highest(&directory) + 1;
        Journal {
            directory,
            disk,
            segment_bytes,
            id,
            segments: Arc::default(),
            next_number,
            next_sequence: loaded + 1,
            durable: loaded,
            current: None,
        }
    }

    pub fn segments(&self) -> Arc<Segments> {
        Arc::clone(&self.segments)
    }

    /// Bytes of the largest batch there is room for.
    pub fn batch_max_bytes(&self) -> usize {
        usize::try_from(self.segment_bytes).unwrap_or(usize::MAX).saturating_sub(SEGMENT_HEADER_BYTES)
    }

    /// Returns the sequence number of the batch's first record once all of it is on disk.
    pub fn append(&mut self, batch: &mut Batch) -> Result<u64, AppendError> {
        let needs = batch.needs() as u64;
        if self.current.as_ref().is_some_and(|current| current.at + needs > self.segment_bytes) {
            self.close_segment(true);
        }
        let current = match self.current.take() {
            Some(current) => current,
            None => self.begin_segment().map_err(AppendError::NoSegment)?,
        };
        let first = self.next_sequence;
        // Never used again, even if this fails: the batch may be on disk all the same.
        self.next_sequence += u64::from(batch.records());
        let (bytes, next) = batch.seal(&current.header, current.at, first);
        let written = current.file.write_at(bytes, current.at).and_then(|()| current.file.sync());
        let in_place = current.file.is_at(&current.path);
        self.current = Some(CurrentSegment { at: next, ..current });
        let failed = match written {
            Ok(()) if in_place => {
                self.durable = self.next_sequence - 1;
                return Ok(first);
            }
            Ok(()) => io::Error::new(io::ErrorKind::NotFound, "the segment was moved or removed"),
            Err(error) => error,
        };
        self.close_segment(false);
        Err(AppendError::Failed(failed))
    }

    /// Nothing behind the last number that is on disk was acknowledged.
    fn close_segment(&mut self, is_sound: bool) {
        if let Some(CurrentSegment { path, .. }) = self.current.take() {
            self.segments.close(ClosedSegment { path, last: self.durable, is_sound });
        }
    }

    fn begin_segment(&mut self) -> io::Result<CurrentSegment> {
        let header = SegmentHeader { journal: self.id, number: self.next_number, after: self.durable };
        let path = segments::path(&self.directory, header.number);
        self.next_number += 1;
        let reused = self.segments.take_spare().and_then(|spare| self.disk.reuse(&spare, &path).ok());
        let file = match reused {
            Some(file) => file,
            None => self.disk.create(&path, self.segment_bytes)?,
        };
        // On disk before any batch, so that a header which cannot be read is damage and nothing else.
        if let Err(error) = file.write_at(&header.encode(), 0).and_then(|()| file.sync()) {
            self.segments.close(ClosedSegment { path, last: self.durable, is_sound: false });
            return Err(error);
        }
        Ok(CurrentSegment { header, path, file, at: SEGMENT_HEADER_BYTES as u64 })
    }
}

/// The directory of the journal below the data directory.
pub fn directory(data: &Path) -> PathBuf {
    data.join(super::DIRECTORY)
}
