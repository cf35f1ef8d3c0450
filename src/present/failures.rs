//! Failed sessions by one property, as page, JSON and CSV.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use minijinja::context;
use serde::Serialize;

use super::{
    Site, answer,
    params::{self, ABSENT, Asked},
    shell::Frame,
    templates::fields,
    words::{self, Trend},
};
use crate::{
    explain::result_types,
    query::failures::{By, Failures, Page, failures},
    share,
};

#[derive(Serialize)]
struct Row {
    /// For links.
    value: String,
    name: String,
    short: &'static str,
    failed: i64,
    share: String,
    trend: String,
    reports: i64,
    organisations: i64,
    first: chrono::NaiveDate,
    last: chrono::NaiveDate,
    day: Option<chrono::NaiveDate>,
}

#[derive(Serialize)]
struct Tab {
    by: &'static str,
    name: &'static str,
}

pub(super) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(super) async fn json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, request.query_string()).await)
}

pub(super) async fn csv(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    match ask(&site, request.query_string()).await {
        Ok((asked, page, _)) => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"failures.csv\""))
            .body(table(by_of(&asked), &page.rows)),
        Err(fail) => answer::failed_json(&fail),
    }
}

async fn ask(site: &Site, query_string: &str) -> Result<(Asked, Page, Frame), answer::Fail> {
    let asked = params::parse(query_string, site.today())?;
    let after = asked.failures_after()?;
    let question = asked.clone();
    let (page, frame) = site
        .store()
        .read(move |connection| {
            let by = by_of(&question);
            let page = failures(connection, &question.filter, by, question.limit, after.as_ref())?;
            Ok((page, Frame::ask(connection, &question)?))
        })
        .await?;
    Ok((asked, page, frame))
}

fn by_of(asked: &Asked) -> By {
    asked.by.unwrap_or(By::Organisation)
}

async fn show(site: &Site, query_string: &str) -> Result<String, answer::Fail> {
    let (asked, page, frame) = ask(site, query_string).await?;
    let by = by_of(&asked);
    let shell = frame.context(&asked, "/failures", site.today());
    let rows: Vec<Row> = page.rows.iter().map(|failures| row(by, failures, page.failed)).collect();
    let tabs: Vec<Tab> = By::ALL.into_iter().map(|by| Tab { by: by.as_str(), name: tab_name(by) }).collect();
    let content = fields! {
        by => by.as_str(),
        by_name => tab_name(by),
        tabs,
        rows,
        keys_words => keys_words(by, page.keys),
        failed => page.failed,
        from_details => matches!(by, By::ResultType | By::ReceivingMxHostname | By::SendingMtaIp),
        next => page.next.as_ref().map(params::failures_cursor),
        limit => asked.limit,
    };
    Ok(site.templates.render("failures.html", context! { ..content, ..shell })?)
}

fn tab_name(by: By) -> &'static str {
    match by {
        By::Organisation => "Sending organisation",
        By::ResultType => "Result type",
        By::PolicyDomain => "Policy domain",
        By::ReceivingMxHostname => "Receiving MX host",
        By::SendingMtaIp => "Sending address",
        By::Day => "Day",
    }
}

/// `from 7 organisations`.
fn keys_words(by: By, keys: i64) -> String {
    match by {
        By::Organisation => format!("from {}", words::counted(keys, "organisation", "organisations")),
        By::ResultType => format!("of {}", words::counted(keys, "result type", "result types")),
        By::PolicyDomain => format!("to {}", words::counted(keys, "policy domain", "policy domains")),
        By::ReceivingMxHostname => format!("at {}", words::counted(keys, "MX host", "MX hosts")),
        By::SendingMtaIp => format!("from {}", words::counted(keys, "address", "addresses")),
        By::Day => format!("on {}", words::counted(keys, "day", "days")),
    }
}

fn row(by: By, failures: &Failures, of: i64) -> Row {
    let absent = failures.key.is_empty();
    Row {
        value: if absent { ABSENT.to_owned() } else { failures.key.clone() },
        name: if absent { "(not given)".to_owned() } else { failures.key.clone() },
        short: if by == By::ResultType { result_types::short(&failures.key) } else { "" },
        failed: failures.failed,
        share: share::failed(failures.failed, of),
        trend: trend(by, failures),
        reports: failures.reports,
        organisations: failures.organisations,
        first: failures.first,
        last: failures.last,
        day: if by == By::Day { Some(failures.first) } else { None },
    }
}

fn trend(by: By, failures: &Failures) -> String {
    let before = words::thousands(failures.failed_before);
    match Trend::of(failures.failed, failures.failed_before) {
        _ if by == By::Day => String::new(),
        Trend::New => format!("new since {}", words::day(failures.first)),
        Trend::Grew => format!("up from {before}"),
        Trend::Fell => format!("down from {before}"),
        Trend::Same => format!("much as before ({before})"),
        Trend::Resolved | Trend::Quiet => String::new(),
    }
}

async fn tell(site: &Site, query_string: &str) -> Result<serde_json::Value, answer::Fail> {
    let (asked, page, _) = ask(site, query_string).await?;
    let by = by_of(&asked);
    let items: Vec<serde_json::Value> = page
        .rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "key": (!row.key.is_empty()).then_some(&row.key),
                "failed_sessions": row.failed,
                "previous_failed_sessions": (by != By::Day).then_some(row.failed_before),
                "reports": row.reports,
                "organisations": row.organisations,
                "first_day": row.first,
                "last_day": row.last,
            })
        })
        .collect();
    Ok(serde_json::json!({ "items": items, "next": page.next.as_ref().map(params::failures_cursor) }))
}

fn table(by: By, rows: &[Failures]) -> String {
    let mut csv = format!(
        "{},failed_sessions,previous_failed_sessions,reports,organisations,first_day,last_day\r\n",
        by.as_str()
    );
    for row in rows {
        let before = if by == By::Day { String::new() } else { row.failed_before.to_string() };
        csv.push_str(&format!(
            "{},{},{before},{},{},{},{}\r\n",
            cell(&row.key),
            row.failed,
            row.reports,
            row.organisations,
            row.first,
            row.last
        ));
    }
    csv
}

/// RFC 4180, and kept from being a formula: spreadsheets run what begins with one of these characters.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_no_formulas() {
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("+1"), "'+1");
        assert_eq!(cell("-1"), "'-1");
        assert_eq!(cell("@x"), "'@x");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("=a\"b"), "\"'=a\"\"b\"");
        assert_eq!(cell("example.com"), "example.com");
    }
}
