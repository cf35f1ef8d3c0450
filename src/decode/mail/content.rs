//! Which parts may be a report, by type, by name and by what is in them.

use std::io::Read;

use flate2::read::GzDecoder;

use super::{
    entity::Entity,
    start::{after_from_line, is_header},
};
use crate::{
    decode::{
        budget::DecodeBudget,
        gzip::Gunzip,
        sniff::{Form, sniff},
        source::{Received, Source},
        utf16,
        zip::{Archive, File},
    },
    limits::Limits,
};

/// Bytes out of a gzip file in an archive that show what it is.
const GUNZIPPED_BYTES: u64 = 64;
/// Bytes of a part in which a header is looked for.
const HEAD_BYTES: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartContent {
    /// Begins like a JSON object or array, compressed or not.
    Json,
    /// Compressed, and nobody can tell what it was.
    Damaged,
    /// A zip archive with something in it that may be a report or a mail.
    Archive,
    /// A mail that was saved and attached as a file.
    Mail,
    /// What other kinds of reports are made of.
    Xml,
    Other,
}

/// Whether a part is worth looking into: not the text for people, no picture. `first` and `alone` tell where it stands
/// among the parts of its mail.
pub(super) fn may_be_report(part: &Entity<'_>, first: bool, alone: bool) -> bool {
    let named = part.names.iter().any(|name| is_report_name(name));
    match part.essence.as_str() {
        "text/json" => true,
        "text/plain" => named || part.attached || alone || !first,
        essence if essence.starts_with("application/") => true,
        _ => named && !part.is_multipart(),
    }
}

fn is_report_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".json", ".gz", ".zip", ".eml"].iter().any(|ending| name.ends_with(ending))
}

/// Whether the name says that it is a mail: then any header will do.
pub(super) fn is_named_mail(part: &Entity<'_>) -> bool {
    part.names.iter().any(|name| name.to_ascii_lowercase().ends_with(".eml"))
}

/// Whether a file begins like a mail; `named` where its name says that it is one.
fn is_mail(bytes: &[u8], named: bool) -> bool {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    is_header(head, named) || after_from_line(head).is_some_and(|rest| is_header(rest, true))
}

/// Looks at the first bytes, through two layers of gzip or at the files of a zip archive. `named` where the part's name says
/// that it is a mail.
pub(super) fn look(bytes: &[u8], named: bool, limits: &Limits) -> PartContent {
    let budget = DecodeBudget::new(bytes.len(), limits);
    let gunzip = || Gunzip::new(Received::new(bytes), budget);
    match sniff(bytes) {
        Form::Zip => Archive::open(bytes).map_or(PartContent::Damaged, |archive| archived(&archive)),
        Form::Gzip => match gunzip().fill().map(|head| (sniff(head), text(head))) {
            Ok((Form::Gzip, _)) => Gunzip::new(gunzip(), budget).fill().map_or(PartContent::Damaged, text),
            Ok((_, content)) => content,
            Err(_) => PartContent::Damaged,
        },
        _ if is_mail(bytes, named) => PartContent::Mail,
        _ => text(bytes),
    }
}

fn archived(archive: &Archive<'_>) -> PartContent {
    let contents: Vec<PartContent> = archive.files.iter().map(file).collect();
    let found = |wanted: PartContent| contents.contains(&wanted);
    if found(PartContent::Json) || found(PartContent::Mail) {
        return PartContent::Archive;
    }
    [PartContent::Damaged, PartContent::Xml].into_iter().find(|content| found(*content)).unwrap_or(PartContent::Other)
}

/// Looks at the first bytes of a file in an archive. Within another layer nobody can tell.
pub(super) fn file(file: &File) -> PartContent {
    match (&file.head, file.form()) {
        (Ok(_), Some(Form::Zip)) | (Err(_), _) => PartContent::Damaged,
        (Ok(head), Some(Form::Gzip)) => {
            let mut start = Vec::new();
            // The head ends in the middle of the data.
            #[expect(clippy::disallowed_methods, reason = "a few bytes of one member, bounded by `take`")]
            let _ = GzDecoder::new(&head[..]).take(GUNZIPPED_BYTES).read_to_end(&mut start);
            if start.is_empty() || start.starts_with(b"\x1f\x8b") { PartContent::Damaged } else { text(&start) }
        }
        (Ok(head), _) if is_mail(head, false) => PartContent::Mail,
        (Ok(head), _) => text(head),
    }
}

fn text(head: &[u8]) -> PartContent {
    if utf16::begins_json(head) {
        return PartContent::Json;
    }
    match head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start() {
        [b'{' | b'[', ..] => PartContent::Json,
        [b'<', b'?', b'x', b'm', b'l', ..] => PartContent::Xml,
        text if text.starts_with(b"<feedback") => PartContent::Xml,
        _ => PartContent::Other,
    }
}
