//! The store with its journal: crashes at moments that are chosen, damage, a disk that fails, and any history held against a model.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use super::{
    append,
    disk::{FileSystem, SegmentDisk, SegmentFile},
    segments,
};
use crate::{
    fault::FaultCode,
    store::{
        fixtures::{entry, identity, open, settings, simple},
        *,
    },
    submission::Trust,
};

pub(super) fn one(store: &Store, entry: StoredEntry) -> Outcome {
    store.write_blocking(vec![entry]).pop().unwrap()
}

fn number(store: &Store, sql: &'static str) -> i64 {
    store.read_blocking(|conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).unwrap()
}

fn reports(store: &Store) -> i64 {
    number(store, "SELECT count(*) FROM report")
}

fn report_ids(store: &Store) -> Vec<String> {
    let sql = "SELECT report_id FROM report ORDER BY report_id";
    store
        .read_blocking(|conn| {
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<duckdb::Result<_>>()?)
        })
        .unwrap()
}

/// Keeps the writer from loading until it is dropped.
struct Busied {
    _release: mpsc::Sender<()>,
}

impl Busied {
    fn keep(store: &Store) -> Busied {
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let store = store.clone();
        std::thread::spawn(move || {
            store.change_blocking(move |_| {
                begun.send(()).expect("somebody waits");
                // Ends when the other side is dropped.
                let _ = released.recv();
                Ok(())
            })
        });
        has_begun.recv().expect("the writer begins");
        Busied { _release: release }
    }
}

/// The files of a running store as a crash would leave them now.
pub(super) fn crash(store_directory: &Path) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    copy(store_directory, left.path());
    left
}

fn copy(from: &Path, to: &Path) {
    for found in fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let name = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            fs::create_dir_all(&name).unwrap();
            copy(&found.path(), &name);
        } else if found.file_name() != "tlsight.lock" {
            fs::copy(found.path(), name).unwrap();
        }
    }
}

/// A store that acknowledged reports `a` to `c`, each in a batch of its own, and crashed before they were loaded; and its segment.
fn crashed() -> (tempfile::TempDir, PathBuf) {
    let live = tempfile::tempdir().unwrap();
    let store = open(live.path());
    let busied = Busied::keep(&store);
    for id in ["a", "b", "c"] {
        assert!(matches!(one(&store, entry(simple(id, 1), Trust::None)), Outcome::Stored(_)), "{id}");
    }
    let left = crash(live.path());
    drop(busied);
    let segments = segments::list(&append::directory(left.path())).unwrap();
    let [segment] = &segments[..] else { panic!("one segment: {segments:?}") };
    (left, segment.clone())
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x04;
    fs::write(path, bytes).unwrap();
}

/// Where each batch of a segment begins.
fn batches(path: &Path) -> Vec<usize> {
    let bytes = fs::read(path).unwrap();
    (0..bytes.len()).step_by(8).filter(|at| bytes[*at..].starts_with(b"TLSB")).collect()
}

#[test]
fn what_is_new_is_answered_while_the_writer_is_busy_and_seen_by_the_next_question() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let busied = Busied::keep(&store);
    let first = entry(simple("a", 1), Trust::None);
    assert_eq!(one(&store, first.clone()), Outcome::Stored(identity(&first)));
    // What is in doubt waits for the writer.
    let again = {
        let store = store.clone();
        std::thread::spawn(move || one(&store, entry(simple("a", 2), Trust::None)))
    };
    drop(busied);
    assert!(matches!(again.join().unwrap(), Outcome::Quarantined { fault, .. } if fault.code == FaultCode::Conflict));
    let busied = Busied::keep(&store);
    one(&store, entry(simple("b", 1), Trust::None));
    drop(busied);
    assert_eq!(report_ids(&store), ["a", "b"]);
}

#[test]
fn what_was_acknowledged_is_loaded_after_a_crash_once() {
    let (left, segment) = crashed();
    for _ in 0..2 {
        let store = open(left.path());
        assert_eq!(report_ids(&store), ["a", "b", "c"]);
        assert_eq!(number(&store, "SELECT loaded FROM journal"), 3);
        assert!(matches!(one(&store, entry(simple("b", 1), Trust::None)), Outcome::Duplicate(_)));
        drop(store);
        assert!(!segment.exists(), "nothing is kept of what is loaded");
    }
}

#[test]
fn what_is_loaded_already_is_not_loaded_again() {
    let live = tempfile::tempdir().unwrap();
    let store = open(live.path());
    one(&store, entry(simple("a", 1), Trust::None));
    assert_eq!(reports(&store), 1);
    // A report that was superseded has left the tables: its record must not bring it back.
    one(&store, entry(simple("a", 2), Trust::Dkim));
    let left = crash(live.path());
    assert!(!segments::list(&append::directory(left.path())).unwrap().is_empty(), "its record is still there");
    let store = open(left.path());
    assert_eq!((reports(&store), number(&store, "SELECT count(*) FROM quarantine")), (1, 1));
    assert_eq!(number(&store, "SELECT times FROM quarantine"), 1);
    assert_eq!(number(&store, "SELECT successful FROM report"), 2);
}

