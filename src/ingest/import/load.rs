//! One file to bytes, if it may be a report at all.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{
    clock::Clock,
    fault::{Fault, FaultCode, Place},
    ingest::control::{Told, Word},
    submission::{Channel, Hints, Outcome, Submission},
};

use super::{printable, walk::Found};

/// Bytes looked at to tell a report from other files.
const SNIFF_BYTES: usize = 512;
/// Bytes of a path that are kept with the report.
const SOURCE_MAX_CHARS: usize = 1_024;

/// A file that was read, or one whose outcome is known without reading it whole.
#[derive(Debug)]
pub enum Loaded {
    Submission(Submission),
    Settled(Told),
}

pub struct Loader {
    pub wire_max_bytes: usize,
    pub clock: Clock,
}

impl Loader {
    pub fn load(&self, found: &Found) -> Loaded {
        let loaded = match found {
            Found::Stdin => self.read(io::stdin().lock(), Path::new("-"), true, None),
            Found::File { path, named } => File::open(path).and_then(|file| {
                let known = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
                self.read(file, path, *named, known)
            }),
            Found::Settled { told, .. } => return Loaded::Settled(told.clone()),
        };
        loaded.unwrap_or_else(|error| Loaded::Settled(unreadable(&error)))
    }

    fn read(&self, mut input: impl Read, path: &Path, named: bool, size: Option<u64>) -> io::Result<Loaded> {
        let room = size.map_or(SNIFF_BYTES, |size| (size as usize).min(self.wire_max_bytes)) + 1;
        let mut bytes = Vec::with_capacity(room);
        input.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut bytes)?;
        if !named && !may_be_report(&bytes) {
            return Ok(Loaded::Settled(ignored("neither gzip nor zip nor JSON")));
        }
        let too_large = match size {
            Some(size) if size > self.wire_max_bytes as u64 => true,
            _ => {
                let rest = (self.wire_max_bytes + 1).saturating_sub(bytes.len());
                input.take(rest as u64).read_to_end(&mut bytes)?;
                bytes.len() > self.wire_max_bytes
            }
        };
        if too_large {
            let detail =
                format!("larger than {} bytes, the limit set by `limits.report_wire_max_bytes`", self.wire_max_bytes);
            let fault = Fault::new(FaultCode::TooLargeWire, detail, Place::Whole);
            return Ok(Loaded::Settled(Told::from(&Outcome::Refused(fault))));
        }
        let source: String = printable(path).chars().take(SOURCE_MAX_CHARS).collect();
        Ok(Loaded::Submission(Submission {
            bytes,
            channel: Channel::Import,
            peer: None,
            received_at: self.clock.now(),
            hints: Hints { source: Some(source), ..Hints::default() },
        }))
    }
}

/// Whether the start of a file looks like gzip, zip or JSON, the BOM included that some editors leave.
fn may_be_report(start: &[u8]) -> bool {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    start.starts_with(b"\x1f\x8b") || start.starts_with(b"PK\x03\x04") || matches!(first, Some(b'{' | b'['))
}

fn ignored(why: &str) -> Told {
    Told { outcome: Word::Ignored, uuid: None, code: None, detail: Some(why.to_owned()) }
}

/// A file that cannot be read was not taken; nobody looked into it.
pub fn unreadable(error: &io::Error) -> Told {
    Told {
        outcome: Word::Refused,
        uuid: None,
        code: Some("unreadable".to_owned()),
        detail: Some(format!("cannot be read: {error}")),
    }
}
