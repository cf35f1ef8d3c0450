//! What stands where a single value belongs.

use std::borrow::Cow;

use super::{JsonKind, Reader};
use crate::fault::Fault;

/// A value and where it begins. A member that is missing has the offset of its object.
#[derive(Debug, Clone)]
pub(crate) struct JsonField<'a> {
    pub value: JsonValue<'a>,
    pub at: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) enum JsonValue<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    /// As written.
    Number(&'a str),
    Bool,
    /// An object or array, as written.
    Nested(&'a str),
}

impl<'a> JsonField<'a> {
    pub(crate) fn absent(at: usize) -> JsonField<'a> {
        JsonField { value: JsonValue::Absent, at }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.value, JsonValue::Absent)
    }

    /// Missing, null, or a text of nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        match &self.value {
            JsonValue::Absent | JsonValue::Null => true,
            JsonValue::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn field(&mut self) -> Result<JsonField<'a>, Fault> {
        let value = match self.kind() {
            JsonKind::String => JsonValue::Text(self.string()?),
            JsonKind::Number => JsonValue::Number(self.text()),
            JsonKind::Object | JsonKind::Array => JsonValue::Nested(self.skip()?),
            JsonKind::Null => JsonValue::Null,
            JsonKind::Bool => JsonValue::Bool,
        };
        Ok(JsonField { value, at: self.at() })
    }
}