#[test]
fn commits_that_the_database_lost_are_made_good_from_the_journal() {
    let live = tempfile::tempdir().unwrap();
    let store = open(live.path());
    one(&store, entry(simple("a", 1), Trust::None));
    assert_eq!(reports(&store), 1);
    let left = crash(live.path());
    fs::remove_file(engine::recover::log_of(&left.path().join(engine::open::DATABASE))).unwrap();
    assert_eq!(report_ids(&open(left.path())), ["a"]);
}

#[test]
fn a_batch_that_was_not_completed_is_left_out_and_kept_in_a_copy() {
    let (left, segment) = crashed();
    flip(&segment, batches(&segment)[2] + 40);
    assert_eq!(report_ids(&open(left.path())), ["a", "b"]);
    let copies: Vec<_> = fs::read_dir(segment.parent().unwrap()).unwrap().collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
}

#[test]
fn damage_in_front_of_whole_batches_stops_and_repair_saves_them() {
    for (what, at) in [("batch", batches(&crashed().1)[1] + 40), ("header", 33)] {
        let (left, segment) = crashed();
        flip(&segment, at);
        let before = fs::read(&segment).unwrap();
        let error = Store::open(left.path(), &settings()).err().unwrap().to_string();
        assert!(error.contains("is damaged") && error.contains("tlsight repair --data"), "{what}: {error}");
        assert_eq!(fs::read(&segment).unwrap(), before, "{what}: nothing was changed");
        let report = repair(left.path()).unwrap();
        let expected = if what == "batch" { 2 } else { 3 };
        assert_eq!((report.journal_damaged, report.journal_salvaged), (1, expected), "{what}");
        assert_eq!(fs::read(&report.copies[0]).unwrap(), before, "{what}");
        assert_eq!(reports(&open(left.path())), 0, "{what}: whoever called for the repair takes them in");
        // Until that is done another repair finds them again.
        assert_eq!(repair(left.path()).unwrap().journal_salvaged, expected, "{what}");
        assert!(finish_repair(left.path()).unwrap().unwrap().is_dir());
        assert_eq!(repair(left.path()).unwrap().journal_salvaged, 0, "{what}");
    }
}

#[test]
fn repair_leaves_a_sound_journal_to_the_next_start() {
    let (left, _) = crashed();
    let report = repair(left.path()).unwrap();
    assert_eq!((report.copies.len(), report.salvaged.len()), (0, 0));
    assert_eq!(report_ids(&open(left.path())), ["a", "b", "c"]);
}

#[test]
fn the_journal_of_another_database_is_not_mixed_up_with_this_one() {
    let (left, segment) = crashed();
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()));
    let there = append::directory(other.path());
    fs::create_dir_all(&there).unwrap();
    fs::copy(&segment, there.join(segment.file_name().unwrap())).unwrap();
    let error = Store::open(other.path(), &settings()).err().unwrap().to_string();
    assert!(error.contains("belongs to another database"), "{error}");
    let report = repair(other.path()).unwrap();
    assert_eq!((report.journal_salvaged, report.copies.len()), (3, 1));
    drop(open(other.path()));
    drop(left);
}

#[test]
fn what_was_acknowledged_and_cannot_be_counted_is_set_aside() {
    let (left, _) = crashed();
    // A schema somebody has spoilt: what cannot be stored is found while loading.
    let conn = engine::open::connect(&left.path().join(engine::open::DATABASE), &settings()).unwrap();
    conn.execute_batch("ALTER TABLE policy ALTER successful TYPE INTEGER").unwrap();
    drop(conn);
    let store = open(left.path());
    assert_eq!((reports(&store), store.set_aside()), (3, 0));
    for (id, sessions) in [("d", 1), ("e", i64::from(i32::MAX) + 1), ("f", 3)] {
        assert!(matches!(one(&store, entry(simple(id, sessions), Trust::None)), Outcome::Stored(_)));
    }
    assert_eq!(report_ids(&store), ["a", "b", "c", "d", "f"]);
    assert_eq!(store.set_aside(), 1);
    drop(store);
    let store = open(left.path());
    assert_eq!((reports(&store), store.set_aside()), (5, 1));
    drop(store);
    let report = repair(left.path()).unwrap();
    assert_eq!((report.journal_salvaged, report.salvaged.len()), (1, 1));
    finish_repair(left.path()).unwrap();
    assert_eq!(open(left.path()).set_aside(), 0);
}

