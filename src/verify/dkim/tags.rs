//! Tag lists (RFC 6376 §3.2), of which signatures and keys are made.

use std::{collections::BTreeSet, ops::Range};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Names to values, in order. No name stands twice; names are told apart by case.
#[derive(Debug)]
pub(super) struct Tags<'a>(Vec<Tag<'a>>);

#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    /// Without the whitespace around it.
    value: &'a str,
    /// Where the value stands in the list, with the whitespace around it.
    span: Range<usize>,
}

impl<'a> Tags<'a> {
    /// The error says what is wrong with the list.
    pub(super) fn read(text: &'a str) -> Result<Tags<'a>, &'static str> {
        let mut tags = Vec::new();
        let mut names = BTreeSet::new();
        let mut at = 0;
        let mut segments = text.split(';').peekable();
        while let Some(segment) = segments.next() {
            let start = at;
            at += segment.len() + 1;
            if segments.peek().is_none() && trim(segment).is_empty() && !tags.is_empty() {
                break;
            }
            let (name, value) = segment.split_once('=').ok_or("a tag without a value")?;
            let span = start + name.len() + 1..start + segment.len();
            let name = trim(name);
            if !is_name(name) {
                return Err("a tag without a proper name");
            }
            if !names.insert(name) {
                return Err("a tag that stands twice");
            }
            tags.push(Tag { name, value: trim(value), span });
        }
        Ok(Tags(tags))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|tag| tag.value)
    }

    /// Where the value stands in the text that was read, with the whitespace around it.
    pub(super) fn span(&self, name: &str) -> Option<Range<usize>> {
        self.find(name).map(|tag| tag.span.clone())
    }

    fn find(&self, name: &str) -> Option<&Tag<'a>> {
        self.0.iter().find(|tag| tag.name == name)
    }
}

/// The elements of a list with colons.
pub(super) fn elements(value: &str) -> impl Iterator<Item = &str> {
    value.split(':').map(trim)
}

/// Base64, which may be folded; with or without padding. `None` where it is none.
pub(super) fn base64(value: &str) -> Option<Vec<u8>> {
    BASE64.decode(value.split_ascii_whitespace().collect::<String>()).ok()
}

/// RFC 6376 §3.5 gives numbers at most twelve digits.
pub(super) fn number(value: &str) -> Option<i64> {
    let is_number = (1..=12).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().ok()).flatten()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Without folding whitespace on both sides.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_values_and_places() {
        let text = " v=1 ; a =\r\n\trsa-sha256;b= a=\r\n b ;empty=;";
        let tags = Tags::read(text).unwrap();
        assert_eq!((tags.get("v"), tags.get("a"), tags.get("empty")), (Some("1"), Some("rsa-sha256"), Some("")));
        assert_eq!(tags.get("b"), Some("a=\r\n b"));
        assert_eq!(&text[tags.span("b").unwrap()], " a=\r\n b ");
        assert_eq!((tags.get("B"), tags.get("c")), (None, None));
    }

    #[test]
    fn a_malformed_list_is_none() {
        for text in ["", ";", "a", "a=1;;b=2", "a=1;a=2", "a=1; =2", "1a=1", "a b=1", "a=1;b", "=", "\u{e9}=1"] {
            assert!(Tags::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_and_base64_have_bounds() {
        assert_eq!((number("0"), number("999999999999")), (Some(0), Some(999_999_999_999)));
        for text in ["", "-1", "+1", "1 2", "1000000000000"] {
            assert_eq!(number(text), None, "{text:?}");
        }
        assert_eq!(base64("aGVs\r\n bG8"), Some(b"hello".to_vec()));
        assert_eq!(base64("aGVs*bG8="), None);
    }
}
