//! Logs that DuckDB wrote, damaged in every way a power failure or a disk can.

use std::{ops::Range, sync::OnceLock};

use tempfile::TempDir;

use super::*;
use crate::{
    store::{
        Store, StoreSettings,
        engine::open::DATABASE,
        fixtures::{entry, open_without_journal, settings, simple},
    },
    submission::Trust,
};

/// A database whose log holds `COMMITS` commits of one report each, as a crash leaves it.
struct Crashed {
    database: Vec<u8>,
    log: Vec<u8>,
    scan: wal::Scan,
}

const COMMITS: usize = 6;

fn crashed() -> &'static Crashed {
    static CRASHED: OnceLock<Crashed> = OnceLock::new();
    CRASHED.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let store = open_without_journal(directory.path());
        for index in 0..COMMITS {
            store.write_blocking(vec![entry(simple(&format!("r{index}"), 1), Trust::None)]);
        }
        let path = directory.path().join(DATABASE);
        let (database, log) = (fs::read(&path).unwrap(), fs::read(log_of(&path)).unwrap());
        let scan = wal::scan(&log);
        assert_eq!((scan.commits.len(), &scan.state), (COMMITS, &WalState::Clean));
        Crashed { database, log, scan }
    })
}

fn directory_with(log: &[u8]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DATABASE);
    fs::write(&path, &crashed().database).unwrap();
    fs::write(log_of(&path), log).unwrap();
    directory
}

fn reports(store: &Store) -> usize {
    store.read_blocking(|conn| Ok(conn.query_row("SELECT count(*) FROM report", [], |row| row.get(0))?)).unwrap()
}

fn copies(directory: &TempDir) -> Vec<Vec<u8>> {
    let names = fs::read_dir(directory.path()).unwrap().map(|item| item.unwrap().path());
    names.filter(|name| name.to_string_lossy().contains(".wal.damaged-")).map(|name| fs::read(name).unwrap()).collect()
}

