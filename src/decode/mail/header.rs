//! The fields of one header block (RFC 5322 §2.2), of a mail or of one of its parts.

use super::{beyond, multipart::line_end};
use crate::{
    fault::Fault,
    limits::{MIME_FIELD_MAX_BYTES, MIME_HEADER_MAX_BYTES, MIME_PARAMETERS_MAX},
};

#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    /// Names without blanks and values still folded, in the order in which they stand there.
    fields: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Header<'a> {
    /// Reads the block at the start of `bytes`, and says where the body begins. Lines that belong to no field are stepped
    /// over; without a blank line there is no body.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Header<'a>, usize), Fault> {
        let mut fields = Vec::new();
        // Name, start and end of the value of the field that is being read.
        let mut open: Option<(&[u8], usize, usize)> = None;
        let mut at = 0;
        while at < bytes.len() {
            let end = line_end(bytes, at);
            if end > MIME_HEADER_MAX_BYTES {
                return Err(beyond(format!("a header is longer than {MIME_HEADER_MAX_BYTES} bytes")));
            }
            let line = bytes.get(at..end).unwrap_or_default();
            let folded = matches!(line, [b' ' | b'\t', ..]);
            if folded && let Some((_, _, value_end)) = &mut open {
                *value_end = end;
            }
            if !folded {
                fields.extend(open.take().map(|(name, start, end)| (name, bytes.get(start..end).unwrap_or_default())));
                if matches!(line, b"\n" | b"\r\n") {
                    return Ok((Header { fields }, end));
                }
                open = field_name(line).map(|(name, colon)| (name, at + colon + 1, end));
            }
            at = end;
        }
        fields.extend(open.map(|(name, start, end)| (name, bytes.get(start..end).unwrap_or_default())));
        Ok((Header { fields }, bytes.len()))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<String> {
        self.values(name).next().filter(|value| value.len() <= MIME_FIELD_MAX_BYTES).map(unfold)
    }

    /// The field of this name where there is one and no second: which of two a reader, or a signature, means is anybody's
    /// guess.
    pub(super) fn only(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        let value = values.next().filter(|value| value.len() <= MIME_FIELD_MAX_BYTES)?;
        values.next().is_none().then(|| unfold(value))
    }

    /// The first field of this name, that has parameters.
    pub(super) fn mime(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(value) = self.values(name).next() else { return Ok(None) };
        if value.len() > MIME_FIELD_MAX_BYTES {
            return Err(beyond(format!("a {name} field is longer than {MIME_FIELD_MAX_BYTES} bytes")));
        }
        if value.iter().filter(|byte| **byte == b';').count() > MIME_PARAMETERS_MAX {
            return Err(beyond(format!("a {name} field has more than {MIME_PARAMETERS_MAX} parameters")));
        }
        Ok(Some(unfold(value)))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.0.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.1)
    }
}

/// The name that a line begins with, and where its colon is. RFC 5322 §4.5.3: blanks before the colon are obsolete, and
/// read. Any other byte that cannot stand in a name (§3.6.8) makes it the name of nothing: a signature is looked for by the
/// names as they stand there, so a name that is mended here could be put above a signed one unseen.
fn field_name(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some((name, colon))
}

/// One line (RFC 5322 §2.2.3), in UTF-8 (RFC 6532) or else in Latin-1, which never fails.
fn unfold(value: &[u8]) -> String {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    };
    text.replace(['\r', '\n'], "").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Header<'_>, &[u8]) {
        let (header, body) = Header::read(bytes).unwrap();
        (header, &bytes[body..])
    }

    #[test]
    fn fields_are_found_whatever_stands_between_them() {
        let (header, body) = read(
            b" folded onto nothing\r\nA: 1\r\nno colon\n folded onto that\nSUBJECT : a\r\n\tb\n c\r\nb:\xfc\xff\nB: 2\n\r\nbody",
        );
        assert_eq!(header.first("a").as_deref(), Some("1"));
        assert_eq!(header.first("Subject").as_deref(), Some("a\tb c"));
        assert_eq!((header.first("B").as_deref(), header.only("B")), (Some("üÿ"), None));
        assert_eq!((header.has("b"), header.has("c")), (true, false));
        assert_eq!(body, b"body");
    }

    #[test]
    fn a_name_is_not_mended() {
        for line in [
            "\x0cContent-Type: b",
            "\rContent-Type: b",
            "\0Content-Type: b",
            "\u{feff}Content-Type: b",
            "\u{a0}Content-Type: b",
            "Content-Type\0: b",
            "Content-Type\u{b}: b",
            "x Content-Type: b",
            "x\rContent-Type: b",
            ": b\rContent-Type: b",
            " Content-Type: b",
            "\r",
        ] {
            let text = format!("{line}\r\n\tfolded: c\r\nContent-Type: a\r\n\r\nbody");
            let (header, body) = read(text.as_bytes());
            assert_eq!(header.only("Content-Type").as_deref(), Some("a"), "{line:?}");
            assert_eq!(body, b"body", "{line:?}");
        }
        assert_eq!(read(b"Content-Type \t\x0c: a").0.first("content-type").as_deref(), Some("a"));
    }

    #[test]
    fn a_body_begins_after_the_first_blank_line_only() {
        for (bytes, expected) in [
            (&b""[..], &b""[..]),
            (b"\r\nx", b"x"),
            (b"\nx", b"x"),
            (b"a: b", b""),
            (b"a: b\r\n \r\n\r\nx\n\ny", b"x\n\ny"),
            (b"\r", b""),
        ] {
            assert_eq!(read(bytes).1, expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_header_and_its_fields_have_bounds() {
        let long = [b"a: ".to_vec(), vec![b'x'; MIME_HEADER_MAX_BYTES]].concat();
        assert!(Header::read(&long).unwrap_err().detail.contains("262144"));
        let many = b"a:\n".repeat(MIME_HEADER_MAX_BYTES / 3 + 1);
        assert!(Header::read(&many).is_err());
        let field = [b"Content-Type: ".to_vec(), vec![b'x'; MIME_FIELD_MAX_BYTES], b"\n\n".to_vec()].concat();
        let (header, _) = read(&field);
        assert!(header.mime("Content-Type").unwrap_err().detail.contains("16384"));
        assert_eq!(header.first("content-type"), None);
        let field = [b"Content-Type: x".to_vec(), b";a=b".repeat(MIME_PARAMETERS_MAX + 1)].concat();
        assert!(read(&field).0.mime("content-type").unwrap_err().detail.contains("100"));
    }
}
