use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::{
    day_sums::{self, ALL},
    rows::StoredReport,
    sender, unproven,
};
use crate::{
    report::{PolicyResult, PolicyType},
    store::{
        Store, StoreSettings, StoredEntry,
        fixtures::{
            TempStore, check_sums, entry, failure, make_sums, october, policy, report, settings, simple, temp_store,
        },
    },
    submission::{Outcome, Trust},
};

/// A report of so many days after 1 October, with all that a sum has to tell apart.
fn on(days: i64, report_id: &str, trust: Trust) -> StoredEntry {
    let mut sts = policy("example.com", PolicyType::Sts, Some(100), Some(7));
    sts.failures = vec![failure("certificate-expired", Some(3)), failure("certificate-expired", Some(i64::MAX))];
    let mut tlsa = policy("example.com", PolicyType::Tlsa, Some(90), Some(9));
    tlsa.failures = vec![failure("dane-required", Some(4)), failure("odd", None)];
    let absurd = policy("example.org", PolicyType::Other("new".into()), Some(-3), Some(i64::MAX));
    let mut report = report(report_id, vec![sts, tlsa, absurd]);
    let later = TimeDelta::days(days);
    (report.range.start, report.range.end) = (report.range.start + later, report.range.end + later);
    entry(report, trust)
}

/// A store with the sums of ten days made.
fn summed_up() -> TempStore {
    let temp = temp_store();
    let entries =
        (0..40).map(|at| on(at % 10, &format!("r{at}"), if at % 3 == 0 { Trust::None } else { Trust::Import }));
    temp.store.write_blocking(entries.collect());
    assert_eq!(check_sums(&temp.store).pending, 10);
    make_sums(&temp.store);
    let made = check_sums(&temp.store);
    assert_eq!((made.days, made.pending, made.differences.as_slice()), (10, 0, [].as_slice()));
    temp
}

/// That what was done put these days on the list, and that their sums are then right again.
fn changed(store: &Store, days: u64, what: &str) {
    let found = check_sums(store);
    assert_eq!((found.pending, found.differences.as_slice()), (days, [].as_slice()), "{what}");
    make_sums(store);
    let found = check_sums(store);
    assert_eq!((found.pending, found.differences.as_slice()), (0, [].as_slice()), "{what}");
}

#[test]
fn whatever_changes_a_row_of_a_day_has_its_sums_made_anew() {
    let TempStore { store, directory: _kept } = summed_up();
    let write = |entry: StoredEntry| store.write_blocking(vec![entry]).remove(0);

    assert!(matches!(write(on(3, "new", Trust::Import)), Outcome::Stored(_)));
    changed(&store, 1, "a new report");
    assert!(matches!(write(on(3, "new", Trust::Import)), Outcome::Duplicate(_)));
    changed(&store, 0, "a duplicate");
    assert!(matches!(write(on(0, "r0", Trust::Dkim)), Outcome::Duplicate(_)));
    changed(&store, 1, "the same report with more trust");
    let mut other = simple("r6", 5);
    let later = TimeDelta::days(6);
    (other.range.start, other.range.end) = (other.range.start + later, other.range.end + later);
    assert!(matches!(write(StoredEntry { replaces: true, ..entry(other, Trust::Import) }), Outcome::Stored(_)));
    changed(&store, 1, "a report that takes the place of another");

    let mut large = policy("example.com", PolicyType::Sts, Some(1), Some(30_000));
    large.failures = (0..30_000).map(|at| failure(&format!("type {}", at % 7), Some(1))).collect();
    assert!(matches!(write(entry(report("large", vec![large]), Trust::Import)), Outcome::Stored(_)));
    changed(&store, 1, "a report in parts");

    let decide = |accepted| {
        store.change_blocking(move |conn| sender::decide(conn, "example.net", accepted, october(2))).unwrap();
    };
    decide(Some(false));
    changed(&store, 10, "a sender refused");
    decide(None);
    changed(&store, 10, "a decision taken back");

    let going = on(3, "r3", Trust::None);
    let held = unproven::Held::of(&StoredReport::of(&going).unwrap()).unwrap();
    let removed = store.change_blocking(move |conn| unproven::remove(conn, &[held]));
    assert!(removed.unwrap() > 0);
    changed(&store, 1, "unproven reports that had to go");
}

#[test]
fn a_sum_that_is_wrong_is_found_named_and_made_anew() {
    let TempStore { store, directory: _kept } = summed_up();
    let statements = [
        "UPDATE day_organisation SET once_failed = once_failed + 1 WHERE day = '2026-10-02' AND policy_type = 'sts' AND trust = 'none'",
        "DELETE FROM day_policy_domain WHERE day = '2026-10-03' AND policy_domain = 'example.org'",
        "INSERT INTO day_failure SELECT * FROM day_failure WHERE day = '2026-10-04'",
        "UPDATE day_report SET last_received_at = '2020-01-01' WHERE day = '2026-10-05'",
        "INSERT INTO day_report VALUES ('2019-01-01', 'nobody', 'none', 1, '2019-01-02')",
    ];
    store
        .change_blocking(move |conn| statements.iter().try_for_each(|sql| Ok(conn.execute(sql, []).map(drop)?)))
        .unwrap();
    let found = check_sums(&store).differences;
    let of = |table: &str| found.iter().filter(|difference| difference.table == table).count();
    assert!(ALL.iter().all(|sums| of(sums.table) > 0), "{found:#?}");
    let first = found.iter().find(|difference| difference.table == "day_organisation").unwrap();
    assert_eq!((first.day.as_str(), first.key.as_str()), ("2026-10-02", "example.net Example Mail sts none"));
    assert!(first.numbers.starts_with("once_failed ") && first.numbers.contains(", by the rows "), "{first:?}");
    assert!(
        found
            .iter()
            .any(|difference| difference.day == "2019-01-01" && difference.numbers.contains("by the rows none"))
    );
    store.change_blocking(day_sums::mark_all).unwrap();
    make_sums(&store);
    assert_eq!(check_sums(&store).differences, []);
}

#[test]
fn the_writer_makes_them_when_nothing_comes() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { sums_quiet: Duration::ZERO, ..settings() };
    let store = Store::open(directory.path(), &settings).unwrap();
    store.write_blocking((0..30).map(|at| on(at, &format!("r{at}"), Trust::Import)).collect::<Vec<_>>());
    let until = Instant::now() + Duration::from_secs(20);
    while check_sums(&store).pending > 0 {
        assert!(Instant::now() < until, "the sums were not made");
        std::thread::yield_now();
    }
    let made = check_sums(&store);
    assert_eq!((made.days, made.differences), (30, vec![]));
}

#[test]
fn days_that_are_too_large_together_are_made_one_after_the_other() {
    let temp = temp_store();
    let many = |name: &str| -> Vec<PolicyResult> {
        (0..9_000).map(|at| policy(&format!("{name}{at}.example"), PolicyType::Sts, Some(1), Some(0))).collect()
    };
    for day in 0..14 {
        let mut report = report(&format!("r{day}"), many("domain"));
        let later = TimeDelta::days(day);
        (report.range.start, report.range.end) = (report.range.start + later, report.range.end + later);
        temp.store.write_blocking(vec![entry(report, Trust::Import)]);
    }
    let left = temp.store.change_blocking(day_sums::make_some).unwrap();
    assert_eq!(left, 3, "99,000 rows of eleven days at once");
    let made: Option<chrono::NaiveDate> =
        temp.store.read_blocking(|conn| Ok(day_sums::pending(conn)?.first().copied())).unwrap();
    assert_eq!(made, Some(october(3).date_naive()), "the latest days come first");
}
