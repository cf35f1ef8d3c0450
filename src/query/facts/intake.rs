//! What senders brought within the last 24 hours, and what of it was quarantined. What the operator imports does not count:
//! who imports sees the result.

use duckdb::Connection;

use super::scope::Scope;
use crate::{
    alerts::facts::Intake,
    query::{first, get},
    reporters,
};

pub(super) fn intake(connection: &Connection, scope: &Scope) -> duckdb::Result<Intake> {
    let stored = scope.ask(connection, include_str!("intake.sql"), &[], &[], |row| get::<u64>(row, 0))?;
    let kept = scope.ask(connection, include_str!("quarantined.sql"), &[], &[], |row| {
        let organisations: Option<String> = get(row, 3)?;
        Ok(Intake {
            stored: 0,
            quarantined: get(row, 0)?,
            conflicts: get(row, 1)?,
            conflict_at: get(row, 2)?,
            conflict_organisations: organisations
                .iter()
                .flat_map(|keys| keys.lines())
                .take(3)
                .map(reporters::shown)
                .collect(),
        })
    })?;
    Ok(Intake { stored: first(stored).unwrap_or(0), ..first(kept).unwrap_or_default() })
}
