//! The list of reports behind a figure.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, Row, types::FromSqlError};
use uuid::Uuid;

use super::{Filter, ask_with, get, lines, sessions, shares::Sessions};
use crate::{
    report::Deviation,
    submission::{Channel, Trust},
};

/// The result type under which pages show failed sessions that no failure detail explains.
pub const NOT_ITEMISED: &str = "not-itemised";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    pub uuid: Uuid,
    /// UTC day its range starts.
    pub day: NaiveDate,
    pub organisation_key: String,
    pub organisation: Option<String>,
    pub report_id: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub channel: Channel,
    pub trust: Trust,
    pub policy_domains: Vec<String>,
    /// Of the policies that were asked for.
    pub sessions: Sessions,
    pub deviations: Vec<ReportDeviation>,
}

/// Where a report strays from RFC 8460, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDeviation {
    pub code: Deviation,
    pub count: u64,
    /// JSON Pointer of the first one.
    pub path: String,
}

/// Where the page before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportCursor {
    pub day: NaiveDate,
    pub received_at: DateTime<Utc>,
    pub uuid: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportPage {
    pub rows: Vec<ReportRow>,
    /// Over all pages.
    pub total: i64,
    pub next: Option<ReportCursor>,
}

/// Newest day first.
pub fn reports(
    connection: &Connection,
    filter: &Filter,
    rows_max: usize,
    after: Option<&ReportCursor>,
) -> duckdb::Result<ReportPage> {
    let asked = rows_max as i64 + 1;
    let (after_day, after_received_at, after_uuid) = (
        after.map(|after| after.day),
        after.map(|after| after.received_at.naive_utc()),
        after.map(|after| after.uuid.to_string()),
    );
    let more: [(&str, &dyn duckdb::ToSql); 4] = [
        ("rows_max", &asked),
        ("after_day", &after_day),
        ("after_received_at", &after_received_at),
        ("after_uuid", &after_uuid),
    ];
    let mut page = ReportPage::default();
    let put_in = put_in(filter);
    for (report, total) in ask_with(connection, include_str!("reports.sql"), &put_in, Some(filter), &more, |row| {
        Ok((read(row)?, get::<i64>(row, 14)?))
    })? {
        page.total = total;
        page.rows.push(report);
    }
    if page.rows.len() > rows_max {
        page.rows.truncate(rows_max);
        page.next =
            page.rows.last().map(|last| ReportCursor { day: last.day, received_at: last.received_at, uuid: last.uuid });
    }
    Ok(page)
}

/// The parts of the statement that only some filters need.
fn put_in(filter: &Filter) -> [(&'static str, &'static str); 3] {
    let of_these_failures = match filter.result_type.as_deref() {
        Some(NOT_ITEMISED) if filter.names_host_or_address() => "AND false",
        Some(NOT_ITEMISED) => include_str!("reports_not_itemised.sql"),
        _ if filter.names_a_detail() => include_str!("reports_of_failures.sql"),
        _ => "",
    };
    [
        ("of_these_failures", of_these_failures),
        ("only_failed", if filter.failed { include_str!("reports_failed.sql") } else { "" }),
        (
            "sessions",
            if filter.names_policies() {
                include_str!("reports_sessions.sql")
            } else {
                "successful::HUGEINT, failed::HUGEINT"
            },
        ),
    ]
}

pub(super) fn read(row: &Row<'_>) -> duckdb::Result<ReportRow> {
    Ok(ReportRow {
        uuid: get(row, 0)?,
        day: get(row, 1)?,
        organisation_key: get(row, 2)?,
        organisation: get(row, 3)?,
        report_id: get(row, 4)?,
        from: get(row, 5)?,
        to: get(row, 6)?,
        received_at: get(row, 7)?,
        channel: get(row, 8)?,
        trust: get(row, 9)?,
        policy_domains: lines(row, 10)?,
        sessions: Sessions { successful: sessions(row, 11)?, failed: sessions(row, 12)? },
        deviations: deviations(&lines(row, 13)?)?,
    })
}

/// Reads `code count path` lines.
fn deviations(lines: &[String]) -> duckdb::Result<Vec<ReportDeviation>> {
    let read = |line: &String| {
        let mut words = line.splitn(3, ' ');
        Some(ReportDeviation {
            code: Deviation::from_name(words.next()?)?,
            count: words.next()?.parse().ok()?,
            path: words.next()?.to_owned(),
        })
    };
    let unknown = |line: &String| FromSqlError::Other(format!("`{line}` is no deviation").into());
    lines.iter().map(|line| read(line).ok_or_else(|| unknown(line).into())).collect()
}
