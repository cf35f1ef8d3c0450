//! Reports, entries and stores for tests. Nothing here is used by the program.

pub mod kept;

use std::{path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Config, Connection};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    Arrival, EntryKind, Store, StoreSettings, StoredEntry,
    tables::{
        day_sums::{self, SumsCheck},
        unproven::Bounds,
    },
};
use crate::{
    clock::Clock,
    fault::{Fault, FaultCode, FaultPlace},
    report::{DateRange, Deviations, Failure, Policy, PolicyDetails, PolicyResult, PolicyType, Report, Text},
    submission::{Channel, Origin, Trust},
};

/// A store in a directory of its own, which goes with it.
pub struct TempStore {
    pub store: Store,
    pub directory: TempDir,
}

/// Settings that suit a test: little memory, one thread.
pub fn settings() -> StoreSettings {
    StoreSettings {
        memory_max_bytes: 256 * 1024 * 1024,
        threads: 1,
        question_max: Duration::from_secs(20),
        // Tests make them themselves.
        sums_quiet: Duration::from_secs(3_600),
        // Not long after everything here has come.
        clock: Clock::fixed(october(25)),
        // Tests write reports of any age.
        unproven: Bounds { keep_days: 0, ..StoreSettings::default().unproven },
        ..StoreSettings::default()
    }
}

pub fn temp_store() -> TempStore {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(directory.path());
    TempStore { store, directory }
}

pub fn open(data: &Path) -> Store {
    Store::open(data, &settings()).expect("the store opens")
}

/// A store in which everything waits for its transaction.
pub fn open_without_journal(data: &Path) -> Store {
    Store::open(data, &StoreSettings { journal: None, ..settings() }).expect("the store opens")
}

/// An empty database in memory.
pub fn memory() -> Connection {
    let config = Config::default().enable_autoload_extension(false).expect("a known setting");
    Connection::open_in_memory_with_flags(config).expect("a database in memory")
}

/// Midnight of 2026-10-DAY.
pub fn october(day: u32) -> DateTime<Utc> {
    chrono::NaiveDate::from_ymd_opt(2026, 10, day).expect("a day of October").and_time(chrono::NaiveTime::MIN).and_utc()
}

/// A report of example.net about 1 October 2026.
pub fn report(report_id: &str, policies: Vec<PolicyResult>) -> Report {
    Report {
        organisation: Some("Example Mail".into()),
        contact: Some("tlsrpt@example.net".into()),
        report_id: report_id.into(),
        range: DateRange { start: october(1), end: october(2) },
        policies,
        deviations: Deviations::default(),
    }
}

pub fn policy(domain: &str, policy_type: PolicyType, successful: Option<i64>, failed: Option<i64>) -> PolicyResult {
    PolicyResult {
        policy: Policy {
            policy_type,
            domain: Some(domain.into()),
            policy_string: vec!["version: STSv1".into(), "mode: enforce".into()],
            mx_hosts: vec!["mx.example.com".into()],
            details: PolicyDetails::Unknown,
        },
        successful,
        failed,
        failures: Vec::new(),
    }
}

pub fn failure(result_type: &str, failed_sessions: Option<i64>) -> Failure {
    Failure {
        result_type: result_type.into(),
        sending_mta_ip: Text::Typed([192, 0, 2, 1].into()),
        receiving_mx_hostname: Some("mx.example.com".into()),
        receiving_mx_helo: None,
        receiving_ip: Text::Verbatim("not an address".into()),
        failed_sessions,
        additional_information: None,
        reason_code: None,
    }
}

/// A report with one policy and one failure; `content` tells versions of the same report apart.
pub fn simple(report_id: &str, content: i64) -> Report {
    let mut policy = policy("example.com", PolicyType::Sts, Some(content), Some(2));
    policy.failures.push(failure("certificate-expired", Some(1)));
    report(report_id, vec![policy])
}

pub fn arrival(bytes: &[u8], trust: Trust) -> Arrival {
    Arrival {
        bytes: bytes.to_vec(),
        channel: Channel::Https,
        peer: Some([192, 0, 2, 9].into()),
        source: None,
        received_at: october(2),
        trust,
        token_domains: None,
        origin: Origin::default(),
        submitter: None,
        media_type: Some("application/tlsrpt+json".into()),
        content_encoding: None,
    }
}

/// An entry for a report. Its identity is the report-id and range, its content everything, its bytes a text naming both.
pub fn entry(report: Report, trust: Trust) -> StoredEntry {
    let identity = digest(&format!("{} {:?}", report.report_id, report.range));
    let content = digest(&format!("{report:?}"));
    let bytes = format!("bytes of {} {content}", report.report_id);
    StoredEntry {
        arrival: Arc::new(arrival(bytes.as_bytes(), trust)),
        element: None,
        kind: EntryKind::Report {
            report: Box::new(report),
            identity,
            alias: None,
            content,
            organisation_key: "example.net".into(),
        },
        from_quarantine: None,
        replaces: false,
    }
}

/// An entry for something that is no report.
pub fn garbage(bytes: &[u8], trust: Trust) -> StoredEntry {
    StoredEntry {
        arrival: Arc::new(arrival(bytes, trust)),
        element: None,
        kind: EntryKind::Quarantine {
            fault: Fault::new(FaultCode::NotAReport, "there are no policies", FaultPlace::Path("/policies".into())),
            organisation: None,
            report_id: None,
        },
        from_quarantine: None,
        replaces: false,
    }
}

/// The operator accepts these signers, so that what they report makes alerts fire at once.
pub fn accept(store: &Store, organisation_keys: &'static [&'static str]) {
    let store = store.clone();
    let accept = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let accept = store.change(move |conn| {
            organisation_keys
                .iter()
                .try_for_each(|key| crate::store::tables::sender::decide(conn, key, Some(true), october(1)))
        });
        runtime.block_on(accept).expect("the decisions are stored");
    };
    // The caller may be within a runtime.
    std::thread::spawn(accept).join().expect("the decisions are stored");
}

/// Makes the sums of all days.
pub fn make_sums(store: &Store) {
    while store.change_blocking(day_sums::make_some).expect("sums are made") > 0 {}
}

/// What a check of all sums finds.
pub fn check_sums(store: &Store) -> SumsCheck {
    let (first, last) =
        (october(1).date_naive() - TimeDelta::days(9_999), october(1).date_naive() + TimeDelta::days(9_999));
    store.read_blocking(|conn| day_sums::check(conn, first, last)).expect("an answer")
}

/// The identity an entry's report is stored under.
pub fn identity(entry: &StoredEntry) -> Uuid {
    match &entry.kind {
        EntryKind::Report { identity, .. } => *identity,
        EntryKind::Quarantine { .. } => Uuid::nil(),
    }
}

fn digest(text: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut name = [0; 16];
    name.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(name).into_uuid()
}
