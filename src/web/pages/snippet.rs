//! Looks into stored bytes for the operator: the unpacked document, and the place where reading stopped. Everything is bounded.

use serde::Serialize;

use crate::{
    decode::Document,
    limits::Limits,
    pipeline::stored_document,
    submission::{self, Channel, Hints},
};

/// Bytes shown on each side of a fault.
const AROUND: usize = 240;
const DUMP_ROW: usize = 16;
const DUMP_AROUND: usize = 48;
/// Bytes of a pretty-printed value shown.
const VALUE_MAX_BYTES: usize = 4 * 1024;
/// Bytes of a document in which a value is looked up: as a tree it takes many times more.
const VALUE_READ_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Bytes as they came, and what is needed to unpack them again.
#[derive(Debug, Clone)]
pub(crate) struct StoredBytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) channel: Channel,
    pub(crate) hints: Hints,
    /// Index of the report in them, where they hold several.
    pub(crate) element: Option<u32>,
}

impl StoredBytes {
    pub(crate) fn new(
        bytes: Vec<u8>,
        channel: Channel,
        media_type: Option<String>,
        content_encoding: Option<String>,
        element: Option<i32>,
    ) -> StoredBytes {
        StoredBytes {
            bytes,
            channel,
            hints: Hints { media_type, content_encoding, ..Hints::default() },
            element: element.and_then(|element| u32::try_from(element).ok()),
        }
    }

    fn is_mail(&self) -> bool {
        submission::is_mail(self.channel, self.hints.media_type.as_deref())
    }

    fn document(&self, limits: &Limits) -> Option<Document> {
        stored_document(&self.bytes, self.channel, &self.hints, self.element, limits).ok()
    }
}

/// What is to be seen where a fault lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Excerpt {
    /// What it is, in words.
    pub(crate) title: String,
    /// Text before the fault.
    pub(crate) before: String,
    /// The character or value at fault; may be empty.
    pub(crate) at: String,
    pub(crate) after: String,
}

/// The unpacked document, indented and otherwise as sent: members keep their order, numbers their digits. As it is where it is no
/// JSON or where indenting would make more than `max_bytes` of it. `None` where it cannot be unpacked.
pub(crate) fn pretty(stored: &StoredBytes, limits: &Limits, max_bytes: usize) -> Option<String> {
    let document = stored.document(limits)?;
    let text =
        String::from_utf8(document.json).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() {
        return Some(text);
    }
    Some(indent(&text, max_bytes).unwrap_or(text))
}

/// Indents valid JSON. `None` once it gets longer than `max_bytes`: deep nesting multiplies.
fn indent(json: &str, max_bytes: usize) -> Option<String> {
    let mut out = String::with_capacity(json.len().min(max_bytes));
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut last = ' ';
    for character in json.chars() {
        if out.len() > max_bytes {
            return None;
        }
        if in_string {
            out.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            last = character;
            continue;
        }
        let break_line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        };
        match character {
            ' ' | '\n' | '\r' | '\t' => continue,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !matches!(last, '{' | '[') {
                    break_line(&mut out, depth);
                }
                out.push(character);
            }
            _ => {
                if matches!(last, '{' | '[' | ',') {
                    break_line(&mut out, depth);
                }
                out.push(character);
                match character {
                    '"' => in_string = true,
                    '{' | '[' => depth += 1,
                    ':' => out.push(' '),
                    _ => {}
                }
            }
        }
        last = character;
    }
    Some(out)
}

/// Cuts a text to at most so many bytes, between characters; tells whether something was cut off.
pub(crate) fn cut(text: &mut String, max_bytes: usize) -> bool {
    if text.len() <= max_bytes {
        return false;
    }
    let mut end = max_bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    true
}

/// What lies at a place that was written down as `fault::Place` says it.
pub(crate) fn around(place: &str, stored: &StoredBytes, limits: &Limits) -> Option<Excerpt> {
    if let Some(rest) = place.strip_prefix("at byte ") {
        let (offset, unpacked) = match rest.split_once(' ') {
            Some((offset, _)) => (offset, true),
            None => (rest, false),
        };
        let offset: usize = offset.parse().ok()?;
        if !unpacked {
            return Some(dump(&stored.bytes, offset));
        }
        let document = stored.document(limits)?;
        return Some(text(&document.json, offset));
    }
    let pointer = place.strip_prefix("at ").filter(|pointer| pointer.starts_with('/')).unwrap_or("");
    let document = stored.document(limits)?;
    if document.json.len() > VALUE_READ_MAX_BYTES {
        return None;
    }
    value(&document.json, pointer)
}

