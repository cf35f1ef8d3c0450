//! Members nobody reads: checked like all others, in one pass, and nothing of them is kept.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{JsonKind, Reader, byte_of, names::Names, without_position};
use crate::{
    fault::{Fault, FaultCode},
    limits::JSON_DEPTH_MAX,
};

impl<'a> Reader<'a> {
    /// Checks the value the reader stands before and returns it as written.
    pub(crate) fn skip(&mut self) -> Result<&'a str, Fault> {
        match self.kind() {
            JsonKind::Number | JsonKind::Bool | JsonKind::Null => Ok(self.value),
            JsonKind::String => self.string().map(|_| self.value),
            JsonKind::Object | JsonKind::Array => self.check().map(|()| self.value),
        }
    }

    /// The fault of a document that is nested too deep before it is broken: that is what its sender should hear.
    pub(super) fn depth_fault(&mut self) -> Option<Fault> {
        self.check().err().filter(|fault| fault.code == FaultCode::TooDeep)
    }

    fn check(&mut self) -> Result<(), Fault> {
        let mut found = None;
        let unread = Unread { depth: self.depth, string_max_bytes: self.string_max_bytes, found: &mut found };
        let Err(error) = unread.deserialize(&mut serde_json::Deserializer::from_str(self.value)) else { return Ok(()) };
        let stopped = self.at() + byte_of(self.value, &error) + 1;
        match found {
            Some((code, detail)) => Err(self.fault_before(code, detail, stopped)),
            // A number nobody reads may have any magnitude.
            None if error.to_string().starts_with("number out of range") => Ok(()),
            // The grammar was checked before: what is left to go wrong is half of a surrogate pair.
            None => Err(self.fault_before(FaultCode::BadEncoding, without_position(&error), stopped)),
        }
    }
}

/// Walks any value.
struct Unread<'f> {
    depth: usize,
    string_max_bytes: usize,
    found: &'f mut Option<(FaultCode, String)>,
}

impl Unread<'_> {
    fn below(&mut self) -> Unread<'_> {
        Unread { depth: self.depth, string_max_bytes: self.string_max_bytes, found: self.found }
    }

    fn descend<E: Error>(&mut self) -> Result<(), E> {
        if self.depth == JSON_DEPTH_MAX {
            let detail = format!("objects and arrays lie more than {JSON_DEPTH_MAX} levels deep");
            return Err(self.fail(FaultCode::TooDeep, detail));
        }
        self.depth += 1;
        Ok(())
    }

    fn fail<E: Error>(&mut self, code: FaultCode, detail: String) -> E {
        *self.found = Some((code, detail));
        E::custom("a fault of ours")
    }
}

impl<'de> DeserializeSeed<'de> for Unread<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unread<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if text.len() <= self.string_max_bytes {
            return Ok(());
        }
        let bound = self.string_max_bytes;
        let detail = format!("a string is longer than {bound} bytes, the bound is `json_string_max_bytes`");
        Err(self.fail(FaultCode::StringTooLong, detail))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        self.descend()?;
        while elements.next_element_seed(self.below())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.descend()?;
        let mut names = Names::default();
        while let Some(MemberName(name)) = members.next_key()? {
            self.below().visit_str::<A::Error>(&name)?;
            names.add(name).map_err(|(code, detail)| self.fail(code, detail))?;
            members.next_value_seed(self.below())?;
        }
        Ok(())
    }
}

/// A member name, borrowed where it is written without escapes.
struct MemberName<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MemberName<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = MemberName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