#[test]
fn what_cannot_be_loaded_at_the_end_is_left_to_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let store = open(&data);
    let busied = Busied::keep(&store);
    for number in 0..50 {
        assert!(matches!(one(&store, entry(simple(&number.to_string(), 1), Trust::None)), Outcome::Stored(_)));
    }
    let away = directory.path().join("away");
    fs::rename(&data, &away).unwrap();
    drop(busied);
    store.close_blocking().unwrap();
    assert_eq!(reports(&open(&away)), 50);
}

#[test]
fn a_repair_that_was_not_finished_is_told_and_not_written_over() {
    let (left, segment) = crashed();
    flip(&segment, batches(&segment)[1] + 40);
    let damaged = fs::read(&segment).unwrap();
    repair(left.path()).unwrap();
    let store = open(left.path());
    assert_eq!((reports(&store), store.set_aside()), (0, 1));
    drop(store);
    // Another one of the same name is damaged as well.
    fs::write(&segment, &damaged).unwrap();
    let report = repair(left.path()).unwrap();
    assert_eq!((report.journal_damaged, report.journal_salvaged, report.copies.len()), (2, 4, 2));
}

#[test]
fn who_waits_for_a_writer_that_is_gone_hears_that_it_failed() {
    let queue = Queue::new(10, GroupBounds::SHARED);
    queue.begin_journal(0);
    let waiting = queue.push(vec![entry(simple("a", 1), Trust::None)]).unwrap();
    let jobs = queue.arrivals().unwrap();
    queue.abandon();
    queue.hand_on(jobs);
    assert!(waiting.blocking_recv().is_err());
    queue.settle_blocking();
}

#[test]
fn segments_are_written_over_and_few_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let journal = JournalSettings { segment_bytes: 16 * 1024, ..JournalSettings::default() };
    let store = Store::open(directory.path(), &StoreSettings { journal: Some(journal), ..settings() }).unwrap();
    let there = append::directory(directory.path());
    for round in 0..20 {
        for index in 0..20 {
            one(&store, entry(simple(&format!("r{round}-{index}"), 1), Trust::None));
        }
        assert_eq!(reports(&store), (round + 1) * 20);
        let kept = segments::list(&there).unwrap();
        assert!(kept.len() <= 1 + crate::limits::JOURNAL_SPARE_SEGMENTS_MAX, "{kept:?}");
    }
    for segment in segments::list(&there).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&segment).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(reports(&open(crash(directory.path()).path())), 400);
}

/// The file system, but that it can be told to fail.
#[derive(Debug, Default)]
struct Faulty {
    cannot_create: AtomicBool,
    cannot_sync: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FaultyFile(Box<dyn SegmentFile>, Arc<AtomicBool>);

impl SegmentDisk for Faulty {
    fn create(&self, path: &Path, bytes: u64) -> std::io::Result<Box<dyn SegmentFile>> {
        if self.cannot_create.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(FaultyFile(FileSystem.create(path, bytes)?, Arc::clone(&self.cannot_sync))))
    }

    fn reuse(&self, from: &Path, to: &Path) -> std::io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(FaultyFile(FileSystem.reuse(from, to)?, Arc::clone(&self.cannot_sync))))
    }
}

impl SegmentFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> std::io::Result<()> {
        match self.1.load(Ordering::SeqCst) {
            true => Err(std::io::Error::other("the disk says no")),
            false => self.0.sync(),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        self.0.is_at(path)
    }
}

#[test]
fn a_sync_that_fails_is_final_for_who_waits_and_nothing_is_counted_twice() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = JournalSettings { disk: disk.clone(), ..JournalSettings::default() };
    let store = Store::open(directory.path(), &StoreSettings { journal: Some(journal), ..settings() }).unwrap();
    one(&store, entry(simple("a", 1), Trust::None));
    disk.cannot_sync.store(true, Ordering::SeqCst);
    let failed = entry(simple("b", 1), Trust::None);
    assert_eq!(one(&store, failed.clone()), Outcome::Busy(Busy::StoreFailed));
    // The database takes the next, as long as the journal is not tried again.
    assert!(matches!(one(&store, failed), Outcome::Stored(_)));
    let left = crash(directory.path());
    assert_eq!(report_ids(&open(left.path())), ["a", "b"], "its record may be on disk as well");
    assert_eq!(report_ids(&store), ["a", "b"]);
}

#[test]
fn without_room_for_a_segment_reports_go_directly_into_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty { cannot_create: AtomicBool::new(true), ..Faulty::default() });
    let journal = JournalSettings { disk, ..JournalSettings::default() };
    let store = Store::open(directory.path(), &StoreSettings { journal: Some(journal), ..settings() }).unwrap();
    for id in ["a", "b"] {
        assert!(matches!(one(&store, entry(simple(id, 1), Trust::None)), Outcome::Stored(_)));
    }
    assert_eq!(report_ids(&open(crash(directory.path()).path())), ["a", "b"]);
}
