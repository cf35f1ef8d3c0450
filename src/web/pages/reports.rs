//! The reports behind a figure, as page and JSON.

use actix_web::{HttpRequest, HttpResponse, web};
use minijinja::context;
use serde::Serialize;

use crate::{
    query::reports::{ReportPage, ReportRow, reports},
    reporters::{self, SenderIdentity},
    templates::fields,
    web::{
        Site, answer,
        layout::Frame,
        params::{self, PageParams},
    },
};

#[derive(Serialize)]
struct Row {
    uuid: String,
    day: chrono::NaiveDate,
    name: String,
    organisation_key: String,
    policy_domains: Vec<String>,
    more_domains: usize,
    sessions: i64,
    failed: i64,
    trust: &'static str,
    channel: &'static str,
    received_at: chrono::DateTime<chrono::Utc>,
    deviations: usize,
    deviations_title: String,
}

/// Domains shown in one row.
const DOMAINS_SHOWN: usize = 3;

pub(crate) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(crate) async fn json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, request.query_string()).await)
}

async fn ask(site: &Site, query_string: &str) -> Result<(PageParams, ReportPage, Frame), answer::Fail> {
    let asked = site.asked(query_string, params::REPORTS).await?;
    let after = asked.reports_after()?;
    let question = asked.clone();
    let (page, frame) = site
        .store()
        .read(move |connection| {
            let page = reports(connection, &question.filter, question.limit, after.as_ref())?;
            Ok((page, Frame::ask(connection, &question)?))
        })
        .await?;
    Ok((asked, page, frame))
}

async fn show(site: &Site, query_string: &str) -> Result<String, answer::Fail> {
    let (asked, page, frame) = ask(site, query_string).await?;
    let shell = frame.context(&asked, "/reports", site.today());
    let filter = &asked.filter;
    let deviation = filter.deviation.map(|deviation| deviation.as_str().to_owned());
    let narrowed: Vec<(&str, &str, String)> = [
        ("result_type", "result type", &filter.result_type),
        ("receiving_mx_hostname", "MX host", &filter.receiving_mx_hostname),
        ("sending_mta_ip", "sending address", &filter.sending_mta_ip),
        ("deviation", "deviation", &deviation),
    ]
    .into_iter()
    .filter_map(|(name, words, value)| {
        let value = value.clone()?;
        Some((name, words, if value.is_empty() { "not given".to_owned() } else { value }))
    })
    .collect();
    let content = fields! {
        rows => page.rows.iter().map(row).collect::<Vec<_>>(),
        total => page.total,
        narrowed,
        only_failed => filter.failed,
        next => page.next.as_ref().map(params::reports_cursor),
        first_page => asked.cursor.is_none(),
        limit => asked.limit,
    };
    Ok(site.templates.render("reports.html", context! { ..content, ..shell })?)
}

fn row(report: &ReportRow) -> Row {
    let words: Vec<String> = report
        .deviations
        .iter()
        .map(|deviation| format!("{}: {}", deviation.code.as_str(), deviation.code.words()))
        .collect();
    Row {
        uuid: report.uuid.to_string(),
        day: report.day,
        name: reporters::shown(&report.organisation_key),
        organisation_key: report.organisation_key.clone(),
        policy_domains: report.policy_domains.iter().take(DOMAINS_SHOWN).cloned().collect(),
        more_domains: report.policy_domains.len().saturating_sub(DOMAINS_SHOWN),
        sessions: report.sessions.total(),
        failed: report.sessions.failed,
        trust: report.trust.as_str(),
        channel: report.channel.as_str(),
        received_at: report.received_at,
        deviations: report.deviations.len(),
        deviations_title: words.join("\n"),
    }
}

async fn tell(site: &Site, query_string: &str) -> Result<serde_json::Value, answer::Fail> {
    let (_, page, _) = ask(site, query_string).await?;
    let items: Vec<serde_json::Value> = page.rows.iter().map(item).collect();
    Ok(
        serde_json::json!({ "total": page.total, "items": items, "next": page.next.as_ref().map(params::reports_cursor) }),
    )
}

/// One report as the API tells it. Times are RFC 3339 in UTC, sessions are those of the policies that were asked for.
pub(crate) fn item(report: &ReportRow) -> serde_json::Value {
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    serde_json::json!({
        "uuid": report.uuid,
        "report_id": report.report_id,
        "organisation": report.organisation,
        "sender": reporters::shown(&report.organisation_key),
        "proof": SenderIdentity::of(&report.organisation_key, None).standing.as_str(),
        "organisation_key": report.organisation_key,
        "policy_domains": report.policy_domains,
        "day": report.day,
        "from": time(report.from),
        "to": time(report.to),
        "received_at": time(report.received_at),
        "channel": report.channel.as_str(),
        "trust": report.trust.as_str(),
        "successful": report.sessions.successful,
        "failed": report.sessions.failed,
        "deviations": report.deviations.iter().map(|deviation| serde_json::json!({
            "code": deviation.code.as_str(), "count": deviation.count, "path": deviation.path,
        })).collect::<Vec<_>>(),
    })
}
