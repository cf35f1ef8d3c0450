//! Lists of texts: `policy-string` and `mx-host`.

use super::WireReading;
use crate::{
    fault::{Fault, FaultCode},
    limits::{DOCUMENT_ELEMENTS_MAX, POLICY_ELEMENTS_MAX},
    report::json::{JsonField, JsonKind, Reader},
};

/// What stands where an array of strings belongs.
#[derive(Debug)]
pub(crate) struct List<'a> {
    pub at: usize,
    pub shape: Shape,
    pub items: Vec<JsonField<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Absent,
    Null,
    Array,
    /// One value that is no array.
    Single,
}

impl<'a> List<'a> {
    pub(crate) fn absent(at: usize) -> List<'a> {
        List { at, shape: Shape::Absent, items: Vec::new() }
    }

    /// Missing, null, `[]`, or nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.items.iter().all(JsonField::is_blank)
    }
}

impl WireReading<'_> {
    pub(crate) fn list<'a>(&mut self, slot: &mut List<'a>, exact: bool, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if !exact && slot.shape != Shape::Absent {
            return reader.skip().map(drop);
        }
        let at = reader.at();
        let mut list = List { at, shape: Shape::Array, items: Vec::new() };
        match reader.kind() {
            JsonKind::Array => reader.array(|reader, index| {
                let at = reader.at();
                self.count_element(reader, index, at)?;
                list.items.push(reader.field()?);
                Ok(())
            })?,
            JsonKind::Null => {
                reader.skip()?;
                list.shape = Shape::Null;
            }
            _ => {
                list.shape = Shape::Single;
                list.items.push(reader.field()?);
            }
        }
        *slot = list;
        Ok(())
    }

    fn count_element(&mut self, reader: &Reader<'_>, index: usize, at: usize) -> Result<(), Fault> {
        if index == POLICY_ELEMENTS_MAX {
            let detail = format!("a list has more than {POLICY_ELEMENTS_MAX} elements");
            return Err(reader.fault(FaultCode::TooManyElements, detail, at));
        }
        self.count_elements(reader, 1, at)
    }

    /// Counts elements of all lists of the document, also those that come out of one text.
    pub(crate) fn count_elements(&mut self, reader: &Reader<'_>, count: usize, at: usize) -> Result<(), Fault> {
        self.elements += count;
        if self.elements > DOCUMENT_ELEMENTS_MAX {
            let detail = format!("all lists together have more than {DOCUMENT_ELEMENTS_MAX} elements");
            return Err(reader.fault(FaultCode::TooManyElements, detail, at));
        }
        Ok(())
    }
}
