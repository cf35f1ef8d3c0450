//! What a file is, by its first bytes. Its name helps only where a mail has no field that we know.

use crate::decode::{begins_json_in_utf16, mail::is_header};

pub(super) use crate::decode::mail::after_from_line;

/// Bytes that are looked at.
pub(super) const SNIFF_BYTES: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileContent {
    /// Gzip or JSON: the decoder's.
    Document,
    /// Zip: the decoder's where it holds one document, else opened here.
    Zip,
    /// A mail (RFC 5322).
    Mail,
    /// Mails one after the other, each behind a line `From ` (RFC 4155).
    Mbox,
    Other,
}

/// Says what begins with these bytes. `named_mail` is set where the name says that it is a mail: then any field will do.
pub(super) fn sniff(start: &[u8], named_mail: bool) -> FileContent {
    // Some editors leave a byte order mark before JSON.
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if start.starts_with(b"\x1f\x8b") || matches!(first, Some(b'{' | b'[')) || begins_json_in_utf16(start) {
        FileContent::Document
    } else if start.starts_with(b"PK\x03\x04") {
        FileContent::Zip
    } else if after_from_line(start).is_some_and(|rest| is_header(rest, true)) {
        FileContent::Mbox
    } else if is_header(start, named_mail) {
        FileContent::Mail
    } else {
        FileContent::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> FileContent {
        sniff(text.as_bytes(), false)
    }

    #[test]
    fn mail_is_known_by_its_header() {
        for mail in [
            "Received: from mx.example.net\n\tby mx.example.com; Mon, 1 Jan 2024 00:00:00 +0000\nFrom: a@example.net\n",
            "Return-Path: <a@example.net>\r\nX-Original-To: b@example.com\r\n",
            "DKIM-Signature: v=1; a=rsa-sha256; no line ends in sight",
            "X-Gmail-Labels: reports\n",
            "subject : blanks before the colon\n",
            "Unheard-Of: yes\nFrom: a@example.net\n\nText",
            "From: a@example.net\n>From nobody\nTo: b@example.com\n",
        ] {
            assert_eq!(is(mail), FileContent::Mail, "{mail}");
        }
        for other in
            ["", "\n", "Dear all,\n", "HTTP/1.1 200 OK\nDate: now\n", " From: a\n", "a b: c\n", "Note: x\n", ": y\n"]
        {
            assert_eq!(is(other), FileContent::Other, "{other}");
        }
        assert_eq!(sniff(b"Note: x\n", true), FileContent::Mail);
        assert_eq!(sniff(b"Dear all,\n", true), FileContent::Other);
    }

    #[test]
    fn an_mbox_is_a_from_line_before_a_header() {
        assert_eq!(is("From a@example.net Mon Jan  1 00:00:00 2024\nAny-Field: x\n"), FileContent::Mbox);
        assert_eq!(is("From - Mon Jan  1 00:00:00 2024\r\nReceived: x\r\n"), FileContent::Mbox);
        assert_eq!(is("From here on it is about flowers.\nAnd bees.\n"), FileContent::Other);
        assert_eq!(is("From here on"), FileContent::Other);
    }

    #[test]
    fn documents_are_known_by_their_first_bytes() {
        assert_eq!(is("\u{feff}\r\n {\"From\": 1}"), FileContent::Document);
        assert_eq!(is("["), FileContent::Document);
        assert_eq!(sniff(b"\xff\xfe\r\0\n\0{\0", false), FileContent::Document);
        assert_eq!(sniff(b"\xfe\xff\0[", false), FileContent::Document);
        assert_eq!(sniff(b"\xff\xfe\0\0{\0\0\0", false), FileContent::Other, "UTF-32");
        assert_eq!(sniff(b"\x1f\x8b\x08", true), FileContent::Document);
        assert_eq!(sniff(b"PK\x03\x04", true), FileContent::Zip);
    }
}
