//! Transfer encodings (RFC 2045 §6), read as loosely as they are written.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};

/// Whatever is in the last bits of the last byte's character: the length says how many bytes were meant.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit and binary, and whatever is not known.
    Identity,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// By the value of `Content-Transfer-Encoding`: any case, quotes and what follows the name aside.
    pub(super) fn named(value: Option<&str>) -> Encoding {
        let value = value.unwrap_or_default().trim_start_matches([' ', '\t', '"']);
        let name = value.split([' ', '\t', '"', '(', ';', '\0']).next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "base64" => Encoding::Base64,
            "quoted-printable" => Encoding::QuotedPrintable,
            _ => Encoding::Identity,
        }
    }

    /// The bytes, and whether base64 was not as RFC 2045 §6.8 has it. They are never more than the encoded ones.
    pub(super) fn decode(self, encoded: &[u8]) -> (Vec<u8>, bool) {
        match self {
            Encoding::Identity => (encoded.to_vec(), false),
            Encoding::QuotedPrintable => (quoted_printable(encoded), false),
            Encoding::Base64 => base64(encoded),
        }
    }
}

/// Characters outside the alphabet are dropped, padding ends the data, missing padding is no loss. What stands in a line
/// end or between blanks is no deviation.
fn base64(encoded: &[u8]) -> (Vec<u8>, bool) {
    let mut digits = Vec::with_capacity(encoded.len());
    let mut dropped = false;
    let mut padding = 0;
    for &byte in encoded {
        match byte {
            b'\r' | b'\n' | b' ' | b'\t' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits.push(byte),
            // After two or three of four digits only; elsewhere it is the soft line break of another encoding.
            b'=' if (digits.len() + padding) % 4 >= 2 => padding += 1,
            _ => dropped = true,
        }
    }
    // One digit alone holds six bits, no byte.
    if digits.len() % 4 == 1 {
        digits.pop();
        dropped = true;
    }
    let short = (digits.len() + padding) % 4 != 0;
    let bytes = BASE64.decode(&digits).expect("digits only, and never one alone");
    (bytes, dropped || short)
}

/// RFC 2045 §6.7. Line ends stay as they are; an equals sign that means nothing stands for itself.
fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded.len());
    for line in encoded.split_inclusive(|byte| *byte == b'\n') {
        let (text, end) = match line {
            [text @ .., b'\r', b'\n'] => (text, &b"\r\n"[..]),
            [text @ .., b'\n'] => (text, &b"\n"[..]),
            text => (text, &b""[..]),
        };
        // Blanks at the end of a line were added on the way (rule 3).
        let text = text.trim_ascii_end();
        let (mut text, end) = text.strip_suffix(b"=").map_or((text, end), |text| (text, &b""[..]));
        while let [first, rest @ ..] = text {
            let escaped = match text {
                [b'=', high, low, rest @ ..] => {
                    digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low, rest))
                }
                _ => None,
            };
            let (byte, rest) = escaped.unwrap_or((*first, rest));
            bytes.push(byte);
            text = rest;
        }
        bytes.extend_from_slice(end);
    }
    bytes
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_loosely() {
        for name in ["base64", "BASE64", " Base64 ", "base64 (as usual)", "\"base64\"", "base64;", "base64\t"] {
            assert_eq!(Encoding::named(Some(name)), Encoding::Base64, "{name}");
        }
        assert_eq!(Encoding::named(Some("Quoted-Printable ")), Encoding::QuotedPrintable);
        for name in [None, Some(""), Some("7bit"), Some("8bit"), Some("binary"), Some("x-uuencode"), Some("base64x")] {
            assert_eq!(Encoding::named(name), Encoding::Identity, "{name:?}");
        }
    }

    #[test]
    fn base64_is_read_as_far_as_it_goes() {
        let cases: [(&str, &str, bool); 15] = [
            ("aGVsbG8=", "hello", false),
            (" aGVs\r\n\tbG8=\r\n\r\n", "hello", false),
            ("aGVsbG8", "hello", true),
            ("aGVsbA=", "hell", true),
            ("aGVsbA==", "hell", false),
            ("aG!Vs\0bG8\u{fc}=", "hello", true),
            ("aGVsbG8==", "hello", true),
            ("aGVsbG8=\r\n-- \r\nlist footer", "hello", true),
            ("aGVs=\r\nbG8=", "hello", true),
            ("aGVsb", "hel", true),
            ("aGVsbG9=", "hello", false),
            ("", "", false),
            ("=", "", true),
            ("a", "", true),
            ("aGVsbG8!=", "hello", true),
        ];
        for (encoded, expected, sloppy) in cases {
            let (bytes, found) = Encoding::Base64.decode(encoded.as_bytes());
            assert_eq!((String::from_utf8(bytes).unwrap().as_str(), found), (expected, sloppy), "{encoded:?}");
        }
    }

    #[test]
    fn quoted_printable_keeps_line_ends_and_survives_nonsense() {
        for (encoded, expected) in [
            ("{=22a=22:=\r\n 1}=0D=0A\r\n", "{\"a\": 1}\r\n\r\n"),
            ("a =\nb  \nc=3d=3D \t= \n", "a b\nc== \t"),
            ("=", ""),
            ("=4", "=4"),
            ("=zz=C3=BC", "=zzü"),
            ("==3D", "=="),
            ("a=20\r\n", "a \r\n"),
        ] {
            let (bytes, sloppy) = Encoding::QuotedPrintable.decode(encoded.as_bytes());
            assert_eq!((String::from_utf8(bytes).unwrap().as_str(), sloppy), (expected, false), "{encoded:?}");
        }
    }
}
