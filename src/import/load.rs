//! One file to bytes, if it may be a report or a mail at all.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::{
    archive::ImportArchive,
    container::Container,
    sniff::{FileContent, SNIFF_BYTES, after_from_line, sniff},
    walk::{FileReason, FoundFile},
};
use crate::{
    clock::Clock,
    control::{OutcomeWord, ReportedOutcome},
    fault::{Fault, FaultCode, FaultPlace},
    limits::Limits,
    submission::{Channel, Hints, MAIL, Outcome, Submission},
};

/// Characters of a path that are kept with the report: the last ones.
const SOURCE_MAX_CHARS: usize = 1_024;

/// A file that was read.
pub(super) enum Loaded {
    One(Input),
    /// It holds several inputs, which are read when its turn has come.
    Several(Container),
}

/// One body, or what is known without it.
#[derive(Debug)]
pub(crate) enum Input {
    Submission(Submission),
    Settled(ReportedOutcome),
}

pub(super) struct Loader {
    pub limits: Limits,
    pub clock: Clock,
    /// The operator trusts what is read: mail among it is not asked for a signature.
    pub trusted_input: bool,
}

impl Loader {
    pub(super) fn load(&self, found: &FoundFile) -> Loaded {
        let loaded = match found {
            FoundFile::Stdin => self.open(io::stdin(), Path::new("-"), FileReason::Named, None),
            FoundFile::File { path, why } => File::open(path).and_then(|file| {
                let regular = file.metadata().ok().filter(std::fs::Metadata::is_file);
                self.open(file, path, *why, regular.map(|metadata| metadata.len()))
            }),
            FoundFile::Settled { outcome, .. } => return Loaded::One(Input::Settled(outcome.clone())),
        };
        loaded.unwrap_or_else(|error| Loaded::One(Input::Settled(unreadable(&error))))
    }

    /// `size` is known of regular files only, which can be opened once more.
    fn open(
        &self,
        mut input: impl Read + Send + 'static,
        path: &Path,
        why: FileReason,
        size: Option<u64>,
    ) -> io::Result<Loaded> {
        let mut bytes = start_of(&mut input, size)?;
        match self.content(&bytes, path, why) {
            FileContent::Mbox if size.is_some() => Ok(Loaded::Several(Container::MboxFile)),
            FileContent::Mbox => {
                let stream = io::Cursor::new(bytes).chain(input);
                Ok(Loaded::Several(Container::MboxStream(Box::new(stream))))
            }
            FileContent::Zip => {
                if size.is_some() && ImportArchive::of_file(path).is_ok_and(|mut archive| archive.is_container()) {
                    return Ok(Loaded::Several(Container::ZipFile));
                }
                let one = self.whole(&mut bytes, input, path, None, size)?;
                match one {
                    Input::Submission(Submission { bytes, .. }) if size.is_none() && holds_several(&bytes) => {
                        Ok(Loaded::Several(Container::ZipBytes(bytes.into())))
                    }
                    one => Ok(Loaded::One(one)),
                }
            }
            FileContent::Mail => self.whole(&mut bytes, input, path, Some(MAIL), size).map(Loaded::One),
            FileContent::Other if why == FileReason::Below => Ok(Loaded::One(Input::Settled(no_report()))),
            FileContent::Other | FileContent::Document => {
                self.whole(&mut bytes, input, path, None, size).map(Loaded::One)
            }
        }
    }

    /// What a mailbox's directory holds is mail unless it is plainly something else.
    fn content(&self, start: &[u8], path: &Path, why: FileReason) -> FileContent {
        let named_mail = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"));
        match (sniff(start, named_mail), why) {
            (FileContent::Other | FileContent::Mbox, FileReason::Maildir) => FileContent::Mail,
            (content, _) => content,
        }
    }

    /// One member of an archive as far as it was read, `None` for an mbox.
    pub(super) fn member(&self, start: &mut Vec<u8>, rest: impl Read, path: &Path) -> io::Result<Option<Input>> {
        match self.content(start, path, FileReason::Below) {
            FileContent::Mbox => Ok(None),
            FileContent::Mail => self.whole(start, rest, path, Some(MAIL), None).map(Some),
            FileContent::Zip | FileContent::Document => self.whole(start, rest, path, None, None).map(Some),
            FileContent::Other => Ok(Some(Input::Settled(no_report()))),
        }
    }

