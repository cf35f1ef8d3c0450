//! Failed sessions by one property, as page, JSON and CSV.

use actix_web::{Error, HttpRequest, HttpResponse, error::ErrorInternalServerError, http::header, web};
use futures_util::stream;
use minijinja::context;
use serde::Serialize;

use crate::{
    explain::result_types,
    links::ABSENT,
    query::{
        Filter,
        failures::{FailureCursor, FailureOrder, FailurePage, Failures, failures},
        shares::shares,
    },
    share,
    templates::fields,
    web::{
        Site, answer,
        layout::Frame,
        params::{self, PageParams},
    },
    wording::{self, TrendWord},
};

/// Rows of an export that are in memory at the same time.
const EXPORT_ROWS: usize = 5_000;

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

pub(crate) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(crate) async fn json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, request.query_string()).await)
}

/// All of them, written out as they are read.
pub(crate) async fn csv(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    let asked = match site.asked(request.query_string(), params::FAILURES_CSV).await {
        Ok(asked) => asked,
        Err(fail) => return answer::failed_json(&fail),
    };
    let (filter, by) = (asked.filter.clone(), by_of(&asked));
    let first = match portion(&site, filter.clone(), by, None).await {
        Ok(page) => page,
        Err(fail) => return answer::failed_json(&fail),
    };
    let begun = Export { site, filter, by, next: Some(first), head: true };
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"failures.csv\""))
        .streaming(stream::unfold(begun, Export::write))
}

/// An export under way.
struct Export {
    site: web::Data<Site>,
    filter: Filter,
    by: FailureOrder,
    /// What is written next; `None` at the end.
    next: Option<FailurePage>,
    head: bool,
}

impl Export {
    async fn write(mut self) -> Option<(Result<web::Bytes, Error>, Export)> {
        let page = self.next.take()?;
        let mut text = if self.head { csv_head(self.by) } else { String::new() };
        self.head = false;
        for row in &page.rows {
            csv_row(&mut text, self.by, row);
        }
        if let Some(after) = page.next {
            match portion(&self.site, self.filter.clone(), self.by, Some(after)).await {
                Ok(page) => self.next = Some(page),
                // A file that ends early must not look complete: the connection is broken off.
                Err(fail) => return Some((Err(ErrorInternalServerError(fail.to_string())), self)),
            }
        }
        Some((Ok(text.into()), self))
    }
}

async fn portion(
    site: &Site,
    filter: Filter,
    by: FailureOrder,
    after: Option<FailureCursor>,
) -> Result<FailurePage, answer::Fail> {
    let read = move |connection: &_| Ok(failures(connection, &filter, by, EXPORT_ROWS, after.as_ref())?);
    Ok(site.store().read(read).await?)
}

async fn ask(site: &Site, query_string: &str) -> Result<(PageParams, FailurePage, Frame, bool), answer::Fail> {
    let asked = site.asked(query_string, params::FAILURES).await?;
    let after = asked.failures_after()?;
    let question = asked.clone();
    let (page, frame, has_before) = site
        .store()
        .read(move |connection| {
            let by = by_of(&question);
            let page = failures(connection, &question.filter, by, question.limit, after.as_ref())?;
            let before = shares(connection, &question.filter.with_range(question.filter.range.previous()))?;
            Ok((page, Frame::ask(connection, &question)?, before.once.total() > 0))
        })
        .await?;
    Ok((asked, page, frame, has_before))
}

fn by_of(asked: &PageParams) -> FailureOrder {
    asked.by.unwrap_or(FailureOrder::Organisation)
}

async fn show(site: &Site, query_string: &str) -> Result<String, answer::Fail> {
    let (asked, page, frame, has_before) = ask(site, query_string).await?;
    let by = by_of(&asked);
    let shell = frame.context(&asked, "/failures", site.today());
    let period = wording::period(asked.filter.range);
    let rows: Vec<Row> = page.rows.iter().map(|failures| row(by, failures, &page, has_before, period)).collect();
    let tabs: Vec<Tab> = FailureOrder::ALL.into_iter().map(|by| Tab { by: by.as_str(), name: tab_name(by) }).collect();
    let content = fields! {
        by => by.as_str(),
        by_name => tab_name(by),
        tabs,
        rows,
        keys_words => keys_words(by, page.keys),
        failed => page.failed,
        from_details => matches!(by, FailureOrder::ResultType | FailureOrder::ReceivingMxHostname | FailureOrder::SendingMtaIp),
        next => page.next.as_ref().map(params::failures_cursor),
        limit => asked.limit,
    };
    Ok(site.templates.render("failures.html", context! { ..content, ..shell })?)
}

