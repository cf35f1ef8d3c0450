//! RFC 8460 JSON to domain types. Pure: no I/O, no clock.
//!
//! `json` reads within bounds, `wire` knows the members and how senders vary them, `normalise` makes `types` of what was
//! read; nothing outside this module sees wire types. `identity` names a report across channels and retries.

// Strangers choose these bytes: no length is taken for granted.
#![deny(clippy::indexing_slicing)]

pub mod deviation;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod identity;
pub mod types;

mod json;
mod normalise;
mod notes;
mod wire;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::{
    fault::{Fault, FaultCode, FaultPlace, Layer},
    limits::{Limits, REPORTS_PER_DOCUMENT_MAX},
};
pub use deviation::{Deviation, Deviations};
use json::{JsonKind, Reader};
pub use types::*;
use wire::WireReading;

/// How the report-id of a test report begins: it proves a source and is in no figure.
pub const TEST_REPORT_ID: &str = "tlsight-test-";

/// The normal form of a domain name (A-labels, lower case, no trailing dot), or `None` where the text is none.
pub fn domain(text: &str) -> Option<String> {
    normalise::domain::domain(text).map(|domain| domain.into_owned())
}

/// Reads the report, or the reports, in one unpacked document.
///
/// `received_at` only judges whether a range lies in the future or came late. The outer error concerns the document, an
/// inner one a single element of an array of reports.
pub fn parse(json: &[u8], received_at: DateTime<Utc>, limits: &Limits) -> Result<Vec<Result<Report, Fault>>, Fault> {
    read(json, Judge { received_at, admitted: false }, limits)
}

/// The same for a document the operator admits: a range that is too long or lies in the future is only a deviation.
pub fn parse_admitted(
    json: &[u8],
    received_at: DateTime<Utc>,
    limits: &Limits,
) -> Result<Vec<Result<Report, Fault>>, Fault> {
    read(json, Judge { received_at, admitted: true }, limits)
}

/// What a date range is held against.
#[derive(Debug, Clone, Copy)]
struct Judge {
    received_at: DateTime<Utc>,
    admitted: bool,
}

fn read(json: &[u8], judge: Judge, limits: &Limits) -> Result<Vec<Result<Report, Fault>>, Fault> {
    let text = std::str::from_utf8(json).map_err(|error| {
        let place = FaultPlace::Byte { offset: error.valid_up_to() as u64, of: Layer::Unpacked };
        Fault::new(FaultCode::BadEncoding, "the text is not UTF-8 (RFC 7493 §2.1)", place)
    })?;
    let mut reader = Reader::open(text, limits.json_string_max_bytes)?;
    let mut reading = WireReading::new(limits);
    let mut reports = Vec::new();
    let at = reader.at();
    match reader.kind() {
        JsonKind::Object => reports.push(report(&mut reader, &mut reading, judge)?),
        JsonKind::Array => reader.array(|reader, index| {
            let at = reader.at();
            reader.set_origin(format!("/{index}"));
            if index == REPORTS_PER_DOCUMENT_MAX {
                let detail = format!("the document holds more than {REPORTS_PER_DOCUMENT_MAX} reports");
                return Err(reader.fault(FaultCode::TooManyElements, detail, at));
            }
            if reader.kind() == JsonKind::Object {
                reading.notes.add(Deviation::ReportArray, at);
                reports.push(report(reader, &mut reading, judge)?);
            } else {
                reader.skip()?;
                reports.push(Err(reader.fault(FaultCode::NotAReport, "a report is an object", at)));
            }
            Ok(())
        })?,
        _ => drop(reader.skip()?),
    }
    if reports.is_empty() {
        return Err(reader.fault(FaultCode::NotAReport, "a report is an object (RFC 8460 §4)", at));
    }
    Ok(reports)
}

/// The outer fault ends the document, the inner one concerns this report only.
fn report(
    reader: &mut Reader<'_>,
    reading: &mut WireReading<'_>,
    judge: Judge,
) -> Result<Result<Report, Fault>, Fault> {
    let envelope = reading.envelope(reader)?;
    let mut notes = std::mem::take(&mut reading.notes);
    let report = normalise::report(envelope, judge, reader, &mut notes);
    Ok(report.map(|report| Report { deviations: notes.resolve(reader), ..report }))
}
