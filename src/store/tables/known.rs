//! Which organisation was ever seen to fail at which policy domain with which result type, so that only news is told.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::rows::{At, Day};
use crate::{
    alerts::{AlertPlan, Triple},
    limits::SESSIONS_PLAUSIBLE_MAX,
    store::StoreError,
};

/// Triples noted by one statement.
const NOTED_AT_ONCE_MAX: usize = 1_000;

/// Notes triples; one that is noted already stays as it is. Belongs into the transaction that records the transitions.
pub fn note(conn: &Connection, triples: &[Triple], now: DateTime<Utc>) -> Result<(), StoreError> {
    // No name of ours spans lines; one that does is not noted, and so stays news.
    let is_plain = |triple: &&Triple| {
        ![&triple.policy_domain, &triple.organisation, &triple.result_type].iter().any(|name| name.contains('\n'))
    };
    let triples: Vec<&Triple> = triples.iter().filter(is_plain).collect();
    for part in triples.chunks(NOTED_AT_ONCE_MAX) {
        let list = |of: fn(&Triple) -> String| part.iter().map(|triple| of(triple)).collect::<Vec<_>>().join("\n");
        conn.execute(
            "INSERT INTO known_failure SELECT wanted.*, ? FROM (SELECT unnest(string_split(?, chr(10))) AS policy_domain, \
             unnest(string_split(?, chr(10))) AS organisation_key, unnest(string_split(?, chr(10))) AS result_type, \
             unnest(string_split(?, chr(10)))::DATE AS first_day) AS wanted \
             ANTI JOIN known_failure USING (policy_domain, organisation_key, result_type)",
            params![
                At(now),
                list(|triple| triple.policy_domain.clone()),
                list(|triple| triple.organisation.clone()),
                list(|triple| triple.result_type.clone()),
                list(|triple| triple.first_day.to_string())
            ],
        )?;
    }
    Ok(())
}

/// Notes everything that is stored: before the first evaluation nothing is news. Leaves a row even where nothing is, so that
/// the second evaluation does not take itself for the first.
pub fn note_all(conn: &Connection, plan: &AlertPlan, now: DateTime<Utc>) -> Result<(), StoreError> {
    let trusts: Vec<String> = plan.trusts().map(|trust| format!("'{}'", trust.as_str())).collect();
    let sql = format!(
        "INSERT INTO known_failure SELECT stored.*, ? FROM (SELECT policy_domain, organisation_key, result_type, \
         min(day) AS first_day FROM failure WHERE failed_sessions BETWEEN 1 AND ? AND trust IN ({}) \
         GROUP BY policy_domain, organisation_key, result_type) AS stored \
         ANTI JOIN known_failure USING (policy_domain, organisation_key, result_type)",
        trusts.join(",")
    );
    conn.execute(&sql, params![At(now), SESSIONS_PLAUSIBLE_MAX])?;
    conn.execute("INSERT INTO known_failure VALUES ('', '', '', ?, ?)", params![Day(now.date_naive()), At(now)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{engine::migrate, fixtures::memory};

    #[test]
    fn a_triple_is_noted_once() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        let triple = |domain: &str| Triple {
            policy_domain: domain.to_owned(),
            organisation: "example.net".to_owned(),
            result_type: "it's new".to_owned(),
            first_day: "2026-10-01".parse().unwrap(),
        };
        note(&conn, &[], at(0)).unwrap();
        note(&conn, &[triple("a.example"), triple("two\nlines")], at(1)).unwrap();
        note(&conn, &[triple("a.example"), triple("b.example")], at(2)).unwrap();
        let rows = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(rows("SELECT count(*) FROM known_failure"), 2);
        assert_eq!(
            rows("SELECT count(*) FROM known_failure WHERE result_type = 'it''s new' AND epoch(noted_at) = 1"),
            1
        );
    }
}
