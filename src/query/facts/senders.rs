//! Who reports how often and how late, and when anything came last.

use duckdb::Connection;

use super::scope::{Scope, days};
use crate::{
    alerts::facts::{Arrivals, Sender},
    query::{ask, called, first, get},
};

pub fn senders(connection: &Connection, scope: &Scope) -> duckdb::Result<Vec<Sender>> {
    ask(connection, &scope.fill(include_str!("senders.sql")), None, &[], |row| {
        Ok(Sender {
            organisation: get(row, 0)?,
            name: called(row, 0)?,
            days: days(scope.rhythm_first, get(row, 1)?),
            lateness_s: get(row, 2)?,
        })
    })
}

pub fn arrivals(connection: &Connection, scope: &Scope) -> duckdb::Result<Arrivals> {
    let rows = ask(connection, &scope.fill(include_str!("arrivals.sql")), None, &[], |row| {
        Ok(Arrivals { last_at: get(row, 0)?, days: get(row, 1)?, back_at: get(row, 2)? })
    })?;
    Ok(first(rows).unwrap_or_default())
}
