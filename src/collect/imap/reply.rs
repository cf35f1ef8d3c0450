//! One response of an IMAP server, taken apart (RFC 3501 §7, §9). Pure: bytes in, values out; what makes no sense is `None`
//! and costs nothing but itself.

// Named, because the fuzz targets take this file by its path.
#[path = "reply/value.rs"]
mod value;

use std::fmt;

use chrono::{DateTime, Utc};

pub(super) use value::ImapValue;

use crate::text::visible;

/// Characters of a server's words that are shown.
const SHOWN_MAX_CHARS: usize = 200;

/// A whole response, its literals included.
#[derive(Debug)]
pub(super) enum ImapReply {
    /// `+ …`: the server waits for the rest of a command.
    Continue(String),
    Status(ImapStatus),
    /// `* …`, anything but a status.
    Data(Data),
}

/// `OK`, `NO`, `BAD`, `BYE` or `PREAUTH` (RFC 3501 §7.1).
#[derive(Debug)]
pub(super) struct ImapStatus {
    /// The tag of the command that ends with it; `None` for `*`.
    pub tag: Option<String>,
    pub word: ReplyWord,
    /// What stands in brackets, such as `UIDVALIDITY 7`.
    pub code: Option<String>,
    /// Words for people, made visible and cut.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyWord {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// An untagged response without its line end.
pub(super) struct Data(Vec<u8>);

/// What a FETCH response tells of one mail, as far as it was asked for (RFC 3501 §7.4.2).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub uid: Option<u32>,
    pub size_bytes: Option<u64>,
    pub internal_date: Option<DateTime<Utc>>,
    /// The whole mail; `None` where the server says NIL, which is no mail of no bytes.
    pub body: Option<Vec<u8>>,
}

/// The length of the literal that a response goes on with, where its line ends with `{length}`. A status ends with words for
/// people, which announce nothing. `line` is what follows the response's last literal.
pub(super) fn announced_literal(response: &[u8], line: &[u8]) -> Option<u64> {
    let line = trim_end(line).strip_suffix(b"}")?;
    if word_of(response.strip_prefix(b"* ")?).is_some() {
        return None;
    }
    let line = line.strip_suffix(b"+").unwrap_or(line);
    let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, digits) = line.split_at(line.len() - digits);
    if digits.is_empty() || !before.ends_with(b"{") {
        return None;
    }
    // More digits than fit are more bytes than anybody takes.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

impl ImapReply {
    /// Takes a whole response with its line end. What is no IMAP comes back, as it may be shown.
    pub(super) fn parse(response: Vec<u8>) -> Result<ImapReply, String> {
        let garbled = |line: &[u8]| shown(&String::from_utf8_lossy(line.get(..SHOWN_MAX_CHARS).unwrap_or(line)));
        let line = trim_end(&response);
        if let Some(text) = line.strip_prefix(b"+") {
            return Ok(ImapReply::Continue(String::from_utf8_lossy(text.trim_ascii()).into_owned()));
        }
        let mut words = line.splitn(2, |byte| *byte == b' ');
        let (Some(tag), Some(rest)) = (words.next(), words.next()) else { return Err(garbled(line)) };
        let tag = (tag != b"*").then(|| String::from_utf8_lossy(tag).into_owned());
        match word_of(rest) {
            Some((word, rest)) => Ok(ImapReply::Status(ImapStatus::new(tag, word, rest))),
            None if tag.is_none() => {
                let length = line.len();
                // A whole mail may be in it: not copied.
                let mut response = response;
                response.truncate(length);
                Ok(ImapReply::Data(Data(response)))
            }
            None => Err(garbled(line)),
        }
    }
}

impl ImapStatus {
    fn new(tag: Option<String>, word: ReplyWord, rest: &[u8]) -> ImapStatus {
        let rest = String::from_utf8_lossy(rest.trim_ascii());
        let (code, text) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((code, text)) => (Some(code.to_owned()), text),
            None => (None, &*rest),
        };
        ImapStatus { tag, word, code, text: shown(text.trim()) }
    }

    /// What follows this name in the code, such as the number of `UIDVALIDITY`.
    pub(super) fn code_value(&self, name: &str) -> Option<&str> {
        let code = self.code.as_deref()?;
        let (first, rest) = code.split_once(' ').unwrap_or((code, ""));
        first.eq_ignore_ascii_case(name).then_some(rest)
    }
}

