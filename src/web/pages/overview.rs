//! The first page: am I fine; if not, who is losing mail because of what, and is it new.

mod daily;
mod json;
mod senders;
mod verdict;

use actix_web::{HttpRequest, HttpResponse, web};
use minijinja::context;

use super::sources;
use crate::{
    query,
    store::tables::alert,
    summary::{claims, outages},
    templates::fields,
    web::{Site, answer, layout::Frame, params},
    wording,
};

pub(crate) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(crate) async fn json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, request.query_string()).await)
}

async fn show(site: &Site, query_string: &str) -> Result<String, answer::Fail> {
    let today = site.today();
    let asked = site.asked(query_string, params::OVERVIEW).await?;
    let figures = site.overview(&asked.filter).await?;
    let question = asked.clone();
    let (frame, (firing, unacknowledged)) = site
        .store()
        .read(move |connection| Ok((Frame::ask(connection, &question)?, alert::firing(connection)?)))
        .await?;
    let shell = frame.context(&asked, "/", today);
    let daily = daily::daily(&figures, &asked);
    let page = fields! {
        verdict => verdict::verdict(&figures),
        state => figures.state(),
        span => figures.span.map(|span| fields! { first => span.first, last => span.last, reports => span.reports }),
        outages => outages::section(&figures.outages, figures.filter.range.last()),
        daily,
        senders => senders::senders(&figures),
        domains => senders::domains(&figures),
        hosts => senders::hosts(&figures),
        policy_types => senders::policy_types(&figures),
        previous => wording::range(figures.filter.range.previous()),
        claims => claims::beside(figures.claims.as_ref()),
        only_claims => figures.filter.only_claims && figures.reported.reports > 0,
        firing, unacknowledged,
        store_trouble => site.store().trouble(),
        set_aside => site.store().set_aside(),
        troubles => sources::troubles(site),
        failing_channels => sources::failing_channels(site),
        served => site.pipeline.served().domains.keys().cloned().collect::<Vec<String>>(),
    };
    Ok(site.templates.render("overview.html", context! { ..page, ..shell })?)
}

async fn tell(site: &Site, query_string: &str) -> Result<serde_json::Value, answer::Fail> {
    let figures = site.overview(&site.asked(query_string, params::OVERVIEW).await?.filter).await?;
    let quarantined = site.store().read(|connection| Ok(query::quarantine::count(connection)?)).await?;
    Ok(json::overview(&figures, quarantined))
}