fn tab_name(by: FailureOrder) -> &'static str {
    match by {
        FailureOrder::Organisation => "Sending organisation",
        FailureOrder::ResultType => "Result type",
        FailureOrder::PolicyDomain => "Policy domain",
        FailureOrder::ReceivingMxHostname => "Receiving MX host",
        FailureOrder::SendingMtaIp => "Sending address",
        FailureOrder::Day => "Day",
    }
}

/// `from 7 organisations`.
fn keys_words(by: FailureOrder, keys: i64) -> String {
    match by {
        FailureOrder::Organisation => format!("from {}", wording::counted(keys, "organisation", "organisations")),
        FailureOrder::ResultType => format!("of {}", wording::counted(keys, "result type", "result types")),
        FailureOrder::PolicyDomain => format!("to {}", wording::counted(keys, "policy domain", "policy domains")),
        FailureOrder::ReceivingMxHostname => format!("at {}", wording::counted(keys, "MX host", "MX hosts")),
        FailureOrder::SendingMtaIp => format!("from {}", wording::counted(keys, "address", "addresses")),
        FailureOrder::Day => format!("on {}", wording::counted(keys, "day", "days")),
    }
}

fn row(by: FailureOrder, failures: &Failures, page: &FailurePage, has_before: bool, period: &str) -> Row {
    let absent = failures.key.is_empty();
    Row {
        value: if absent { ABSENT.to_owned() } else { failures.key.clone() },
        name: if absent { "(not given)".to_owned() } else { failures.key.clone() },
        short: if by == FailureOrder::ResultType { result_types::short(&failures.key) } else { "" },
        failed: failures.failed,
        share: share::failed(failures.failed, page.failed),
        trend: trend(by, failures, has_before, period),
        reports: failures.reports,
        organisations: failures.organisations,
        first: failures.first,
        last: failures.last,
        day: if by == FailureOrder::Day { Some(failures.first) } else { None },
    }
}

fn trend(by: FailureOrder, failures: &Failures, has_before: bool, period: &str) -> String {
    match TrendWord::of(failures.failed, failures.failed_before) {
        _ if by == FailureOrder::Day => String::new(),
        TrendWord::New => wording::new_since(Some(failures.first), failures.failed_earlier, has_before),
        trend => wording::moved(trend, failures.failed, failures.failed_before, period),
    }
}

async fn tell(site: &Site, query_string: &str) -> Result<serde_json::Value, answer::Fail> {
    let (asked, page, ..) = ask(site, query_string).await?;
    let by = by_of(&asked);
    let items: Vec<serde_json::Value> = page
        .rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "key": (!row.key.is_empty()).then_some(&row.key),
                "failed_sessions": row.failed,
                "previous_failed_sessions": (by != FailureOrder::Day).then_some(row.failed_before),
                "reports": row.reports,
                "organisations": row.organisations,
                "first_day": row.first,
                "last_day": row.last,
            })
        })
        .collect();
    let (total, failed) = (page.keys, page.failed);
    Ok(
        serde_json::json!({ "total": total, "failed_sessions": failed, "items": items, "next": page.next.as_ref().map(params::failures_cursor) }),
    )
}

fn csv_head(by: FailureOrder) -> String {
    format!("{},failed_sessions,previous_failed_sessions,reports,organisations,first_day,last_day\r\n", by.as_str())
}

fn csv_row(csv: &mut String, by: FailureOrder, row: &Failures) {
    let before = if by == FailureOrder::Day { String::new() } else { row.failed_before.to_string() };
    let Failures { failed, reports, organisations, first, last, .. } = row;
    csv.push_str(&format!("{},{failed},{before},{reports},{organisations},{first},{last}\r\n", cell(&row.key)));
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
