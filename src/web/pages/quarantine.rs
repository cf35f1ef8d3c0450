//! What is kept but not counted: the list, one entry, its bytes.

pub mod actions;
pub mod bulk;

use actix_web::{HttpRequest, HttpResponse, web};
use minijinja::context;
use serde::Serialize;

use super::{
    report::read_uuid,
    snippet::{self, Excerpt, StoredBytes},
};
use crate::{
    explain::faults,
    fault::FaultCode,
    links,
    query::quarantine::{self, Narrowed, QuarantineCursor, QuarantinePage, QuarantineRow, Quarantined},
    submission::{SignatureVerdict, TrustFilter},
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        flash,
        layout::{self, Badges},
        params::{self, PageParams},
    },
    wording,
};

/// Bytes of the unpacked document shown.
const DOCUMENT_SHOWN_MAX_BYTES: usize = 64 * 1024;
/// Bytes it may have once it is indented; a larger one is shown as it came.
const DOCUMENT_INDENTED_MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Serialize)]
struct Row {
    uuid: String,
    code: &'static str,
    detail: String,
    from_domain: Option<String>,
    organisation: Option<String>,
    source: String,
    trust: &'static str,
    times: i64,
    bytes_total: i64,
    last_received_at: chrono::DateTime<chrono::Utc>,
}

pub(crate) async fn list(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show_list(&site, request.query_string()).await)
}

pub(crate) async fn entry(site: web::Data<Site>, path: web::Path<String>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show_entry(&site, &path, request.query_string()).await)
}

pub(crate) async fn json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, request.query_string()).await)
}

pub(crate) async fn raw(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    match ask_entry(&site, &path).await {
        Ok((entry, _)) => {
            let uuid = entry.quarantined.uuid;
            let stored = stored(entry).1;
            answer::download(&format!("{uuid}.{}", snippet::extension(&stored)), stored.bytes)
        }
        Err(fail) => answer::failed_json(&fail),
    }
}

/// What a query string narrows the list to.
pub(crate) fn narrowed(asked: &PageParams) -> Narrowed {
    let range = asked.range_given.then_some(asked.filter.range);
    Narrowed {
        from: range.map(|range| range.first()),
        to: range.map(|range| range.last()),
        trust: Some(asked.filter.trust).filter(|trust| *trust != TrustFilter::Counted),
        least: asked.filter.least,
        organisation: asked.filter.organisation.clone(),
        code: asked.code,
    }
}

/// The same list at a path of its own, from where this page begins or from `after` on, with nothing said of what was done.
pub(crate) fn address(path: &str, asked: &PageParams, after: Option<&QuarantineCursor>) -> String {
    let Narrowed { from, to, trust, organisation, code, .. } = narrowed(asked);
    let cursor = after.map(params::quarantine_cursor).or_else(|| asked.cursor.clone());
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
    let limit = (asked.limit != params::ROWS_DEFAULT).then(|| asked.limit.to_string());
    let given = [
        ("code", code.map(|code| code.as_str().to_owned())),
        ("cursor", cursor),
        ("from", day(from)),
        ("limit", limit),
        ("organisation", organisation),
        ("to", day(to)),
        ("trust", trust.map(|trust| trust.as_str().to_owned())),
    ];
    links::address(path, given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))))
}

async fn ask(site: &Site, query_string: &str) -> Result<(PageParams, QuarantinePage, Badges), Fail> {
    let asked = params::parse(query_string, params::QUARANTINE, site.today())?;
    let after = asked.quarantine_after()?;
    let narrowed = narrowed(&asked);
    let limit = asked.limit;
    let (page, badges) = site
        .store()
        .read(move |connection| {
            let page = quarantine::quarantine(connection, &narrowed, limit, after.as_ref())?;
            Ok((page, Badges::ask(connection)?))
        })
        .await?;
    Ok((asked, page, badges))
}

async fn ask_entry(site: &Site, path: &str) -> Result<(QuarantineRow, Badges), Fail> {
    let uuid = read_uuid(path)?;
    let (entry, badges) = site
        .store()
        .read(move |connection| Ok((quarantine::entry(connection, uuid)?, Badges::ask(connection)?)))
        .await?;
    let gone =
        || Fail::NotFound(format!("there is no quarantine entry {uuid}; it may have been admitted or discarded"));
    Ok((entry.ok_or_else(gone)?, badges))
}

async fn show_list(site: &Site, query_string: &str) -> Result<String, Fail> {
    let (asked, page, badges) = ask(site, query_string).await?;
    let content = fields! {
        rows => page.rows.iter().map(row).collect::<Vec<_>>(),
        count => badges.quarantined(),
        code => asked.code.map(FaultCode::as_str),
        done => flash::words(&asked),
        judge => (!page.rows.is_empty() && bulk::is_offered(asked.code)).then(|| address("/quarantine/judge", &asked, None)),
        judged_max => bulk::JUDGED_MAX,
        next => page.next.as_ref().map(|next| address("/quarantine", &asked, Some(next))),
    };
    let shell = layout::without_filter(site, "/quarantine", badges);
    Ok(site.templates.render("quarantine.html", context! { ..content, ..shell })?)
}

