//! Which parts may be a report, by type, by name and by what is in them.

use super::entity::Entity;
use crate::{
    decode::{
        budget::Budget,
        gzip::Gunzip,
        sniff::{Form, sniff},
        source::{Received, Source},
        zip,
    },
    limits::Limits,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Begins like a JSON object or array, compressed or not.
    Json,
    /// Compressed, and nobody can tell what it was.
    Damaged,
    /// What other kinds of reports are made of.
    Xml,
    Other,
}

/// Whether a part is worth looking into: not the text for people, no picture. `first` and `alone` tell where it stands
/// among the parts of its mail.
pub fn may_be_report(part: &Entity<'_>, first: bool, alone: bool) -> bool {
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
    [".json", ".gz", ".zip"].iter().any(|ending| name.ends_with(ending))
}

/// Looks at the first bytes, through two layers of gzip or into a zip archive.
pub fn look(bytes: &[u8], limits: &Limits) -> Content {
    let budget = Budget::new(bytes.len(), limits);
    let gunzip = || Gunzip::new(Received::new(bytes), budget);
    match sniff(bytes) {
        Form::Zip => zip::only_member_head(bytes).map_or(Content::Damaged, |head| text(&head)),
        Form::Gzip => match gunzip().fill().map(|head| (sniff(head), text(head))) {
            Ok((Form::Gzip, _)) => Gunzip::new(gunzip(), budget).fill().map_or(Content::Damaged, text),
            Ok((_, content)) => content,
            Err(_) => Content::Damaged,
        },
        _ => text(bytes),
    }
}

fn text(head: &[u8]) -> Content {
    match head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start() {
        [b'{' | b'[', ..] => Content::Json,
        [b'<', b'?', b'x', b'm', b'l', ..] => Content::Xml,
        text if text.starts_with(b"<feedback") => Content::Xml,
        _ => Content::Other,
    }
}
