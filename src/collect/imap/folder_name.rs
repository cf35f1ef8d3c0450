//! Folder names on the wire: modified UTF-7 in a quoted string (RFC 3501 §5.1.3, §4.3).

use std::iter;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// The name as an argument of a command, quotation marks included. The name must not hold line ends.
pub(super) fn quoted(name: &str) -> String {
    quote(&encode(name))
}

/// Any text without line ends as a quoted string.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn encode(name: &str) -> String {
    let mut encoded = String::new();
    let mut rest = name;
    while let Some(char) = rest.chars().next() {
        let shifted = rest.find(|char: char| is_plain(char)).unwrap_or(rest.len());
        let (foreign, after) = rest.split_at(shifted);
        if foreign.is_empty() {
            encoded.push(char);
            // The shift character itself.
            encoded.extend((char == '&').then_some('-'));
            rest = after.get(char.len_utf8()..).unwrap_or_default();
            continue;
        }
        let units: Vec<u8> = foreign.encode_utf16().flat_map(u16::to_be_bytes).collect();
        encoded.extend(iter::once('&').chain(STANDARD_NO_PAD.encode(units).replace('/', ",").chars()).chain(['-']));
        rest = after;
    }
    encoded
}

/// The name for people. One that is not well-formed is shown as it stands.
pub(super) fn decode(name: &str) -> String {
    try_decode(name).unwrap_or_else(|| name.to_owned())
}

fn try_decode(name: &str) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        let (units, after) = shifted.split_once('-')?;
        decoded.push_str(plain);
        if units.is_empty() {
            decoded.push('&');
        } else {
            let bytes = STANDARD_NO_PAD.decode(units.replace(',', "/")).ok()?;
            let units = bytes.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair));
            decoded.extend(char::decode_utf16(units).collect::<Result<Vec<char>, _>>().ok()?);
        }
        rest = after;
    }
    decoded.push_str(rest);
    Some(decoded)
}

fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode("~peter/mail/&U,BTFw-/&ZeVnLIqe-"), "~peter/mail/台北/日本語");
        assert_eq!(encode("Tom & Jerry"), "Tom &- Jerry");
        assert_eq!(quoted("Größe \"a\\b\""), "\"Gr&APYA3w-e \\\"a\\\\b\\\"\"");
        assert_eq!(decode("broken &zz"), "broken &zz");
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(name in "\\PC{0,20}") {
            let encoded = encode(&name);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode(&encoded), name);
        }
    }
}
