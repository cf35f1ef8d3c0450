//! A mail taken apart: every part of it that may be a TLS report, whatever structure it stands in (RFC 8460 §5.3). Pure
//! and bounded.
//!
//! `header` reads the fields of one header block, `entity` what the MIME fields among them say, `multipart` finds the
//! parts, `transfer` removes their encoding, `content` and `start` tell what they are, `announce` whether the mail says so,
//! `walk` does it all for each mail within the mail, whether it is a part of its type, an attached file or in a zip archive. The structure is read here and not by a library, because the libraries know no bounds: a mail of a million
//! boundaries or a thousand levels ends at the hundred and first, or the eleventh.

mod address;
mod announce;
mod content;
mod entity;
mod header;
mod kind;
mod multipart;
mod start;
mod transfer;
mod walk;

#[cfg(test)]
mod tests;

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    limits::Limits,
    report::Deviations,
};
use walk::Walk;

pub use start::{after_from_line, is_header};

/// A mail taken apart.
#[derive(Debug)]
pub struct ParsedMail {
    /// The mail itself first, then the forwarded mails within it, each before those within it.
    pub messages: Vec<MailMessage>,
    /// What may be a report, in order of appearance; never empty, at most `MAIL_REPORT_PARTS_MAX`.
    pub parts: Vec<MailPart>,
}

/// The mail itself, or one that was forwarded in it.
#[derive(Debug)]
pub struct MailMessage {
    pub raw: MessageBytes,
    /// Domain of the one address in the one From field (RFC 5322 §3.6.2), in normal form; none where the field is missing,
    /// stands there several times, has several addresses or cannot be read.
    pub from_domain: Option<String>,
    /// That address, its domain in normal form.
    pub from_address: Option<String>,
    /// `TLS-Report-Submitter`, a domain in normal form; none where it stands there several times.
    pub submitter: Option<String>,
    /// `TLS-Report-Domain`, likewise.
    pub report_domain: Option<String>,
    /// Date of the topmost Received field, where it can be read.
    pub received_at: Option<DateTime<Utc>>,
}

/// The bytes of a message, as a signature needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBytes {
    /// All that was received.
    Whole,
    /// These bytes of what was received.
    Range(Range<usize>),
    /// A forwarded mail that was itself transfer-encoded, or lay in a zip archive, decoded.
    Decoded(Vec<u8>),
}

impl MessageBytes {
    /// The bytes themselves; `mail` is what was given to `open`.
    pub fn bytes<'a>(&'a self, mail: &'a [u8]) -> &'a [u8] {
        match self {
            MessageBytes::Whole => mail,
            MessageBytes::Range(range) => mail.get(range.clone()).unwrap_or_default(),
            MessageBytes::Decoded(bytes) => bytes,
        }
    }
}

/// A part that may be a report. What it is, `decode::decode` and `report::parse` say.
#[derive(Debug)]
pub struct MailPart {
    /// Without the transfer encoding.
    pub bytes: Vec<u8>,
    /// `Content-Type` as claimed, unfolded, without control characters, cut at 255 characters.
    pub media_type: Option<String>,
    /// For display only: never a path. Without control characters, cut at 255 characters.
    pub name: Option<String>,
    /// Whether its type, or an announcement in its mail, says that it is a report. Else only its content looks like one,
    /// and nobody lied if it is not.
    pub certain: bool,
    /// Index in `Mail::messages` of the mail it stands in.
    pub message: usize,
    pub deviations: Deviations,
}

/// Finds what may be a report in a mail as received. Lines may end in CRLF or LF; a `From ` line of an mbox file may stand
/// before the first.
///
/// Faults, all about the mail as a whole: `Empty`, `TooLargeWire`, `MimeLimits`; `NoReportPart` where a mail that
/// announces a TLS report (`report-type=tlsrpt`, a `TLS-Report-` field, a part named as one) has no part that may be one;
/// `NotTlsrpt` where a mail without one announces none, with a guess what it is instead.
pub fn open(mail: &[u8], limits: &Limits) -> Result<ParsedMail, Fault> {
    if mail.is_empty() {
        return Err(Fault::new(FaultCode::Empty, "there are no bytes", FaultPlace::Whole));
    }
    if mail.len() > limits.mail_wire_max_bytes {
        let detail =
            format!("{} bytes were received, `mail_wire_max_bytes` allows {}", mail.len(), limits.mail_wire_max_bytes);
        return Err(Fault::new(FaultCode::TooLargeWire, detail, FaultPlace::Whole));
    }
    let mut walk = Walk::new(mail, limits);
    walk.mail(mail)?;
    walk.finish()
}

/// The mail goes beyond a limit.
fn beyond(detail: String) -> Fault {
    Fault::new(FaultCode::MimeLimits, detail, FaultPlace::Whole)
}
