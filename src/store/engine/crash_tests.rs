//! Breaking things on purpose: the process killed in the midst of commits and checkpoints, the disk full.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    store::{
        fixtures::{entry, identity, open, settings, simple},
        *,
    },
    submission::Trust,
};

/// Tells the test binary started again that it is the process to be killed, and where it works.
const CHILD: &str = "TLSIGHT_TEST_CRASH_DIRECTORY";
/// Its reports' names begin with this, so that those of one run do not collide with those of another.
const PREFIX: &str = "TLSIGHT_TEST_CRASH_PREFIX";

/// Posts from eight threads until it is killed and prints the name of every report that was answered positively.
#[test]
fn child_that_is_killed() {
    let (Ok(directory), Ok(prefix)) = (std::env::var(CHILD), std::env::var(PREFIX)) else { return };
    // A checkpoint every few commits, so that some are killed in the midst of one.
    // Segments of the journal are full after some fifty.
    let journal = JournalSettings { segment_bytes: 128 * 1024, ..JournalSettings::default() };
    let settings = StoreSettings { log_max_bytes: 200_000, journal: Some(journal), ..settings() };
    let store = Store::open(Path::new(&directory), &settings).unwrap();
    println!("\nready");
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let name = format!("{prefix}-{}", next.fetch_add(1, Ordering::SeqCst));
                    let outcomes = store.write_blocking(vec![entry(simple(&name, 1), Trust::None)]);
                    if matches!(outcomes[..], [Outcome::Stored(_)]) {
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "stored {name}").unwrap();
                        out.flush().unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let rounds = std::env::var("TLSIGHT_TEST_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(30);
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        // Where in the run the kill falls: anywhere in a commit or checkpoint, because nothing ties this count to them.
        let after = [1, 13, 40, 97, 150, 260, 400][round % 7] + round;
        acknowledged.extend(run_and_kill(directory.path(), &format!("run{round}"), after));
    }
    let store = open(directory.path());
    let names: Vec<String> = store
        .read_blocking(|conn| {
            let mut statement = conn.prepare("SELECT report_id FROM report")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<duckdb::Result<_>>()?)
        })
        .unwrap();
    let stored: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(names.len(), stored.len(), "a report is stored twice");
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(acknowledged.len() > rounds);
    let tables = "SELECT (SELECT count(*) FROM policy) = n AND (SELECT count(*) FROM failure) = n \
                  AND (SELECT count(*) FROM raw) = n FROM (SELECT count(*) AS n FROM report)";
    assert!(store.read_blocking(|conn| Ok(conn.query_row(tables, [], |row| row.get::<_, bool>(0))?)).unwrap());
}

/// Starts this binary again as the child, kills it after so many acknowledgements, and returns what it acknowledged.
fn run_and_kill(directory: &Path, prefix: &str, after: usize) -> BTreeSet<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::engine::crash_tests::child_that_is_killed", "--nocapture"])
        .env(CHILD, directory)
        .env(PREFIX, prefix)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut killed = false;
    let mut complete = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while lines.read_line(&mut complete).unwrap() > 0 {
        // A line cut off by the kill had not been said.
        if let Some(name) = complete.strip_suffix('\n').and_then(|line| line.strip_prefix("stored ")) {
            acknowledged.insert(name.to_owned());
        }
        complete.clear();
        if acknowledged.len() >= after && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    acknowledged
}

/// A small file system of its own; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this process may not mount.
    fn mount(bytes: u64) -> Option<SmallDisk> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(SmallDisk(directory));
        }
        eprintln!("skipped: this process may not mount a tmpfs");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn big(name: &str) -> StoredEntry {
    let mut entry = entry(simple(name, 1), Trust::None);
    // Bytes that no compression makes smaller, other ones for each name.
    let mut state = identity(&entry).as_u64_pair().0 | 1;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    Arc::make_mut(&mut entry.arrival).bytes = noise.take(50_000).collect();
    entry
}

fn names(store: &Store) -> BTreeSet<String> {
    try_names(store).unwrap()
}

fn try_names(store: &Store) -> Result<BTreeSet<String>, StoreError> {
    store.read_blocking(|conn| {
        let mut statement = conn.prepare("SELECT report_id FROM report")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<duckdb::Result<_>>()?)
    })
}

#[test]
fn a_full_disk_is_busy_loses_nothing_and_recovers() {
    // Small logs exercise a checkpoint that finds no space, the large one a commit that finds none.
    for log_max_bytes in [1_000_000, 1_000_000_000] {
        let Some(disk) = SmallDisk::mount(72 * 1024 * 1024) else { return };
        let data = disk.0.path().join("data");
        let ballast = disk.0.path().join("ballast");
        fs::write(&ballast, vec![0; 40 * 1024 * 1024]).unwrap();
        let store = Store::open(&data, &StoreSettings { log_max_bytes, ..settings() }).unwrap();
        let mut acknowledged = BTreeSet::new();
        let mut refused = 0;
        for index in 0..2_000 {
            let name = format!("r{index}");
            match store.write_blocking(vec![big(&name)])[..] {
                [Outcome::Stored(_)] => {
                    acknowledged.insert(name);
                }
                [Outcome::Busy(Busy::DiskFull)] => refused += 1,
                ref other => panic!("{log_max_bytes}: {other:?} after {}", acknowledged.len()),
            }
            if refused > 20 {
                break;
            }
        }
        assert!(refused > 20, "{log_max_bytes}: the disk was never full");
        assert!(acknowledged.len() > 20, "{log_max_bytes}: {}", acknowledged.len());
        fs::remove_file(&ballast).unwrap();
        let until = Instant::now() + Duration::from_secs(40);
        while !matches!(store.write_blocking(vec![big("afterwards")])[..], [Outcome::Stored(_)]) {
            assert!(Instant::now() < until, "{log_max_bytes}: the store did not recover");
            std::thread::yield_now();
        }
        acknowledged.insert("afterwards".into());
        // The journal may take reports again while the database is still being opened again.
        let found = loop {
            match try_names(&store) {
                Ok(found) => break found,
                Err(error) => assert!(Instant::now() < until, "{log_max_bytes}: no question is answered: {error}"),
            }
            std::thread::yield_now();
        };
        assert!(found.is_superset(&acknowledged), "{log_max_bytes}: acknowledged reports are missing");
        drop(store);
        let store = open(&data);
        assert!(names(&store).is_superset(&acknowledged), "{log_max_bytes}: lost after restart");
        drop(store);
    }
}

#[test]
fn questions_go_on_while_reports_come_in() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreSettings { log_max_bytes: 100_000, ..settings() }).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::SeqCst) {
                let consistent = store.read_blocking(|conn| {
                    let reports: u64 = conn.query_row("SELECT count(*) FROM report", [], |row| row.get(0))?;
                    let raw: u64 = conn.query_row("SELECT count(*) FROM raw", [], |row| row.get(0))?;
                    Ok((reports, raw))
                });
                let (reports, raw) = consistent.unwrap();
                assert_eq!(reports, raw, "a question sees half a commit");
                assert!(reports >= last);
                last = reports;
            }
        });
        for index in 0..300 {
            store.write_blocking(vec![entry(simple(&format!("r{index}"), 1), Trust::None)]);
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap();
    });
    assert_eq!(names(&store).len(), 300);
}
