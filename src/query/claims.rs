//! What is claimed beside what counts: in one line, never in a sentence with it.

use duckdb::Connection;

use super::{
    Filter,
    reported::reported,
    shares::{Sessions, shares},
};

/// Reports that do not count by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    pub reports: i64,
    pub sessions: Sessions,
}

/// `None` where there are none, or where the filter asks for a trust itself.
pub fn claims(connection: &Connection, filter: &Filter) -> duckdb::Result<Option<Claims>> {
    let Some(beside) = filter.beside() else { return Ok(None) };
    let reports = reported(connection, &beside)?.reports;
    if reports == 0 {
        return Ok(None);
    }
    Ok(Some(Claims { reports, sessions: shares(connection, &beside)?.once }))
}
