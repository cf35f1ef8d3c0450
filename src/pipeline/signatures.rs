//! What a mail's signature is worth here: by DKIM, by the field of a trusted server, or by the operator's word.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    dns::Resolver,
    fault::{Fault, FaultCode, FaultPlace},
    limits::{DKIM_DEADLINE_S, DKIM_DEFER_MAX_H, DKIM_DEFERRED_MAX},
    store,
    submission::{Channel, Origin, SignatureVerdict, Trust},
    verify::{
        dkim::{self, DkimVerdict},
        senders::{AcceptedSender, Senders},
    },
};

/// What signatures are judged with. The trusted senders may change while it is in use.
pub struct Signatures {
    resolver: Arc<dyn Resolver>,
    /// RFC 8601: whose Authentication-Results field is believed.
    trusted_authserv_id: Option<String>,
    senders: ArcSwap<Senders>,
    deferred: Deferred,
}

/// One mail, and when it came.
pub struct Asked<'a> {
    pub message: &'a [u8],
    pub from_domain: Option<&'a str>,
    pub channel: Channel,
    /// It is the mail that was received, not one that was forwarded within it.
    pub as_received: bool,
    /// When it reached the mailbox it was taken from.
    pub reached_us_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
}

/// What becomes of the reports in a mail.
pub enum SignatureAssessment {
    Counts {
        trust: Trust,
        origin: Origin,
        /// Names of the header fields that are signed, lower case.
        covers: Vec<String>,
        /// The signature has expired since the mail was received.
        late: bool,
    },
    Kept {
        fault: Fault,
        origin: Origin,
    },
    /// A key cannot be looked up now.
    Later,
}

impl Signatures {
    pub fn new(resolver: Arc<dyn Resolver>, trusted_authserv_id: Option<String>) -> Signatures {
        Signatures { resolver, trusted_authserv_id, senders: ArcSwap::default(), deferred: Deferred::default() }
    }

    /// Takes over the trusted senders as the store has them.
    pub fn trust(&self, stored: Vec<store::tables::sender::TrustedSender>) {
        let in_force = stored.into_iter().filter(|sender| sender.revoked_at.is_none());
        let senders =
            in_force.map(|sender| AcceptedSender { from_domain: sender.from_domain, dkim_domain: sender.dkim_domain });
        self.senders.store(Arc::new(Senders::new(senders.collect())));
    }

    pub async fn judge(&self, asked: Asked<'_>) -> SignatureAssessment {
        let Asked { message, from_domain, channel, as_received, reached_us_at, received_at } = asked;
        // The server that sets the field removes those of strangers from the mail itself, but not from one within it; and who
        // comes by SMTP may not have passed it.
        let believed = self.trusted_authserv_id.as_deref().filter(|_| as_received && channel != Channel::Smtp);
        let mut asked_here = true;
        let verdict = match believed.and_then(|id| dkim::authentication_results(message, id, from_domain)) {
            Some(verdict) => {
                asked_here = false;
                verdict
            }
            None => {
                let asking = dkim::verify(message, from_domain, reached_us_at, received_at, self.resolver.as_ref());
                // A mail may have signatures with many keys, each with a server that says nothing.
                let late = |_| DkimVerdict::Deferred(format!("no key within {DKIM_DEADLINE_S} s"));
                timeout(Duration::from_secs(DKIM_DEADLINE_S), asking).await.unwrap_or_else(late)
            }
        };
        let origin = |verdict: SignatureVerdict, signature: Option<&dkim::Signature>| Origin {
            from_domain: from_domain.map(str::to_owned),
            dkim_verdict: Some(verdict),
            dkim_domain: signature.map(|signature| signature.domain.clone()),
            dkim_selector: signature.map(|signature| signature.selector.clone()),
            key_secure: signature.filter(|_| asked_here).map(|signature| signature.key_secure),
            ..Origin::default()
        };
        match verdict {
            DkimVerdict::Pass(signature) => {
                let origin = origin(SignatureVerdict::Pass, Some(&signature));
                SignatureAssessment::Counts {
                    trust: Trust::Dkim,
                    origin,
                    covers: signature.covers,
                    late: signature.late,
                }
            }
            DkimVerdict::Fail { fault, passing } => {
                let origin = origin(SignatureVerdict::Fault(fault.code), passing.first());
                let signed_by: Vec<&str> = passing.iter().map(|signature| signature.domain.as_str()).collect();
                match from_domain.and_then(|from| self.senders.load().trust(from, &signed_by)) {
                    Some(trust) => SignatureAssessment::Counts { trust, origin, covers: Vec::new(), late: false },
                    None => {
                        tracing::info!(
                            from_domain,
                            code = fault.code.as_str(),
                            "a mail is kept for its signature, not counted"
                        );
                        SignatureAssessment::Kept { fault, origin }
                    }
                }
            }
            DkimVerdict::Deferred(detail) => {
                // Of a file nobody is left to come again: its own time counts. Else the day begins when we first looked, so
                // that a backlog is not given up for what happened while nobody was looking.
                let since = match channel {
                    Channel::Import => reached_us_at,
                    _ => self.deferred.since(message, received_at),
                };
                if received_at.signed_duration_since(since) < TimeDelta::hours(DKIM_DEFER_MAX_H) {
                    tracing::info!(from_domain, detail, "a mail waits until the key of its signature can be looked up");
                    return SignatureAssessment::Later;
                }
                let detail = format!("the key could not be looked up for {DKIM_DEFER_MAX_H} hours: {detail}");
                let fault = Fault::new(FaultCode::DkimTemperror, detail, FaultPlace::Whole);
                let origin = origin(SignatureVerdict::Fault(fault.code), None);
                SignatureAssessment::Kept { fault, origin }
            }
        }
    }
}

/// When mails that come again and again were first sent away, by their content. Forgotten at a restart, which only gives
/// their senders another day.
#[derive(Default)]
struct Deferred(Mutex<HashMap<Uuid, DateTime<Utc>>>);

impl Deferred {
    fn since(&self, message: &[u8], now: DateTime<Utc>) -> DateTime<Utc> {
        let name = store::name(message);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= DKIM_DEFERRED_MAX && !known.contains_key(&name) {
            known.retain(|_, since| now.signed_duration_since(*since) < TimeDelta::hours(2 * DKIM_DEFER_MAX_H));
            // Whoever fills it with mails of his own must not make others wait for ever.
            let oldest = known.iter().min_by_key(|(_, since)| **since).map(|(name, _)| *name);
            if let Some(oldest) = oldest.filter(|_| known.len() >= DKIM_DEFERRED_MAX) {
                known.remove(&oldest);
            }
        }
        *known.entry(name).or_insert(now)
    }
}
