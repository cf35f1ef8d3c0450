//! Strings: a slice of the document where nothing is escaped, else what serde_json makes of them.

use std::borrow::Cow;

use super::Reader;
use crate::fault::{Fault, FaultCode};

impl<'a> Reader<'a> {
    /// The string the reader stands before, unescaped.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.unescape(self.value)
    }

    /// A string of the document, given with its quotes. U+0000 becomes U+FFFD, because what reads strings by their NUL would
    /// cut it there.
    pub(super) fn unescape(&mut self, quoted: &'a str) -> Result<Cow<'a, str>, Fault> {
        let at = self.offset_of(quoted);
        let plain = &quoted[1..quoted.len() - 1];
        let text = if plain.contains('\\') {
            // The grammar was checked before: what is left to go wrong is half of a surrogate pair (RFC 7493 §2.1).
            let text: String = serde_json::from_str(quoted).map_err(|_| {
                self.fault(FaultCode::BadEncoding, "half of a surrogate pair stands alone (RFC 7493 §2.1)", at)
            })?;
            Cow::Owned(self.without_nul(text, at))
        } else {
            Cow::Borrowed(plain)
        };
        if text.len() > self.string_max_bytes {
            let bound = self.string_max_bytes;
            let detail = format!("a string is longer than {bound} bytes, the bound is `json_string_max_bytes`");
            return Err(self.fault(FaultCode::StringTooLong, detail, at));
        }
        Ok(text)
    }

    fn without_nul(&mut self, text: String, at: usize) -> String {
        if !text.contains('\0') {
            return text;
        }
        self.nuls.get_or_insert((0, at)).0 += 1;
        text.replace('\0', "\u{fffd}")
    }
}