    /// What a mail server pipes: one mail or one report, whatever else is in it. A line `From `, as some servers put it
    /// first, is no part of the mail. What is no document is a mail, however it begins: it cannot be had again.
    pub(super) fn piped(&self, mut input: impl Read) -> io::Result<Input> {
        let path = Path::new("-");
        let mut bytes = start_of(&mut input, None)?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nothing came through the pipe"));
        }
        if matches!(sniff(&bytes, true), FileContent::Document | FileContent::Zip) {
            return self.whole(&mut bytes, input, path, None, None);
        }
        bytes = from_first_field(&bytes).to_vec();
        if sniff(&bytes, true) == FileContent::Mbox {
            bytes = after_from_line(&bytes).unwrap_or_default().to_vec();
        }
        self.whole(&mut bytes, input, path, Some(MAIL), None)
    }

    fn whole(
        &self,
        bytes: &mut Vec<u8>,
        input: impl Read,
        path: &Path,
        media_type: Option<&str>,
        size: Option<u64>,
    ) -> io::Result<Input> {
        let (max_bytes, key) = self.limit(media_type);
        let too_large = match size {
            Some(size) if size > max_bytes as u64 => true,
            _ => {
                let rest = max_bytes.saturating_add(1).saturating_sub(bytes.len());
                input.take(rest as u64).read_to_end(bytes)?;
                bytes.len() > max_bytes
            }
        };
        if too_large {
            return Ok(Input::Settled(outcome_too_large(max_bytes, key)));
        }
        Ok(Input::Submission(self.submission(std::mem::take(bytes), path, media_type)))
    }

    /// The bytes of one mail out of an mbox, or none where it is too large.
    pub(super) fn mail(&self, bytes: Option<Vec<u8>>, path: &Path) -> Input {
        match bytes {
            Some(bytes) => Input::Submission(self.submission(bytes, path, Some(MAIL))),
            None => {
                let (max_bytes, key) = self.limit(Some(MAIL));
                Input::Settled(outcome_too_large(max_bytes, key))
            }
        }
    }

    fn limit(&self, media_type: Option<&str>) -> (usize, &'static str) {
        match media_type {
            Some(_) => (self.limits.mail_wire_max_bytes, "mail_wire_max_bytes"),
            None => (self.limits.report_wire_max_bytes, "report_wire_max_bytes"),
        }
    }

    fn submission(&self, bytes: Vec<u8>, path: &Path, media_type: Option<&str>) -> Submission {
        let source = crate::text::visible_path(path);
        let cut = source.chars().count().saturating_sub(SOURCE_MAX_CHARS);
        Submission {
            bytes,
            channel: Channel::Import,
            peer: None,
            received_at: self.clock.now(),
            hints: Hints {
                media_type: media_type.map(str::to_owned),
                source: Some(source.chars().skip(cut).collect()),
                trusted_input: self.trusted_input,
                ..Hints::default()
            },
        }
    }
}

/// The bytes that are sniffed at, in memory that has room for the rest where its size is known.
pub(super) fn start_of(input: &mut impl Read, size: Option<u64>) -> io::Result<Vec<u8>> {
    const ROOM_MAX_BYTES: u64 = 1024 * 1024;
    let room = size.map_or(SNIFF_BYTES, |size| size.min(ROOM_MAX_BYTES) as usize);
    let mut bytes = Vec::with_capacity(room + 1);
    input.take(SNIFF_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Without the byte order mark and the blank lines before a header, which would end where it begins.
fn from_first_field(bytes: &[u8]) -> &[u8] {
    let mut text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    while let Some(rest) = text.strip_prefix(b"\n").or_else(|| text.strip_prefix(b"\r\n")) {
        text = rest;
    }
    if text.is_empty() { bytes } else { text }
}

fn holds_several(bytes: &[u8]) -> bool {
    ImportArchive::of_bytes(Arc::from(bytes)).is_ok_and(|mut archive| archive.is_container())
}

fn no_report() -> ReportedOutcome {
    ignored("neither mail nor gzip nor zip nor JSON")
}

pub(super) fn ignored(why: &str) -> ReportedOutcome {
    ReportedOutcome {
        outcome: OutcomeWord::Ignored,
        uuid: None,
        code: None,
        detail: Some(why.to_owned()),
        domains: Vec::new(),
    }
}

fn outcome_too_large(max_bytes: usize, key: &str) -> ReportedOutcome {
    let detail = format!("larger than {max_bytes} bytes, the limit set by `limits.{key}`");
    refused(FaultCode::TooLargeWire, detail)
}

pub(super) fn refused(code: FaultCode, detail: impl Into<String>) -> ReportedOutcome {
    ReportedOutcome::from(&Outcome::Refused(Fault::new(code, detail, FaultPlace::Whole)))
}

/// A file that cannot be read was not taken; nobody looked into it.
pub(super) fn unreadable(error: &io::Error) -> ReportedOutcome {
    ReportedOutcome {
        outcome: OutcomeWord::Refused,
        uuid: None,
        code: Some(UNREADABLE.to_owned()),
        detail: Some(format!("cannot be read: {error}")),
        domains: Vec::new(),
    }
}

/// The code of a file that cannot be read.
pub const UNREADABLE: &str = "unreadable";
