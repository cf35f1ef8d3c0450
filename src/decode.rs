//! From received bytes to one JSON document, whatever the media type claims. Pure and bounded.
//!
//! A mail is taken apart first (`mail`); each of its parts that may be a report is then a document like any other.
//!
//! The bytes decide: gzip in at most two layers, a zip archive of such documents, or plain JSON. Layers are read one through the other,
//! so that a bomb costs the buffers of its layers and nothing more; a document that outgrows what is held while its size
//! is unknown is only measured, then unpacked a second time into memory of the right size.

// Strangers choose these bytes: no length is taken for granted.
#![deny(clippy::indexing_slicing)]

pub mod mail;

mod budget;
mod form;
mod gzip;
mod media;
mod sniff;
mod source;
mod tidy;
mod unpack;
mod utf16;
mod zip;

#[cfg(test)]
mod tests;

use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    limits::Limits,
    report::{Deviation, Deviations},
    submission::Hints,
};
use source::Received;
use unpack::{Unpacked, unpack};

pub use utf16::begins_json as begins_json_in_utf16;
pub use zip::is_beside;

/// The unpacked document and what had to be tolerated on the way to it.
#[derive(Debug)]
pub struct Document {
    pub json: Vec<u8>,
    pub deviations: Deviations,
    /// Its place among the files of its zip archive, from one, where there are several.
    pub file: Option<usize>,
}

/// The one document in these bytes, like `documents`.
pub fn decode(bytes: &[u8], hints: &Hints, limits: &Limits) -> Result<Document, Fault> {
    let mut documents = documents(bytes, hints, limits)?;
    match documents.len() {
        1 => documents.remove(0),
        _ => Err(zip::fault("the zip archive holds several documents, one was expected")),
    }
}

/// Decides by content, not by name: gzip (several members, two layers), zip, plain JSON, UTF-16, BOM. Never none; several in a
/// zip archive only, where the inner fault concerns one of them. All that comes out of one body shares one bound.
///
/// Nothing is parsed here; a document begins like JSON, holds no byte order mark and no trailing NUL. Offsets in later
/// faults count in it. A `Content-Type` that is present but blank stands for a request without one.
pub fn documents(bytes: &[u8], hints: &Hints, limits: &Limits) -> Result<Vec<Result<Document, Fault>>, Fault> {
    if bytes.is_empty() {
        return Err(Fault::new(FaultCode::Empty, "there are no bytes", FaultPlace::Whole));
    }
    if bytes.len() > limits.report_wire_max_bytes {
        let detail = format!(
            "{} bytes were received, `report_wire_max_bytes` allows {}",
            bytes.len(),
            limits.report_wire_max_bytes
        );
        return Err(Fault::new(FaultCode::TooLargeWire, detail, FaultPlace::Whole));
    }
    let mut deviations = Deviations::default();
    let coded = media::content_encoding(hints)?;
    let body = match form::boundary(hints.media_type.as_deref()) {
        Some(boundary) => {
            deviations.add(Deviation::FormUpload, "");
            form::file_part(bytes, &boundary)?
        }
        None => Received::new(bytes),
    };
    let finish = |unpacked: Unpacked| {
        let Unpacked { mut json, wrapping, budget, file } = unpacked;
        let mut deviations = deviations.clone();
        wrapping.note(&mut deviations);
        if !deviations.contains(Deviation::FormUpload) {
            media::judge(hints.media_type.as_deref(), coded, &wrapping, &mut deviations);
        }
        tidy::tidy(&mut json, budget, &mut deviations)?;
        Ok(Document { json, deviations, file })
    };
    let mut documents: Vec<_> = unpack(body, limits)?.into_iter().map(|unpacked| unpacked.and_then(finish)).collect();
    match documents.len() {
        1 => documents.remove(0).map(|document| vec![Ok(document)]),
        _ => Ok(documents),
    }
}
