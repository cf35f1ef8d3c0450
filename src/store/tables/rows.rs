//! Domain types to rows of the tables `report`, `policy`, `failure` and `raw`.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{
    Appender, Connection, ToSql,
    types::{TimeUnit, ToSqlOutput, Value},
};
use uuid::Uuid;

use super::{
    columns::{ColumnType, Columns, columns, days_since_1970},
    counts,
};
use crate::{
    report::{Policy, PolicyDetails, PolicyResult, Report},
    store::{EntryKind, StoredEntry},
    submission::{Channel, NetworkState, Origin, SignatureVerdict, Trust},
};

/// A point in time for a `TIMESTAMP` column: without a detour through text.
pub struct At(pub DateTime<Utc>);

/// A day for a `DATE` column.
pub struct Day(pub NaiveDate);

impl ToSql for At {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Timestamp(TimeUnit::Microsecond, self.0.timestamp_micros())))
    }
}

impl ToSql for Day {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Date32(days_since_1970(self.0))))
    }
}

/// The columns of each table, in their order; a test compares them with the schema.
const REPORT: &[ColumnType] = columns! {
    Uuid Uuid Date Varchar Varchar Varchar Varchar Varchar Timestamp Timestamp Timestamp Varchar Varchar Varchar Varchar
    Varchar Varchar Bigint Bigint Varchar Varchar Varchar Varchar Timestamp Uuid Varchar Varchar Varchar Varchar Varchar
    Boolean
};
const POLICY: &[ColumnType] = columns! {
    Uuid Integer Date Varchar Varchar Varchar Varchar Varchar Varchar Bigint Varchar Varchar Bigint Bigint Bigint Bigint
    Bigint
};
const FAILURE: &[ColumnType] = columns! {
    Uuid Integer Integer Date Varchar Varchar Varchar Varchar Varchar Varchar Varchar Varchar Varchar Varchar Varchar
    Bigint Varchar Varchar Boolean
};
const RAW: &[ColumnType] = columns! { Uuid Date Timestamp Integer Varchar Varchar Blob };

/// One report on its way into the tables.
pub struct StoredReport<'a> {
    pub entry: &'a StoredEntry,
    pub report: &'a Report,
    /// What it stands under in the tables: its identity, or another name where another sender's report has that.
    pub uuid: Uuid,
    pub identity: Uuid,
    pub alias: Option<Uuid>,
    pub content: Uuid,
    pub organisation_key: &'a str,
    /// The arrival's, or that of a more credible copy in the same transaction.
    pub trust: Trust,
    pub origin: &'a Origin,
    /// By which channel the same report came without proof.
    pub unproven_copy: Option<Channel>,
}

impl<'a> StoredReport<'a> {
    /// What an entry holds, believed as far as its arrival; `None` where it holds no report.
    pub fn of(entry: &'a StoredEntry) -> Option<StoredReport<'a>> {
        let EntryKind::Report { report, identity, alias, content, organisation_key } = &entry.kind else { return None };
        Some(StoredReport {
            entry,
            report,
            uuid: *identity,
            identity: *identity,
            alias: *alias,
            content: *content,
            organisation_key,
            trust: entry.arrival.trust,
            origin: &entry.arrival.origin,
            unproven_copy: None,
        })
    }
}

/// What a report is put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    Tables,
    /// The tables that will take their place; the original bytes stay where they are.
    Next,
    /// Temporary tables of policies and failures, out of which a large report is put together.
    Parts,
}

/// The rows of one transaction.
pub(in crate::store) struct Tables<'conn> {
    conn: &'conn Connection,
    into: Into,
    report: Columns,
    policy: Columns,
    failure: Columns,
    raw: Columns,
}

impl Into {
    fn appender<'conn>(self, conn: &'conn Connection, table: &str) -> duckdb::Result<Appender<'conn>> {
        match self {
            Into::Tables => conn.appender(table),
            Into::Next => conn.appender(&format!("{table}_next")),
            Into::Parts => conn.appender_to_catalog_and_db(&format!("{table}_part"), "temp", "main"),
        }
    }
}

