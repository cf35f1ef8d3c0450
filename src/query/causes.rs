//! Why each sending organisation's sessions failed.

use duckdb::Connection;

use super::{Filter, ask, get, sessions};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCause {
    pub organisation: String,
    pub result_type: String,
    pub policy_type: String,
    pub mode: Option<String>,
    pub failed: i64,
}

/// Of one organisation, those with the most failed sessions.
const CAUSES_MAX: i64 = 50;

/// Largest first, at most 50 of each organisation.
pub fn causes(connection: &Connection, filter: &Filter) -> duckdb::Result<Vec<FailureCause>> {
    ask(connection, include_str!("causes.sql"), Some(filter), &[("causes_max", &CAUSES_MAX)], |row| {
        Ok(FailureCause {
            organisation: get(row, 0)?,
            result_type: get(row, 1)?,
            policy_type: get(row, 2)?,
            mode: get(row, 3)?,
            failed: sessions(row, 4)?,
        })
    })
}
