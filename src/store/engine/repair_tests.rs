use std::collections::BTreeSet;

use super::*;
use crate::store::{
    Store,
    fixtures::{entry, open_without_journal, simple},
};

const COMMITS: usize = 6;

/// A directory whose log holds a commit for each of six reports, as a crash leaves it.
fn crashed() -> (tempfile::TempDir, PathBuf, Scan) {
    let live = tempfile::tempdir().unwrap();
    let store = open_without_journal(live.path());
    for index in 0..COMMITS {
        store.write_blocking(vec![entry(simple(&format!("r{index}"), 1), Trust::Import)]);
    }
    let directory = tempfile::tempdir().unwrap();
    for file in [DATABASE.to_owned(), format!("{DATABASE}.wal")] {
        fs::copy(live.path().join(&file), directory.path().join(&file)).unwrap();
    }
    let log = log_of(&directory.path().join(DATABASE));
    let scan = recover::read(&log).unwrap().unwrap().1;
    (directory, log, scan)
}

fn flip(log: &Path, at: usize) {
    let mut bytes = fs::read(log).unwrap();
    bytes[at] ^= 0x04;
    fs::write(log, bytes).unwrap();
}

fn reports(store: &Store) -> BTreeSet<String> {
    store
        .read_blocking(|conn| {
            let mut statement = conn.prepare("SELECT report_id FROM report")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<duckdb::Result<_>>()?)
        })
        .unwrap()
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("r{number}")).collect()
}

#[test]
fn what_stands_behind_the_damage_is_handed_back() {
    let (directory, log, scan) = crashed();
    flip(&log, scan.commits[2].start + 20);
    let damaged = fs::read(&log).unwrap();
    let report = repair(directory.path()).unwrap();
    assert_eq!((report.mended, report.commits_kept, report.commits_cut), (false, 2, COMMITS - 2));
    assert_eq!(report.cut_bytes as usize, damaged.len() - scan.commits[2].start);
    assert_eq!(report.salvage_failed, None);
    assert!(report.copies.iter().any(|copy| fs::read(copy).unwrap() == damaged));
    let bodies: BTreeSet<String> = report
        .salvaged
        .iter()
        .map(|arrival| {
            assert_eq!((arrival.trust, arrival.channel), (Trust::Import, Channel::Https));
            String::from_utf8(arrival.bytes.clone()).unwrap().split(' ').nth(2).unwrap().to_owned()
        })
        .collect();
    assert_eq!(bodies, ids(3..COMMITS));
    assert_eq!(reports(&open_without_journal(directory.path())), ids(0..2));
    assert!(
        fs::read_dir(directory.path()).unwrap().all(|item| !item
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("repair-"))
    );
}

#[test]
fn a_damaged_version_entry_is_written_anew() {
    for at in [0, 2, 5, 9] {
        let (directory, log, scan) = crashed();
        assert!(at < scan.header);
        flip(&log, at);
        if Store::open(directory.path(), &StoreSettings::default()).is_ok() {
            panic!("opened with byte {at} of the version entry flipped");
        }
        let report = repair(directory.path()).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert!(report.mended && report.commits_cut == 0, "byte {at}: {report:?}");
        assert_eq!(reports(&open_without_journal(directory.path())), ids(0..COMMITS), "byte {at}");
    }
}

#[test]
fn a_damaged_flush_frame_is_written_anew() {
    let (directory, log, scan) = crashed();
    flip(&log, scan.commits[3].end - 1);
    let report = repair(directory.path()).unwrap();
    assert!(report.mended, "{report:?}");
    assert_eq!(reports(&open_without_journal(directory.path())), ids(0..COMMITS));
}

#[test]
fn nothing_is_done_where_nothing_is_damaged() {
    let (directory, _, _) = crashed();
    let report = repair(directory.path()).unwrap();
    assert!(report.copies.is_empty() && report.salvaged.is_empty() && !report.mended, "{report:?}");
    assert_eq!(reports(&open_without_journal(directory.path())), ids(0..COMMITS));
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_without_journal(directory.path());
    assert!(matches!(repair(directory.path()), Err(StoreError::Locked { .. })));
    drop(store);
}

#[test]
fn the_log_of_another_database_is_refused_and_left_alone() {
    let (directory, log, _) = crashed();
    let (_other, foreign, _) = crashed();
    fs::copy(foreign, &log).unwrap();
    let before = fs::read(&log).unwrap();
    let error = Store::open(directory.path(), &StoreSettings::default()).err().unwrap();
    assert!(matches!(error, StoreError::Replay { .. }) && error.to_string().contains("backup"), "{error}");
    assert!(matches!(repair(directory.path()), Err(StoreError::Replay { .. })));
    assert_eq!(fs::read(&log).unwrap(), before);
}
