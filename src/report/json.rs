//! JSON (RFC 8259) under the rules of I-JSON (RFC 7493), within bounds, on serde_json.
//!
//! serde_json checks the whole document first; then each value is read where it stands, as the text serde_json delimits for
//! it. So every place may hold anything (`1e400`, an object where a number belongs) without failing the report or being
//! taken for something else, and every fault has a place. What serde_json does not do is done here: a member name may stand
//! only once, also in members nobody reads, and depth, members and strings are bounded.
//!
//! Nothing is allocated for a value that is written without escapes. The caller bounds the elements of its arrays.

mod names;
mod pointer;
mod string;
mod unread;
mod value;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer as _,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    fault::{Fault, FaultCode, FaultPlace, Layer},
    limits::JSON_DEPTH_MAX,
};
use names::Names;
pub(super) use value::{JsonField, JsonValue};

/// Stands before one value of a document that is known to be well-formed.
pub(super) struct Reader<'a> {
    document: &'a str,
    /// The value, without blanks around it.
    value: &'a str,
    depth: usize,
    string_max_bytes: usize,
    /// How many strings held U+0000 and where the first of them begins.
    nuls: Option<(u64, usize)>,
    /// Where pointers are looked for from, and the pointer of that place.
    origin: (usize, String),
}

/// What kind of value comes next, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// The name of a member, and where it stands.
pub(super) struct Name<'a> {
    pub text: Cow<'a, str>,
    pub at: usize,
}

impl<'a> Reader<'a> {
    /// Checks the document's grammar and stands before its one value.
    pub(super) fn open(document: &'a str, string_max_bytes: usize) -> Result<Reader<'a>, Fault> {
        let mut reader =
            Reader { document, value: document, depth: 0, string_max_bytes, nuls: None, origin: (0, String::new()) };
        match serde_json::from_str::<&RawValue>(document) {
            Ok(value) => {
                reader.value = value.get();
                Ok(reader)
            }
            Err(error) => Err(reader.depth_fault().unwrap_or_else(|| {
                let place = FaultPlace::Byte { offset: byte_of(document, &error) as u64, of: Layer::Unpacked };
                Fault::new(FaultCode::BadJson, without_position(&error), place)
            })),
        }
    }

    /// Offset of the value, in bytes.
    pub(super) fn at(&self) -> usize {
        self.offset_of(self.value)
    }

    /// The value as written.
    pub(super) fn text(&self) -> &'a str {
        self.value
    }

    pub(super) fn kind(&self) -> JsonKind {
        match self.value.as_bytes().first() {
            Some(b'{') => JsonKind::Object,
            Some(b'[') => JsonKind::Array,
            Some(b'"') => JsonKind::String,
            Some(b't' | b'f') => JsonKind::Bool,
            Some(b'n') => JsonKind::Null,
            _ => JsonKind::Number,
        }
    }

