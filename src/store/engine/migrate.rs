//! The schema's history: numbered SQL files, each run once in its own transaction.

use duckdb::{Connection, params};

use crate::{
    clock::Clock,
    store::{StoreError, tables::rows::At},
};

/// Every migration ever released, in order. Released files are never edited.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_reports", include_str!("../../../schemas/duckdb/0001_reports.sql")),
    ("0002_mail", include_str!("../../../schemas/duckdb/0002_mail.sql")),
    ("0003_alerts", include_str!("../../../schemas/duckdb/0003_alerts.sql")),
    // What it prepares, `recount` does.
    ("0004_sessions_once", include_str!("../../../schemas/duckdb/0004_sessions_once.sql")),
    // What it prepares, `rekey` does.
    ("0005_senders", include_str!("../../../schemas/duckdb/0005_senders.sql")),
    ("0006_state", include_str!("../../../schemas/duckdb/0006_state.sql")),
    ("0007_unproven", include_str!("../../../schemas/duckdb/0007_unproven.sql")),
    ("0008_words", include_str!("../../../schemas/duckdb/0008_words.sql")),
    ("0009_journal", include_str!("../../../schemas/duckdb/0009_journal.sql")),
    // The sums themselves are made in quiet moments (`day_sums`).
    ("0010_day_sums", include_str!("../../../schemas/duckdb/0010_day_sums.sql")),
    ("0011_looks", include_str!("../../../schemas/duckdb/0011_looks.sql")),
];

/// Brings the schema to this program's version. A newer one is refused: this program could misread it.
pub fn migrate(conn: &Connection) -> Result<(), StoreError> {
    apply(conn, MIGRATIONS)
}

fn apply(conn: &Connection, migrations: &[(&str, &str)]) -> Result<(), StoreError> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)",
    )?;
    let found: usize = conn.query_row("SELECT coalesce(max(number), 0) FROM migration", [], |row| row.get(0))?;
    if found > migrations.len() {
        return Err(StoreError::Newer { found, known: migrations.len() });
    }
    for (index, (name, sql)) in migrations.iter().enumerate().skip(found) {
        run(conn, index + 1, name, sql).map_err(|source| {
            // What the failed statement left of the transaction, if anything.
            let _ = conn.execute_batch("ROLLBACK");
            StoreError::Migration { name: (*name).to_owned(), source }
        })?;
        tracing::info!(migration = name, "the database schema was brought up to date");
    }
    Ok(())
}

fn run(conn: &Connection, number: usize, name: &str, sql: &str) -> duckdb::Result<()> {
    conn.execute_batch("BEGIN TRANSACTION")?;
    conn.execute_batch(sql)?;
    let now = At(Clock::system().now());
    conn.execute("INSERT INTO migration VALUES (?, ?, ?)", params![number as u64, name, now])?;
    conn.execute_batch("COMMIT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::memory;

    const FIRST: (&str, &str) = ("0001_a", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);");
    const SECOND: (&str, &str) = ("0002_b", "CREATE TABLE b (y INTEGER); INSERT INTO b SELECT x + 1 FROM a;");

    fn names(conn: &Connection) -> Vec<String> {
        let mut statement = conn.prepare("SELECT name FROM migration ORDER BY number").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_newer_program_continues_where_an_older_one_stopped() {
        let conn = memory();
        apply(&conn, &[FIRST]).unwrap();
        apply(&conn, &[FIRST, SECOND]).unwrap();
        apply(&conn, &[FIRST, SECOND]).unwrap();
        assert_eq!(names(&conn), ["0001_a", "0002_b"]);
        assert_eq!(conn.query_row("SELECT y FROM b", [], |row| row.get::<_, i32>(0)).unwrap(), 2);
    }

    #[test]
    fn an_older_program_refuses_a_newer_schema() {
        let conn = memory();
        apply(&conn, &[FIRST, SECOND]).unwrap();
        let error = apply(&conn, &[FIRST]).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1 }));
        assert!(error.to_string().contains("newer"), "{error}");
    }

    #[test]
    fn a_failing_migration_leaves_nothing_behind_and_is_named() {
        let conn = memory();
        let broken = ("0002_broken", "CREATE TABLE b (y INTEGER); INSERT INTO nowhere VALUES (1);");
        let error = apply(&conn, &[FIRST, broken]).unwrap_err();
        assert!(error.to_string().contains("0002_broken"), "{error}");
        assert_eq!(names(&conn), ["0001_a"]);
        apply(&conn, &[FIRST, SECOND]).unwrap();
        assert_eq!(names(&conn), ["0001_a", "0002_b"]);
    }

    #[test]
    fn what_the_first_version_stored_is_there_after_the_second() {
        let conn = memory();
        apply(&conn, &MIGRATIONS[..1]).unwrap();
        conn.execute_batch(
            "INSERT INTO report VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', \
             '2026-03-02', 'example.net', NULL, NULL, NULL, 'one', '2026-03-02', '2026-03-03', '2026-03-03', 'https', NULL, NULL, \
             'none', NULL, 'example.com', 1, 0, '')",
        )
        .unwrap();
        migrate(&conn).unwrap();
        let (id, verdict): (String, Option<String>) = conn
            .query_row("SELECT report_id, dkim_verdict FROM report", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((id.as_str(), verdict), ("one", None));
        assert_eq!(conn.query_row("SELECT count(*) FROM trusted_sender", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }

    #[test]
    fn a_column_comes_wherever_a_count_anew_has_come_to() {
        for (state, has_next) in [("under way", true), ("done", false)] {
            let conn = memory();
            apply(&conn, &MIGRATIONS[..4]).unwrap();
            if !has_next {
                conn.execute_batch("DROP TABLE report; ALTER TABLE report_next RENAME TO report; DROP TABLE recount")
                    .unwrap();
            }
            migrate(&conn).unwrap();
            let tables: i64 = conn
                .query_row("SELECT count(*) FROM duckdb_columns() WHERE column_name = 'key_secure'", [], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(
                tables,
                if has_next { 3 } else { 2 },
                "{state}: report, quarantine, and what takes the place of report"
            );
        }
    }

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (index, (name, _)) in MIGRATIONS.iter().enumerate() {
            assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name}");
        }
    }
}
