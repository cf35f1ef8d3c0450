//! What holds for any report.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::received_at;
use crate::{
    decode::decode,
    limits::Limits,
    report::{Report, identity, parse},
    submission::Hints,
};

fn text() -> impl Strategy<Value = Value> {
    "[a-z0-9 .:@\\[\";-]{0,20}|\\PC{0,10}".prop_map(Value::from)
}

/// Mostly what belongs there, sometimes anything.
fn odd(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => value,
        1 => Just(Value::Null),
        1 => prop::collection::vec(text(), 0..3).prop_map(Value::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => any::<i64>().prop_map(Value::from),
        1 => text(),
        1 => Just(json!({"a": [true]})),
    ]
}

fn choice(of: &'static [&'static str]) -> impl Strategy<Value = Value> {
    odd(prop::sample::select(of).prop_map(Value::from))
}

fn detail() -> impl Strategy<Value = Value> {
    let types = choice(&["certificate-expired", "validation-failure", "sts-policy-fetch-error", "tlsa-invalid", "New"]);
    let ips = choice(&["192.0.2.1", "2001:db8::1", "[::1]", "x", "fe80::1%0"]);
    (types, ips, odd(text()), odd((0..9_i64).prop_map(Value::from)), odd(text())).prop_map(|(kind, ip, host, count, more)| {
        json!({"result-type": kind, "sending-mta-ip": ip, "receiving-mx-hostname": host, "failed-session-count": count,
            "additional-information": more, "failure-reason-code": more})
    })
}

fn entry() -> impl Strategy<Value = Value> {
    let types = choice(&["sts", "tlsa", "no-policy-found", "STS", "other"]);
    let lines =
        choice(&["version: STSv1", "mode: testing", "3 1 1 abcd", "[\"3 1 1 abcd\"]", "mx: a; mx: b", "max_age:1"]);
    let domains = choice(&["example.com", "Example.NET.", "bücher.example", "_x", "192.0.2.1"]);
    let counts = odd((0..1_000_i64).prop_map(Value::from));
    (
        types,
        odd(prop::collection::vec(lines, 0..4).prop_map(Value::from)),
        domains,
        counts,
        odd(prop::collection::vec(detail(), 0..3).prop_map(Value::from)),
    )
        .prop_map(|(kind, lines, domain, count, details)| {
            json!({"policy": {"policy-type": kind, "policy-string": lines, "policy-domain": domain, "mx-host": lines},
                "summary": {"total-successful-session-count": count, "total-failure-session-count": count},
                "failure-details": details})
        })
}

fn document() -> impl Strategy<Value = Value> {
    let dates = || choice(&["2024-03-01T00:00:00Z", "2024-03-01", "2024-03-01 10:00:00+02", "1709251200"]);
    (
        odd(text()),
        odd(text()),
        odd(text()),
        dates(),
        dates(),
        odd(prop::collection::vec(odd(entry()), 0..4).prop_map(Value::from)),
    )
        .prop_map(|(name, contact, id, start, end, policies)| {
            json!({"organization-name": name, "contact-info": contact, "report-id": id, "policies": policies,
                "date-range": {"start-datetime": start, "end-datetime": end}})
        })
}

fn read(json: &[u8]) -> Option<Report> {
    parse(json, received_at(), &Limits::default()).ok()?.remove(0).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn spelling_compression_and_order_make_no_difference(document in document(), level in 0_u32..9) {
        let compact = serde_json::to_vec(&document).unwrap();
        let Some(report) = read(&compact) else { return Ok(()) };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&serde_json::to_vec_pretty(&document).unwrap()).unwrap();
        let unpacked = decode(&encoder.finish().unwrap(), &Hints::default(), &Limits::default()).unwrap();
        let again = read(&unpacked.json).unwrap();
        prop_assert_eq!(&again.policies, &report.policies);
        if !report.report_id.starts_with("sha256:") {
            prop_assert_eq!(identity::content(&again), identity::content(&report));
            prop_assert_eq!(identity::identity(&again, "x"), identity::identity(&report, "x"));
        }
    }

    #[test]
    fn deviations_point_into_the_document(document in document()) {
        let Some(report) = read(&serde_json::to_vec(&document).unwrap()) else { return Ok(()) };
        for (deviation, found) in report.deviations.iter() {
            prop_assert!(found.count > 0);
            prop_assert!(document.pointer(&found.first_path).is_some(), "{} at {}", deviation.as_str(), found.first_path);
        }
    }

    #[test]
    fn a_report_is_the_same_in_an_array(document in document()) {
        let Some(report) = read(&serde_json::to_vec(&document).unwrap()) else { return Ok(()) };
        let array = serde_json::to_vec(&json!([document, document])).unwrap();
        let reports = parse(&array, received_at(), &Limits::default()).unwrap();
        for other in reports {
            prop_assert_eq!(identity::content(&other.unwrap()), identity::content(&report));
        }
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,100}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(text.as_bytes());
        let _ = read(&bytes);
    }
}
