//! One `DKIM-Signature` field as it reads, before its key is asked for (RFC 6376 §3.5).

use mail_auth::{common::crypto::Algorithm, dkim::Canonicalization};

use super::{
    Times,
    mail::HeaderField,
    shown,
    tags::{Tags, base64, elements, number},
};
use crate::{fault::FaultCode, limits::DKIM_SIGNED_FIELDS_MAX, report::domain};

const NAME_MAX_BYTES: usize = 253;
const LABEL_MAX_BYTES: usize = 63;
const SHA256_BYTES: usize = 32;

/// What a signature says of itself.
#[derive(Debug)]
pub(super) struct SignatureHeader<'a> {
    pub domain: String,
    pub selector: String,
    pub algorithm: Algorithm,
    pub signature: Vec<u8>,
    pub body_hash: Vec<u8>,
    pub header_form: Canonicalization,
    pub body_form: Canonicalization,
    /// `h=`: names in lower case, as often as they stand there.
    pub names: Vec<String>,
    /// Whether `i=` names `d=` itself, not a domain below it.
    pub identity_is_domain: bool,
    has_length: bool,
    expires_at: Option<i64>,
    field: HeaderField<'a>,
    /// The field's value without that of `b=` (RFC 6376 §3.7).
    unsigned: Vec<u8>,
}

/// A field that is no signature.
#[derive(Debug)]
pub(super) struct Malformed {
    /// `d=`, where it can be told.
    pub domain: Option<String>,
    pub detail: String,
}

impl<'a> SignatureHeader<'a> {
    pub(super) fn read(field: HeaderField<'a>) -> Result<SignatureHeader<'a>, Malformed> {
        let malformed = |domain: Option<String>, named: &str, problem: &str| Malformed {
            domain,
            detail: format!("a signature{named} cannot be read: {problem} (RFC 6376 §3.5)"),
        };
        let value = field.value.strip_suffix(b"\r\n").unwrap_or(field.value);
        let text = std::str::from_utf8(value).map_err(|_| malformed(None, "", "it is not UTF-8"))?;
        let tags = Tags::read(text).map_err(|problem| malformed(None, "", problem))?;
        let named = tags.get("d").map(|written| format!(" with d={}", shown(written))).unwrap_or_default();
        SignatureHeader::of(field, text, &tags)
            .map_err(|problem| malformed(tags.get("d").and_then(domain), &named, &problem))
    }

    fn of(field: HeaderField<'a>, text: &str, tags: &Tags<'_>) -> Result<SignatureHeader<'a>, String> {
        let need = |name: &str| tags.get(name).ok_or_else(|| format!("it has no {name}="));
        let wrong = |name: &str| format!("{name}={} is malformed", shown(tags.get(name).unwrap_or_default()));
        if need("v")? != "1" {
            return Err(wrong("v"));
        }
        let algorithm = algorithm(need("a")?).ok_or_else(|| wrong("a"))?;
        let (header_form, body_form) = match tags.get("c") {
            Some(written) => canonicalizations(written).ok_or_else(|| wrong("c"))?,
            None => (Canonicalization::Simple, Canonicalization::Simple),
        };
        let signed_domain = domain(need("d")?).filter(|name| name.contains('.')).ok_or_else(|| wrong("d"))?;
        let selector = selector(need("s")?).ok_or_else(|| wrong("s"))?;
        let claim = SignatureHeader {
            identity_is_domain: identity(tags.get("i"), &signed_domain).ok_or_else(|| wrong("i"))?,
            algorithm,
            signature: base64(need("b")?).filter(|bytes| !bytes.is_empty()).ok_or_else(|| wrong("b"))?,
            body_hash: body_hash(need("bh")?, algorithm).ok_or_else(|| wrong("bh"))?,
            header_form,
            body_form,
            names: names(need("h")?)?,
            has_length: tags.get("l").is_some(),
            expires_at: expires_at(tags)?,
            unsigned: unsigned(text, tags),
            field,
            domain: signed_domain,
            selector,
        };
        if tags.get("q").is_some_and(|methods| !elements(methods).any(|method| method == "dns/txt")) {
            return Err(wrong("q"));
        }
        if claim.key_name().len() > NAME_MAX_BYTES {
            return Err("the name of its key is too long".to_owned());
        }
        Ok(claim)
    }

