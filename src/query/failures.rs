//! Failed sessions by one property. Organisations, policy domains and days are counted from the reports' summaries, which
//! are the truth about how many sessions failed; result types, MX hosts and sending addresses stand only in the failure
//! details, whose sum may differ (RFC 8460 §4.4: one session may appear under several).

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, ask, get, sessions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Organisation,
    ResultType,
    PolicyDomain,
    ReceivingMxHostname,
    SendingMtaIp,
    Day,
}

/// Where the page before ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub failed: i64,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    /// Empty where the sender did not say.
    pub key: String,
    pub failed: i64,
    /// In the period before.
    pub failed_before: i64,
    pub reports: i64,
    pub organisations: i64,
    pub first: NaiveDate,
    pub last: NaiveDate,
}

/// One page of them, with the totals over all pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub rows: Vec<Failures>,
    pub keys: i64,
    pub failed: i64,
    pub next: Option<After>,
}

impl By {
    pub const ALL: [By; 6] =
        [By::Organisation, By::ResultType, By::PolicyDomain, By::ReceivingMxHostname, By::SendingMtaIp, By::Day];

    pub fn as_str(self) -> &'static str {
        match self {
            By::Organisation => "organisation",
            By::ResultType => "result_type",
            By::PolicyDomain => "policy_domain",
            By::ReceivingMxHostname => "receiving_mx_hostname",
            By::SendingMtaIp => "sending_mta_ip",
            By::Day => "day",
        }
    }

    pub fn from_name(name: &str) -> Option<By> {
        By::ALL.into_iter().find(|by| by.as_str() == name)
    }

    fn sql(self, filter: &Filter) -> String {
        let (summaries, details) = (include_str!("failures_of_summaries.sql"), include_str!("failures_of_details.sql"));
        // A filter on single details can only be answered from the details.
        let source = if filter.names_a_detail() { details } else { summaries };
        match self {
            By::Organisation => source.replace("key_column", "organisation_key"),
            By::PolicyDomain => source.replace("key_column", "policy_domain"),
            By::ReceivingMxHostname => details.replace("key_column", "receiving_mx_hostname"),
            By::SendingMtaIp => details.replace("key_column", "sending_mta_ip"),
            By::ResultType => include_str!("failures_of_result_types.sql").to_owned(),
            By::Day if filter.names_a_detail() => details.replace("key_column", "strftime(day, '%Y-%m-%d')"),
            By::Day => include_str!("failures_of_days.sql").to_owned(),
        }
    }
}

/// Most failed sessions first, days in the order of the calendar.
pub fn failures(
    connection: &Connection,
    filter: &Filter,
    by: By,
    rows_max: usize,
    after: Option<&After>,
) -> duckdb::Result<Page> {
    let after_key = after.map(|after| after.key.as_str());
    let after_failed = after.map_or(0, |after| after.failed);
    let asked = rows_max as i64 + 1;
    let more: [(&str, &dyn duckdb::ToSql); 4] = [
        ("after_key", &after_key),
        ("after_failed", &after_failed),
        ("rows_max", &asked),
        ("names_a_detail", &filter.names_a_detail()),
    ];
    let mut page = Page::default();
    for (failures, keys, failed) in ask(connection, &by.sql(filter), Some(filter), &more, |row| {
        let failures = Failures {
            key: get(row, 0)?,
            failed: sessions(row, 1)?,
            failed_before: sessions(row, 2)?,
            reports: get(row, 3)?,
            organisations: get(row, 4)?,
            first: get(row, 5)?,
            last: get(row, 6)?,
        };
        Ok((failures, get::<i64>(row, 7)?, sessions(row, 8)?))
    })? {
        (page.keys, page.failed) = (keys, failed);
        page.rows.push(failures);
    }
    if page.rows.len() > rows_max {
        page.rows.truncate(rows_max);
        page.next = page.rows.last().map(|last| After { failed: last.failed, key: last.key.clone() });
    }
    Ok(page)
}
