use std::collections::HashSet;

use super::{
    fixtures::{entry, garbage, identity, open, policy, report, settings, simple, temp_store},
    *,
};
use crate::{fault::FaultCode, report::PolicyType, submission::Trust};

fn count(store: &Store, table: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM {table}");
    store.read_blocking(|conn| Ok(conn.query_row(&sql, [], |row| row.get(0))?)).unwrap()
}

fn text(store: &Store, sql: &str) -> String {
    store.read_blocking(|conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).unwrap()
}

fn one(store: &Store, entry: StoredEntry) -> Outcome {
    store.write_blocking(vec![entry]).pop().unwrap()
}

fn code(outcome: &Outcome) -> FaultCode {
    match outcome {
        Outcome::Quarantined { fault, .. } => fault.code,
        other => panic!("not quarantined: {other:?}"),
    }
}

fn quarantine_id(outcome: &Outcome) -> Uuid {
    match outcome {
        Outcome::Quarantined { entry, .. } => *entry,
        other => panic!("not quarantined: {other:?}"),
    }
}

#[test]
fn a_report_fills_all_tables() {
    let temp = temp_store();
    let entry = entry(simple("r1", 7), Trust::None);
    let id = identity(&entry);
    assert_eq!(one(&temp.store, entry.clone()), Outcome::Stored(id));
    for table in ["report", "policy", "failure", "raw"] {
        assert_eq!(count(&temp.store, table), 1, "{table}");
    }
    let row = "SELECT concat_ws('|', uuid, day, range_start, range_end, peer, trust, policy_domains, successful, failed) FROM report";
    let expected = format!("{id}|2026-10-01|2026-10-01 00:00:00|2026-10-02 00:00:00|192.0.2.9|none|example.com|7|2");
    assert_eq!(text(&temp.store, row), expected);
    let row = "SELECT concat_ws('|', policy_type, policy_string, successful, failed, not_itemised, once_successful, once_failed) FROM policy";
    assert_eq!(text(&temp.store, row), "sts|version: STSv1\nmode: enforce|7|2|1|7|2");
    let row = "SELECT concat_ws('|', result_type, sending_mta_ip, receiving_ip, failed_sessions, counted) FROM failure";
    assert_eq!(text(&temp.store, row), "certificate-expired|192.0.2.1|not an address|1|true");
    let raw = temp.store.read_blocking(|conn| raw(conn, id)).unwrap().unwrap();
    assert_eq!(raw.bytes, entry.arrival.bytes);
    assert_eq!(temp.store.read_blocking(|conn| super::raw(conn, Uuid::nil())).unwrap(), None);
}

#[test]
fn a_commit_is_heard_of_once_it_can_be_read() {
    let temp = temp_store();
    let mut commits = temp.store.commits();
    assert!(!commits.has_changed().unwrap());
    one(&temp.store, entry(simple("r1", 7), Trust::None));
    assert_eq!(count(&temp.store, "report"), 1);
    assert!(commits.has_changed().unwrap());
    commits.mark_unchanged();
    temp.store.close_blocking().unwrap();
    assert!(commits.has_changed().is_err(), "nothing more will come");
}

#[test]
fn strings_with_nul_and_any_unicode_are_stored() {
    let temp = temp_store();
    let mut odd = simple("id\u{0}with\u{1F600}\u{feff}", 1);
    odd.policies[0].failures[0].additional_information = Some("a\u{0}b".into());
    assert!(matches!(one(&temp.store, entry(odd, Trust::None)), Outcome::Stored(_)));
    assert_eq!(text(&temp.store, "SELECT report_id FROM report"), "id\u{0}with\u{1F600}\u{feff}");
}

#[test]
fn extreme_times_and_counts_are_stored() {
    let temp = temp_store();
    let mut odd = simple("r", i64::MAX);
    odd.range.start = chrono::DateTime::<chrono::Utc>::MIN_UTC;
    odd.range.end = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    let outcome = one(&temp.store, entry(odd.clone(), Trust::None));
    assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
    assert!(matches!(one(&temp.store, entry(odd, Trust::None)), Outcome::Duplicate(_)));
    assert_eq!(text(&temp.store, "SELECT successful::VARCHAR FROM report"), "0");
}

