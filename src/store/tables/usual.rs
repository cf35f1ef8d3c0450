//! How many sessions a policy domain usually has on a day, by what senders proved.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::rows::Day;
use crate::store::StoreError;

/// Sessions of a usual day by policy domain, where at least seven of the last 28 days tell it: the median over what is proven or
/// imported, or, while nothing is, over what is claimed.
pub fn usual_sessions(conn: &Connection, now: DateTime<Utc>) -> Result<HashMap<String, i64>, StoreError> {
    let proven = sessions(conn, now, "trust IN ('import', 'network', 'dkim')")?;
    if proven.is_empty() { sessions(conn, now, "true") } else { Ok(proven) }
}

fn sessions(conn: &Connection, now: DateTime<Utc>, counted: &str) -> Result<HashMap<String, i64>, StoreError> {
    let sql = format!(
        "WITH each_day AS (SELECT policy_domain, day, sum(once_successful + once_failed) AS sessions FROM policy
           WHERE day BETWEEN ?::DATE - INTERVAL 28 DAY AND ?::DATE AND {counted} GROUP BY policy_domain, day)
         SELECT policy_domain, least(median(sessions), 1e15)::BIGINT FROM each_day GROUP BY policy_domain HAVING count(*) >= 7"
    );
    let mut statement = conn.prepare(&sql)?;
    let today = now.date_naive();
    let rows = statement.query_map(params![Day(today), Day(today)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}
