//! UTF-16 behind its byte order mark: what the `>` of PowerShell makes of a report.

use super::budget::DecodeBudget;
use crate::fault::{Fault, FaultCode, FaultPlace, Layer};

/// Characters that tell what a text is.
const START_CHARS: usize = 64;

/// How a pair of bytes becomes a unit.
type Unit = fn([u8; 2]) -> u16;

/// The order of the bytes, and the text behind the mark; `None` where no mark of UTF-16 stands there.
fn units(bytes: &[u8]) -> Option<(Unit, &[u8])> {
    match bytes {
        // The mark of UTF-32 begins like that of UTF-16.
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, text @ ..] => Some((u16::from_le_bytes, text)),
        [0xfe, 0xff, text @ ..] => Some((u16::from_be_bytes, text)),
        _ => None,
    }
}

fn characters(bytes: &[u8]) -> Option<impl Iterator<Item = Result<char, std::char::DecodeUtf16Error>>> {
    let (unit, text) = units(bytes)?;
    Some(char::decode_utf16(text.as_chunks::<2>().0.iter().map(move |pair| unit(*pair))))
}

/// The beginning of the text, in UTF-8.
pub(super) fn start(bytes: &[u8]) -> Option<String> {
    Some(characters(bytes)?.take(START_CHARS).map_while(Result::ok).collect())
}

/// Whether a JSON object or array begins behind a mark.
pub fn begins_json(bytes: &[u8]) -> bool {
    start(bytes).is_some_and(|start| start.trim_start().starts_with(['{', '[']))
}

/// The whole text in UTF-8, without the mark; `None` where no mark of UTF-16 stands there.
pub(super) fn to_utf8(bytes: &[u8], budget: DecodeBudget) -> Option<Result<String, Fault>> {
    let characters = characters(bytes)?;
    let bad = |detail: &str, offset: u64| {
        Some(Err(Fault::new(FaultCode::BadEncoding, detail, FaultPlace::Byte { offset, of: Layer::Unpacked })))
    };
    if !bytes.len().is_multiple_of(2) {
        return bad("the UTF-16 text ends in the middle of a unit", bytes.len() as u64 - 1);
    }
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 2u64;
    for character in characters {
        let Ok(character) = character else { return bad("the UTF-16 text holds half a character", at) };
        at += 2 * character.len_utf16() as u64;
        text.push(character);
        if let Err(fault) = budget.check(text.len() as u64) {
            return Some(Err(fault));
        }
    }
    Some(Ok(text))
}