#[test]
fn duplicates_are_found_in_one_group_and_across_groups() {
    let temp = temp_store();
    let a = || entry(simple("a", 1), Trust::None);
    let id = identity(&a());
    let outcomes = temp.store.write_blocking(vec![a(), entry(simple("b", 1), Trust::None), a()]);
    assert_eq!(outcomes[0], Outcome::Stored(id));
    assert!(matches!(outcomes[1], Outcome::Stored(_)));
    assert_eq!(outcomes[2], Outcome::Duplicate(id));
    assert_eq!(one(&temp.store, a()), Outcome::Duplicate(id));
    assert_eq!((count(&temp.store, "report"), count(&temp.store, "quarantine")), (2, 0));
}

#[test]
fn the_same_content_by_a_more_credible_way_raises_the_trust() {
    let temp = temp_store();
    let copy = |trust| entry(simple("a", 1), trust);
    let trusts = "SELECT (SELECT trust FROM report) || (SELECT trust FROM policy) || (SELECT trust FROM failure)";
    assert!(matches!(one(&temp.store, copy(Trust::None)), Outcome::Stored(_)));
    assert!(matches!(one(&temp.store, copy(Trust::Token)), Outcome::Duplicate(_)));
    assert_eq!(text(&temp.store, trusts), "tokentokentoken");
    assert!(matches!(one(&temp.store, copy(Trust::Import)), Outcome::Duplicate(_)));
    assert_eq!(text(&temp.store, trusts), "importimportimport");
    assert!(matches!(one(&temp.store, copy(Trust::Token)), Outcome::Duplicate(_)));
    assert_eq!(text(&temp.store, trusts), "importimportimport");
    // The same within one transaction.
    let copy = |trust| entry(simple("b", 1), trust);
    let outcomes = temp.store.write_blocking(vec![copy(Trust::None), copy(Trust::Import)]);
    assert!(matches!(outcomes[..], [Outcome::Stored(_), Outcome::Duplicate(_)]), "{outcomes:?}");
    assert_eq!(text(&temp.store, "SELECT trust FROM report WHERE report_id = 'b'"), "import");
    assert_eq!(count(&temp.store, "quarantine"), 0);
}

#[test]
fn other_content_under_the_same_identity_is_a_conflict() {
    let temp = temp_store();
    let first = entry(simple("a", 1), Trust::Import);
    let id = identity(&first);
    let outcomes = temp.store.write_blocking(vec![first, entry(simple("a", 2), Trust::Import)]);
    assert_eq!(code(&outcomes[1]), FaultCode::Conflict);
    let again = one(&temp.store, entry(simple("a", 3), Trust::None));
    assert_eq!(code(&again), FaultCode::Conflict);
    assert_eq!(text(&temp.store, "SELECT successful::VARCHAR FROM report"), "1");
    assert_eq!((count(&temp.store, "report"), count(&temp.store, "quarantine")), (1, 2));
    let kept = temp.store.read_blocking(|conn| quarantined(conn, quarantine_id(&again))).unwrap().unwrap();
    assert_eq!((kept.report, kept.report_id.as_deref(), kept.code), (Some(id), Some("a"), FaultCode::Conflict));
}

#[test]
fn a_copy_of_higher_trust_takes_the_place_of_a_lower_one() {
    for in_one_group in [false, true] {
        let temp = temp_store();
        let forged = entry(simple("a", 666), Trust::None);
        let genuine = entry(simple("a", 1), Trust::Dkim);
        let (id, forged_bytes) = (identity(&forged), forged.arrival.bytes.clone());
        let outcomes = if in_one_group {
            temp.store.write_blocking(vec![forged, genuine])
        } else {
            vec![one(&temp.store, forged), one(&temp.store, genuine)]
        };
        assert_eq!(outcomes, [Outcome::Stored(id), Outcome::Stored(id)]);
        for table in ["report", "policy", "failure", "raw", "quarantine"] {
            assert_eq!(count(&temp.store, table), 1, "{table}");
        }
        assert_eq!(text(&temp.store, "SELECT successful || trust FROM report"), "1dkim");
        let superseded = super::tables::quarantine::name(&forged_bytes, None);
        let kept = temp.store.read_blocking(|conn| quarantined(conn, superseded)).unwrap().unwrap();
        assert_eq!((kept.code, kept.report, kept.arrival.trust), (FaultCode::Superseded, Some(id), Trust::None));
        assert_eq!(kept.arrival.bytes, forged_bytes);
        assert_eq!(kept.arrival.peer, Some([192, 0, 2, 9].into()));
        // And the forged one stays out.
        assert_eq!(code(&one(&temp.store, entry(simple("a", 666), Trust::None))), FaultCode::Conflict);
    }
}

