//! What stands where a single value belongs.

use std::borrow::Cow;

use super::{Kind, Reader};
use crate::fault::Fault;

/// A value and where it begins. A member that is missing has the offset of its object.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    pub value: Value<'a>,
    pub at: usize,
}

#[derive(Debug, Clone, Default)]
pub enum Value<'a> {
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

impl<'a> Field<'a> {
    pub fn absent(at: usize) -> Field<'a> {
        Field { value: Value::Absent, at }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self.value, Value::Absent)
    }

    /// Missing, null, or a text of nothing but white space.
    pub fn is_blank(&self) -> bool {
        match &self.value {
            Value::Absent | Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

impl<'a> Reader<'a> {
    pub fn field(&mut self) -> Result<Field<'a>, Fault> {
        let value = match self.kind() {
            Kind::String => Value::Text(self.string()?),
            Kind::Number => Value::Number(self.text()),
            Kind::Object | Kind::Array => Value::Nested(self.skip()?),
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool,
        };
        Ok(Field { value, at: self.at() })
    }
}