impl Data {
    /// `n EXISTS`, `n EXPUNGE`, `n FETCH …`: the number and the word, in upper case.
    pub(super) fn numbered(&self) -> Option<(u32, String)> {
        let mut words = self.rest().split(|byte| *byte == b' ');
        let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        Some((number, std::str::from_utf8(words.next()?).ok()?.to_ascii_uppercase()))
    }

    /// The words of `CAPABILITY …`, in upper case.
    pub(super) fn capabilities(&self) -> Option<impl Iterator<Item = String>> {
        let words = self.after("CAPABILITY")?.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        Some(words.map(|word| String::from_utf8_lossy(word).to_ascii_uppercase()))
    }

    /// The numbers of `SEARCH …`. What is no UID is left out.
    pub(super) fn search(&self) -> Option<impl Iterator<Item = u32>> {
        let words = self.after("SEARCH")?.split(|byte| *byte == b' ');
        Some(words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok()).filter(|uid| *uid != 0))
    }

    /// The folder of `LIST (…) "/" name`, as the server writes it, where it holds mail (RFC 3501 §7.2.2, RFC 5258 §3).
    pub(super) fn listed(&self) -> Option<String> {
        let values = value::parse(self.after("LIST")?)?;
        let [ImapValue::List(attributes), _, name] = values.as_slice() else { return None };
        let holds_none = |attribute: &ImapValue<'_>| {
            let name = attribute.bytes().unwrap_or_default();
            name.eq_ignore_ascii_case(b"\\Noselect") || name.eq_ignore_ascii_case(b"\\NonExistent")
        };
        if attributes.iter().any(holds_none) {
            return None;
        }
        Some(String::from_utf8_lossy(&name.bytes()?).into_owned())
    }

    /// The mail of `n FETCH (…)`.
    pub(super) fn fetched(self) -> Option<Fetched> {
        self.numbered().filter(|(_, word)| word == "FETCH")?;
        let list = self.0.get(self.0.iter().position(|byte| *byte == b'(')?..)?;
        let Some([ImapValue::List(items)]) = value::parse(list).map(<[ImapValue<'_>; 1]>::try_from)?.ok() else {
            return None;
        };
        let mut fetched = Fetched::default();
        for pair in items.chunks_exact(2) {
            let [name, value] = pair else { continue };
            let ImapValue::Atom(name) = name else { continue };
            let number = || std::str::from_utf8(&value.bytes()?).ok()?.parse::<u64>().ok();
            match name.to_ascii_uppercase().as_slice() {
                b"UID" => fetched.uid = number().and_then(|uid| u32::try_from(uid).ok()),
                b"RFC822.SIZE" => fetched.size_bytes = number(),
                b"INTERNALDATE" => fetched.internal_date = value.bytes().and_then(|text| internal_date(&text)),
                b"BODY[]" => fetched.body = value.bytes().map(|body| body.into_owned()),
                _ => {}
            }
        }
        Some(fetched)
    }

    /// What stands behind `* `.
    fn rest(&self) -> &[u8] {
        self.0.get(2..).unwrap_or_default()
    }

    fn after(&self, word: &str) -> Option<&[u8]> {
        let (first, rest) = self.rest().split_at_checked(word.len())?;
        if !first.eq_ignore_ascii_case(word.as_bytes()) {
            return None;
        }
        match rest {
            [] => Some(rest),
            [b' ', rest @ ..] => Some(rest),
            _ => None,
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({:?})", shown(&String::from_utf8_lossy(self.0.get(..400).unwrap_or(&self.0))))
    }
}

/// A server's words as they may be shown: no control characters, not too many.
pub(super) fn shown(text: &str) -> String {
    visible(&text.chars().take(SHOWN_MAX_CHARS).collect::<String>()).into_owned()
}

/// RFC 3501 §9, `date-time`: `17-Jul-1996 02:44:25 -0700`, the day padded with a space.
fn internal_date(text: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?;
    DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|date| date.to_utc())
}

fn word_of(data: &[u8]) -> Option<(ReplyWord, &[u8])> {
    let end = data.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(data.len());
    let (first, rest) = data.split_at_checked(end)?;
    let word = match first.to_ascii_uppercase().as_slice() {
        b"OK" => ReplyWord::Ok,
        b"NO" => ReplyWord::No,
        b"BAD" => ReplyWord::Bad,
        b"BYE" => ReplyWord::Bye,
        b"PREAUTH" => ReplyWord::PreAuth,
        _ => return None,
    };
    Some((word, rest))
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
