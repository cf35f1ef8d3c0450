//! Bounds on what nobody proved, and shares in the quarantine, on a real database.

use std::net::IpAddr;

use crate::{
    clock::Clock,
    fault::{Fault, FaultCode, FaultPlace},
    store::{
        fixtures::{entry, garbage, october, settings, simple},
        *,
    },
    submission::{Outcome, Trust},
};

fn sent(mut entry: StoredEntry, by: &str, bytes: usize, day: u32) -> StoredEntry {
    let arrival = Arc::make_mut(&mut entry.arrival);
    arrival.peer = Some(by.parse::<IpAddr>().unwrap());
    arrival.bytes = format!("{by} {day} {}", identity_text(&entry.kind)).into_bytes();
    arrival.bytes.resize(bytes, b' ');
    arrival.received_at = october(day);
    entry
}

fn identity_text(kind: &EntryKind) -> String {
    match kind {
        EntryKind::Report { identity, .. } => identity.to_string(),
        EntryKind::Quarantine { fault, .. } => fault.detail.clone(),
    }
}

fn opened(directory: &Path, bytes_max: u64, day: u32) -> (Store, Clock) {
    let clock = Clock::fixed(october(day));
    let unproven = Bounds { bytes_max, keep_days: 10 };
    let store = Store::open(directory, &StoreSettings { unproven, clock: clock.clone(), ..settings() }).unwrap();
    (store, clock)
}

fn one(store: &Store, entry: StoredEntry) -> Outcome {
    store.write_blocking(vec![entry]).pop().unwrap()
}

