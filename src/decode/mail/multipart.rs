//! The parts of a multipart body (RFC 2046 §5.1.1).

use std::ops::Range;

/// Where the parts lie in `bytes`, the first `max` of them. The line end before a delimiter belongs to the delimiter. Where
/// the close-delimiter is missing, the last part ends with the body (mail.ru sends that).
pub(super) fn parts(bytes: &[u8], body: Range<usize>, boundary: &str, max: usize) -> Vec<Range<usize>> {
    let bytes = bytes.get(..body.end).unwrap_or(bytes);
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = body.start;
    while at < bytes.len() && parts.len() < max {
        let end = line_end(bytes, at);
        if let Some(delimiter) = delimiter(bytes.get(at..end).unwrap_or_default(), boundary.as_bytes()) {
            parts.extend(start.map(|start| start..before_line_end(bytes, start, at)));
            start = (delimiter == Delimiter::Open).then_some(end);
            if delimiter == Delimiter::Close {
                return parts;
            }
        }
        at = end;
    }
    if parts.len() < max {
        parts.extend(start.filter(|start| *start < bytes.len()).map(|start| start..bytes.len()));
    }
    parts
}

/// The offset after the end of the line that begins at `at`.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    let line = bytes.get(at..).unwrap_or_default();
    line.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length + 1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Open,
    Close,
}

/// The whole line has to match, blanks at its end aside: a boundary often begins like the one around it.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?.trim_ascii_end();
    match rest {
        b"" => Some(Delimiter::Open),
        b"--" => Some(Delimiter::Close),
        _ => None,
    }
}

fn before_line_end(bytes: &[u8], start: usize, at: usize) -> usize {
    let part = bytes.get(start..at).unwrap_or_default();
    let part = part.strip_suffix(b"\n").map_or(part, |part| part.strip_suffix(b"\r").unwrap_or(part));
    start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'a>(body: &'a str, boundary: &str) -> Vec<&'a str> {
        parts(body.as_bytes(), 0..body.len(), boundary, 9).into_iter().map(|range| &body[range]).collect()
    }

    #[test]
    fn delimiters_are_whole_lines() {
        assert_eq!(split("pre\r\n--b\r\none\r\n\r\n--b  \r\ntwo\n--b--\r\npost\n--b\nno", "b"), ["one\r\n", "two"]);
        assert_eq!(split("--b\n--bb\n--b--b\n --b\nx--b\n--b-\n-b\n--b", "b"), ["--bb\n--b--b\n --b\nx--b\n--b-\n-b"]);
        assert_eq!(split("--b\n\n--b\n--b--", "b"), ["", ""]);
        assert_eq!(split("--.*\n1\n--.*--", ".*"), ["1"]);
    }

    #[test]
    fn a_missing_close_delimiter_loses_nothing() {
        assert_eq!(split("--b\none\n--b\ntwo\n", "b"), ["one", "two\n"]);
        assert_eq!(split("--b\r\n", "b"), [] as [&str; 0]);
        assert_eq!(split("no delimiter", "b"), [] as [&str; 0]);
    }

    #[test]
    fn splitting_ends_at_the_bound() {
        let body = b"--b\n\n".repeat(1_000_000);
        assert_eq!(parts(&body, 0..body.len(), "b", 101).len(), 101);
    }
}
