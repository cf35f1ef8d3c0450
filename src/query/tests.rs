//! Questions against a real store.

mod narrowed;
mod outages;
mod pairs;
mod policies_seen;
mod policy_days;
mod received;
mod silent;
mod sums;
mod trend;

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::Connection;

use super::{Filter, Range};
use crate::{
    report::{DateRange, PolicyResult, PolicyType, Report},
    store::{
        EntryKind, StoredEntry,
        fixtures::{self, TempStore, temp_store},
    },
    submission::{Outcome, Trust},
};

#[test]
fn a_parameter_is_found_by_its_whole_name() {
    assert!(super::mentions("day >= $first_day AND x", "first_day"));
    assert!(!super::mentions("day >= $first_day_of", "first_day"));
    assert!(!super::mentions("day >= first_day", "first_day"));
}

/// A store and how many reports were put into it.
struct Bench {
    temp: TempStore,
    sent: usize,
}

impl Bench {
    fn new() -> Bench {
        Bench { temp: temp_store(), sent: 0 }
    }

    /// Stores a report of one organisation about one day.
    fn send(&mut self, organisation: &str, on: &str, trust: Trust, policies: Vec<PolicyResult>) {
        self.sent += 1;
        let start: DateTime<Utc> = format!("{on}T00:00:00Z").parse().unwrap();
        let report = Report {
            organisation: Some(format!("{organisation} Inc.")),
            range: DateRange { start, end: start + chrono::Duration::days(1) },
            ..fixtures::report(&format!("r{}", self.sent), policies)
        };
        let mut entry: StoredEntry = fixtures::entry(report, trust);
        if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
            *organisation_key = organisation.to_owned();
        }
        let outcome = self.temp.store.write_blocking(vec![entry]).remove(0);
        assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
    }

    fn ask<T>(&self, question: impl FnOnce(&Connection) -> duckdb::Result<T>) -> T {
        self.temp.store.read_blocking(|connection| Ok(question(connection)?)).unwrap()
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Monday to Sunday.
fn week_47() -> Range {
    Range::new(day("2026-11-16"), day("2026-11-22")).unwrap()
}

fn filter() -> Filter {
    Filter::new(week_47())
}

fn policy(domain: &str, policy_type: PolicyType, successful: i64, failed: i64) -> PolicyResult {
    fixtures::policy(domain, policy_type, Some(successful), Some(failed))
}

/// An `sts` policy for example.com, all failures of one result type.
fn failing(successful: i64, result_type: &str, failed: i64) -> PolicyResult {
    let mut policy = policy("example.com", PolicyType::Sts, successful, failed);
    policy.failures.push(fixtures::failure(result_type, Some(failed)));
    policy
}

fn clean(successful: i64) -> PolicyResult {
    policy("example.com", PolicyType::Sts, successful, 0)
}
