//! Free text: kept as it is, escaping is the output's business.

use std::borrow::Cow;

use crate::report::{
    Deviation,
    json::{JsonField, JsonValue},
    notes::Notes,
};

/// A text without surrounding white space; `None` where there is none. A number keeps its digits.
pub(super) fn text(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    read(field, notes).and_then(trimmed)
}

/// A text as sent; `None` where there is nothing but white space.
pub(super) fn verbatim(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    read(field, notes).filter(|text| !text.trim().is_empty()).map(Cow::into_owned)
}

fn read<'a>(field: JsonField<'a>, notes: &mut Notes) -> Option<Cow<'a, str>> {
    match field.value {
        JsonValue::Absent | JsonValue::Null => None,
        JsonValue::Text(text) => Some(text),
        JsonValue::Number(number) => {
            notes.add(Deviation::Type, field.at);
            Some(Cow::Borrowed(number))
        }
        JsonValue::Bool | JsonValue::Nested(_) => {
            notes.add(Deviation::Type, field.at);
            None
        }
    }
}

pub(super) fn trimmed(text: Cow<'_, str>) -> Option<String> {
    let inner = text.trim();
    if inner.is_empty() {
        None
    } else if inner.len() == text.len() {
        Some(text.into_owned())
    } else {
        Some(inner.to_owned())
    }
}

/// Cuts to at most `max_bytes`, between characters.
pub(super) fn cut(text: &mut String, max_bytes: usize) -> bool {
    if text.len() <= max_bytes {
        return false;
    }
    text.truncate(text.floor_char_boundary(max_bytes));
    true
}

/// A name from a short list, such as a policy type: lower case, noted where it was not.
pub(super) fn keyword(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    let at = field.at;
    let written = match &field.value {
        JsonValue::Text(text) => text.len(),
        _ => 0,
    };
    let mut keyword = text(field, notes)?;
    let padded = written != 0 && written != keyword.len();
    let upper = keyword.bytes().any(|byte| byte.is_ascii_uppercase());
    if padded || upper {
        notes.add(Deviation::Case, at);
        keyword.make_ascii_lowercase();
    }
    Some(keyword)
}