fn names(store: &Store) -> Vec<String> {
    let names = store.read_blocking(|conn| {
        let mut statement = conn.prepare("SELECT report_id FROM report ORDER BY report_id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<duckdb::Result<_>>()?)
    });
    names.unwrap()
}

/// Waits until the writer has removed what it will.
fn until(store: &Store, what: &str, is_so: impl Fn(&[String]) -> bool) {
    let begun = std::time::Instant::now();
    while !is_so(&names(store)) {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}: {:?}", names(store));
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn count(store: &Store, sql: &str) -> i64 {
    store.read_blocking(|conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).unwrap()
}

#[test]
fn what_nobody_proved_goes_after_its_days_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    {
        let (store, _) = opened(directory.path(), 0, 3);
        for (trust, day) in
            [(Trust::None, 1), (Trust::Token, 2), (Trust::Import, 1), (Trust::Dkim, 1), (Trust::None, 20)]
        {
            let name = format!("{} {day}", trust.as_str());
            one(&store, sent(entry(simple(&name, 1), trust), "192.0.2.1", 100, day));
        }
        // Proven later: it stays.
        let raised = |trust| sent(entry(simple("raised", 1), trust), "192.0.2.1", 100, 1);
        one(&store, raised(Trust::None));
        one(&store, raised(Trust::Dkim));
        store.close_blocking().unwrap();
    }
    let (store, _) = opened(directory.path(), 0, 21);
    until(&store, "the old ones are gone", |names| names.len() == 4);
    assert_eq!(names(&store), ["dkim 1", "import 1", "none 20", "raised"]);
    for table in ["policy", "failure", "raw"] {
        assert_eq!(count(&store, &format!("SELECT count(DISTINCT report) FROM {table}")), 4, "{table}");
    }
    assert_eq!(count(&store, "SELECT count(*) FROM unproven"), 1);
}

#[test]
fn a_party_with_its_share_waits_and_others_go_on() {
    let directory = tempfile::tempdir().unwrap();
    // A share is 100,000 bytes.
    let (store, clock) = opened(directory.path(), 1_000_000, 2);
    let from = |by: &str, name: &str, day| sent(entry(simple(name, 1), Trust::None), by, 30_000, day);
    for number in 0..3 {
        let outcome = one(&store, from(&format!("192.0.2.{number}"), &format!("a{number}"), 2));
        assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
    }
    assert_eq!(one(&store, from("192.0.2.9", "a3", 2)), Outcome::Busy(Busy::ShareFull));
    // What is known is not refused, and what is proven is nobody's share.
    assert!(matches!(one(&store, from("192.0.2.9", "a1", 2)), Outcome::Quarantined { .. } | Outcome::Duplicate(_)));
    let proven = sent(entry(simple("proven", 1), Trust::Dkim), "192.0.2.9", 30_000, 2);
    assert!(matches!(one(&store, proven), Outcome::Stored(_)));
    assert!(matches!(one(&store, from("198.51.100.1", "b", 2)), Outcome::Stored(_)));
    // A day later its oldest gives way.
    clock.set(october(4));
    assert_eq!(one(&store, from("192.0.2.9", "a3", 4)), Outcome::Busy(Busy::ShareFull));
    until(&store, "room is made", |names| names.iter().filter(|name| name.starts_with('a')).count() == 2);
    assert!(matches!(one(&store, from("192.0.2.9", "a3", 4)), Outcome::Stored(_)));
    assert!(names(&store).contains(&"b".to_owned()));
}

#[test]
fn a_full_store_loses_the_oldest_of_the_largest() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = opened(directory.path(), 100_000, 2);
    let small = sent(entry(simple("honest", 1), Trust::None), "203.0.113.1", 500, 1);
    one(&store, small);
    let (mut stored, mut busy) = (0, 0);
    for number in 0..60 {
        let by = format!("198.51.{}.1", number % 20);
        match one(&store, sent(entry(simple(&format!("flood{number:02}"), 1), Trust::None), &by, 4_000, 2)) {
            Outcome::Stored(_) => stored += 1,
            Outcome::Busy(Busy::ShareFull) => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(stored >= 15 && stored + busy == 60, "{stored} {busy}");
    let held = |store: &Store| count(store, "SELECT sum(bytes)::BIGINT FROM unproven");
    until(&store, "it is within its bound", |_| held(&store) <= 90_000);
    assert!(names(&store).contains(&"honest".to_owned()), "{:?}", names(&store));
}

fn unsigned(by: &str, bytes: usize, day: u32, text: &str) -> StoredEntry {
    let mut entry = garbage(b"", Trust::None);
    entry.kind = EntryKind::Quarantine {
        fault: Fault::new(FaultCode::DkimNone, text, FaultPlace::Whole),
        organisation: None,
        report_id: None,
    };
    sent(entry, by, bytes, day)
}

fn junk(by: &str, bytes: usize, text: &str) -> StoredEntry {
    let mut entry = garbage(b"", Trust::None);
    entry.kind = EntryKind::Quarantine {
        fault: Fault::new(FaultCode::NotAReport, text, FaultPlace::Whole),
        organisation: None,
        report_id: None,
    };
    sent(entry, by, bytes, 3)
}

#[test]
fn a_flood_does_not_push_out_the_mail_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreSettings { quarantine_max_bytes: 200_000, ..settings() }).unwrap();
    for number in 0..10 {
        one(&store, unsigned(&format!("203.0.113.{number}"), 500, 1, &format!("honest {number}")));
    }
    let honest = "SELECT count(*) FROM quarantine WHERE detail LIKE 'honest%'";
    for number in 0..100 {
        one(&store, junk(&format!("198.51.{number}.1"), 20_000, &format!("junk {number}")));
        assert!(count(&store, "SELECT sum(bytes_total)::BIGINT FROM quarantine") <= 200_000);
    }
    assert_eq!(count(&store, honest), 10, "garbage of a hundred networks");
    for number in 0..100 {
        one(&store, unsigned("198.51.100.1", 20_000, 4, &format!("forged {number}")));
    }
    assert_eq!(count(&store, honest), 10, "what looks like reports, of one network");
    for number in 0..100 {
        one(&store, unsigned(&format!("198.{number}.100.1"), 20_000, 4, &format!("forged too {number}")));
    }
    assert_eq!(count(&store, honest), 10, "of a hundred");
    assert!(count(&store, "SELECT sum(bytes_total)::BIGINT FROM quarantine") <= 200_000);
}

#[test]
fn behind_a_mail_server_the_sender_is_the_from_domain() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreSettings { quarantine_max_bytes: 100_000, ..settings() }).unwrap();
    let mail = |from: &str, bytes, text: &str| {
        let mut entry = unsigned("192.0.2.1", bytes, 2, text);
        let arrival = Arc::make_mut(&mut entry.arrival);
        (arrival.peer, arrival.origin.from_domain) = (None, Some(from.to_owned()));
        arrival.bytes.extend_from_slice(text.as_bytes());
        entry
    };
    one(&store, mail("small.example", 1_000, "honest"));
    for number in 0..50 {
        one(&store, mail("flood.example", 10_000, &format!("flood {number}")));
    }
    assert_eq!(count(&store, "SELECT count(*) FROM quarantine WHERE charged_to = 'small.example'"), 1);
    assert!(count(&store, "SELECT count(*) FROM quarantine WHERE charged_to = 'flood.example'") > 3);
}