impl<'conn> Tables<'conn> {
    pub(in crate::store) fn new(conn: &'conn Connection, into: Into) -> Tables<'conn> {
        Tables {
            conn,
            into,
            report: Columns::new(REPORT),
            policy: Columns::new(POLICY),
            failure: Columns::new(FAILURE),
            raw: Columns::new(RAW),
        }
    }

    pub(in crate::store) fn append(&mut self, stored: &StoredReport<'_>) -> duckdb::Result<()> {
        let counts = counts::count(stored.report);
        self.append_rows(stored, &counts, Range { start: 0, end: usize::MAX })?;
        self.append_head(stored, &counts)
    }

    /// Everything but the policies and failures.
    pub(in crate::store) fn append_head(
        &mut self,
        stored: &StoredReport<'_>,
        counts: &counts::Counts,
    ) -> duckdb::Result<()> {
        self.append_report(stored, counts)?;
        if self.into == Into::Next {
            return Ok(());
        }
        let arrival = &stored.entry.arrival;
        self.raw.push(&[
            stored.uuid.into(),
            stored.report.range.day().into(),
            arrival.received_at.into(),
            stored.entry.element.map(|element| i32::try_from(element).unwrap_or(i32::MAX)).into(),
            arrival.media_type.as_ref().into(),
            arrival.content_encoding.as_ref().into(),
            arrival.bytes.as_slice().into(),
        ])
    }

    /// The policies and failures, or some of these rows: each policy is one, followed by those of its failures.
    pub(in crate::store) fn append_rows(
        &mut self,
        stored: &StoredReport<'_>,
        counts: &counts::Counts,
        rows: Range<usize>,
    ) -> duckdb::Result<()> {
        let mut first = 0;
        for (position, (result, counts)) in stored.report.policies.iter().zip(&counts.policies).enumerate() {
            if rows.contains(&first) {
                self.append_policy(stored, position, result, counts)?;
            }
            let failures = Range {
                start: rows.start.saturating_sub(first + 1).min(result.failures.len()),
                end: rows.end.saturating_sub(first + 1).min(result.failures.len()),
            };
            self.append_failures(stored, position, (result, counts), failures)?;
            first += 1 + result.failures.len();
        }
        Ok(())
    }

    /// Hands the rows to the transaction; errors of single rows may show only here.
    pub(in crate::store) fn flush(self) -> duckdb::Result<()> {
        let Tables { conn, into, report, policy, failure, raw } = self;
        for (columns, table) in [(report, "report"), (policy, "policy"), (failure, "failure"), (raw, "raw")] {
            columns.flush(|| into.appender(conn, table))?;
        }
        Ok(())
    }

    fn append_report(&mut self, stored: &StoredReport<'_>, counts: &counts::Counts) -> duckdb::Result<()> {
        let (report, arrival, origin) = (stored.report, &stored.entry.arrival, stored.origin);
        let (peer, deviations) = (arrival.peer.map(|peer| peer.to_string()), report.deviations.to_lines());
        let policy_domains = policy_domains(report);
        self.report.push(&[
            stored.uuid.into(),
            stored.content.into(),
            report.range.day().into(),
            stored.organisation_key.into(),
            report.organisation.as_ref().into(),
            arrival.submitter.as_ref().into(),
            report.contact.as_ref().into(),
            (&report.report_id).into(),
            report.range.start.into(),
            report.range.end.into(),
            arrival.received_at.into(),
            arrival.channel.as_str().into(),
            peer.as_ref().into(),
            arrival.source.as_ref().into(),
            stored.trust.as_str().into(),
            origin.dkim_domain.as_ref().into(),
            (&policy_domains).into(),
            counts.successful.into(),
            counts.failed.into(),
            (&deviations).into(),
            origin.from_domain.as_ref().into(),
            origin.dkim_verdict.map(SignatureVerdict::as_str).into(),
            origin.dkim_selector.as_ref().into(),
            origin.mailed_at.into(),
            Some(stored.identity).filter(|identity| *identity != stored.uuid).into(),
            origin.from_address.as_ref().into(),
            stored.unproven_copy.map(Channel::as_str).into(),
            origin.network_state.map(NetworkState::as_str).into(),
            origin.network_domain.as_ref().into(),
            origin.network_evidence.as_ref().into(),
            origin.key_secure.into(),
        ])
    }

    fn append_policy(
        &mut self,
        stored: &StoredReport<'_>,
        position: usize,
        result: &PolicyResult,
        counts: &counts::PolicyCounts,
    ) -> duckdb::Result<()> {
        let policy = &result.policy;
        let (policy_string, mx_hosts) = (policy.policy_string.join("\n"), policy.mx_hosts.join("\n"));
        let max_age = match &policy.details {
            PolicyDetails::Sts(sts) => sts.max_age.map(i64::from),
            PolicyDetails::Tlsa(_) | PolicyDetails::Unknown => None,
        };
        self.policy.push(&[
            stored.uuid.into(),
            index(position).into(),
            stored.report.range.day().into(),
            stored.organisation_key.into(),
            stored.report.organisation.as_ref().into(),
            policy.domain.as_deref().unwrap_or("").into(),
            policy.policy_type.as_str().into(),
            stored.trust.as_str().into(),
            mode(policy).into(),
            max_age.into(),
            (&policy_string).into(),
            (&mx_hosts).into(),
            result.successful.into(),
            result.failed.into(),
            counts.not_itemised.into(),
            counts.once_successful.into(),
            counts.once_failed.into(),
        ])
    }

    fn append_failures(
        &mut self,
        stored: &StoredReport<'_>,
        position: usize,
        (result, counts): (&PolicyResult, &counts::PolicyCounts),
        rows: Range<usize>,
    ) -> duckdb::Result<()> {
        let policy = &result.policy;
        let domain = policy.domain.as_deref().unwrap_or("");
        let failures = result.failures.iter().zip(&counts.failures).enumerate();
        for (detail, (failure, counted)) in failures.skip(rows.start).take(rows.len()) {
            let (sending, receiving) = (failure.sending_mta_ip.to_text(), failure.receiving_ip.to_text());
            self.failure.push(&[
                stored.uuid.into(),
                index(position).into(),
                index(detail).into(),
                stored.report.range.day().into(),
                stored.organisation_key.into(),
                stored.report.organisation.as_ref().into(),
                domain.into(),
                policy.policy_type.as_str().into(),
                stored.trust.as_str().into(),
                mode(policy).into(),
                failure.result_type.as_str().into(),
                sending.as_ref().into(),
                failure.receiving_mx_hostname.as_ref().into(),
                failure.receiving_mx_helo.as_ref().into(),
                receiving.as_ref().into(),
                failure.failed_sessions.into(),
                failure.additional_information.as_ref().into(),
                failure.reason_code.as_ref().into(),
                (*counted).into(),
            ])?;
        }
        Ok(())
    }
}

fn mode(policy: &Policy) -> Option<&'static str> {
    match &policy.details {
        PolicyDetails::Sts(sts) => sts.mode.map(|mode| mode.as_str()),
        PolicyDetails::Tlsa(_) | PolicyDetails::Unknown => None,
    }
}

