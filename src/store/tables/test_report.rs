//! Reports that prove a source and are in no figure: those of `tlsight send-test-report`.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, OptionalExt as _, params};
use uuid::Uuid;

use super::rows::{At, StoredReport, policy_domains};
use crate::{
    report::TEST_REPORT_ID,
    store::StoreError,
    submission::{Channel, Trust},
};

/// The last one that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    pub report_id: String,
    pub received_at: DateTime<Utc>,
    pub channel: Channel,
    pub trust: Trust,
    pub dkim_domain: Option<String>,
    pub policy_domains: Vec<String>,
}

/// Whether a report says of itself that it is one.
pub fn is_one(report_id: &str) -> bool {
    report_id.starts_with(TEST_REPORT_ID)
}

/// Keeps one, once for each report-id and sender.
pub fn keep(conn: &Connection, stored: &StoredReport<'_>) -> Result<(), StoreError> {
    let arrival = &stored.entry.arrival;
    conn.execute("DELETE FROM test_report WHERE uuid = ?::UUID", params![stored.identity])?;
    conn.execute(
        "INSERT INTO test_report VALUES (?::UUID, ?, ?, ?, ?, ?, ?)",
        params![
            stored.identity,
            stored.report.report_id,
            At(arrival.received_at),
            arrival.channel.as_str(),
            stored.trust.as_str(),
            stored.origin.dkim_domain,
            policy_domains(stored.report),
        ],
    )?;
    Ok(())
}

/// Takes one that an earlier version counted out of the tables; those it is counted in go with them.
pub fn move_here(conn: &Connection, day: NaiveDate, uuid: Uuid) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO test_report SELECT uuid, report_id, received_at, channel, trust, dkim_domain, policy_domains \
         FROM report WHERE day = ?::DATE AND uuid = ?::UUID",
        params![day, uuid],
    )?;
    conn.execute("DELETE FROM raw WHERE day = ?::DATE AND report = ?::UUID", params![day, uuid])?;
    Ok(())
}

/// The last one that came, if any did.
pub fn last(conn: &Connection) -> Result<Option<TestReport>, StoreError> {
    let sql = "SELECT report_id, received_at, channel, trust, dkim_domain, policy_domains FROM test_report \
               ORDER BY received_at DESC, uuid LIMIT 1";
    let found = conn.prepare(sql)?.query_row([], |row| {
        let policy_domains: String = row.get(5)?;
        Ok(TestReport {
            report_id: row.get(0)?,
            received_at: row.get(1)?,
            channel: row.get(2)?,
            trust: row.get(3)?,
            dkim_domain: row.get(4)?,
            policy_domains: policy_domains.lines().map(str::to_owned).collect(),
        })
    });
    Ok(found.optional()?)
}
