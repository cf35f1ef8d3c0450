//! Signers that nobody knows: those on probation, and what the operator decided.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::Connection;

use super::{ask, get};
use crate::reporters::KeyProof;

/// Listed at most; the rest is counted.
const ROWS_MAX: i64 = 200;
/// As the alerts have it: reports about so many days …
pub const DAYS_MIN: i64 = 7;
/// … that came over so many.
pub const ARRIVED_OVER_DAYS: i64 = 7;

/// One signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Organisation key.
    pub key: String,
    /// `organization-name` as it sent it last.
    pub says: Option<String>,
    pub reports: i64,
    pub days: i64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub last_day: NaiveDate,
    /// What the operator decided, if anything.
    pub accepted: Option<bool>,
    /// Whether its past speaks for it.
    pub established: bool,
}

/// Those of the last sixty days that are new, and all that were decided on; newest first. With how many there are.
pub fn newcomers(connection: &Connection, today: NaiveDate) -> duckdb::Result<(Vec<Newcomer>, i64)> {
    let rows =
        ask(connection, include_str!("newcomers.sql"), None, &[("today", &today), ("rows_max", &ROWS_MAX)], |row| {
            let newcomer = Newcomer {
                key: get(row, 0)?,
                says: get(row, 1)?,
                reports: get(row, 2)?,
                days: get(row, 3)?,
                first_at: get(row, 4)?,
                last_at: get(row, 5)?,
                last_day: get(row, 6)?,
                accepted: get(row, 7)?,
                established: get(row, 8)?,
            };
            Ok((newcomer, get::<i64>(row, 9)?))
        })?;
    let total = rows.first().map_or(0, |(_, total)| *total);
    let is_listed = |newcomer: &Newcomer| {
        let unknown = matches!(KeyProof::of(&newcomer.key), KeyProof::Signed | KeyProof::Proven);
        unknown && (newcomer.accepted.is_some() || !newcomer.established)
    };
    Ok((rows.into_iter().map(|(newcomer, _)| newcomer).filter(is_listed).collect(), total))
}