#[test]
fn the_quarantine_keeps_each_content_once() {
    let temp = temp_store();
    let first = temp.store.write_blocking(vec![garbage(b"rubbish", Trust::None), garbage(b"rubbish", Trust::None)]);
    let mut later = garbage(b"rubbish", Trust::Token);
    Arc::make_mut(&mut later.arrival).received_at = fixtures::october(9);
    let second = one(&temp.store, later);
    let id = quarantine_id(&second);
    assert!(first.iter().all(|outcome| quarantine_id(outcome) == id));
    let mut element = garbage(b"rubbish", Trust::None);
    element.element = Some(0);
    assert_ne!(quarantine_id(&one(&temp.store, element)), id);
    assert_eq!(count(&temp.store, "quarantine"), 2);
    let kept = temp.store.read_blocking(move |conn| quarantined(conn, id)).unwrap().unwrap();
    assert_eq!(
        (kept.times, kept.arrival.received_at, kept.last_received_at),
        (3, fixtures::october(2), fixtures::october(9))
    );
    assert_eq!((kept.arrival.bytes.as_slice(), kept.bytes_total), (b"rubbish".as_slice(), 7));
    assert_eq!((kept.detail.as_str(), kept.place.as_str()), ("there are no policies", "at /policies"));
}

#[test]
fn an_admitted_entry_leaves_the_quarantine_with_the_report() {
    let temp = temp_store();
    one(&temp.store, entry(simple("a", 1), Trust::Token));
    let mut other = entry(simple("a", 2), Trust::None);
    let id = quarantine_id(&one(&temp.store, other.clone()));
    // Looked at again, it still collides: it stays, and has not come a second time.
    other.from_quarantine = Some(id);
    assert_eq!(code(&one(&temp.store, other.clone())), FaultCode::Conflict);
    assert_eq!(text(&temp.store, "SELECT times::VARCHAR FROM quarantine"), "1");
    // Admitted, they change places.
    other.replaces = true;
    assert!(matches!(one(&temp.store, other.clone()), Outcome::Stored(_)));
    assert_eq!(text(&temp.store, "SELECT code FROM quarantine"), "superseded");
    assert_eq!(text(&temp.store, "SELECT successful::VARCHAR FROM report"), "2");
    // A second admission finds it stored.
    assert!(matches!(one(&temp.store, other), Outcome::Duplicate(_)));
}

#[test]
fn a_fault_found_again_is_brought_up_to_date() {
    let temp = temp_store();
    let mut again = garbage(b"rubbish", Trust::None);
    let id = quarantine_id(&one(&temp.store, again.clone()));
    again.from_quarantine = Some(id);
    if let EntryKind::Quarantine { fault, .. } = &mut again.kind {
        fault.code = FaultCode::BadDate;
    }
    one(&temp.store, again);
    assert_eq!(text(&temp.store, "SELECT code || times FROM quarantine"), "bad-date1");
}

#[tokio::test]
async fn a_discarded_entry_is_gone() {
    let temp = temp_store();
    let outcomes = temp.store.write(vec![garbage(b"rubbish", Trust::None)]).await;
    let id = quarantine_id(&outcomes[0]);
    assert!(temp.store.discard(id).await.unwrap());
    assert!(!temp.store.discard(id).await.unwrap());
    assert!(temp.store.read(move |conn| quarantined(conn, id)).await.unwrap().is_none());
}

