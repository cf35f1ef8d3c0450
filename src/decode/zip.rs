//! A zip archive with one member: not in RFC 8460, but what some gateways and people make of a report.

use std::io::{Cursor, Read};

use ::zip::{CompressionMethod, ZipArchive};

use super::{
    budget::Budget,
    sniff::{Form, sniff},
    source::{Sink, collect},
};
use crate::fault::{Fault, FaultCode, Layer, Place};

const CHUNK_BYTES: usize = 32 * 1024;
/// Bytes of a member that show what it is.
const HEAD_BYTES: u64 = 512;
/// Directory entries that are looked at. The archive's index is built in memory, of the size that the archive claims.
const DIRECTORY_ENTRIES_MAX: u64 = 64;

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// The bytes of the archive's only file. Its name is never used, directories beside it are ignored.
pub fn only_member(bytes: &[u8], budget: Budget) -> Result<Vec<u8>, Fault> {
    let (mut archive, index) = open(bytes)?;
    match collect(|sink| pour(&mut archive, index, budget, sink)) {
        Ok(json) => match sniff(&json) {
            Form::Json => Ok(json),
            Form::Zip | Form::Gzip => Err(fault("the zip archive's member is compressed once more")),
            other => Err(other.fault(Place::Byte { offset: 0, of: Layer::Unpacked })),
        },
        Err(error) => Err(error),
    }
}

/// The first bytes of the archive's only file, enough to tell what it is.
pub fn only_member_head(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let (mut archive, index) = open(bytes)?;
    let member = archive.by_index(index).map_err(|error| damaged(&error))?;
    let mut head = Vec::new();
    member.take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| damaged(&error))?;
    Ok(head)
}

fn open(bytes: &[u8]) -> Result<(Archive<'_>, usize), Fault> {
    if directory_entries(bytes) > DIRECTORY_ENTRIES_MAX {
        return Err(fault("the zip archive has many members, one was expected"));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let index = only_file(&mut archive, bytes.len() as u64)?;
    Ok((archive, index))
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

fn little_endian(bytes: &[u8], at: usize, length: usize) -> u64 {
    let field = bytes.get(at..at + length).unwrap_or_default();
    field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn only_file(archive: &mut Archive<'_>, archive_bytes: u64) -> Result<usize, Fault> {
    let mut found = None;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|error| damaged(&error))?;
        if member.is_dir() {
            continue;
        }
        if found.replace(index).is_some() {
            return Err(fault("the zip archive has several members, one was expected"));
        }
        if member.encrypted() {
            return Err(fault("the zip archive is encrypted"));
        }
        if member.compressed_size() > archive_bytes {
            return Err(fault("the zip archive claims more compressed bytes than it has"));
        }
        if !matches!(member.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(fault("the zip archive uses a compression method other than deflate"));
        }
    }
    found.ok_or_else(|| fault("the zip archive is empty"))
}

fn pour(archive: &mut Archive<'_>, index: usize, budget: Budget, sink: &mut Sink) -> Result<(), Fault> {
    let mut member = archive.by_index(index).map_err(|error| damaged(&error))?;
    let size = member.size();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut produced = 0;
    loop {
        let count = member.read(&mut buffer).map_err(|error| damaged(&error))?;
        if count == 0 && produced != size {
            return Err(fault("the zip archive claims another size than its member has"));
        }
        if count == 0 {
            return Ok(());
        }
        produced += count as u64;
        budget.check(produced)?;
        sink.take(&buffer[..count]);
    }
}

fn damaged(error: &dyn std::error::Error) -> Fault {
    fault(&format!("the zip archive cannot be read: {error}"))
}

fn fault(detail: &str) -> Fault {
    Fault::new(FaultCode::Zip, detail, Place::Whole)
}
