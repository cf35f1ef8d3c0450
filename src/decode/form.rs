//! `multipart/form-data` (RFC 7578): nobody's sender, but what `curl -F` makes of a report sent by hand.

use super::{media, source::Received};
use crate::fault::{Fault, FaultCode, FaultPlace, Layer};

/// The boundary, where the media type is `multipart/form-data`.
pub(super) fn boundary(media_type: Option<&str>) -> Option<String> {
    let media_type = media_type?;
    if media::essence(media_type) != "multipart/form-data" {
        return None;
    }
    let parameter = media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    Some(parameter.unwrap_or_default().to_owned())
}

/// The first part with a file name, else the first part.
pub(super) fn file_part<'a>(bytes: &'a [u8], boundary: &str) -> Result<Received<'a>, Fault> {
    // RFC 2046 §5.1.1 allows 70 characters.
    if boundary.is_empty() || boundary.len() > 70 {
        return Err(fault(0, "the form has no usable boundary"));
    }
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut at =
        find(bytes, &delimiter, 0).ok_or_else(|| fault(0, "the form's boundary does not occur in the body"))?;
    let mut first = None;
    loop {
        at += delimiter.len();
        if bytes.get(at..).unwrap_or_default().starts_with(b"--") {
            break;
        }
        let Some(blank) = find(bytes, b"\r\n\r\n", at) else {
            return Err(fault(at, "a form part has no end of its header"));
        };
        let start = blank + 4;
        let next = find(bytes, &delimiter, start).ok_or_else(|| fault(start, "the form's last boundary is missing"))?;
        let end = next.saturating_sub(2).max(start);
        let part = Received::part(bytes, start, end);
        let header = String::from_utf8_lossy(bytes.get(at..blank).unwrap_or_default()).to_ascii_lowercase();
        if header.contains("filename=") || header.contains("filename*=") {
            return Ok(part);
        }
        first.get_or_insert(part);
        at = next;
    }
    first.ok_or_else(|| fault(0, "the form has no part"))
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(needle.len()).position(|window| window == needle).map(|found| from + found)
}

fn fault(offset: usize, detail: &str) -> Fault {
    Fault::new(FaultCode::BadRequest, detail, FaultPlace::Byte { offset: offset as u64, of: Layer::Received })
}
