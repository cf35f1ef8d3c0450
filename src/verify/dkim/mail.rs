//! A mail as a signer saw it: header fields from top to bottom, and a body.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use mail_auth::{common::crypto::HashAlgorithm, dkim::Canonicalization};

/// Fields that may stand once only (RFC 5322 §3.6, RFC 2045) and decide whose mail it is and how its body is read. One that
/// is added above a signed one must not pass for it (RFC 6376 §8.15).
const DECISIVE: [&str; 3] = ["from", "content-type", "content-transfer-encoding"];

pub(super) struct Mail<'a> {
    fields: Vec<HeaderField<'a>>,
    /// Places in `fields` by name in lower case, topmost first.
    places: HashMap<Vec<u8>, Vec<usize>>,
    body: &'a [u8],
    /// Digests of the body by canonicalisation, once they were needed.
    relaxed: Option<Vec<u8>>,
    simple: Option<Vec<u8>>,
}

/// One header field: its name, and what follows the colon with the line's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderField<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// The fields a signature covers.
pub(super) struct Signed<'a> {
    /// In the order in which they are hashed.
    pub fields: Vec<HeaderField<'a>>,
    /// Names, lower case, of which no field is left uncovered.
    pub covers: Vec<String>,
}

/// The bytes with CRLF at each line's end, as mail travels, and without the `From ` line that an mbox puts before it. Copies
/// in files often have bare LF.
pub(super) fn as_sent(message: &[u8]) -> Cow<'_, [u8]> {
    let message = without_separator(message);
    let bare = bare_line_feeds(message);
    if bare == 0 {
        return Cow::Borrowed(message);
    }
    let mut sent = Vec::with_capacity(message.len() + bare);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                sent.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                sent.extend_from_slice(b"\r\n");
            }
            None => sent.extend_from_slice(line),
        }
    }
    Cow::Owned(sent)
}

impl<'a> Mail<'a> {
    /// Reads what `as_sent` gave. A line of the header that is no field is passed over.
    pub(super) fn read(message: &'a [u8]) -> Mail<'a> {
        let mut mail = Mail { fields: Vec::new(), places: HashMap::new(), body: b"", relaxed: None, simple: None };
        let mut rest = message;
        while !rest.is_empty() {
            if let Some(body) = rest.strip_prefix(b"\r\n") {
                mail.body = body;
                break;
            }
            let (text, below) = split_field(rest);
            rest = below;
            // A name and its colon stand on one line (RFC 5322 §4.5): the other reader of a mail sees no field else.
            let line = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
            if let Some(colon) = text.iter().take(line).position(|byte| *byte == b':') {
                let (name, value) = text.split_at(colon);
                let known = name.trim_ascii_end().to_ascii_lowercase();
                mail.places.entry(known).or_default().push(mail.fields.len());
                mail.fields.push(HeaderField { name, value: value.strip_prefix(b":").unwrap_or(value) });
            }
        }
        mail
    }

    /// The fields of a name, given in lower case, topmost first.
    pub(super) fn fields(&self, name: &str) -> impl Iterator<Item = HeaderField<'a>> {
        self.places(name).iter().filter_map(|place| self.fields.get(*place)).copied()
    }

    /// The fields that a signature over `names` covers. Each further time a name stands in `names`, the next field of that
    /// name counts, from the bottom up (RFC 6376 §5.4.2). The error says why the signature cannot count.
    pub(super) fn signed(&self, names: &[String]) -> Result<Signed<'a>, String> {
        let mut taken: HashMap<&str, usize> = HashMap::new();
        let mut fields: Vec<HeaderField<'a>> = Vec::new();
        for name in names {
            let taken = taken.entry(name).or_default();
            *taken += 1;
            let place = self.places(name).iter().rev().nth(*taken - 1);
            fields.extend(place.and_then(|place| self.fields.get(*place)));
        }
        if let Some(field) = fields.iter().find(|field| has_bare_return(field.value)) {
            let name = String::from_utf8_lossy(field.name);
            return Err(format!("the field {} holds a carriage return that ends no line", super::shown(&name)));
        }
        let is_covered = |name: &str| self.places(name).len() <= taken.get(name).copied().unwrap_or(0);
        for name in DECISIVE {
            if taken.contains_key(name) && !is_covered(name) {
                return Err(format!("the mail has more {name} fields than were signed"));
            }
        }
        let covers: BTreeSet<&String> = names.iter().filter(|name| is_covered(name)).collect();
        Ok(Signed { fields, covers: covers.into_iter().cloned().collect() })
    }

    /// SHA-256 of the canonical body. The error says why there is none.
    pub(super) fn body_hash(&mut self, canonicalization: Canonicalization) -> Result<&[u8], String> {
        // mail-auth passes over these, so they could be put in without breaking the hash.
        if has_bare_return(self.body) {
            return Err("the body holds a carriage return that ends no line".to_owned());
        }
        let (known, body) = match canonicalization {
            // All lines at the end that are empty once whitespace is gone are ignored (RFC 6376 §3.4.4); mail-auth does not
            // ignore those that hold whitespace.
            Canonicalization::Relaxed => (&mut self.relaxed, without_blank_end(self.body)),
            Canonicalization::Simple => (&mut self.simple, self.body),
        };
        Ok(known.get_or_insert_with(|| {
            HashAlgorithm::Sha256.hash(canonicalization.canonical_body(body, 0)).as_ref().to_vec()
        }))
    }

    fn places(&self, name: &str) -> &[usize] {
        self.places.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }
}

fn without_separator(message: &[u8]) -> &[u8] {
    let is_separator = message.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"));
    if is_separator { split_line(message).1 } else { message }
}

fn bare_line_feeds(message: &[u8]) -> usize {
    let mut before = 0;
    let mut bare = 0;
    for byte in message {
        bare += usize::from(*byte == b'\n' && before != b'\r');
        before = *byte;
    }
    bare
}

fn has_bare_return(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(at, byte)| *byte == b'\r' && text.get(at + 1) != Some(&b'\n'))
}

fn without_blank_end(body: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let end = body.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last + 1);
    body.split_at(end).0
}

/// A line with the lines that continue it, and what follows.
fn split_field(text: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    loop {
        end += split_line(text.split_at(end).1).0.len();
        if !matches!(text.get(end), Some(b' ' | b'\t')) {
            return text.split_at(end);
        }
    }
}

/// A line with its end, and what follows.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1))
}