fn row(entry: &Quarantined) -> Row {
    Row {
        uuid: entry.uuid.to_string(),
        code: entry.code.as_str(),
        detail: entry.detail.clone(),
        organisation: entry.organisation.clone(),
        from_domain: entry.from_domain.clone(),
        source: entry.source.as_deref().map(wording::source).or(entry.peer.as_deref()).unwrap_or_default().to_owned(),
        trust: entry.trust.as_str(),
        times: entry.times,
        bytes_total: entry.bytes_total,
        last_received_at: entry.last_received_at,
    }
}

async fn show_entry(site: &Site, path: &str, query_string: &str) -> Result<String, Fail> {
    let asked = params::parse(query_string, params::QUARANTINE, site.today())?;
    let (entry, badges) = ask_entry(site, path).await?;
    let is_whole = entry.bytes.len() as i64 == entry.quarantined.bytes_total;
    let (quarantined, excerpt, document) = look_inside(site, entry).await;
    let (happened, todo) = faults::explain(quarantined.code);
    let content = fields! {
        uuid => quarantined.uuid,
        code => quarantined.code.as_str(),
        detail => quarantined.detail.clone(),
        place => quarantined.place.clone(),
        happened, todo,
        admissible => is_whole && quarantined.code.is_admissible(),
        is_whole,
        can_trust => is_whole && actions::may_be_trusted(&quarantined),
        about_signature => is_whole && faults::is_about_signature(quarantined.code),
        signed_by => actions::signed_by(&quarantined),
        element => quarantined.element,
        report => quarantined.report,
        organisation => quarantined.organisation.clone(),
        report_id => quarantined.report_id.clone(),
        first_received_at => quarantined.first_received_at,
        last_received_at => quarantined.last_received_at,
        times => quarantined.times,
        channel => quarantined.channel.as_str(),
        peer => quarantined.peer.clone(),
        source => quarantined.source.as_deref().map(wording::source),
        trust => quarantined.trust.as_str(),
        from_domain => quarantined.from_domain.clone(),
        dkim_verdict => quarantined.dkim_verdict.map(SignatureVerdict::as_str),
        dkim_domain => quarantined.dkim_domain.clone(),
        dkim_selector => quarantined.dkim_selector.clone(),
        key_secure => quarantined.key_secure,
        media_type => quarantined.media_type.clone(),
        content_encoding => quarantined.content_encoding.clone(),
        bytes_total => quarantined.bytes_total,
        excerpt, document,
        done => flash::words(&asked),
    };
    let shell = layout::without_filter(site, "/quarantine", badges);
    Ok(site.templates.render("quarantine_entry.html", context! { ..content, ..shell })?)
}

/// Unpacking hostile bytes takes time: off the threads that answer.
async fn look_inside(site: &Site, entry: QuarantineRow) -> (Quarantined, Option<Excerpt>, Option<String>) {
    let (quarantined, stored) = stored(entry);
    let limits = site.pipeline.limits().clone();
    let place = quarantined.place.clone();
    let seen = web::block(move || {
        let excerpt = snippet::around(&place, &stored, &limits);
        let mut document = snippet::pretty(&stored, &limits, DOCUMENT_INDENTED_MAX_BYTES);
        if let Some(document) = &mut document {
            snippet::cut(document, DOCUMENT_SHOWN_MAX_BYTES);
        }
        (excerpt, document)
    });
    let (excerpt, document) = seen.await.unwrap_or_default();
    (quarantined, excerpt, document)
}

fn stored(entry: QuarantineRow) -> (Quarantined, StoredBytes) {
    let QuarantineRow { quarantined, bytes, .. } = entry;
    let Quarantined { channel, media_type, content_encoding, element, .. } = &quarantined;
    let stored = StoredBytes::new(bytes, *channel, media_type.clone(), content_encoding.clone(), *element);
    (quarantined, stored)
}

async fn tell(site: &Site, query_string: &str) -> Result<serde_json::Value, Fail> {
    let (_, page, _) = ask(site, query_string).await?;
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let items: Vec<serde_json::Value> = page
        .rows
        .iter()
        .map(|entry| {
            serde_json::json!({
                "uuid": entry.uuid,
                "code": entry.code.as_str(),
                "detail": entry.detail,
                "place": entry.place,
                "element": entry.element,
                "report": entry.report,
                "organisation": entry.organisation,
                "report_id": entry.report_id,
                "first_received_at": time(entry.first_received_at),
                "last_received_at": time(entry.last_received_at),
                "times": entry.times,
                "channel": entry.channel.as_str(),
                "peer": entry.peer,
                "source": entry.source,
                "trust": entry.trust.as_str(),
                "from_domain": entry.from_domain,
                "dkim_verdict": entry.dkim_verdict.map(SignatureVerdict::as_str),
                "dkim_domain": entry.dkim_domain,
                "dkim_selector": entry.dkim_selector,
                "key_secure": entry.key_secure,
                "media_type": entry.media_type,
                "content_encoding": entry.content_encoding,
                "bytes_total": entry.bytes_total,
            })
        })
        .collect();
    Ok(
        serde_json::json!({ "total": page.total, "items": items, "next": page.next.as_ref().map(params::quarantine_cursor) }),
    )
}
