//! What the operator does with quarantined input: admit, judge again, discard. Each ends in a redirect, so that going back or reloading
//! does nothing twice.

use actix_web::{HttpResponse, web};
use uuid::Uuid;

use super::bulk;
use crate::{
    explain::faults,
    fault::FaultCode,
    pipeline::Retry,
    query::quarantine::{self, QuarantineRow, Quarantined},
    store::tables::sender,
    submission::{Busy, Hints, Origin, Outcome, Submission},
    web::{
        Site,
        answer::{self, Fail},
        pages::report::read_uuid,
    },
};

const GONE: &str = "/quarantine?done=gone";

pub(crate) async fn admit(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    finish(&site, again(&site, &path, true).await)
}

pub(crate) async fn reprocess(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    finish(&site, again(&site, &path, false).await)
}

pub(crate) async fn discard(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let gone = site.store().discard(uuid).await?;
        Ok(if gone { "/quarantine?done=discarded" } else { GONE }.to_owned())
    };
    finish(&site, result.await)
}

/// Trusts the sender of a quarantined mail from now on, and judges the mail again, with what else is here of the sender.
pub(crate) async fn trust(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let found = site.store().read(move |connection| Ok(quarantine::entry(connection, uuid)?)).await?;
        let Some(QuarantineRow { quarantined, .. }) = found else { return Ok(GONE.to_owned()) };
        let Some(from_domain) = quarantined.from_domain.clone().filter(|_| may_be_trusted(&quarantined)) else {
            return Err(Fail::Conflict("this input names no sender that could be trusted".to_owned()));
        };
        let signed_by = signed_by(&quarantined);
        let now = site.clock.now();
        tracing::info!(from_domain, signed_by, "the operator trusts a sender");
        let (sender, signer) = (from_domain.clone(), signed_by.clone());
        site.store().change(move |conn| sender::trust(conn, &sender, signer.as_deref(), now)).await?;
        site.pipeline.reload_senders().await?;
        let outcome = judge(&site, uuid, false).await?;
        judge_others(&site, uuid, outcome, from_domain, signed_by.is_some()).await
    };
    finish(&site, result.await)
}

/// Judges what else is here of a sender who is trusted now, and tells of all of it together with the first.
async fn judge_others(
    site: &Site,
    first: Uuid,
    outcome: Option<Outcome>,
    from_domain: String,
    only_signed: bool,
) -> Result<String, Fail> {
    let mut codes = faults::TRUSTABLE.to_vec();
    codes.retain(|code| !only_signed || *code == FaultCode::DkimUnaligned);
    // One more tells that there are more, and one is the first where it stays.
    let mut others = site
        .store()
        .read(move |connection| Ok(quarantine::of_sender(connection, &from_domain, &codes, bulk::JUDGED_MAX + 2)?))
        .await?;
    others.retain(|other| *other != first);
    if others.is_empty() {
        return Ok(location(first, outcome.as_ref()));
    }
    let found = others.len();
    others.truncate(bulk::JUDGED_MAX);
    let (mut tally, judged) = bulk::judge_each(site, &others).await?;
    match outcome {
        Some(Outcome::Stored(_) | Outcome::Duplicate(_)) => tally.counted += 1,
        Some(_) => tally.stayed += 1,
        None => {}
    }
    let done = if judged < found { "trusted-more" } else { "trusted" };
    Ok(format!("/quarantine?done={done}&counted={}&stayed={}", tally.counted, tally.stayed))
}

/// Whether the entry is a mail that is here only because of its signature, and is not likely to be forged.
pub(crate) fn may_be_trusted(entry: &Quarantined) -> bool {
    faults::TRUSTABLE.contains(&entry.code) && entry.from_domain.is_some()
}

/// The domain whose signature verifies although it is not that of the sender.
pub(crate) fn signed_by(entry: &Quarantined) -> Option<String> {
    entry.dkim_domain.clone().filter(|_| entry.code == FaultCode::DkimUnaligned)
}

fn finish(site: &Site, result: Result<String, Fail>) -> HttpResponse {
    match result {
        Ok(location) => answer::see_other(&location),
        Err(fail) => answer::failed_page(site, &fail),
    }
}

async fn again(site: &Site, path: &str, admit: bool) -> Result<String, Fail> {
    let uuid = read_uuid(path)?;
    let outcome = judge(site, uuid, admit).await?;
    Ok(location(uuid, outcome.as_ref()))
}

/// Reprocesses one input. `None`: it is gone. A conflict where it cannot be judged.
pub(crate) async fn judge(site: &Site, uuid: Uuid, admit: bool) -> Result<Option<Outcome>, Fail> {
    let found = site.store().read(move |connection| Ok(quarantine::entry(connection, uuid)?)).await?;
    let Some(entry) = found else { return Ok(None) };
    if entry.bytes.len() as i64 != entry.quarantined.bytes_total {
        return Err(Fail::Conflict("only part of this input was kept, so it cannot be read again".to_owned()));
    }
    if admit && !entry.quarantined.code.is_admissible() {
        let code = entry.quarantined.code;
        return Err(Fail::Conflict(format!("input with the fault `{code}` holds no report that could be admitted")));
    }
    let element = entry.quarantined.element.and_then(|element| u32::try_from(element).ok());
    let retry = Retry { entry: uuid, element, admit };
    let receipt = site.pipeline.accept_again(submission(entry), retry).await;
    tracing::info!(entry = %uuid, admit, outcome = ?receipt.overall(), "a quarantined input was reprocessed");
    Ok(Some(receipt.overall().clone()))
}

fn submission(entry: QuarantineRow) -> Submission {
    let quarantined = entry.quarantined;
    Submission {
        bytes: entry.bytes,
        channel: quarantined.channel,
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
                key_secure: quarantined.key_secure,
                mailed_at: entry.mailed_at,
                network_state: entry.network_state,
                network_domain: entry.network_domain,
                network_evidence: entry.network_evidence,
                ..Origin::default()
            })),
            ..Hints::default()
        },
    }
}

fn location(entry: Uuid, outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else { return GONE.to_owned() };
    match outcome {
        Outcome::Stored(report) => format!("/reports/{report}"),
        Outcome::Duplicate(_) => "/quarantine?done=duplicate".to_owned(),
        Outcome::Quarantined { .. } => format!("/quarantine/{entry}?done=still-quarantined"),
        Outcome::Refused(_) | Outcome::Ignored(_) => format!("/quarantine/{entry}?done=refused"),
        Outcome::Busy(Busy::KeyLookup) => format!("/quarantine/{entry}?done=key-lookup"),
        Outcome::Busy(_) => format!("/quarantine/{entry}?done=busy"),
    }
}
