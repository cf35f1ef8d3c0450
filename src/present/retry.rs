//! What the operator does with quarantined input: admit, judge again, discard. Each ends in a redirect, so that going back or reloading
//! does nothing twice.

use actix_web::{HttpResponse, web};
use uuid::Uuid;

use super::{
    Site,
    answer::{self, Fail},
    explain::faults,
    report::read_uuid,
};
use crate::{
    fault::FaultCode,
    pipeline::Retry,
    query::quarantine::{self, Entry, Quarantined},
    store::sender,
    submission::{Busy, Channel, Hints, Origin, Outcome, Submission},
};

pub(super) async fn admit(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    finish(&site, again(&site, &path, true).await)
}

pub(super) async fn reprocess(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    finish(&site, again(&site, &path, false).await)
}

pub(super) async fn discard(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let gone = site.store().discard(uuid).await?;
        Ok(if gone { "/quarantine?done=discarded" } else { "/quarantine?done=gone" }.to_owned())
    };
    finish(&site, result.await)
}

/// Trusts the sender of a quarantined mail from now on, and judges the mail again.
pub(super) async fn trust(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let found = site.store().read(move |connection| Ok(quarantine::entry(connection, uuid)?)).await?;
        let Some(Entry { quarantined, .. }) = found else { return Ok("/quarantine?done=gone".to_owned()) };
        let Some(from_domain) = quarantined.from_domain.clone().filter(|_| may_be_trusted(&quarantined)) else {
            return Err(Fail::Conflict("this input names no sender that could be trusted".to_owned()));
        };
        let signed_by = signed_by(&quarantined);
        let now = site.clock.now();
        tracing::info!(from_domain, signed_by, "the operator trusts a sender");
        site.store().change(move |conn| sender::trust(conn, &from_domain, signed_by.as_deref(), now)).await?;
        site.pipeline.reload_senders().await?;
        again(&site, &path, false).await
    };
    finish(&site, result.await)
}

/// Whether the entry is a mail that is here only because of its signature.
pub(super) fn may_be_trusted(entry: &Quarantined) -> bool {
    faults::is_about_signature(&entry.code) && entry.from_domain.is_some()
}

/// The domain whose signature verifies although it is not that of the sender.
pub(super) fn signed_by(entry: &Quarantined) -> Option<String> {
    entry.dkim_domain.clone().filter(|_| entry.code == FaultCode::DkimUnaligned.as_str())
}

/// The sentence for a `done` parameter. The parameter comes from the URL, so only these words are ever shown.
pub(super) fn done_words(done: &str) -> Option<&'static str> {
    Some(match done {
        "discarded" => "The entry was discarded for good.",
        "gone" => "The entry was gone already.",
        "still-quarantined" => "It was judged again and stays here, for the reason below.",
        "duplicate" => "The same report is stored already, so the entry was removed.",
        "refused" => "It was judged again and is not taken: see the server’s log and the configured domains.",
        "busy" => "The store was busy and nothing was changed. Try again.",
        "key-lookup" => "The key of its signature cannot be looked up now, so nothing was changed. Try again later.",
        _ => return None,
    })
}

fn finish(site: &Site, result: Result<String, Fail>) -> HttpResponse {
    match result {
        Ok(location) => answer::see_other(&location),
        Err(fail) => answer::failed_page(site, &fail),
    }
}

async fn again(site: &Site, path: &str, admit: bool) -> Result<String, Fail> {
    let uuid = read_uuid(path)?;
    let found = site.store().read(move |connection| Ok(quarantine::entry(connection, uuid)?)).await?;
    let Some(entry) = found else { return Ok("/quarantine?done=gone".to_owned()) };
    if entry.bytes.len() as i64 != entry.quarantined.bytes_total {
        return Err(Fail::Conflict("only part of this input was kept, so it cannot be read again".to_owned()));
    }
    if admit && !faults::is_admissible(&entry.quarantined.code) {
        let code = &entry.quarantined.code;
        return Err(Fail::Conflict(format!("input with the fault `{code}` holds no report that could be admitted")));
    }
    let element = entry.quarantined.element.and_then(|element| u32::try_from(element).ok());
    let retry = Retry { entry: uuid, element, admit };
    let receipt = site.pipeline.accept_again(submission(entry), retry).await;
    tracing::info!(entry = %uuid, admit, outcome = ?receipt.overall(), "a quarantined input was judged again");
    Ok(location(uuid, receipt.overall()))
}

fn submission(entry: Entry) -> Submission {
    let quarantined = entry.quarantined;
    Submission {
        bytes: entry.bytes,
        channel: Channel::from_name(&quarantined.channel).unwrap_or(Channel::Import),
        peer: quarantined.peer.and_then(|peer| peer.parse().ok()),
        received_at: quarantined.first_received_at,
        hints: Hints {
            media_type: quarantined.media_type,
            content_encoding: quarantined.content_encoding,
            source: quarantined.source,
            mailed_at: entry.mailed_at,
            judged: Some(Box::new(Origin {
                from_domain: quarantined.from_domain,
                dkim_verdict: quarantined.dkim_verdict,
                dkim_domain: quarantined.dkim_domain,
                dkim_selector: quarantined.dkim_selector,
                mailed_at: entry.mailed_at,
            })),
            ..Hints::default()
        },
    }
}

fn location(entry: Uuid, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Stored(report) => format!("/reports/{report}"),
        Outcome::Duplicate(_) => "/quarantine?done=duplicate".to_owned(),
        Outcome::Quarantined { .. } => format!("/quarantine/{entry}?done=still-quarantined"),
        Outcome::Refused(_) | Outcome::Ignored(_) => format!("/quarantine/{entry}?done=refused"),
        Outcome::Busy(Busy::KeyLookup) => format!("/quarantine/{entry}?done=key-lookup"),
        Outcome::Busy(_) => format!("/quarantine/{entry}?done=busy"),
    }
}
