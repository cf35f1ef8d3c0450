//! The values of a response: atoms, strings, literals and lists of them (RFC 3501 §4, §9).

use std::borrow::Cow;

/// Lists within lists. What is asked for here needs two.
const DEPTH_MAX: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ImapValue<'a> {
    Nil,
    Atom(&'a [u8]),
    Quoted(Vec<u8>),
    Literal(&'a [u8]),
    List(Vec<ImapValue<'a>>),
}

impl ImapValue<'_> {
    /// The content of anything but NIL and lists.
    pub(crate) fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            ImapValue::Atom(bytes) | ImapValue::Literal(bytes) => Some(Cow::Borrowed(bytes)),
            ImapValue::Quoted(bytes) => Some(Cow::Borrowed(bytes)),
            ImapValue::Nil | ImapValue::List(_) => None,
        }
    }
}

/// All values in a row, separated by spaces. `None` where one is malformed or something is left over.
pub(super) fn parse(bytes: &[u8]) -> Option<Vec<ImapValue<'_>>> {
    let mut cursor = Cursor(bytes);
    let values = cursor.values(0)?;
    cursor.0.is_empty().then_some(values)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Up to the end, or to a closing parenthesis.
    fn values(&mut self, depth: usize) -> Option<Vec<ImapValue<'a>>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut values = Vec::new();
        loop {
            match self.0 {
                [] | [b')', ..] => return Some(values),
                [b' ', rest @ ..] => self.0 = rest,
                _ => values.push(self.value(depth)?),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<ImapValue<'a>> {
        match self.0 {
            [b'(', rest @ ..] => {
                self.0 = rest;
                let values = self.values(depth + 1)?;
                self.0 = self.0.strip_prefix(b")")?;
                Some(ImapValue::List(values))
            }
            [b'"', rest @ ..] => {
                self.0 = rest;
                self.quoted()
            }
            [b'{', rest @ ..] => {
                self.0 = rest;
                self.literal()
            }
            _ => self.atom(),
        }
    }

    fn quoted(&mut self) -> Option<ImapValue<'a>> {
        let mut text = Vec::new();
        loop {
            match self.0 {
                [b'\\', byte, rest @ ..] => {
                    text.push(*byte);
                    self.0 = rest;
                }
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return Some(ImapValue::Quoted(text));
                }
                [byte, rest @ ..] => {
                    text.push(*byte);
                    self.0 = rest;
                }
                [] => return None,
            }
        }
    }

    fn literal(&mut self) -> Option<ImapValue<'a>> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(digits)?;
        let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let rest = rest.strip_prefix(b"+").unwrap_or(rest).strip_prefix(b"}")?;
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
        let (literal, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(ImapValue::Literal(literal))
    }

    /// `BODY[HEADER.FIELDS (DATE)]` is one atom: nothing ends it within brackets.
    fn atom(&mut self) -> Option<ImapValue<'a>> {
        let mut brackets = 0usize;
        let mut length = 0;
        for byte in self.0 {
            match byte {
                b'[' => brackets += 1,
                b']' => brackets = brackets.saturating_sub(1),
                b' ' | b'(' | b')' | b'"' if brackets == 0 => break,
                b'\r' | b'\n' => return None,
                _ => {}
            }
            length += 1;
        }
        let (atom, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        match atom {
            [] => None,
            atom if atom.eq_ignore_ascii_case(b"NIL") => Some(ImapValue::Nil),
            atom => Some(ImapValue::Atom(atom)),
        }
    }
}