/// How a download of these bytes is called.
pub(crate) fn extension(stored: &StoredBytes) -> &'static str {
    match &stored.bytes[..] {
        [0x1f, 0x8b, ..] => "json.gz",
        [b'P', b'K', ..] => "zip",
        _ if stored.is_mail() => "eml",
        _ => "json",
    }
}

fn text(json: &[u8], offset: usize) -> Excerpt {
    let offset = offset.min(json.len());
    let (from, to) = (offset.saturating_sub(AROUND), offset.saturating_add(AROUND).min(json.len()));
    let rest = String::from_utf8_lossy(&json[offset..to]).into_owned();
    let mut characters = rest.chars();
    let at: String = characters.next().into_iter().collect();
    Excerpt {
        title: format!("The unpacked document around byte {offset} of {}", json.len()),
        before: String::from_utf8_lossy(&json[from..offset]).into_owned(),
        at,
        after: characters.collect(),
    }
}

fn dump(bytes: &[u8], offset: usize) -> Excerpt {
    let offset = offset.min(bytes.len());
    let from = offset.saturating_sub(DUMP_AROUND) / DUMP_ROW * DUMP_ROW;
    let to = offset.saturating_add(DUMP_AROUND).min(bytes.len());
    let mut rows = String::new();
    for (row, chunk) in bytes[from..to].chunks(DUMP_ROW).enumerate() {
        let start = from + row * DUMP_ROW;
        let mark = if (start..start + chunk.len()).contains(&offset) { '>' } else { ' ' };
        let hex: String = chunk.iter().map(|byte| format!("{byte:02x} ")).collect();
        let plain: String = chunk
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        rows.push_str(&format!("{mark} {start:08x}  {hex:<48} {plain}\n"));
    }
    let title = format!("The bytes as received around byte {offset} of {}", bytes.len());
    Excerpt { title, before: rows, at: String::new(), after: String::new() }
}

fn value(json: &[u8], pointer: &str) -> Option<Excerpt> {
    let document: serde_json::Value = serde_json::from_slice(json).ok()?;
    let found = document.pointer(pointer);
    let (title, value) = match (found, pointer) {
        (Some(value), "") => ("The unpacked document".to_owned(), value),
        (Some(value), _) => (format!("The value at {pointer}"), value),
        (None, _) => {
            let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            (format!("There is no {pointer}; what is above it"), document.pointer(parent)?)
        }
    };
    let mut shown = serde_json::to_string_pretty(value).ok()?;
    let after = if cut(&mut shown, VALUE_MAX_BYTES) { "\n…".to_owned() } else { String::new() };
    Some(Excerpt { title, before: shown, at: String::new(), after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_is_in_the_middle() {
        let excerpt = text(b"{\"a\": x}", 6);
        assert_eq!((excerpt.before.as_str(), excerpt.at.as_str(), excerpt.after.as_str()), ("{\"a\": ", "x", "}"));
    }

    #[test]
    fn offsets_beyond_the_end_are_the_end() {
        assert_eq!(text(b"{", usize::MAX).at, "");
        assert!(dump(b"\x1f\x8b\x08", usize::MAX).before.contains("1f 8b 08"));
        assert_eq!(dump(b"", 7).before, "");
    }

    #[test]
    fn indenting_changes_nothing_else() {
        let json = r#"{"b": [1.50, {"a{": "x\\\"y, [}"}, []], "a": {}}"#;
        let indented = indent(json, 1_000).expect("short");
        assert_eq!(indented.lines().next(), Some("{"));
        assert!(
            indented.contains("\n  \"b\": [\n    1.50,\n    {\n      \"a{\": ")
                && indented.contains("[]\n  ],\n  \"a\": {}\n}"),
            "{indented}"
        );
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(read(&indented), read(json));
    }

    #[test]
    fn indenting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100), "[],".repeat(10_000));
        assert_eq!(indent(&deep, 100_000), None);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let mut long = "üü".to_owned();
        assert!(cut(&mut long, 3));
        assert_eq!(long, "ü");
    }

    #[test]
    fn a_missing_value_shows_what_is_above() {
        let excerpt = value(br#"{"date-range": {"start-datetime": "x"}}"#, "/date-range/end-datetime").expect("found");
        assert!(excerpt.title.starts_with("There is no /date-range/end-datetime"));
        assert!(excerpt.before.contains("start-datetime"));
    }
}