#[test]
fn a_full_quarantine_loses_the_oldest_and_least_credible_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreSettings { quarantine_max_bytes: 20_000, ..settings() }).unwrap();
    // What is left of a report that gave way is the last to go.
    one(&store, entry(simple("a", 666), Trust::None));
    one(&store, entry(simple("a", 1), Trust::Token));
    let at = |mut entry: StoredEntry, day| {
        Arc::make_mut(&mut entry.arrival).received_at = fixtures::october(day);
        entry
    };
    let trusted = quarantine_id(&one(&store, at(garbage(&[b't'; 4_000], Trust::Token), 1)));
    let oldest = quarantine_id(&one(&store, at(garbage(&[b'o'; 4_000], Trust::None), 3)));
    for index in 0..20u8 {
        one(&store, at(garbage(&[index; 4_000], Trust::None), 4 + u32::from(index)));
    }
    let total = store.read_blocking(super::tables::quarantine::total_bytes).unwrap();
    assert!(total <= 20_000, "{total}");
    let there = |id| store.read_blocking(|conn| quarantined(conn, id)).unwrap().is_some();
    assert!(there(trusted) && !there(oldest));
    assert_eq!(text(&store, "SELECT count(*)::VARCHAR FROM quarantine WHERE code = 'superseded'"), "1");
    assert!(text(&store, "SELECT count(*)::VARCHAR FROM quarantine WHERE bytes = repeat('\\x13'::BLOB, 4000)") == "1");
}

#[test]
fn lists_and_missing_values_are_stored() {
    let temp = temp_store();
    let mut bare = policy("example.org", PolicyType::Other("new".into()), None, Some(3));
    bare.policy.domain = None;
    let two = report("r", vec![policy("b.example", PolicyType::Tlsa, Some(1), None), bare]);
    assert!(matches!(one(&temp.store, entry(two, Trust::None)), Outcome::Stored(_)));
    assert_eq!(text(&temp.store, "SELECT policy_domains FROM report"), "b.example");
    assert_eq!(
        text(&temp.store, "SELECT policy_domain || policy_type || failed FROM policy WHERE position = 1"),
        "new3"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_share_commits_and_each_hears_its_own_outcome() {
    let temp = temp_store();
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let store = temp.store.clone();
            let entry = entry(simple(&format!("r{}", index % 100), 1), Trust::None);
            tokio::spawn(async move { (identity(&entry), store.write(vec![entry]).await) })
        })
        .collect();
    let (mut stored, mut duplicate) = (HashSet::new(), 0);
    for task in tasks {
        let (id, outcomes) = task.await.unwrap();
        match outcomes[..] {
            [Outcome::Stored(stored_id)] if stored_id == id => assert!(stored.insert(id)),
            [Outcome::Duplicate(stored_id)] if stored_id == id => duplicate += 1,
            ref other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored.len(), duplicate, count(&temp.store, "report")), (100, 100, 100));
}

#[tokio::test]
async fn a_full_queue_is_busy_and_a_closed_store_shuts_down() {
    let directory = tempfile::tempdir().unwrap();
    let queue = Queue::new(2, GroupBounds::SHARED);
    assert!(queue.push(vec![garbage(b"1", Trust::None)]).is_ok());
    assert!(queue.push(vec![garbage(b"2", Trust::None)]).is_ok());
    assert_eq!(queue.push(vec![garbage(b"3", Trust::None)]).err(), Some(Busy::QueueFull));
    let store = open(directory.path());
    let waiting = store.0.queue.push(vec![garbage(b"4", Trust::None)]).unwrap();
    store.close().await.unwrap();
    assert!(matches!(waiting.await.unwrap()[..], [Outcome::Quarantined { .. }]), "what was queued is written");
    assert_eq!(store.write(vec![garbage(b"5", Trust::None)]).await, [Outcome::Busy(Busy::ShuttingDown)]);
    assert_eq!(store.write_blocking_from_async(garbage(b"6", Trust::None)), [Outcome::Busy(Busy::ShuttingDown)]);
    assert!(matches!(store.read(|_| Ok(())).await, Err(StoreError::Unavailable)));
    assert!(matches!(store.discard(Uuid::nil()).await, Err(StoreError::Closed)));
    store.close().await.unwrap();
    assert!(
        !super::engine::recover::log_of(&directory.path().join(super::engine::open::DATABASE)).exists(),
        "closing folds the log in"
    );
}

impl Store {
    fn write_blocking_from_async(&self, entry: StoredEntry) -> Vec<Outcome> {
        let store = self.clone();
        std::thread::spawn(move || store.write_blocking(vec![entry])).join().unwrap()
    }
}