    /// What needs neither the body nor the key. The error is the code and what happened.
    pub(super) fn check(&self, times: Times) -> Result<(), (FaultCode, String)> {
        if self.has_length {
            let detail = "it has l=, which leaves room for text that nobody signed (RFC 8460 §3)";
            return Err((FaultCode::DkimLTag, detail.to_owned()));
        }
        if self.algorithm == Algorithm::RsaSha1 {
            return Err((FaultCode::DkimWeak, "rsa-sha1 no longer counts (RFC 8301)".to_owned()));
        }
        match self.expires_at {
            Some(expires_at) if times.received_at > expires_at => {
                Err((FaultCode::DkimExpired, "it had expired when the mail was received".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has expired since it was received.
    pub(super) fn is_late(&self, times: Times) -> bool {
        self.expires_at.is_some_and(|expires_at| times.now > expires_at)
    }

    /// Where its key is published (RFC 6376 §3.6.2.1).
    pub(super) fn key_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The field as it was hashed last of all: without its signature and the line's end.
    pub(super) fn own_field(&self) -> HeaderField<'_> {
        HeaderField { name: self.field.name, value: &self.unsigned }
    }

    /// A sentence about it.
    pub(super) fn about(&self, what: &str) -> String {
        format!("signature d={} s={}: {what}", self.domain, self.selector)
    }
}

fn algorithm(written: &str) -> Option<Algorithm> {
    Algorithm::parse(written.as_bytes())
}

/// Header and body; what is not written is simple.
fn canonicalizations(written: &str) -> Option<(Canonicalization, Canonicalization)> {
    let read = |name: &str| match name {
        "relaxed" => Some(Canonicalization::Relaxed),
        "simple" => Some(Canonicalization::Simple),
        _ => None,
    };
    let (header, body) = written.split_once('/').unwrap_or((written, "simple"));
    Some((read(header)?, read(body)?))
}

/// A selector as A-labels. Underscores are common, though no host name may have them.
fn selector(written: &str) -> Option<String> {
    let written = if written.is_ascii() { written.to_ascii_lowercase() } else { domain(written)? };
    let is_label = |label: &str| {
        (1..=LABEL_MAX_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    written.split('.').all(is_label).then_some(written)
}

/// Whether `i=` is of the domain itself; `None` where it is neither of it nor of one below it.
fn identity(written: Option<&str>, signed_domain: &str) -> Option<bool> {
    let Some(written) = written else { return Some(true) };
    let identity = domain(written.rsplit_once('@')?.1)?;
    if identity == signed_domain {
        return Some(true);
    }
    identity.strip_suffix(signed_domain).is_some_and(|below| below.ends_with('.')).then_some(false)
}

fn body_hash(written: &str, algorithm: Algorithm) -> Option<Vec<u8>> {
    base64(written).filter(|hash| algorithm == Algorithm::RsaSha1 || hash.len() == SHA256_BYTES)
}

fn names(written: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let names: Vec<String> = elements(written).take(DKIM_SIGNED_FIELDS_MAX + 1).map(str::to_ascii_lowercase).collect();
    if names.len() > DKIM_SIGNED_FIELDS_MAX {
        return Err(format!("h= names more than {DKIM_SIGNED_FIELDS_MAX} fields"));
    }
    if !names.iter().all(|name| is_name(name)) {
        return Err("h= names something that is no field".to_owned());
    }
    if !names.iter().any(|name| name == "from") {
        return Err("h= does not name From".to_owned());
    }
    Ok(names)
}

fn expires_at(tags: &Tags<'_>) -> Result<Option<i64>, String> {
    let time = |name: &str| {
        let read = |written| number(written).ok_or_else(|| format!("{name}={} is no time", shown(written)));
        tags.get(name).map(read).transpose()
    };
    match (time("t")?, time("x")?) {
        (Some(made_at), Some(expires_at)) if expires_at <= made_at => Err("x= is not after t=".to_owned()),
        (_, expires_at) => Ok(expires_at),
    }
}

fn unsigned(text: &str, tags: &Tags<'_>) -> Vec<u8> {
    let span = tags.span("b").unwrap_or_default();
    [text.get(..span.start), text.get(span.end..)].into_iter().flatten().collect::<String>().into_bytes()
}
