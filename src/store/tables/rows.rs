//! Domain types to rows of the tables `report`, `policy`, `failure` and `raw`.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{
    Appender, Connection, ToSql, params,
    types::{TimeUnit, ToSqlOutput, Value},
};
use uuid::Uuid;

use super::counts;
use crate::{
    report::{Policy, PolicyDetails, PolicyResult, Report},
    store::{EntryKind, StoredEntry},
    submission::{Channel, NetworkState, Origin, Trust},
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
        let days = self.0.signed_duration_since(NaiveDate::default()).num_days();
        Ok(ToSqlOutput::Owned(Value::Date32(i32::try_from(days).unwrap_or(i32::MAX - 1))))
    }
}

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

/// The appenders of one transaction.
pub struct Tables<'conn> {
    conn: &'conn Connection,
    into: Into,
    /// Not of parts.
    report: Option<Appender<'conn>>,
    policy: Appender<'conn>,
    /// Opened at the first failure: to flush one costs a millisecond, and most reports have none.
    failure: Option<Appender<'conn>>,
    raw: Option<Appender<'conn>>,
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
    pub fn open(conn: &'conn Connection, into: Into) -> duckdb::Result<Tables<'conn>> {
        Ok(Tables {
            report: if into == Into::Parts { None } else { Some(into.appender(conn, "report")?) },
            policy: into.appender(conn, "policy")?,
            failure: None,
            raw: if into == Into::Tables { Some(conn.appender("raw")?) } else { None },
            into,
            conn,
        })
    }

    pub fn append(&mut self, stored: &StoredReport<'_>) -> duckdb::Result<()> {
        let counts = counts::count(stored.report);
        self.append_rows(stored, &counts, Range { start: 0, end: usize::MAX })?;
        self.append_head(stored, &counts)
    }

    /// Everything but the policies and failures.
    pub fn append_head(&mut self, stored: &StoredReport<'_>, counts: &counts::Counts) -> duckdb::Result<()> {
        self.append_report(stored, counts)?;
        let arrival = &stored.entry.arrival;
        let Some(raw) = &mut self.raw else { return Ok(()) };
        raw.append_row(params![
            stored.uuid,
            Day(stored.report.range.day()),
            At(arrival.received_at),
            stored.entry.element,
            arrival.media_type,
            arrival.content_encoding,
            arrival.bytes.as_slice(),
        ])
    }

    /// The policies and failures, or some of these rows: each policy is one, followed by those of its failures.
    pub fn append_rows(
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
    pub fn flush(mut self) -> duckdb::Result<()> {
        self.report.as_mut().map_or(Ok(()), Appender::flush)?;
        self.policy.flush()?;
        if let Some(failure) = &mut self.failure {
            failure.flush()?;
        }
        self.raw.as_mut().map_or(Ok(()), Appender::flush)
    }

    fn append_report(&mut self, stored: &StoredReport<'_>, counts: &counts::Counts) -> duckdb::Result<()> {
        let (report, arrival) = (stored.report, &stored.entry.arrival);
        let Some(table) = &mut self.report else { return Ok(()) };
        table.append_row(params![
            stored.uuid,
            stored.content,
            Day(report.range.day()),
            stored.organisation_key,
            report.organisation,
            arrival.submitter,
            report.contact,
            report.report_id,
            At(report.range.start),
            At(report.range.end),
            At(arrival.received_at),
            arrival.channel.as_str(),
            arrival.peer.map(|peer| peer.to_string()),
            arrival.source,
            stored.trust.as_str(),
            stored.origin.dkim_domain,
            policy_domains(report),
            counts.successful,
            counts.failed,
            report.deviations.to_lines(),
            stored.origin.from_domain,
            stored.origin.dkim_verdict,
            stored.origin.dkim_selector,
            stored.origin.mailed_at.map(At),
            Some(stored.identity).filter(|identity| *identity != stored.uuid),
            stored.origin.from_address,
            stored.unproven_copy.map(Channel::as_str),
            stored.origin.network_state.map(NetworkState::as_str),
            stored.origin.network_domain,
            stored.origin.network_evidence,
            stored.origin.key_secure,
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
        let day = Day(stored.report.range.day());
        let domain = policy.domain.as_deref().unwrap_or("");
        let max_age = match &policy.details {
            PolicyDetails::Sts(sts) => sts.max_age.map(i64::from),
            PolicyDetails::Tlsa(_) | PolicyDetails::Unknown => None,
        };
        self.policy.append_row(params![
            stored.uuid,
            index(position),
            day,
            stored.organisation_key,
            stored.report.organisation,
            domain,
            policy.policy_type.as_str(),
            stored.trust.as_str(),
            mode(policy),
            max_age,
            policy.policy_string.join("\n"),
            policy.mx_hosts.join("\n"),
            result.successful,
            result.failed,
            counts.not_itemised,
            counts.once_successful,
            counts.once_failed,
        ])
    }

    fn append_failures(
        &mut self,
        stored: &StoredReport<'_>,
        position: usize,
        (result, counts): (&PolicyResult, &counts::PolicyCounts),
        rows: Range<usize>,
    ) -> duckdb::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let policy = &result.policy;
        let day = Day(stored.report.range.day());
        let domain = policy.domain.as_deref().unwrap_or("");
        let mode = mode(policy);
        let table = match &mut self.failure {
            Some(table) => table,
            closed => closed.insert(self.into.appender(self.conn, "failure")?),
        };
        let failures = result.failures.iter().zip(&counts.failures).enumerate();
        for (detail, (failure, counted)) in failures.skip(rows.start).take(rows.len()) {
            table.append_row(params![
                stored.uuid,
                index(position),
                index(detail),
                day,
                stored.organisation_key,
                stored.report.organisation,
                domain,
                policy.policy_type.as_str(),
                stored.trust.as_str(),
                mode,
                failure.result_type,
                failure.sending_mta_ip.to_text(),
                failure.receiving_mx_hostname,
                failure.receiving_mx_helo,
                failure.receiving_ip.to_text(),
                failure.failed_sessions,
                failure.additional_information,
                failure.reason_code,
                *counted,
            ])?;
        }
        Ok(())
    }
}

/// What stands in a column `network_state`.
pub fn network_state(name: Option<String>) -> Option<NetworkState> {
    name.and_then(|name| NetworkState::from_name(&name))
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
