//! What each organisation reported on a policy domain, day by day.

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, ask, called, get, lines, sessions};
use crate::explain::result_types::POLICY_FETCH;

/// Rows of organisation, day and policy that are read, the latest first.
const ROWS_MAX: i64 = 50_000;

/// One organisation, day, policy type, mode and policy string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDay {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub day: NaiveDate,
    pub policy_type: String,
    /// `None` where the sender gave none that is known.
    pub mode: Option<String>,
    /// Elements as sent.
    pub policy_string: Vec<String>,
    /// Sessions of the summaries, of this type for itself.
    pub successful: i64,
    pub failed: i64,
    /// Sessions in details that say that a connection could not be secured as asked. `validation_max` adds up the largest detail of each policy.
    pub validation_sum: i64,
    pub validation_max: i64,
    /// Sessions in details that say that the policy could not be had.
    pub fetch_sum: i64,
    /// Failed sessions without a detail.
    pub not_itemised: i64,
}

/// By day, the latest first. The filter should name one policy domain.
pub fn policy_days(connection: &Connection, filter: &Filter) -> duckdb::Result<Vec<PolicyDay>> {
    let types = POLICY_FETCH.join("\n");
    let more: [(&str, &dyn duckdb::ToSql); 2] = [("policy_fetch_types", &types), ("rows_max", &ROWS_MAX)];
    ask(connection, include_str!("policy_days.sql"), Some(filter), &more, |row| {
        Ok(PolicyDay {
            organisation: get(row, 0)?,
            organisation_name: called(row, 0)?,
            day: get(row, 1)?,
            policy_type: get(row, 2)?,
            mode: get(row, 3)?,
            policy_string: lines(row, 4)?,
            successful: sessions(row, 5)?,
            failed: sessions(row, 6)?,
            validation_sum: sessions(row, 7)?,
            validation_max: sessions(row, 8)?,
            fetch_sum: sessions(row, 9)?,
            not_itemised: sessions(row, 10)?,
        })
    })
}
