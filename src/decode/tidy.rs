//! What may surround a JSON text without being part of it.

use super::{budget::DecodeBudget, utf16};
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    report::{Deviation, Deviations},
};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Makes UTF-8 of UTF-16, blanks out one byte order mark, so that offsets still count in what the sender wrote, and cuts
/// white space and NULs at the end.
pub(super) fn tidy(json: &mut Vec<u8>, budget: DecodeBudget, deviations: &mut Deviations) -> Result<(), Fault> {
    if let Some(text) = utf16::to_utf8(json, budget) {
        *json = text?.into_bytes();
        deviations.add(Deviation::Utf16, "");
    } else if json.starts_with(BOM) {
        json.iter_mut().take(BOM.len()).for_each(|byte| *byte = b' ');
        deviations.add(Deviation::Bom, "");
    }
    let is_padding = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
    let end = json.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    if end == 0 {
        return Err(Fault::new(FaultCode::Empty, "the document holds nothing but white space", FaultPlace::Whole));
    }
    if json.iter().skip(end).any(|byte| *byte == 0) {
        deviations.add(Deviation::TrailingNul, "");
    }
    json.truncate(end);
    Ok(())
}