/// The policy domains of a report, sorted, one a line.
pub fn policy_domains(report: &Report) -> String {
    let mut domains: Vec<&str> = report.policies.iter().filter_map(|result| result.policy.domain.as_deref()).collect();
    domains.sort_unstable();
    domains.dedup();
    domains.join("\n")
}

/// The limits on policies and details keep every index far below this type's range.
fn index(position: usize) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{columns::Cell, unproven::UNPROVEN},
        *,
    };
    use crate::store::fixtures::temp_store;

    #[test]
    fn the_columns_are_those_of_the_schema() {
        let temp = temp_store();
        for (table, columns) in
            [("report", REPORT), ("policy", POLICY), ("failure", FAILURE), ("raw", RAW), ("unproven", UNPROVEN)]
        {
            let types = temp.store.read_blocking(move |conn| {
                let sql = "SELECT data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index";
                let mut statement = conn.prepare(sql)?;
                let types = statement.query_map([table], |row| row.get::<_, String>(0))?;
                Ok(types.collect::<duckdb::Result<Vec<_>>>()?)
            });
            let ours: Vec<String> = columns.iter().map(|column| format!("{column:?}").to_uppercase()).collect();
            assert_eq!(types.unwrap(), ours, "{table}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_its_column_is_an_error_that_names_it() {
        let mut columns = Columns::new(RAW);
        let error = columns.push(&[Uuid::nil().into(), 1i32.into()]).unwrap_err().to_string();
        assert!(error.contains("2 values for 7 columns"), "{error}");
        let mut row = [Cell::Null; 7];
        row[1] = 1i32.into();
        assert!(columns.push(&row).unwrap_err().to_string().contains("column 1: "));
    }
}
