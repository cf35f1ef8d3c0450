//! Zip archives: not in RFC 8460, but what some gateways and people make of reports. Each file that may be a report is a
//! document of its own; what is beside them is left alone.

use std::io::{Cursor, Read};

use ::zip::{CompressionMethod, ZipArchive};

use super::{
    budget::DecodeBudget,
    sniff::{Form, sniff},
    source::{DocumentSink, collect},
};
use crate::fault::{Fault, FaultCode, FaultPlace, Layer};

const CHUNK_BYTES: usize = 32 * 1024;
/// Bytes of a file that show what it is.
const HEAD_BYTES: u64 = 512;
/// Directory entries that are looked at. The archive's index is built in memory, of the size that the archive claims.
const DIRECTORY_ENTRIES_MAX: u64 = 64;

/// An archive that was opened and whose files were looked at.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    bytes: u64,
    /// The files in it, in the archive's order, without what file systems put beside them; never none.
    pub files: Vec<File>,
}

/// One file. Its name is never used.
pub(super) struct File {
    index: usize,
    /// Its first bytes, enough to tell what it is, or why they cannot be had.
    pub head: Result<Vec<u8>, Fault>,
}

impl File {
    /// What it is by its first bytes; none where they cannot be had.
    pub(super) fn form(&self) -> Option<Form> {
        self.head.as_deref().ok().map(sniff)
    }

    /// Whether it may be a report, or nobody can tell.
    pub(super) fn may_be_report(&self) -> bool {
        matches!(self.form(), None | Some(Form::Json | Form::Gzip | Form::Zip))
    }
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Archive<'a>, Fault> {
        if directory_entries(bytes) > DIRECTORY_ENTRIES_MAX {
            return Err(fault(&format!("the zip archive has more than {DIRECTORY_ENTRIES_MAX} entries")));
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
        // The library keeps one of several entries with one name.
        if claimed_entries(bytes).is_some_and(|claimed| claimed != zip.len()) {
            return Err(fault("the zip archive has another number of entries than it claims, or two of one name"));
        }
        let mut archive = Archive { zip, bytes: bytes.len() as u64, files: Vec::new() };
        for index in 0..archive.zip.len() {
            let entry = archive.zip.by_index_raw(index).map_err(|error| damaged(&error))?;
            if !entry.is_dir() && !is_beside(entry.name_raw()) {
                drop(entry);
                let head = archive.head(index);
                archive.files.push(File { index, head });
            }
        }
        if archive.files.is_empty() {
            return Err(fault("the zip archive is empty"));
        }
        Ok(archive)
    }

    fn head(&mut self, index: usize) -> Result<Vec<u8>, Fault> {
        let bytes = self.bytes;
        let entry = self.zip.by_index_raw(index).map_err(|error| damaged(&error))?;
        if entry.encrypted() {
            return Err(fault("the zip archive is encrypted"));
        }
        if entry.compressed_size() > bytes {
            return Err(fault("the zip archive claims more compressed bytes than it has"));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(fault("the zip archive uses a compression method other than deflate"));
        }
        drop(entry);
        let entry = self.zip.by_index(index).map_err(|error| damaged(&error))?;
        let mut head = Vec::new();
        entry.take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| damaged(&error))?;
        Ok(head)
    }

    /// All bytes of the file at `position` in `files`; they are taken from the budget of all of them.
    pub(super) fn read(&mut self, position: usize, budget: &mut DecodeBudget) -> Result<Vec<u8>, Fault> {
        let file = self.files.get(position).ok_or_else(|| fault("the zip archive has no such file"))?;
        if let Err(fault) = &file.head {
            return Err(fault.clone());
        }
        let index = file.index;
        let mut produced = 0;
        let bytes = collect(|sink| pour(&mut self.zip, index, *budget, sink, &mut produced));
        // Also what came out of a damaged one, so that many of them cost no more than one whole one.
        budget.spend(produced);
        bytes
    }

    /// Says which file a fault is about, where there are several. An offset in it says nothing about what was received.
    pub(super) fn in_file(&self, position: usize, fault: Fault) -> Fault {
        let place = match fault.place {
            FaultPlace::Byte { offset, .. } => format!(" at byte {offset}"),
            _ => String::new(),
        };
        match (self.files.len(), &fault.place) {
            (1, FaultPlace::Byte { of: Layer::Received, .. }) => Fault::new(
                fault.code,
                format!("{}{place} of the file in the zip archive", fault.detail),
                FaultPlace::Whole,
            ),
            (1, _) => fault,
            _ => {
                let detail = format!("{}{place}, in file {} of the zip archive", fault.detail, position + 1);
                Fault::new(fault.code, detail, FaultPlace::Whole)
            }
        }
    }
}

/// What macOS puts beside each file, and into each folder.
pub fn is_beside(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    last.starts_with(b"._") || last == b".DS_Store" || name.starts_with(b"__MACOSX/")
}

/// The most entries that any directory in these bytes has or claims, by the signatures of APPNOTE.TXT §4.3.12, §4.3.14
/// and §4.3.16. A signature that stands in compressed data by chance only makes the answer larger.
fn directory_entries(bytes: &[u8]) -> u64 {
    let mut headers = 0;
    let mut claimed = 0;
    for (at, window) in bytes.windows(4).enumerate() {
        match window {
            b"PK\x01\x02" => headers += 1,
            b"PK\x05\x06" => claimed = claimed.max(little_endian(bytes, at + 10, 2)),
            b"PK\x06\x06" => claimed = claimed.max(little_endian(bytes, at + 32, 8)),
            _ => {}
        }
    }
    claimed.max(headers)
}

/// How many entries the end of the archive says there are.
fn claimed_entries(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    usize::try_from(little_endian(bytes, end + 10, 2)).ok()
}

fn little_endian(bytes: &[u8], at: usize, length: usize) -> u64 {
    let field = bytes.get(at..at + length).unwrap_or_default();
    field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn pour(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    budget: DecodeBudget,
    sink: &mut DocumentSink,
    produced: &mut u64,
) -> Result<(), Fault> {
    let mut member = zip.by_index(index).map_err(|error| damaged(&error))?;
    let size = member.size();
    let mut buffer = vec![0; CHUNK_BYTES];
    *produced = 0;
    loop {
        let count = member.read(&mut buffer).map_err(|error| damaged(&error))?;
        if count == 0 && *produced != size {
            return Err(fault("the zip archive claims another size than its member has"));
        }
        if count == 0 {
            return Ok(());
        }
        *produced += count as u64;
        budget.check(*produced)?;
        sink.take(buffer.get(..count).unwrap_or(&buffer));
    }
}

fn damaged(error: &dyn std::error::Error) -> Fault {
    fault(&format!("the zip archive cannot be read: {error}"))
}

pub(super) fn fault(detail: &str) -> Fault {
    Fault::new(FaultCode::Zip, detail, FaultPlace::Whole)
}
