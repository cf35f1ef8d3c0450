//! Any bytes all the way to a judged report: no panic, bounded notes, the same digests for the same bytes.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;
use tlsight::{decode::decode, fault::FaultCode, limits::{Limits, ORGANISATION_KEY_MAX_BYTES}, report::{Report, identity, parse}, submission::{Channel, Hints}, verify::{Served, standing}};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let received_at: DateTime<Utc> = DateTime::from_timestamp(1_709_352_000, 0).expect("a moment of 2024");
    let Ok(document) = decode(bytes, &Hints::default(), &limits) else { return };
    let Ok(reports) = parse(&document.json, received_at, &limits) else { return };
    assert!(!reports.is_empty());
    let again = parse(&document.json, received_at, &limits).expect("it was read once");
    for (report, again) in reports.into_iter().zip(again) {
        match report {
            Ok(report) => check(report, &again.expect("it was read once")),
            Err(fault) => assert!(!fault.detail.is_empty() && fault.code != FaultCode::Internal),
        }
    }
});

fn check(mut report: Report, again: &Report) {
    let key = identity::organisation_key(None, report.contact.as_deref(), report.organisation.as_deref());
    assert!(!key.is_empty() && key.len() <= ORGANISATION_KEY_MAX_BYTES);
    assert_eq!(identity::identity(&report, &key), identity::identity(again, &key));
    assert_eq!(identity::content(&report), identity::content(again));
    assert!(report.range.start <= report.range.end);
    let lines = report.deviations.to_lines();
    assert!(lines.len() < 64 * 1024);
    assert_eq!(lines.lines().count(), report.deviations.iter().count());
    let served = Served::new(
        BTreeMap::from([("example.com".to_owned(), BTreeSet::from(["mx1.example.com".to_owned()]))]),
        BTreeMap::new(),
    );
    let was_empty = report.policies.is_empty();
    if standing(&mut report, Channel::Https, &Hints::default(), None, &served).is_ok() {
        assert_eq!(report.policies.is_empty(), was_empty);
    }
}
