//! What alerts leave behind does not grow for ever: old rows go, a bounded number at a time.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::rows::{At, Day};
use crate::store::StoreError;

/// Removes, each at most `rows_max` and oldest first: alerts that were over before then with what happened to them, silences
/// that had ended, known failures that were noted before and are in no report about a day since. How many rows were removed.
///
/// What fires stays, however old, and so does the row that says that anything was ever noted.
pub fn forget(conn: &Connection, before: DateTime<Utc>, rows_max: usize) -> Result<usize, StoreError> {
    let over = format!(
        "SELECT uuid FROM alert WHERE status <> 'firing' AND changed_at < $1 ORDER BY changed_at, uuid LIMIT {rows_max}"
    );
    let at = At(before);
    let mut removed = 0;
    if conn.query_row(&format!("SELECT count(*) > 0 FROM ({over})"), params![at], |row| row.get(0))? {
        removed += conn.execute(&format!("DELETE FROM alert_event WHERE alert IN ({over})"), params![at])?;
        removed += conn.execute(&format!("DELETE FROM alert WHERE uuid IN ({over})"), params![at])?;
    }
    removed += conn.execute(
        &format!(
            "DELETE FROM silence WHERE uuid IN (SELECT uuid FROM silence WHERE least(until, coalesce(ended_at, until)) < $1 \
             ORDER BY until, uuid LIMIT {rows_max})"
        ),
        params![at],
    )?;
    let unseen = format!(
        "SELECT k.rowid FROM known_failure k WHERE k.noted_at < $1 AND k.policy_domain <> '' \
         AND NOT EXISTS (SELECT 1 FROM failure f WHERE f.day >= $2 AND f.policy_domain = k.policy_domain \
         AND f.organisation_key = k.organisation_key AND f.result_type = k.result_type) \
         ORDER BY k.noted_at LIMIT {rows_max}"
    );
    removed += conn.execute(
        &format!("DELETE FROM known_failure WHERE rowid IN ({unseen})"),
        params![at, Day(before.date_naive())],
    )?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{engine::migrate, fixtures::memory};

    #[test]
    fn only_what_is_old_and_over_goes_and_not_all_at_once() {
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        let alert = |number: u32, status: &str, day: u32| {
            conn.execute_batch(&format!(
                "INSERT INTO alert SELECT '00000000-0000-0000-0000-{number:012}', 'dane', 'a.example', NULL, NULL, NULL, NULL, \
                 '{status}', t, t, t, NULL, NULL, NULL, 1, '{{}}' FROM (SELECT TIMESTAMP '2024-10-{day:02}' AS t);
                 INSERT INTO alert_event SELECT '00000000-0000-0000-0000-{number:012}', TIMESTAMP '2024-10-{day:02}', 'fired', true, NULL, '{{}}'"
            ))
            .unwrap();
        };
        alert(1, "resolved", 1);
        alert(2, "resolved", 2);
        alert(3, "firing", 1);
        alert(4, "resolved", 20);
        conn.execute_batch(
            "INSERT INTO silence SELECT gen_random_uuid(), NULL, NULL, NULL, NULL, until, 'why', until, ended_at FROM (VALUES \
               (TIMESTAMP '2024-10-01', NULL), (TIMESTAMP '2024-10-20', NULL), (TIMESTAMP '2026-10-20', TIMESTAMP '2024-10-02')) \
               AS silences(until, ended_at);
             INSERT INTO known_failure SELECT domain, 'org', 'type', DATE '2024-01-01', TIMESTAMP '2024-01-01' FROM \
               (VALUES (''), ('gone.example'), ('seen.example'), ('old.example')) AS known(domain);
             INSERT INTO failure SELECT gen_random_uuid(), 0, 0, day, 'org', NULL, domain, 'sts', 'dkim', NULL, 'type', NULL, NULL, \
               NULL, NULL, 1, NULL, NULL, true FROM (VALUES (DATE '2024-10-10', 'seen.example'), (DATE '2024-10-09', 'old.example')) \
               AS failures(day, domain)",
        )
        .unwrap();
        let left = |table: &str, column: &str| {
            let sql = format!("SELECT string_agg({column}::VARCHAR, ' ' ORDER BY {column}) FROM {table}");
            conn.query_row(&sql, [], |row| row.get::<_, Option<String>>(0)).unwrap().unwrap_or_default()
        };
        let before = "2024-10-10T00:00:00Z".parse().unwrap();
        // One alert with its event, one silence, one known failure.
        assert_eq!(forget(&conn, before, 1).unwrap(), 4);
        assert_eq!(left("alert", "right(uuid::VARCHAR, 1)"), "2 3 4");
        assert_eq!(forget(&conn, before, 10).unwrap(), 4);
        assert_eq!(left("alert", "right(uuid::VARCHAR, 1)"), "3 4");
        assert_eq!(left("alert_event", "right(alert::VARCHAR, 1)"), "3 4");
        assert_eq!(left("silence", "until::DATE"), "2024-10-20");
        assert_eq!(left("known_failure", "policy_domain").trim(), "seen.example");
        assert_eq!(conn.query_row("SELECT count(*) FROM known_failure", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
        assert_eq!(forget(&conn, before, 10).unwrap(), 0);
    }
}
