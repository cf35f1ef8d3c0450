//! What a mail's signatures are worth (RFC 6376, RFC 8301, RFC 8463), judged as RFC 8460 §3 asks: as those of TLS reports,
//! not of mail at large, and at the time the mail was received.
//!
//! `mail` reads the header, `claim` one signature, `key` its key; `align` says whom a signature speaks for. mail-auth
//! canonicalises, hashes and does the arithmetic. `results` reads what another server found.

mod align;
mod claim;
#[cfg(fuzzing)]
pub mod fuzzing;
mod key;
mod mail;
mod results;
mod tags;

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::{
    dns::Resolver,
    fault::{Fault, FaultCode, FaultPlace},
    limits::DKIM_SIGNATURES_MAX,
    report::domain,
};
use align::is_aligned;
use claim::SignatureHeader;
use mail::Mail;
pub use results::authentication_results;

/// Bytes of a stranger's value that a fault shows.
const SHOWN_MAX_BYTES: usize = 64;

/// A signature that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `d=` as A-labels in lower case.
    pub domain: String,
    pub selector: String,
    /// Names, lower case and sorted, of header fields that stand in the mail as they were signed; also those it may not have.
    /// A name of which one field is left unsigned is not among them.
    pub covers: Vec<String>,
    /// Judged at receipt although expired by now: deviation dkim-late.
    pub late: bool,
    /// Whether the DNS covered the key (DNSSEC).
    pub key_secure: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DkimVerdict {
    /// A signature verifies and is aligned with From.
    Pass(Signature),
    /// None does; `passing` are those that verify but are not aligned.
    Fail { fault: Fault, passing: Vec<Signature> },
    /// A key could not be looked up now, and what could be judged did not pass. Holds an English sentence without full stop.
    Deferred(String),
}

/// Unix seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    received_at: i64,
    now: i64,
}

/// Why a signature does not count.
enum Failure {
    Settled(FaultCode, String),
    Temporary(String),
}

/// The fault that tells the most: of a signature of the From domain before any other, then by code.
#[derive(Default)]
struct Telling(Option<(bool, FaultCode, String)>);

/// Judges the signatures of a whole mail as received.
///
/// `from_domain` is the domain in its From field. `received_at` is when it reached the first of our mailboxes: `x=` is held
/// against that (RFC 6376 §3.5). Keys are asked for only where all else is right, those of the From domain first; of other
/// domains only if none of it passes.
pub async fn verify(
    message: &[u8],
    from_domain: Option<&str>,
    received_at: DateTime<Utc>,
    now: DateTime<Utc>,
    resolver: &dyn Resolver,
) -> DkimVerdict {
    let message = mail::as_sent(message);
    let mut mail = Mail::read(&message);
    let from = from_domain.and_then(domain);
    let is_aligned = |domain: &str| from.as_deref().is_some_and(|from| is_aligned(domain, from));
    let times = Times { received_at: received_at.timestamp(), now: now.timestamp() };

    let mut telling = Telling::default();
    let mut claims = Vec::new();
    for field in mail.fields("dkim-signature") {
        match SignatureHeader::read(field) {
            Ok(claim) => claims.push((is_aligned(&claim.domain), claim)),
            Err(malformed) => {
                let aligned = malformed.domain.as_deref().is_some_and(is_aligned);
                telling.add(aligned, FaultCode::DkimFail, malformed.detail);
            }
        }
    }
    claims.sort_by_key(|(aligned, _)| !aligned);
    claims.truncate(DKIM_SIGNATURES_MAX);

    let has_aligned = claims.first().is_some_and(|(aligned, _)| *aligned);
    let (mut passing, mut deferred) = (Vec::new(), None);
    for (aligned, claim) in &claims {
        if !aligned && has_aligned && deferred.is_some() {
            break;
        }
        match judge(&mut mail, claim, times, resolver).await {
            Ok(signature) if *aligned => return DkimVerdict::Pass(signature),
            Ok(signature) => passing.push(signature),
            Err(Failure::Settled(code, detail)) => telling.add(*aligned, code, detail),
            // A signature of another domain would not let the mail pass, so nobody waits for its key if there is more to say.
            Err(Failure::Temporary(detail)) if *aligned || !has_aligned => drop(deferred.get_or_insert(detail)),
            Err(Failure::Temporary(_)) => {}
        }
    }
    match deferred {
        Some(detail) if has_aligned || (telling.0.is_none() && passing.is_empty()) => DkimVerdict::Deferred(detail),
        _ => DkimVerdict::Fail { fault: telling.fault(&passing, from.as_deref()), passing },
    }
}

