//! The senders the operator trusts although no signature of their own passes: the list, and the end of a trust.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use minijinja::context;
use serde::Deserialize;

use super::report::read_uuid;
use crate::{
    query::newcomers::{Newcomer, newcomers},
    reporters::{self, KeyProof, SenderIdentity},
    store::tables::sender,
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::{self, Badges},
        params,
    },
};

pub(crate) async fn list(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(crate) async fn revoke(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let now = site.clock.now();
        let revoked = site.store().change(move |conn| sender::revoke(conn, uuid, now)).await?;
        site.pipeline.reload_senders().await?;
        tracing::info!(sender = %uuid, revoked, "the operator ends the trust in a sender");
        Ok::<_, Fail>(if revoked { "/senders?done=revoked" } else { "/senders?done=gone" })
    };
    match result.await {
        Ok(location) => answer::see_other(location),
        Err(fail) => answer::failed_page(&site, &fail),
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct SenderDecision {
    organisation: String,
    /// `accept`, `refuse` or `take-back`.
    decision: String,
}

/// Accepts or refuses a signer that nobody knows.
pub(crate) async fn decide(site: web::Data<Site>, form: web::Form<SenderDecision>) -> HttpResponse {
    let result = async {
        let SenderDecision { organisation, decision } = form.into_inner();
        let accepted = match decision.as_str() {
            "accept" => Some(true),
            "refuse" => Some(false),
            "take-back" => None,
            other => {
                let detail = format!("`{other}` is not one of accept, refuse, take-back");
                return Err(Fail::Parameter { name: "decision".to_owned(), detail });
            }
        };
        if !matches!(KeyProof::of(&organisation), KeyProof::Signed | KeyProof::Proven) {
            return Err(Fail::Conflict(format!("`{organisation}` is no signer that could be accepted or refused")));
        }
        tracing::info!(organisation, decision, "the operator decides about a sender that nobody knows");
        let now = site.clock.now();
        site.store().change(move |conn| sender::decide(conn, &organisation, accepted, now)).await?;
        Ok::<_, Fail>(match accepted {
            Some(true) => "/senders?done=accepted",
            Some(false) => "/senders?done=refused",
            None => "/senders?done=taken-back",
        })
    };
    match result.await {
        Ok(location) => answer::see_other(location),
        Err(fail) => answer::failed_page(&site, &fail),
    }
}

pub(crate) async fn json(site: web::Data<Site>) -> HttpResponse {
    answer::json(tell(&site).await)
}

async fn tell(site: &Site) -> Result<serde_json::Value, Fail> {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let today = site.today();
    let (senders, (new, new_total)) =
        site.store().read(move |conn| Ok((sender::senders(conn)?, newcomers(conn, today)?))).await?;
    let items: Vec<serde_json::Value> = senders
        .into_iter()
        .map(|sender| {
            serde_json::json!({
                "uuid": sender.uuid,
                "from_domain": sender.from_domain,
                "dkim_domain": sender.dkim_domain,
                "added_at": time(sender.added_at),
                "revoked_at": sender.revoked_at.map(time),
            })
        })
        .collect();
    let new: Vec<serde_json::Value> = new
        .iter()
        .map(|new| {
            serde_json::json!({
                "organisation_key": new.key,
                "says": new.says,
                "reports": new.reports,
                "days": new.days,
                "first_at": time(new.first_at),
                "last_at": time(new.last_at),
                "accepted": new.accepted,
            })
        })
        .collect();
    Ok(serde_json::json!({ "items": items, "new": new, "new_total": new_total }))
}

fn new_row(new: &Newcomer) -> minijinja::Value {
    let sender = SenderIdentity::of(&new.key, new.says.as_deref());
    fields! {
        key => new.key.clone(),
        says => sender.says,
        taken_for => sender.taken_for.map(|(name, key)| format!("{name} ({key})")),
        reports => new.reports,
        days => new.days,
        first_at => new.first_at,
        accepted => new.accepted,
    }
}

async fn show(site: &Site, query_string: &str) -> Result<String, Fail> {
    let asked = params::parse(query_string, params::AFTER_ACTION, site.today())?;
    let today = site.today();
    let (senders, (new, _), badges) = site
        .store()
        .read(move |connection| {
            Ok((sender::senders(connection)?, newcomers(connection, today)?, Badges::ask(connection)?))
        })
        .await?;
    let (decided, new): (Vec<Newcomer>, Vec<Newcomer>) = new.into_iter().partition(|new| new.accepted.is_some());
    let in_force = senders.iter().filter(|sender| sender.revoked_at.is_none()).count();
    let done = match asked.done.as_deref() {
        Some("revoked") => Some("The trust has ended. Reports that were counted by it stay counted."),
        Some("accepted") => Some("The sender is accepted: what it reports makes alerts fire from now on."),
        Some("refused") => Some("The sender is refused: its reports are in no figure any more, and make no alert."),
        Some("taken-back") => Some("The decision is taken back."),
        Some("gone") => Some("This trust had ended already."),
        _ => None,
    };
    let rows: Vec<_> = senders
        .into_iter()
        .map(|sender| {
            fields! {
                uuid => sender.uuid,
                from_domain => sender.from_domain,
                dkim_domain => sender.dkim_domain,
                added_at => sender.added_at,
                revoked_at => sender.revoked_at,
            }
        })
        .collect();
    let new_rows = |rows: &[Newcomer]| rows.iter().map(new_row).collect::<Vec<_>>();
    let reporters = reporters::known().reporters().iter();
    let content = fields! {
        rows, in_force, done,
        new => new_rows(&new),
        decided => new_rows(&decided),
        known => reporters.map(|known| fields! { key => known.key.clone() }).collect::<Vec<_>>(),
        words => [KeyProof::Known, KeyProof::Signed, KeyProof::Proven, KeyProof::Trusted, KeyProof::Imported, KeyProof::Claimed]
            .map(|standing| (standing.as_str(), standing.explained())),
    };
    let shell = layout::without_filter(site, "/quarantine", badges);
    Ok(site.templates.render("senders.html", context! { ..content, ..shell })?)
}