#[test]
fn a_restarted_store_has_everything() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries: Vec<StoredEntry> = (0..50).map(|index| entry(simple(&format!("r{index}"), 1), Trust::None)).collect();
    store.write_blocking(entries.clone());
    drop(store);
    let store = open(directory.path());
    assert_eq!(count(&store, "report"), 50);
    assert!(store.write_blocking(entries).iter().all(|outcome| matches!(outcome, Outcome::Duplicate(_))));
}

#[test]
fn a_directory_is_held_by_one_store_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let error = Store::open(directory.path(), &settings()).err().unwrap();
    assert!(
        matches!(&error, StoreError::Locked { holder, .. } if holder.contains(&std::process::id().to_string())),
        "{error}"
    );
    store.close_blocking().unwrap();
    open(directory.path());
}

#[test]
fn the_data_directory_is_made_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("deep/down");
    let store = open(&data);
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    drop(store);
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Store::open(&file.join("data"), &settings()).err().unwrap();
    assert!(matches!(error, StoreError::Directory { .. }), "{error}");
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let conn =
        super::engine::open::connect(&directory.path().join(super::engine::open::DATABASE), &settings()).unwrap();
    conn.execute_batch("INSERT INTO migration VALUES (9999, 'future', now()::TIMESTAMP)").unwrap();
    drop(conn);
    assert!(matches!(Store::open(directory.path(), &settings()), Err(StoreError::Newer { found: 9999, .. })));
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(super::engine::open::DATABASE), b"no database at all").unwrap();
    let error = Store::open(directory.path(), &settings()).err().unwrap();
    assert!(matches!(error, StoreError::Open { .. }) && error.to_string().contains("tlsight.duckdb"), "{error}");
}

#[test]
fn a_bad_entry_fails_alone() {
    let temp = temp_store();
    // A schema somebody has spoilt: one value of many cannot be stored.
    let spoil = "ALTER TABLE policy ALTER successful TYPE INTEGER";
    drop(temp.store);
    let conn =
        super::engine::open::connect(&temp.directory.path().join(super::engine::open::DATABASE), &settings()).unwrap();
    conn.execute_batch(spoil).unwrap();
    drop(conn);
    let store = open(temp.directory.path());
    let entries =
        [1, i64::from(i32::MAX) + 1, 3].map(|number| entry(simple(&format!("r{number}"), number), Trust::None));
    let outcomes = store.write_blocking(entries.to_vec());
    assert!(
        matches!(outcomes[..], [Outcome::Stored(_), Outcome::Busy(Busy::StoreFailed), Outcome::Stored(_)]),
        "{outcomes:?}"
    );
    assert_eq!((count(&store, "report"), count(&store, "raw")), (2, 2));
}

#[tokio::test]
async fn a_question_has_a_deadline_and_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let patient = StoreSettings { question_max: std::time::Duration::from_millis(200), readers_max: 1, ..settings() };
    let store = Store::open(directory.path(), &patient).unwrap();
    let endless = |conn: &Connection| {
        let sql = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3";
        Ok(conn.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    };
    assert!(matches!(store.read(endless).await, Err(StoreError::Deadline(_))));
    // The only permit is back and the connection fit for use.
    let asked = store.read(|conn| Ok(conn.query_row("SELECT 42", [], |row| row.get::<_, i32>(0))?)).await;
    assert_eq!(asked.unwrap(), 42);
    let written = store.read(|conn| Ok(conn.execute("DELETE FROM report", [])?)).await;
    assert!(written.is_err());
    let panicked = store.read(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
    assert!(matches!(panicked, Err(StoreError::Panicked(_))));
    assert!(store.read(|_| Ok(())).await.is_ok());
}

#[test]
fn extensions_are_never_fetched() {
    let temp = temp_store();
    for setting in ["autoload_known_extensions", "autoinstall_known_extensions", "allow_community_extensions"] {
        assert_eq!(text(&temp.store, &format!("SELECT current_setting('{setting}')::VARCHAR")), "false", "{setting}");
    }
}

#[test]
fn a_crash_while_the_first_database_is_made_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tlsight.duckdb.new"), b"half a database").unwrap();
    open(directory.path());
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("tlsight.duckdb.wal");
    std::fs::write(&log, b"something").unwrap();
    let error = Store::open(directory.path(), &settings()).err().unwrap();
    assert!(matches!(error, StoreError::DatabaseMissing { .. }), "{error}");
    assert_eq!(std::fs::read(&log).unwrap(), b"something");
}