    /// Reads an object. `member` is called for each member, its reader standing before the value.
    pub(super) fn object(
        &mut self,
        member: impl FnMut(&mut Reader<'a>, &Name<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.descend(|reader, fault| {
            let value = reader.value;
            serde_json::Deserializer::from_str(value).deserialize_map(Members { reader, member, fault })
        })
    }

    /// Reads an array. `element` is called for each element with its index, its reader standing before it.
    pub(super) fn array(
        &mut self,
        element: impl FnMut(&mut Reader<'a>, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.descend(|reader, fault| {
            let value = reader.value;
            serde_json::Deserializer::from_str(value).deserialize_seq(Elements { reader, element, fault })
        })
    }

    /// Strings with U+0000 since the last call: how many, and where the first of them begins.
    pub(super) fn take_nuls(&mut self) -> Option<(u64, usize)> {
        self.nuls.take()
    }

    /// Faults and notes from here on lie in this value, whose pointer this is: to find theirs, what stands before it need
    /// not be walked through, again and again for each report of a long array.
    pub(super) fn set_origin(&mut self, pointer: String) {
        self.origin = (self.at(), pointer);
    }

    /// The pointers of values or member names, by their offsets in ascending order.
    pub(super) fn pointers(&self, offsets: &[usize]) -> Vec<String> {
        let (start, origin) = &self.origin;
        let offsets: Vec<usize> = offsets.iter().map(|offset| offset.saturating_sub(*start)).collect();
        let inside = pointer::at_each(&self.document[*start..], &offsets);
        inside.into_iter().map(|inside| [origin.as_str(), &inside].concat()).collect()
    }

    /// A fault at a value, found by its offset.
    pub(super) fn fault(&self, code: FaultCode, detail: impl Into<String>, at: usize) -> Fault {
        Fault::new(code, detail, FaultPlace::Path(self.pointers(&[at]).pop().unwrap_or_default()))
    }

    /// A fault at what was read last before this offset.
    fn fault_before(&self, code: FaultCode, detail: impl Into<String>, offset: usize) -> Fault {
        let (start, _) = self.origin;
        let at = start + pointer::last_before(&self.document[start..], offset.saturating_sub(start));
        self.fault(code, detail, at)
    }

    /// One level down and back up. serde_json's errors carry no fault of ours, so that travels beside them.
    fn descend(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>, &mut Option<Fault>) -> Result<(), serde_json::Error>,
    ) -> Result<(), Fault> {
        let value = self.value;
        if self.depth == JSON_DEPTH_MAX {
            return Err(self.too_deep(self.at()));
        }
        self.depth += 1;
        let mut fault = None;
        let result = read(self, &mut fault);
        self.depth -= 1;
        self.value = value;
        result.map_err(|error| {
            fault.unwrap_or_else(|| self.fault(FaultCode::BadJson, without_position(&error), self.at()))
        })
    }

    fn too_deep(&self, at: usize) -> Fault {
        let detail = format!("objects and arrays lie more than {JSON_DEPTH_MAX} levels deep");
        self.fault(FaultCode::TooDeep, detail, at)
    }

    /// Where a part of the document begins in it.
    fn offset_of(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.document.as_ptr() as usize
    }
}

/// Feeds the members of an object to a closure.
struct Members<'r, 'a, F> {
    reader: &'r mut Reader<'a>,
    member: F,
    fault: &'r mut Option<Fault>,
}

impl<'a, F> Members<'_, 'a, F>
where
    F: FnMut(&mut Reader<'a>, &Name<'a>) -> Result<(), Fault>,
{
    fn take(&mut self, names: &mut Names<'a>, name: &'a str, value: &'a str) -> Result<(), Fault> {
        let at = self.reader.offset_of(name);
        let name = Name { text: self.reader.unescape(name)?, at };
        names.add(name.text.clone()).map_err(|(code, detail)| self.reader.fault(code, detail, at))?;
        self.reader.value = value;
        (self.member)(self.reader, &name)
    }
}

impl<'a, F> Visitor<'a> for Members<'_, 'a, F>
where
    F: FnMut(&mut Reader<'a>, &Name<'a>) -> Result<(), Fault>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::default();
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if let Err(fault) = self.take(&mut names, name.get(), value.get()) {
                *self.fault = Some(fault);
                return Err(A::Error::custom("a fault of ours"));
            }
        }
        Ok(())
    }
}

/// Feeds the elements of an array to a closure.
struct Elements<'r, 'a, F> {
    reader: &'r mut Reader<'a>,
    element: F,
    fault: &'r mut Option<Fault>,
}

impl<'a, F> Visitor<'a> for Elements<'_, 'a, F>
where
    F: FnMut(&mut Reader<'a>, usize) -> Result<(), Fault>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(value) = elements.next_element::<&RawValue>()? {
            self.reader.value = value.get();
            if let Err(fault) = (self.element)(self.reader, index) {
                *self.fault = Some(fault);
                return Err(A::Error::custom("a fault of ours"));
            }
            index += 1;
        }
        Ok(())
    }
}

/// serde_json counts lines and columns, from 1; we count bytes, from 0.
fn byte_of(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line_start = match lines_before {
        0 => 0,
        _ => text.match_indices('\n').nth(lines_before - 1).map_or(text.len(), |(at, _)| at + 1),
    };
    let at = (line_start + error.column().saturating_sub(1)).min(text.len());
    // For a raw control character the column is that of the byte before it.
    match error.to_string().starts_with("control character") {
        true => text
            .as_bytes()
            .get(at..)
            .and_then(|rest| rest.iter().position(u8::is_ascii_control))
            .map_or(at, |ahead| at + ahead),
        false => at,
    }
}

/// The message alone: the place is told in bytes.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}
