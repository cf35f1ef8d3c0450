//! Failed sessions by one property. Organisations, policy domains and days are counted from the reports' summaries, which
//! are the truth about how many sessions failed; result types, MX hosts and sending addresses stand only in the failure
//! details, whose sum may differ (RFC 8460 §4.4: one session may appear under several).

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, ask_with, get, reports::NOT_ITEMISED, sessions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOrder {
    Organisation,
    ResultType,
    PolicyDomain,
    ReceivingMxHostname,
    SendingMtaIp,
    Day,
}

/// Where the page before ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCursor {
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
    /// Whether sessions failed in one of the six periods before that one.
    pub failed_earlier: bool,
    pub reports: i64,
    pub organisations: i64,
    pub first: NaiveDate,
    pub last: NaiveDate,
}

/// One page of them, with the totals over all pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailurePage {
    pub rows: Vec<Failures>,
    pub keys: i64,
    pub failed: i64,
    pub next: Option<FailureCursor>,
}

impl FailureOrder {
    pub const ALL: [FailureOrder; 6] = [
        FailureOrder::Organisation,
        FailureOrder::ResultType,
        FailureOrder::PolicyDomain,
        FailureOrder::ReceivingMxHostname,
        FailureOrder::SendingMtaIp,
        FailureOrder::Day,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FailureOrder::Organisation => "organisation",
            FailureOrder::ResultType => "result_type",
            FailureOrder::PolicyDomain => "policy_domain",
            FailureOrder::ReceivingMxHostname => "receiving_mx_hostname",
            FailureOrder::SendingMtaIp => "sending_mta_ip",
            FailureOrder::Day => "day",
        }
    }

    pub fn from_name(name: &str) -> Option<FailureOrder> {
        FailureOrder::ALL.into_iter().find(|by| by.as_str() == name)
    }

    fn column(self) -> &'static str {
        match self {
            FailureOrder::Organisation => "organisation_key",
            FailureOrder::PolicyDomain => "policy_domain",
            FailureOrder::ReceivingMxHostname => "receiving_mx_hostname",
            FailureOrder::SendingMtaIp => "sending_mta_ip",
            FailureOrder::ResultType => "result_type",
            FailureOrder::Day => "strftime(day, '%Y-%m-%d')",
        }
    }

    /// Where the rows come from, and the column that is their key.
    fn source(self, filter: &Filter) -> (String, &'static str) {
        let details = include_str!("failures_of_details.sql");
        let not_itemised = include_str!("failures_not_itemised.sql");
        let is_of_details = matches!(self, FailureOrder::ReceivingMxHostname | FailureOrder::SendingMtaIp);
        if filter.result_type.as_deref() == Some(NOT_ITEMISED) {
            // What stands in no detail has neither host nor address.
            let not_itemised = match filter.names_host_or_address() {
                true => not_itemised.replace("WHERE", "WHERE false AND"),
                false => not_itemised.to_owned(),
            };
            return match self {
                FailureOrder::ResultType => (not_itemised, KEY_NOT_ITEMISED),
                _ if is_of_details => (not_itemised, "''"),
                _ => (not_itemised, self.column()),
            };
        }
        let sql = match self {
            // A filter on single details can only be answered from the details.
            _ if is_of_details || filter.names_a_detail() => details.to_owned(),
            FailureOrder::ResultType => {
                format!("{details} UNION ALL {}", not_itemised.replace("{{key}}", KEY_NOT_ITEMISED))
            }
            _ => include_str!("failures_of_summaries.sql").to_owned(),
        };
        (sql, self.column())
    }
}

/// The key of sessions that no detail explains, as SQL.
const KEY_NOT_ITEMISED: &str = "'not-itemised'";

/// Most failed sessions first, days in the order of the calendar.
pub fn failures(
    connection: &Connection,
    filter: &Filter,
    by: FailureOrder,
    rows_max: usize,
    after: Option<&FailureCursor>,
) -> duckdb::Result<FailurePage> {
    let (after_key, after_failed) = (after.map(|after| after.key.as_str()), after.map_or(0, |after| after.failed));
    let asked = i64::try_from(rows_max).unwrap_or(i64::MAX).saturating_add(1);
    let more: [(&str, &dyn duckdb::ToSql); 3] =
        [("after_key", &after_key), ("after_failed", &after_failed), ("rows_max", &asked)];
    let (source, key) = by.source(filter);
    let source = source.replace("{{key}}", key);
    let (order, after) = match by {
        FailureOrder::Day => ("key", "($after_key IS NULL OR key > $after_key)"),
        _ => (
            "failed DESC, key",
            "($after_key IS NULL OR failed < $after_failed OR (failed = $after_failed AND key > $after_key))",
        ),
    };
    let put_in = [("source", source.as_str()), ("order", order), ("after", after)];
    let mut page = FailurePage::default();
    for (failures, keys, failed) in
        ask_with(connection, include_str!("failures.sql"), &put_in, Some(filter), &more, |row| {
            let failures = Failures {
                key: get(row, 0)?,
                failed: sessions(row, 1)?,
                failed_before: sessions(row, 2)?,
                failed_earlier: get(row, 3)?,
                reports: get(row, 4)?,
                organisations: get(row, 5)?,
                first: get(row, 6)?,
                last: get(row, 7)?,
            };
            Ok((failures, get::<i64>(row, 8)?, sessions(row, 9)?))
        })?
    {
        (page.keys, page.failed) = (keys, failed);
        page.rows.push(failures);
    }
    if page.rows.len() > rows_max {
        page.rows.truncate(rows_max);
        page.next = page.rows.last().map(|last| FailureCursor { failed: last.failed, key: last.key.clone() });
    }
    Ok(page)
}
