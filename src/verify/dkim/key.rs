//! Keys as they are published (RFC 6376 §3.6.1).

use mail_auth::{
    common::{crypto::Algorithm, parse::TxtRecordParser, verify::DomainKey},
    dkim::Canonicalization,
};

use super::{
    Failure,
    claim::SignatureHeader,
    mail::Signed,
    shown,
    tags::{Tags, base64, elements},
};
use crate::{
    dns::{DnsError, Resolver},
    fault::FaultCode,
};

/// RFC 8301 §3.2.
const RSA_MIN_BITS: usize = 1_024;
const RSA_MAX_BITS: usize = 4_096;
/// What the key of a report's signature may be for. RFC 8460 §3 asks for `tlsrpt`, which no known sender writes.
const SERVICES: [&str; 3] = ["*", "tlsrpt", "email"];

/// A key that the claim may use.
pub(super) struct DkimKey {
    key: DomainKey,
    /// Whether the DNS vouched for it.
    pub secure: bool,
}

/// What a TXT record at a key's name is.
enum Record<'a> {
    Key(Tags<'a>),
    Malformed(&'static str),
    /// Something else, such as the SPF record of a wildcard.
    Other,
}

/// Looks the claim's key up and sees whether it may be used.
pub(super) async fn fetch(claim: &SignatureHeader<'_>, resolver: &dyn Resolver) -> Result<DkimKey, Failure> {
    let name = claim.key_name();
    let gone = |detail: String| Err(Failure::of(claim, FaultCode::DkimKeyGone, &detail));
    let found = match resolver.txt(&name).await {
        Ok(found) => found,
        Err(DnsError::NotFound) => return gone(format!("no TXT record at {name}")),
        Err(DnsError::Temporary(why)) => return Err(Failure::Temporary(claim.about(&why))),
    };
    let mut malformed = None;
    // More than one key under one name is undefined (RFC 6376 §3.6.2.2).
    for record in &found.value {
        match read(record) {
            Record::Key(tags) => return Ok(DkimKey { key: judge(claim, &tags, &name)?, secure: found.secure }),
            Record::Malformed(problem) => malformed = malformed.or(Some(problem)),
            Record::Other => {}
        }
    }
    match malformed {
        Some(problem) => {
            Err(Failure::of(claim, FaultCode::DkimFail, &format!("the key at {name} cannot be read: {problem}")))
        }
        None => gone(format!("the TXT record at {name} is no key")),
    }
}

impl DkimKey {
    /// Whether the claim's signature over these fields is made with this key.
    pub(super) fn verifies(&self, claim: &SignatureHeader<'_>, signed: &Signed<'_>) -> bool {
        let own = claim.own_field();
        let mut fields = signed.fields.iter().chain([&own]).map(|field| match claim.header_form {
            Canonicalization::Relaxed => (field.name.trim_ascii_end(), field.value),
            Canonicalization::Simple => (field.name, field.value),
        });
        self.key.p.verify(&mut fields, &claim.signature, claim.header_form, claim.algorithm).is_ok()
    }
}

fn read(record: &[u8]) -> Record<'_> {
    let Ok(text) = std::str::from_utf8(record) else { return Record::Other };
    match Tags::read(text) {
        Ok(tags) if tags.get("v").is_some_and(|version| version != "DKIM1") => Record::Other,
        Ok(tags) if tags.get("p").is_some() => Record::Key(tags),
        Ok(_) => Record::Other,
        Err(problem) if text.trim_start().starts_with("v=DKIM1") => Record::Malformed(problem),
        Err(_) => Record::Other,
    }
}

fn judge(claim: &SignatureHeader<'_>, tags: &Tags<'_>, name: &str) -> Result<DomainKey, Failure> {
    let failure = |code, detail: String| Failure::of(claim, code, &detail);
    let unfit = |detail: String| failure(FaultCode::DkimFail, detail);
    let public = tags.get("p").unwrap_or_default();
    if public.is_empty() {
        return Err(failure(FaultCode::DkimKeyGone, format!("the key at {name} has been revoked")));
    }
    let has = |tag: &str, wanted: &str| tags.get(tag).is_some_and(|list| elements(list).any(|one| one == wanted));
    // RFC 6376 §3.6.1: such a mail is treated as one without a signature.
    if has("t", "y") {
        return Err(failure(FaultCode::DkimNone, format!("the key at {name} is only being tested (t=y)")));
    }
    if let Some(services) = tags.get("s")
        && !elements(services).any(|service| SERVICES.contains(&service))
    {
        let services = shown(services);
        return Err(unfit(format!("the key at {name} is for other services (s={services}), not for TLS reports")));
    }
    if tags.get("h").is_some_and(|_| !has("h", "sha256")) {
        return Err(unfit(format!("the key at {name} is not for SHA-256")));
    }
    let kind = match claim.algorithm {
        Algorithm::RsaSha256 | Algorithm::RsaSha1 => "rsa",
        Algorithm::Ed25519Sha256 => "ed25519",
    };
    let published = tags.get("k").unwrap_or("rsa");
    if published != kind {
        return Err(unfit(format!("the key at {name} is of type {}, the signature asks for {kind}", shown(published))));
    }
    if has("t", "s") && !claim.identity_is_domain {
        return Err(unfit(format!("the key at {name} is not for domains below (t=s), but i= names one")));
    }
    let key = base64(public)
        .and_then(|_| DomainKey::parse(format!("k={kind}; p={public}").as_bytes()).ok())
        .ok_or_else(|| unfit(format!("the key at {name} is no {kind} key")))?;
    if kind == "rsa" {
        match key.p.public_key_bits() {
            0 => return Err(unfit(format!("the key at {name} is no {kind} key"))),
            RSA_MIN_BITS..=RSA_MAX_BITS => {}
            bits => {
                let detail = format!(
                    "the RSA key at {name} has {bits} bits, which is not between {RSA_MIN_BITS} and {RSA_MAX_BITS} (RFC 8301)"
                );
                return Err(failure(FaultCode::DkimWeak, detail));
            }
        }
    }
    Ok(key)
}

/// For the fuzz target: reads a record as a key of each kind.
#[cfg(fuzzing)]
pub fn fuzzing(record: &[u8]) {
    if let Record::Key(tags) = read(record) {
        let public = tags.get("p").unwrap_or_default();
        if let Some(bytes) = base64(public) {
            assert!(bytes.len() <= public.len());
        }
        for kind in ["rsa", "ed25519"] {
            let _ = DomainKey::parse(format!("k={kind}; p={public}").as_bytes());
        }
    }
}
