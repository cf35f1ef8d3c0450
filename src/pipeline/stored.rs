//! The document of one report out of bytes that were stored as they came: a document by itself, or a whole mail.

use chrono::DateTime;

use super::mail;
use crate::{
    decode::{self, Document},
    fault::{Fault, FaultCode, Place},
    limits::Limits,
    submission::{self, Channel, Hints},
};

/// Unpacks the document that holds report `element`, counted over all documents of a mail as `mail::open` counts them;
/// without a number the first.
pub fn stored_document(
    bytes: &[u8],
    channel: Channel,
    hints: &Hints,
    element: Option<u32>,
    limits: &Limits,
) -> Result<Document, Fault> {
    if !submission::is_mail(channel, hints.media_type.as_deref()) {
        return decode::decode(bytes, hints, limits);
    }
    let mail = decode::mail::open(bytes, limits)?;
    // Whether its days lie in the future is no question any more.
    let found = mail::reports(&mail, DateTime::UNIX_EPOCH, true, limits)?;
    let part = found.get(element.unwrap_or(0) as usize).and_then(|found| mail.parts.get(found.part));
    let gone = || Fault::new(FaultCode::NoReportPart, "the mail holds no such report", Place::Whole);
    let part = part.ok_or_else(gone)?;
    decode::decode(&part.bytes, &Hints { media_type: part.media_type.clone(), ..Hints::default() }, limits)
}
