//! Reports that prove a source and are in no figure: those of `tlsight send-test-report`.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, OptionalExt as _, params};
use uuid::Uuid;

use super::rows::{At, StoredReport, policy_domains};
use crate::{
    limits::TEST_REPORTS_MAX,
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

/// Keeps one, once for each report-id and sender. Of many the latest stay: anybody can post them.
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
    conn.execute(
        "DELETE FROM test_report WHERE uuid NOT IN (SELECT uuid FROM test_report ORDER BY received_at DESC, uuid LIMIT ?)",
        params![TEST_REPORTS_MAX],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{entry, simple, temp_store};

    #[test]
    fn of_many_the_latest_stay() {
        let temp = temp_store();
        let of = |number: usize| entry(simple(&format!("{TEST_REPORT_ID}{number}"), 1), Trust::None);
        temp.store.write_blocking((0..TEST_REPORTS_MAX + 20).map(of).collect());
        let count = |conn: &Connection| Ok(conn.query_row("SELECT count(*) FROM test_report", [], |row| row.get(0))?);
        assert_eq!(temp.store.read_blocking::<i64>(count).unwrap(), TEST_REPORTS_MAX as i64);
    }
}
