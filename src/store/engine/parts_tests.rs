//! Large reports beside small ones, on a real database.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use crate::{
    report::PolicyType,
    store::{
        fixtures::{entry, failure, identity, open, policy, report, simple, temp_store},
        *,
    },
    submission::{Outcome, Trust},
};

/// A report of two policies with so many failure details.
fn large(report_id: &str, details: usize, content: i64, trust: Trust) -> StoredEntry {
    let mut first = policy("example.com", PolicyType::Sts, Some(content), Some(2));
    first.failures = vec![failure("certificate-expired", Some(1)); details - 7];
    let mut second = policy("example.org", PolicyType::Sts, Some(content), Some(2));
    second.failures = vec![failure("validation-failure", Some(1)); 7];
    entry(report(report_id, vec![first, second]), trust)
}

fn rows(store: &Store, table: &str, column: &str, report: Uuid) -> u64 {
    let sql = format!("SELECT count(*)::UBIGINT FROM {table} WHERE {column} = ?::UUID");
    store.read_blocking(|conn| Ok(conn.query_row(&sql, duckdb::params![report], |row| row.get(0))?)).unwrap()
}

fn assert_whole(store: &Store, report: Uuid, details: u64) {
    let counts =
        [("report", "uuid"), ("policy", "report"), ("failure", "report"), ("raw", "report"), ("unproven", "report")]
            .map(|(table, column)| rows(store, table, column, report));
    assert_eq!(counts[..4], [1, 2, details, 1]);
    let positions = "SELECT count(DISTINCT (policy_position, position))::UBIGINT FROM failure WHERE report = ?::UUID";
    let distinct: u64 =
        store.read_blocking(|conn| Ok(conn.query_row(positions, duckdb::params![report], |row| row.get(0))?)).unwrap();
    assert_eq!(distinct, details, "each detail once, in its place");
}

#[test]
fn a_large_report_is_whole_or_not_there() {
    let temp = temp_store();
    let entry = large("large", 12_345, 1, Trust::Dkim);
    let id = identity(&entry);
    let stored = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let sql = "SELECT (SELECT count(*) FROM report), (SELECT count(*) FROM policy), (SELECT count(*) FROM failure), \
                       (SELECT count(*) FROM raw)";
            let mut seen = Vec::new();
            while !stored.load(Ordering::SeqCst) {
                let counts: [i64; 4] = temp
                    .store
                    .read_blocking(|conn| {
                        Ok(conn.query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?)
                    })
                    .unwrap();
                seen.push(counts);
            }
            seen
        });
        assert_eq!(temp.store.write_blocking(vec![entry]), [Outcome::Stored(id)]);
        stored.store(true, Ordering::SeqCst);
        for counts in reader.join().unwrap() {
            assert!(matches!(counts, [0, 0, 0, 0] | [1, 2, 12_345, 1]), "{counts:?}");
        }
    });
    assert_whole(&temp.store, id, 12_345);
    temp.store.close_blocking().unwrap();
    let again = open(temp.directory.path());
    assert_whole(&again, id, 12_345);
}

#[test]
fn a_small_report_does_not_wait_for_a_large_one() {
    let temp = temp_store();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, big) = (temp.store.clone(), large("large", 60_000, 1, Trust::Dkim));
        let begun = Instant::now();
        let mut big = tokio::spawn(async move { store.write(vec![big]).await });
        let mut beside = 0;
        let mut slowest = Duration::ZERO;
        loop {
            let small = entry(simple(&format!("small-{beside}"), 1), Trust::None);
            let pushed = Instant::now();
            tokio::select! {
                biased;
                outcomes = temp.store.write(vec![small]) => assert!(matches!(outcomes[..], [Outcome::Stored(_)])),
                outcomes = &mut big => {
                    println!("large: {:?}; beside it {beside}, slowest {slowest:?}", begun.elapsed());
                    // On a busy machine the sender may have been asked to come back.
                    assert!(matches!(outcomes.unwrap()[..], [Outcome::Stored(_) | Outcome::Busy(_)]));
                    break;
                }
            }
            slowest = slowest.max(pushed.elapsed());
            beside += 1;
        }
        assert!(beside >= 10, "only {beside} small reports were answered while the large one was written");
    });
}

#[test]
fn known_reports_stay_one_when_they_are_large() {
    let temp = temp_store();
    let first = large("a", 3_000, 1, Trust::None);
    let id = identity(&first);
    assert_eq!(temp.store.write_blocking(vec![first.clone()]), [Outcome::Stored(id)]);
    assert_eq!(rows(&temp.store, "unproven", "report", id), 1);
    assert_eq!(temp.store.write_blocking(vec![first.clone()]), [Outcome::Duplicate(id)]);
    let other = temp.store.write_blocking(vec![large("a", 3_000, 2, Trust::None)]);
    assert!(matches!(other[..], [Outcome::Quarantined { .. }]), "{other:?}");
    assert_whole(&temp.store, id, 3_000);
    let better = temp.store.write_blocking(vec![large("a", 4_000, 2, Trust::Dkim)]);
    assert_eq!(better, [Outcome::Stored(id)]);
    assert_whole(&temp.store, id, 4_000);
    assert_eq!(rows(&temp.store, "unproven", "report", id), 0);
}

#[tokio::test]
async fn one_submission_may_hold_several_and_the_same_twice() {
    let temp = temp_store();
    let all = vec![
        large("a", 2_000, 1, Trust::None),
        large("a", 2_000, 1, Trust::Dkim),
        large("b", 30, 1, Trust::None),
        large("c", 2_000, 1, Trust::None),
        large("c", 1_000, 2, Trust::Dkim),
    ];
    let ids: Vec<Uuid> = all.iter().map(identity).collect();
    let outcomes = temp.store.write(all).await;
    let expected = [
        Outcome::Stored(ids[0]),
        Outcome::Duplicate(ids[0]),
        Outcome::Stored(ids[2]),
        Outcome::Stored(ids[3]),
        Outcome::Stored(ids[3]),
    ];
    assert_eq!(outcomes, expected);
    assert_whole(&temp.store, ids[0], 2_000);
    assert_whole(&temp.store, ids[2], 30);
    assert_whole(&temp.store, ids[3], 1_000);
    let unproven = |id| rows(&temp.store, "unproven", "report", id);
    assert_eq!([unproven(ids[0]), unproven(ids[2]), unproven(ids[3])], [0, 1, 0]);
}

#[tokio::test]
async fn changes_have_their_turn_beside_large_reports() {
    let temp = temp_store();
    let (store, big) = (temp.store.clone(), large("large", 30_000, 1, Trust::Dkim));
    let mut big = tokio::spawn(async move { store.write(vec![big]).await });
    let mut changes = 0;
    loop {
        tokio::select! {
            biased;
            changed = temp.store.change(|conn| Ok(conn.execute_batch("SELECT 1")?)) => changed.unwrap(),
            _ = &mut big => break,
        }
        changes += 1;
    }
    assert!(changes >= 5, "{changes}");
}
