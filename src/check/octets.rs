//! Octets of strangers in JSON that people read: text as it is, everything else as `\xNN`. Reads back to the same octets.

use std::fmt::Write as _;

/// As text: visible ASCII and line ends as they are, a backslash doubled, other octets as `\xNN`.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\n' | b'\r' | b'\t' | b' '..=b'~' => text.push(char::from(*byte)),
            // Writing to a text cannot fail.
            _ => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text
}

/// The octets that `shown` was given; what it cannot have written stays as it is.
pub fn read(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let octet = after.strip_prefix(b"x").and_then(|digits| digits.get(..2));
        let octet = octet.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, after.first(), octet) {
            (b'\\', Some(b'\\'), _) => {
                bytes.push(b'\\');
                rest = &after[1..];
            }
            (b'\\', _, Some(octet)) => {
                bytes.push(octet);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// A field of octets, for serde.
pub mod in_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::shown(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Ok(super::read(&String::deserialize(deserializer)?))
    }
}

/// Records with their strings, for serde.
pub mod records_in_text {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::check::observed::Seen;

    type Records = Vec<Vec<Vec<u8>>>;

    pub fn serialize<S: Serializer>(records: &Seen<Records>, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = |records: &Records| -> Vec<Vec<String>> {
            records.iter().map(|strings| strings.iter().map(|string| super::shown(string)).collect()).collect()
        };
        let seen = match records {
            Seen::Found(records) => Seen::Found(shown(records)),
            Seen::Nothing => Seen::Nothing,
            Seen::Unknown(why) => Seen::Unknown(why.clone()),
        };
        seen.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seen<Records>, D::Error> {
        let read = |records: Vec<Vec<String>>| -> Records {
            records.iter().map(|strings| strings.iter().map(|string| super::read(string)).collect()).collect()
        };
        Ok(match Seen::<Vec<Vec<String>>>::deserialize(deserializer)? {
            Seen::Found(records) => Seen::Found(read(records)),
            Seen::Nothing => Seen::Nothing,
            Seen::Unknown(why) => Seen::Unknown(why),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{read, shown};

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(shown(b"v=STSv1; \xef\xbb\xbf\0\\\n"), "v=STSv1; \\xef\\xbb\\xbf\\x00\\\\\n");
        assert_eq!(read("\\x4"), b"\\x4", "what this never writes stays as it is");
    }

    proptest! {
        #[test]
        fn octets_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(read(&shown(&bytes)), bytes);
        }
    }
}
