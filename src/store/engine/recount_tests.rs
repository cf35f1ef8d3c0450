//! Stores of released versions open, and what they counted in another way is counted again.

use std::{fs, path::Path, sync::Arc};

use duckdb::Connection;
use flate2::read::GzDecoder;
use uuid::Uuid;

use super::{
    open,
    recount::{self, Renewed, Reread, StoredReportBytes},
};
use crate::store::{
    SenderKey, Store, StoreSettings,
    fixtures::{check_sums, make_sums, settings},
};

/// Unpacks a store that a released version wrote, its log not checkpointed.
#[expect(clippy::disallowed_methods, reason = "a file of our own")]
pub fn unpack(version: &str, data: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stores").join(version);
    for name in ["tlsight.duckdb", "tlsight.duckdb.wal"] {
        let packed = fs::File::open(from.join(format!("{name}.gz"))).expect("the fixture is there");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut GzDecoder::new(packed), &mut bytes).expect("it is gzip");
        fs::write(data.join(name), bytes).expect("there is room");
    }
}

fn numbers(conn: &Connection, sql: &str) -> Vec<i64> {
    let mut statement = conn.prepare(sql).unwrap();
    let columns = |row: &duckdb::Row<'_>| (0..3).map(|at| row.get(at)).collect::<duckdb::Result<Vec<i64>>>();
    statement.query_row([], columns).unwrap()
}

const SUMS: &str = "SELECT count(*), sum(successful)::BIGINT, sum(failed)::BIGINT FROM report";

#[test]
fn a_store_of_0_1_opens_with_what_was_in_its_log() {
    let directory = tempfile::tempdir().unwrap();
    unpack("0.1", directory.path());
    let store = Store::open(directory.path(), &settings()).unwrap();
    let (reports, tables, tests) = store
        .read_blocking(|conn| {
            let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
            let tables =
                "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%_next' OR table_name = 'recount'";
            Ok((numbers(conn, SUMS), one(tables)?, one("SELECT count(*) FROM test_report")?))
        })
        .unwrap();
    // Fifteen and the two of the log, without the test report.
    assert_eq!((reports[0], tables, tests), (16, 0, 1));
    store.close_blocking().unwrap();
    // The second start has nothing to do.
    Store::open(directory.path(), &settings()).unwrap();
}

/// Reads nothing, and ends the process' wait_max after a few reports.
#[derive(Debug)]
struct Interrupted(std::sync::atomic::AtomicUsize);

impl Reread for Interrupted {
    fn reread(&self, _: &StoredReportBytes) -> Option<Renewed> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        None
    }

    fn sender_key(&self, _: &StoredReportBytes) -> Option<SenderKey> {
        None
    }

    fn keys_made_by(&self) -> String {
        "nobody".to_owned()
    }
}

#[test]
fn what_was_broken_off_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    unpack("0.1", directory.path());
    let path = directory.path().join(open::DATABASE);
    // As if the process had been killed after the slices of some days.
    let conn = open::connect(&path, &settings()).unwrap();
    crate::store::engine::migrate::migrate(&conn).unwrap();
    let done = recount::slices(&conn, None, 3).unwrap();
    assert_eq!(done, 3);
    let before: i64 = conn.query_row("SELECT count(*) FROM report_next", [], |row| row.get(0)).unwrap();
    assert!(before > 0);
    drop(conn);
    let reread = Arc::new(Interrupted(Default::default()));
    let settings = StoreSettings { reread: Some(Arc::clone(&reread) as Arc<dyn Reread>), ..settings() };
    let store = Store::open(directory.path(), &settings).unwrap();
    let (sums, distinct) = store
        .read_blocking(|conn| {
            let distinct = conn.query_row("SELECT count(DISTINCT uuid) FROM report", [], |row| row.get::<_, i64>(0))?;
            Ok((numbers(conn, SUMS), distinct))
        })
        .unwrap();
    assert_eq!((sums[0], distinct), (16, 16), "each once");
    assert!(reread.0.load(std::sync::atomic::Ordering::Relaxed) < 17, "what was done is not done again");
}

#[test]
fn a_report_without_readable_bytes_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    unpack("0.1", directory.path());
    let store = Store::open(directory.path(), &settings()).unwrap();
    let mixed: Uuid = "228ef712-40a7-80a3-90ab-f5eed9afbaa0".parse().unwrap();
    let rows: i64 = store
        .read_blocking(|conn| {
            let sql = "SELECT count(*) FROM policy WHERE report = ?::UUID AND once_successful + once_failed > 0";
            Ok(conn.query_row(sql, [mixed], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(rows, 1, "as it was counted");
}

/// Reads nothing again, and gives every sender a key that says how its report came.
#[derive(Debug)]
struct Renaming;

impl Reread for Renaming {
    fn reread(&self, _: &StoredReportBytes) -> Option<Renewed> {
        None
    }

    fn sender_key(&self, stored: &StoredReportBytes) -> Option<SenderKey> {
        let key = format!("{}:{}", stored.arrival.trust.as_str(), stored.organisation.as_deref().unwrap_or("-"));
        Some(SenderKey { key, from_address: None })
    }

    fn keys_made_by(&self) -> String {
        "these".to_owned()
    }
}

#[test]
fn alerts_silences_and_what_is_known_follow_the_keys_of_their_senders() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &settings()).unwrap();
    let one = crate::store::fixtures::entry(crate::store::fixtures::simple("a", 1), crate::submission::Trust::Dkim);
    store.write_blocking(vec![one]);
    let prepare = |conn: &Connection| {
        Ok(conn.execute_batch(
            "INSERT INTO alert VALUES (uuid(), 'silent-sender', NULL, 'example.net', NULL, NULL, NULL, 'firing', now()::TIMESTAMP,
               now()::TIMESTAMP, now()::TIMESTAMP, NULL, NULL, NULL, 1, '{}');
             INSERT INTO silence VALUES (uuid(), NULL, NULL, 'example.net', NULL, now()::TIMESTAMP, '', now()::TIMESTAMP, NULL);
             INSERT INTO known_failure VALUES ('example.com', 'example.net', 'x', '2026-10-01', now()::TIMESTAMP);",
        )?)
    };
    store.change_blocking(prepare).unwrap();
    make_sums(&store);
    store.close_blocking().unwrap();
    drop(store);
    let settings = StoreSettings { reread: Some(Arc::new(Renaming)), ..settings() };
    let store = Store::open(directory.path(), &settings).unwrap();
    let keys = "SELECT string_agg(key, ' ') FROM (SELECT organisation_key AS key FROM report UNION ALL SELECT organisation_key FROM policy
                UNION ALL SELECT organisation_key FROM failure UNION ALL SELECT organisation FROM alert UNION ALL SELECT organisation FROM silence)";
    let all: String = store.read_blocking(|conn| Ok(conn.query_row(keys, [], |row| row.get(0))?)).unwrap();
    assert_eq!(all.matches("dkim:Example Mail").count(), 5, "{all}");
    let known = "SELECT count(*) FROM known_failure WHERE organisation_key = 'dkim:Example Mail'";
    let known: i64 = store.read_blocking(|conn| Ok(conn.query_row(known, [], |row| row.get(0))?)).unwrap();
    assert_eq!(known, 1);
    let sums = check_sums(&store);
    assert_eq!(
        (sums.pending, sums.differences),
        (1, vec![]),
        "the sums of a day whose senders have other keys are not used"
    );
    store.close_blocking().unwrap();
}