/// Whether the signature verifies, cheapest question first: without the DNS where that can tell.
async fn judge(
    mail: &mut Mail<'_>,
    claim: &SignatureHeader<'_>,
    times: Times,
    resolver: &dyn Resolver,
) -> Result<Signature, Failure> {
    let failure = |detail: &str| Failure::of(claim, FaultCode::DkimFail, detail);
    // That a mail was changed says more than that it is old, so this waits until the body is hashed.
    let expired = match claim.check(times) {
        Err((FaultCode::DkimExpired, detail)) => Some(Failure::of(claim, FaultCode::DkimExpired, &detail)),
        checked => checked.map(|()| None).map_err(|(code, detail)| Failure::of(claim, code, &detail))?,
    };
    if mail.body_hash(claim.body_form).map_err(|problem| failure(&problem))? != claim.body_hash {
        return Err(failure("the body is not the one that was signed"));
    }
    if let Some(expired) = expired {
        return Err(expired);
    }
    let signed = mail.signed(&claim.names).map_err(|problem| failure(&problem))?;
    let key = key::fetch(claim, resolver).await?;
    if !key.verifies(claim, &signed) {
        return Err(failure("the header is not the one that was signed, or it was signed with another key"));
    }
    Ok(Signature {
        domain: claim.domain.clone(),
        selector: claim.selector.clone(),
        covers: signed.covers,
        late: claim.is_late(times),
        key_secure: key.secure,
    })
}

impl Failure {
    fn of(claim: &SignatureHeader<'_>, code: FaultCode, detail: &str) -> Failure {
        Failure::Settled(code, claim.about(detail))
    }
}

impl Telling {
    fn add(&mut self, aligned: bool, code: FaultCode, detail: String) {
        let rank = |aligned: bool, code: FaultCode| {
            let by_code = match code {
                FaultCode::DkimWeak => 0,
                FaultCode::DkimExpired => 1,
                FaultCode::DkimLTag => 2,
                FaultCode::DkimKeyGone => 3,
                FaultCode::DkimNone => 5,
                _ => 4,
            };
            (!aligned, by_code)
        };
        let is_better = self.0.as_ref().is_none_or(|(was, held, _)| rank(aligned, code) < rank(*was, *held));
        if is_better {
            self.0 = Some((aligned, code, detail));
        }
    }

    /// What is said of a mail without a signature that passes and is aligned.
    fn fault(self, passing: &[Signature], from: Option<&str>) -> Fault {
        let (code, detail) = match (self.0, passing.first()) {
            (Some((true, code, detail)), _) | (Some((false, code, detail)), None) => (code, detail),
            (_, Some(signature)) => (FaultCode::DkimUnaligned, unaligned(signature, from)),
            (None, None) => (FaultCode::DkimNone, "the mail has no DKIM signature (RFC 8460 §3)".to_owned()),
        };
        Fault::new(code, detail, FaultPlace::Whole)
    }
}

fn unaligned(signature: &Signature, from: Option<&str>) -> String {
    let Signature { domain, selector, .. } = signature;
    let from = match from {
        Some(from) => format!("From is of {}", shown(from)),
        None => "From names no domain".to_owned(),
    };
    format!("signature d={domain} s={selector} verifies, but {from}")
}

/// A stranger's value, cut and made printable.
fn shown(value: &str) -> String {
    crate::text::visible(value.get(..value.floor_char_boundary(SHOWN_MAX_BYTES)).unwrap_or(value)).into_owned()
}
