//! The document of one report out of bytes that were stored as they came: a document by itself, or a whole mail.

use chrono::DateTime;
use serde::de::IgnoredAny;

use super::{Document, decode, mail};
use crate::{
    fault::{Fault, FaultCode, Place},
    limits::Limits,
    report,
    submission::{self, Channel, Hints},
};

/// Unpacks the document that holds report `element`, counted over all documents of a mail in their order as the pipeline
/// counts them; without a number the first.
pub fn document(
    bytes: &[u8],
    channel: Channel,
    hints: &Hints,
    element: Option<u32>,
    limits: &Limits,
) -> Result<Document, Fault> {
    if !submission::is_mail(channel, hints.media_type.as_deref()) {
        return decode(bytes, hints, limits);
    }
    let mut left = element.unwrap_or(0) as usize;
    for part in mail::open(bytes, limits)?.parts {
        let hints = Hints { media_type: part.media_type, ..Hints::default() };
        match decode(&part.bytes, &hints, limits) {
            Ok(document) if !part.certain && is_something_else(&document.json, limits) => {}
            // The number of reports in it; what is no array is one report, or one fault.
            Ok(document) => match reports(&document.json) {
                held if left < held => return Ok(document),
                held => left -= held,
            },
            Err(fault) if left == 0 && part.certain => return Err(fault),
            Err(_) if part.certain => left -= 1,
            Err(_) => {}
        }
    }
    Err(Fault::new(FaultCode::NoReportPart, "the mail holds no such report", Place::Whole))
}

/// JSON that nobody said was a report and that is none: the pipeline left it out as well.
fn is_something_else(json: &[u8], limits: &Limits) -> bool {
    let read = report::parse_admitted(json, DateTime::UNIX_EPOCH, limits);
    read.is_err_and(|fault| fault.code == FaultCode::NotAReport)
}

fn reports(json: &[u8]) -> usize {
    serde_json::from_slice::<Vec<IgnoredAny>>(json).map_or(1, |elements| elements.len().max(1))
}
