//! What is known of the policies of the served domains.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, OptionalExt as _, Row, params};

use super::{FactChange, LastLook, LookDay, LookSummary, PublishedPolicy, policy};
use crate::{
    check::{Check, Effect, Finding, Severity, history::KnownFinding},
    store::{StoreError, tables::rows::At},
};

/// Changes and ended findings read at the most.
const ROWS_MAX: i64 = 1_000;

const FINDING_COLUMNS: &str =
    "check_id, part, severity, effect, message, remedy, last_before_at, began_at, confirmed_at, good_at, ended_at";

/// The last look at a domain; `None` where nobody ever looked.
pub fn last(conn: &Connection, policy_domain: &str) -> Result<Option<LastLook>, StoreError> {
    let sql = "SELECT looked_at, observed, findings FROM look JOIN look_state USING (state, policy_domain) \
               WHERE policy_domain = ? ORDER BY looked_at DESC LIMIT 1";
    let found = conn
        .query_row(sql, [policy_domain], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        .optional()?;
    let Some((looked_at, observed, findings)) = found else { return Ok(None) };
    // What another version wrote differently is looked at again soon.
    let Ok(observed) = serde_json::from_str(&observed) else { return Ok(None) };
    Ok(Some(LastLook { looked_at, observed, findings: known_checks(&findings) }))
}

/// Findings of checks that this version knows.
fn known_checks(json: &str) -> Vec<Finding> {
    let all: Vec<serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    all.into_iter().filter_map(|finding| serde_json::from_value(finding).ok()).collect()
}

/// The last look at each domain, by domain.
pub fn summaries(conn: &Connection) -> Result<Vec<LookSummary>, StoreError> {
    let sql = "WITH last AS (SELECT policy_domain, max(looked_at) AS looked_at, arg_max(unknowns, looked_at) AS unknowns \
                 FROM look GROUP BY policy_domain), \
               standing AS (SELECT policy_domain, count_if(severity = 'fault') AS faults, count_if(severity = 'warning') AS warnings, \
                   arg_min([check_id, message], (severity <> 'fault', began_at, check_id, part)) AS worst \
                 FROM look_finding WHERE ended_at IS NULL AND severity IN ('fault', 'warning') GROUP BY policy_domain), \
               served AS (SELECT policy_domain, arg_max(mode, first_seen_at) AS mode FROM policy_published \
                 WHERE gone_at IS NULL GROUP BY policy_domain) \
               SELECT policy_domain, looked_at, coalesce(faults, 0)::UINTEGER, coalesce(warnings, 0)::UINTEGER, unknowns, \
                 worst[1], worst[2], mode \
               FROM last LEFT JOIN standing USING (policy_domain) LEFT JOIN served USING (policy_domain) ORDER BY policy_domain";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let worst: (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        Ok(LookSummary {
            policy_domain: row.get(0)?,
            looked_at: row.get(1)?,
            faults: row.get(2)?,
            warnings: row.get(3)?,
            unknowns: row.get(4)?,
            worst: worst.0.zip(worst.1),
            mode: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Findings that stand, faults first, and behind them those that ended since.
pub fn findings(conn: &Connection, policy_domain: &str, since: DateTime<Utc>) -> Result<Vec<KnownFinding>, StoreError> {
    let sql = format!(
        "SELECT {FINDING_COLUMNS} FROM look_finding WHERE policy_domain = ? AND (ended_at IS NULL OR ended_at >= ?) \
         ORDER BY ended_at IS NOT NULL, ended_at DESC, severity <> 'fault', severity <> 'warning', began_at, check_id, part \
         LIMIT {ROWS_MAX}"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![policy_domain, At(since)], finding)?;
    Ok(rows.filter_map(Result::transpose).collect::<duckdb::Result<_>>()?)
}

/// Findings that stand.
pub(super) fn standing(conn: &Connection, policy_domain: &str) -> Result<Vec<KnownFinding>, StoreError> {
    let sql = format!("SELECT {FINDING_COLUMNS} FROM look_finding WHERE policy_domain = ? AND ended_at IS NULL");
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([policy_domain], finding)?;
    Ok(rows.filter_map(Result::transpose).collect::<duckdb::Result<_>>()?)
}

/// `None` for a check that this version does not know.
fn finding(row: &Row<'_>) -> duckdb::Result<Option<KnownFinding>> {
    let (check, severity): (String, String) = (row.get(0)?, row.get(2)?);
    let (Some(check), Some(severity)) = (Check::from_id(&check), Severity::from_name(&severity)) else {
        return Ok(None);
    };
    Ok(Some(KnownFinding {
        check,
        part: row.get(1)?,
        severity,
        effect: Effect::from_name(&row.get::<_, String>(3)?),
        message: row.get(4)?,
        remedy: row.get(5)?,
        last_before_at: row.get(6)?,
        began_at: row.get(7)?,
        confirmed_at: row.get(8)?,
        good_at: row.get(9)?,
        ended_at: row.get(10)?,
    }))
}

/// What changed since, the newest first: ids, MX hosts.
pub fn changes(conn: &Connection, policy_domain: &str, since: DateTime<Utc>) -> Result<Vec<FactChange>, StoreError> {
    let sql = format!(
        "SELECT fact, last_before_at, changed_at, before, after FROM look_change \
         WHERE policy_domain = ? AND changed_at >= ? ORDER BY changed_at DESC, fact LIMIT {ROWS_MAX}"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![policy_domain, At(since)], |row| {
        Ok(FactChange {
            fact: row.get(0)?,
            last_before_at: row.get(1)?,
            changed_at: row.get(2)?,
            before: row.get(3)?,
            after: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Looks by UTC day, only days with one.
pub fn days(
    conn: &Connection,
    policy_domain: &str,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<LookDay>, StoreError> {
    let sql = "SELECT day, count(*)::UINTEGER, count_if(faults > 0)::UINTEGER, count_if(faults = 0 AND unknowns > 0)::UINTEGER \
               FROM look WHERE policy_domain = ? AND day BETWEEN ? AND ? GROUP BY day ORDER BY day";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map(params![policy_domain, first, last], |row| {
        Ok(LookDay { day: row.get(0)?, looks: row.get(1)?, with_faults: row.get(2)?, with_unknowns: row.get(3)? })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Policies that were served, the newest first.
pub fn published(conn: &Connection, policy_domain: &str) -> Result<Vec<PublishedPolicy>, StoreError> {
    let sql = format!(
        "SELECT mode, max_age_s, mx, id, text, first_seen_at, last_seen_at, gone_at FROM policy_published \
         WHERE policy_domain = ? ORDER BY gone_at IS NOT NULL, first_seen_at DESC LIMIT {ROWS_MAX}"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([policy_domain], |row| {
        let content = policy::content(&row.get::<_, String>(0)?, row.get(1)?, &row.get::<_, String>(2)?);
        let Some(content) = content else { return Ok(None) };
        Ok(Some(PublishedPolicy {
            content,
            id: row.get(3)?,
            text: row.get(4)?,
            first_seen_at: row.get(5)?,
            last_seen_at: row.get(6)?,
            gone_at: row.get(7)?,
        }))
    })?;
    Ok(rows.filter_map(Result::transpose).collect::<duckdb::Result<_>>()?)
}
