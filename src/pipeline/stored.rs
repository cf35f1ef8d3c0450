//! The document of one report out of bytes that were stored as they came: a body by itself, or a whole mail.

use chrono::DateTime;

use super::{
    documents::{self, DocumentReading},
    mail,
};
use crate::{
    decode::{self, Document},
    fault::{Fault, FaultCode, FaultPlace},
    limits::Limits,
    submission::{self, Channel, Hints},
};

/// Unpacks the document that holds report `element`, counted over all documents of a body or a mail as they were counted when
/// it came; without a number the first.
pub fn stored_document(
    bytes: &[u8],
    channel: Channel,
    hints: &Hints,
    element: Option<u32>,
    limits: &Limits,
) -> Result<Document, Fault> {
    let element = element.unwrap_or(0) as usize;
    // Whether its days lie in the future is no question any more.
    let received_at = DateTime::UNIX_EPOCH;
    if !submission::is_mail(channel, hints.media_type.as_deref()) {
        let mut documents = decode::documents(bytes, hints, limits)?;
        if documents.len() == 1 {
            return documents.remove(0);
        }
        let reading = DocumentReading { received_at, admitted: true, limits };
        let found = documents::reports(bytes, hints, true, reading).map_err(|stray| stray.fault)?;
        let index = found.get(element).map(|found| found.document);
        return index
            .filter(|index| *index < documents.len())
            .map_or_else(|| Err(gone()), |at| documents.swap_remove(at));
    }
    let mail = decode::mail::open(bytes, limits)?;
    let found = mail::reports(&mail, received_at, true, limits)?;
    let found = found.get(element).ok_or_else(gone)?;
    let part = mail.parts.get(found.part).ok_or_else(gone)?;
    let hints = Hints { media_type: part.media_type.clone(), ..Hints::default() };
    decode::documents(&part.bytes, &hints, limits)?.into_iter().nth(found.document).unwrap_or_else(|| Err(gone()))
}

fn gone() -> Fault {
    Fault::new(FaultCode::NoReportPart, "there is no such report in these bytes", FaultPlace::Whole)
}