/// Opens with this log and expects as many reports, and a copy of the log where something had to be cut.
fn opens(log: &[u8], expected: usize, what: &str) {
    let directory = directory_with(log);
    let clean = wal::scan(log).state == WalState::Clean;
    let store = Store::open(directory.path(), &settings()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(reports(&store), expected, "{what}");
    assert_eq!(copies(&directory), if clean { Vec::new() } else { vec![log.to_vec()] }, "{what}");
    // It goes on from there, and is whole at the next start.
    store.write_blocking(vec![entry(simple("after", 1), Trust::None)]);
    drop(store);
    assert_eq!(reports(&open_without_journal(directory.path())), expected + 1, "{what}");
}

/// Commits that are whole in the first `length` bytes.
fn whole(length: usize) -> usize {
    crashed().scan.commits.iter().filter(|commit| commit.end <= length).count()
}

#[test]
fn a_log_truncated_anywhere_opens_with_every_whole_commit() {
    let (log, scan) = (&crashed().log, &crashed().scan);
    let mut lengths: Vec<usize> = vec![0, 1, scan.header - 1, scan.header, scan.header + 1, scan.header + 15];
    for Range { start, end } in &scan.commits[COMMITS - 2..] {
        lengths.extend([start + 1, start + 8, start + 16, start + 17, (start + end) / 2, end - 22, end - 21, end - 20]);
        lengths.extend([end - 5, end - 1, *end]);
    }
    for length in lengths {
        opens(&log[..length], whole(length), &format!("truncated to {length} bytes"));
    }
}

#[test]
fn a_zeroed_tail_opens_with_every_whole_commit() {
    let log = &crashed().log;
    for zeros in [1, 2, 5, 20, 21, 22, 100, 511, 512, 1000, 2048, 4096, 8192] {
        let keep = log.len().saturating_sub(zeros);
        let mut zeroed = log[..keep].to_vec();
        zeroed.resize(log.len(), 0);
        // A tail that was zero already has not changed.
        let expected = if zeroed == *log { COMMITS } else { whole(keep) };
        opens(&zeroed, expected, &format!("the last {zeros} bytes zeroed"));
        let extended = [log.as_slice(), &vec![0; zeros]].concat();
        opens(&extended, COMMITS, &format!("{zeros} zeros behind the log"));
    }
}

#[test]
fn garbage_behind_the_last_commit_is_cut() {
    let log = &crashed().log;
    let noise: Vec<u8> = (0..5000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for length in [1, 15, 16, 17, 300, 5000] {
        opens(&[log.as_slice(), &noise[..length]].concat(), COMMITS, &format!("{length} bytes of garbage"));
    }
}

#[test]
fn a_flipped_bit_in_the_last_frame_costs_the_last_commit_only() {
    let log = &crashed().log;
    for back in [1, 5, 6, 13, 14, 21] {
        let mut flipped = log.clone();
        let at = log.len() - back;
        flipped[at] ^= 0x10;
        opens(&flipped, COMMITS - 1, &format!("a bit flipped {back} bytes before the end"));
    }
}

#[test]
fn a_page_that_never_reached_the_disk_is_an_unfinished_write() {
    let log = &crashed().log;
    let last = &crashed().scan.commits[COMMITS - 1];
    // Behind the last commit another one, long enough to span pages, with one page missing.
    let first = &log[crashed().scan.commits[0].clone()];
    let mut long = log.clone();
    while long.len() < last.end + 4 * 4096 {
        long.extend(&first[..first.len() - 21]);
    }
    long.extend(&first[first.len() - 21..]);
    let page = (last.end + 4096).next_multiple_of(4096);
    long[page..page + 4096].fill(0);
    assert_eq!(wal::scan(&long).state, WalState::TornTail { at: last.end });
    opens(&long, COMMITS, "a page of zeros in the last commit");
}

#[test]
fn damage_in_front_of_whole_commits_stops_with_advice_and_changes_nothing() {
    let scan = &crashed().scan;
    let frame = scan.commits[2].start;
    let places = [
        (3, "the version entry", 0),
        (frame + 2, "a frame's size", 2),
        (frame + 7, "a frame's size, far too large", 2),
        (frame + 9, "a frame's checksum", 2),
        (frame + 20, "a frame's payload", 2),
        (scan.commits[2].end - 1, "a flush frame", 2),
    ];
    for (at, what, before) in places {
        let mut log = crashed().log.clone();
        log[at] ^= 0x04;
        let directory = directory_with(&log);
        let error = Store::open(directory.path(), &settings()).err().unwrap_or_else(|| panic!("{what}: opened"));
        let StoreError::Damaged { before: found, after, .. } = &error else { panic!("{what}: {error}") };
        assert_eq!(*found, before, "{what}");
        assert!(*after >= COMMITS - 3, "{what}: {after}");
        let message = error.to_string();
        assert!(message.contains(&format!("tlsight repair --data {}", directory.path().display())), "{message}");
        let path = directory.path().join(DATABASE);
        assert_eq!(fs::read(log_of(&path)).unwrap(), log, "{what}");
        assert_eq!(fs::read(&path).unwrap(), crashed().database, "{what}");
        assert!(copies(&directory).is_empty(), "{what}");
    }
}

/// A crash as it leaves the database, the log and the note, with each commit one report.
fn crashed_with_note(reports: usize) -> TempDir {
    let live = tempfile::tempdir().unwrap();
    let store = open_without_journal(live.path());
    for index in 0..reports {
        store.write_blocking(vec![entry(simple(&format!("r{index}"), 1), Trust::None)]);
    }
    let directory = tempfile::tempdir().unwrap();
    for file in [DATABASE, "tlsight.duckdb.wal", "tlsight.state"] {
        fs::copy(live.path().join(file), directory.path().join(file)).unwrap();
    }
    directory
}

/// What recovery says of the log after `damage`.
fn recovered(damage: impl FnOnce(&Path)) -> Recovered {
    let directory = crashed_with_note(4);
    let database = directory.path().join(DATABASE);
    damage(&log_of(&database));
    let found = recover(&database).unwrap();
    // The store opens, and what was told is told once.
    drop(Store::open(directory.path(), &settings()).unwrap());
    assert_eq!(recover(&database).unwrap(), Recovered::default());
    found
}

fn shortened(log: &Path, keep: impl FnOnce(&wal::Scan) -> usize) {
    let scan = wal::scan(&fs::read(log).unwrap());
    OpenOptions::new().write(true).open(log).unwrap().set_len(keep(&scan) as u64).unwrap();
}

#[test]
fn a_log_that_lost_what_was_acknowledged_says_so() {
    let (kept, found) = (Recovered::default(), recovered(|_| {}));
    assert_eq!(found, kept, "a crash between two commits loses nothing and says nothing");
    let unfinished = recovered(|log| {
        let mut bytes = fs::read(log).unwrap();
        let first = wal::scan(&bytes).commits[0].clone();
        bytes.extend_from_within(first.start..first.end - 3);
        fs::write(log, bytes).unwrap();
    });
    assert_eq!(unfinished.cuts[0].loss, Loss::Nothing, "nobody was answered for it");
    let rotten = recovered(|log| {
        let mut bytes = fs::read(log).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(log, bytes).unwrap();
    });
    assert_eq!(rotten.cuts[0].loss, Loss::UpTo(1), "the last commit was acknowledged");
    assert!(rotten.cuts[0].loss.to_string().contains("up to 1 reports that were acknowledged are lost"));
    let truncated = recovered(|log| shortened(log, |scan| scan.commits[1].end));
    assert_eq!(truncated, Recovered { vanished: Some(Loss::UpTo(4)), ..Recovered::default() });
    let last_only = recovered(|log| shortened(log, |scan| scan.commits[2].end));
    assert_eq!(last_only.vanished, Some(Loss::UpTo(1)));
    let emptied = recovered(|log| fs::write(log, "").unwrap());
    let gone = recovered(|log| fs::remove_file(log).unwrap());
    assert_eq!([emptied.vanished, gone.vanished], [Some(Loss::UpTo(4)); 2]);
}

#[test]
fn without_a_note_nothing_more_is_promised_than_is_known() {
    let directory = directory_with(&crashed().log[..crashed().log.len() - 1]);
    let found = recover(&directory.path().join(DATABASE)).unwrap();
    assert_eq!(found.cuts[0].loss, Loss::Unknown);
    let words = found.cuts[0].loss.to_string();
    assert!(words.contains("normal") && words.contains("may be"), "{words}");
}

#[test]
fn a_checkpoint_and_a_regular_end_leave_nothing_to_be_missed() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join(DATABASE);
    let store = Store::open(directory.path(), &StoreSettings { log_max_bytes: 1, ..settings() }).unwrap();
    for index in 0..3 {
        store.write_blocking(vec![entry(simple(&format!("r{index}"), 1), Trust::None)]);
    }
    drop(store);
    assert!(!log_of(&database).exists());
    assert_eq!(recover(&database).unwrap(), Recovered::default());
}

#[test]
fn a_log_that_is_being_written_is_not_cut() {
    let directory = directory_with(&crashed().log);
    let log = log_of(&directory.path().join(DATABASE));
    let error = cut(&log, 10, 5).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert_eq!(fs::read(&log).unwrap(), crashed().log);
}
