//! The senders the operator trusts although no signature of their own passes: the list, and the end of a trust.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use minijinja::context;

use super::{
    Site, answer,
    answer::Fail,
    params,
    report::read_uuid,
    shell::{self, Badges},
    templates::fields,
};
use crate::store::sender;

pub(super) async fn list(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(super) async fn revoke(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
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

pub(super) async fn json(site: web::Data<Site>) -> HttpResponse {
    answer::json(tell(&site).await)
}

async fn tell(site: &Site) -> Result<serde_json::Value, Fail> {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let items: Vec<serde_json::Value> = site
        .store()
        .read(sender::senders)
        .await?
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
    Ok(serde_json::json!({ "items": items }))
}

async fn show(site: &Site, query_string: &str) -> Result<String, Fail> {
    let asked = params::parse(query_string, params::AFTER_ACTION, site.today())?;
    let (senders, badges) =
        site.store().read(|connection| Ok((sender::senders(connection)?, Badges::ask(connection)?))).await?;
    let in_force = senders.iter().filter(|sender| sender.revoked_at.is_none()).count();
    let done = match asked.done.as_deref() {
        Some("revoked") => Some("The trust has ended. Reports that were counted by it stay counted."),
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
    let content = fields! { rows, in_force, done };
    let shell = shell::without_filter(site, "/quarantine", badges);
    Ok(site.templates.render("senders.html", context! { ..content, ..shell })?)
}
