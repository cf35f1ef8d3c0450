//! One report with all that is known about it.

use duckdb::Connection;
use uuid::Uuid;

use super::{
    ask, first, get, lines,
    reports::{self, ReportRow},
    shares::Sessions,
};
use crate::submission::{Channel, SignatureVerdict, Trust};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    pub report: ReportRow,
    pub submitter: Option<String>,
    pub contact: Option<String>,
    pub peer: Option<String>,
    pub source: Option<String>,
    /// Of the mail it came in.
    pub from_domain: Option<String>,
    pub from_address: Option<String>,
    /// The channel by which the same report came without proof as well.
    pub unproven_copy: Option<String>,
    /// Reports of the same name that other senders sent.
    pub others: Vec<Other>,
    /// `pass`, or the fault code of what was counted all the same.
    pub dkim_verdict: Option<SignatureVerdict>,
    pub dkim_domain: Option<String>,
    pub dkim_selector: Option<String>,
    /// Whether the posting address proves a domain: `proven`, `not-proven`, `unknown`; `None` where that was not asked.
    pub network_state: Option<String>,
    pub network_domain: Option<String>,
    /// JSON: what proves it, or why it is not proven.
    pub network_evidence: Option<String>,
    /// Whether DNSSEC secured the key; `None` where it was not asked for one.
    pub key_secure: Option<bool>,
    /// The first 1,000, with the first 2,000 failure details of the report.
    pub policies: Vec<PolicyRow>,
    /// How many there are.
    pub policies_total: i64,
    pub failures_total: i64,
}

/// A report with the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    pub uuid: Uuid,
    pub organisation_key: String,
    pub trust: Trust,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Index in `policies`, from 0.
    pub position: i32,
    /// Empty where the sender gave none.
    pub domain: String,
    pub policy_type: String,
    pub mode: Option<String>,
    /// Seconds.
    pub max_age: Option<i64>,
    pub policy_string: Vec<String>,
    pub mx_hosts: Vec<String>,
    pub successful: Option<i64>,
    pub failed: Option<i64>,
    pub not_itemised: i64,
    /// What of it counts where each session counts once.
    pub once: Sessions,
    pub failures: Vec<FailureRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRow {
    pub result_type: String,
    pub sending_mta_ip: Option<String>,
    pub receiving_mx_hostname: Option<String>,
    pub receiving_mx_helo: Option<String>,
    pub receiving_ip: Option<String>,
    pub failed_sessions: Option<i64>,
    pub additional_information: Option<String>,
    pub reason_code: Option<String>,
}

/// The bytes as they came, with what the sender said about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBody {
    pub media_type: Option<String>,
    pub content_encoding: Option<String>,
    /// Index of the report in `bytes`, where they hold several.
    pub element: Option<i32>,
    pub bytes: Vec<u8>,
    /// The way they came.
    pub channel: Channel,
}

pub fn report(connection: &Connection, uuid: Uuid) -> duckdb::Result<Option<Whole>> {
    let uuid = uuid.to_string();
    let found = ask(connection, include_str!("report.sql"), None, &[("uuid", &uuid)], |row| {
        Ok(Whole {
            report: reports::read(row)?,
            submitter: get(row, 14)?,
            contact: get(row, 15)?,
            peer: get(row, 16)?,
            source: get(row, 17)?,
            dkim_domain: get(row, 18)?,
            from_domain: get(row, 19)?,
            dkim_verdict: get(row, 20)?,
            dkim_selector: get(row, 21)?,
            from_address: get(row, 22)?,
            unproven_copy: get(row, 23)?,
            others: Vec::new(),
            network_state: get(row, 24)?,
            network_domain: get(row, 25)?,
            network_evidence: get(row, 26)?,
            key_secure: get(row, 27)?,
            policies: Vec::new(),
            policies_total: 0,
            failures_total: 0,
        })
    })?;
    let Some(mut whole) = first(found) else { return Ok(None) };
    whole.others = others(connection, &whole.report)?;
    let place: [(&str, &dyn duckdb::ToSql); 2] = [("uuid", &uuid), ("day", &whole.report.day)];
    whole.policies = ask(connection, include_str!("report_policies.sql"), None, &place, |row| {
        Ok(PolicyRow {
            position: get(row, 0)?,
            domain: get(row, 1)?,
            policy_type: get(row, 2)?,
            mode: get(row, 3)?,
            max_age: get(row, 4)?,
            policy_string: lines(row, 5)?,
            mx_hosts: lines(row, 6)?,
            successful: get(row, 7)?,
            failed: get(row, 8)?,
            not_itemised: get(row, 9)?,
            once: Sessions { successful: get(row, 10)?, failed: get(row, 11)? },
            failures: Vec::new(),
        })
    })?;
    let failures = ask(connection, include_str!("report_failures.sql"), None, &place, |row| {
        let failure = FailureRow {
            result_type: get(row, 1)?,
            sending_mta_ip: get(row, 2)?,
            receiving_mx_hostname: get(row, 3)?,
            receiving_mx_helo: get(row, 4)?,
            receiving_ip: get(row, 5)?,
            failed_sessions: get(row, 6)?,
            additional_information: get(row, 7)?,
            reason_code: get(row, 8)?,
        };
        Ok((get::<i32>(row, 0)?, failure))
    })?;
    let totals =
        ask(connection, include_str!("report_totals.sql"), None, &place, |row| Ok((get(row, 0)?, get(row, 1)?)))?;
    (whole.policies_total, whole.failures_total) = first(totals).unwrap_or_default();
    for (position, failure) in failures {
        if let Ok(at) = whole.policies.binary_search_by_key(&position, |policy| policy.position) {
            whole.policies[at].failures.push(failure);
        }
    }
    Ok(Some(whole))
}

/// What else was sent about these days under this report-id: a sender's own copies are one report, so that these are others'.
fn others(connection: &Connection, report: &reports::ReportRow) -> duckdb::Result<Vec<Other>> {
    let uuid = report.uuid.to_string();
    let more: [(&str, &dyn duckdb::ToSql); 3] =
        [("day", &report.day), ("report_id", &report.report_id), ("uuid", &uuid)];
    ask(connection, include_str!("report_others.sql"), None, &more, |row| {
        Ok(Other { uuid: get(row, 0)?, organisation_key: get(row, 1)?, trust: get(row, 2)? })
    })
}

/// `None` where there is no such report or its bytes are past their retention.
pub fn raw(connection: &Connection, uuid: Uuid) -> duckdb::Result<Option<ReportBody>> {
    let text = uuid.to_string();
    let days =
        ask(connection, include_str!("report.sql"), None, &[("uuid", &text)], |row| get::<chrono::NaiveDate>(row, 1))?;
    let Some(day) = first(days) else { return Ok(None) };
    let found = ask(connection, include_str!("report_raw.sql"), None, &[("uuid", &text), ("day", &day)], |row| {
        Ok(ReportBody {
            media_type: get(row, 0)?,
            content_encoding: get(row, 1)?,
            element: get(row, 2)?,
            bytes: get(row, 3)?,
            // Bytes whose report is gone are shown as they are.
            channel: get::<Option<Channel>>(row, 4)?.unwrap_or(Channel::Import),
        })
    })?;
    Ok(first(found))
}
