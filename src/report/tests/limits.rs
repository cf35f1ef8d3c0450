//! The bounds on what a document may hold.

use super::fixtures::received_at;
use crate::{
    fault::{Fault, FaultCode},
    limits::{DOCUMENT_ELEMENTS_MAX, Limits, POLICY_ELEMENTS_MAX, REPORTS_PER_DOCUMENT_MAX},
    report::{Report, parse},
};

const RANGE: &str = r#""date-range":{"start-datetime":"2024-03-01T00:00:00Z","end-datetime":"2024-03-01T23:59:59Z"}"#;

fn tight() -> Limits {
    Limits { report_policies_max: 3, report_failure_details_max: 4, json_string_max_bytes: 20, ..Limits::default() }
}

fn report(policies: &str) -> String {
    format!("{{{RANGE},\"policies\":[{policies}]}}")
}

fn read(json: &str, limits: &Limits) -> Result<Vec<Result<Report, Fault>>, Fault> {
    parse(json.as_bytes(), received_at(), limits)
}

fn fault(json: &str, limits: &Limits) -> (FaultCode, String) {
    let fault = read(json, limits).unwrap_err();
    (fault.code, fault.place.to_string())
}

fn times(text: &str, count: usize) -> String {
    vec![text; count].join(",")
}

#[test]
fn policies_are_counted_over_the_document() {
    let policy = r#"{"summary":{}}"#;
    assert!(read(&report(&times(policy, 3)), &tight()).is_ok());
    let expected = (FaultCode::TooManyPolicies, "at /policies/3".to_owned());
    assert_eq!(fault(&report(&times(policy, 4)), &tight()), expected);
    let two = format!("[{},{}]", report(&times(policy, 2)), report(&times(policy, 2)));
    assert_eq!(fault(&two, &tight()), (FaultCode::TooManyPolicies, "at /1/policies/1".to_owned()));
    assert_eq!(fault(&report(&times("0", 4)), &tight()).0, FaultCode::TooManyPolicies);
}

#[test]
fn details_are_counted_over_the_document() {
    let policy = |details| format!("{{\"failure-details\":[{}]}}", times("{}", details));
    assert!(read(&report(&[policy(2), policy(2)].join(",")), &tight()).is_ok());
    let expected = (FaultCode::TooManyDetails, "at /policies/1/failure-details/2".to_owned());
    assert_eq!(fault(&report(&[policy(2), policy(3)].join(",")), &tight()), expected);
}

#[test]
fn elements_are_counted() {
    let limits = Limits::default();
    let policy = |elements: usize| format!("{{\"policy\":{{\"policy-string\":[{}]}}}}", times("\"a\"", elements));
    assert!(read(&report(&policy(POLICY_ELEMENTS_MAX)), &limits).is_ok());
    let place = format!("at /policies/0/policy/policy-string/{POLICY_ELEMENTS_MAX}");
    assert_eq!(fault(&report(&policy(POLICY_ELEMENTS_MAX + 1)), &limits), (FaultCode::TooManyElements, place));
    let full = DOCUMENT_ELEMENTS_MAX / POLICY_ELEMENTS_MAX;
    assert!(read(&report(&times(&policy(POLICY_ELEMENTS_MAX), full)), &limits).is_ok());
    let more = [times(&policy(POLICY_ELEMENTS_MAX), full), policy(1)].join(",");
    assert_eq!(fault(&report(&more), &limits).0, FaultCode::TooManyElements);
}

#[test]
fn elements_inside_texts_are_counted() {
    let joined = format!("{{\"policy\":{{\"policy-string\":\"{}\"}}}}", "a;".repeat(8_000));
    let nested = format!("{{\"policy\":{{\"policy-string\":[\"[{}]\"]}}}}", times("\\\"a\\\"", 3_000));
    let hosts = format!("{{\"policy\":{{\"mx-host\":\"{}\"}}}}", "a,".repeat(8_000));
    for policy in [joined, nested, hosts] {
        assert!(read(&report(&policy), &Limits::default()).is_ok());
        assert_eq!(fault(&report(&times(&policy, 40)), &Limits::default()).0, FaultCode::TooManyElements);
    }
}

#[test]
fn reports_in_an_array_are_counted() {
    let array = |count| format!("[{}]", times("{}", count));
    assert_eq!(read(&array(REPORTS_PER_DOCUMENT_MAX), &Limits::default()).unwrap().len(), REPORTS_PER_DOCUMENT_MAX);
    let expected = (FaultCode::TooManyElements, "at /100".to_owned());
    assert_eq!(fault(&array(REPORTS_PER_DOCUMENT_MAX + 1), &Limits::default()), expected);
    assert_eq!(fault("[]", &Limits::default()).0, FaultCode::NotAReport);
}

#[test]
fn strings_are_bounded_wherever_they_stand() {
    let long = "x".repeat(21);
    for (json, place) in [
        (format!("{{\"organization-name\":\"{long}\"}}"), "at /organization-name"),
        (format!("{{\"unknown\":[\"{long}\"]}}"), "at /unknown/0"),
    ] {
        assert_eq!(fault(&json, &tight()), (FaultCode::StringTooLong, place.to_owned()));
    }
}
