//! What nobody proved, as a reader meets it: beside the figures, or alone with a word of warning.

use super::{NOW, Running, empty, items};
use crate::{
    report::{DateRange, PolicyType, Report},
    store::{Arrival, EntryKind, StoredEntry, fixtures},
    submission::{Outcome, Trust},
};

fn report(report_id: &str, organisation: &str, successful: i64, failed: i64) -> Report {
    let mut policy = fixtures::policy("example.com", PolicyType::Sts, Some(successful), Some(failed));
    if failed > 0 {
        policy.failures = vec![fixtures::failure("sts-policy-fetch-error", Some(failed))];
    }
    let start = "2026-11-20T00:00:00Z".parse().expect("a time");
    Report {
        organisation: Some(organisation.to_owned()),
        contact: Some("tls@somewhere.example".to_owned()),
        report_id: report_id.to_owned(),
        range: DateRange { start, end: start + chrono::Duration::days(1) },
        ..fixtures::report(report_id, vec![policy])
    }
}

/// Stored as from the holder of `key`, as far as `trust` goes.
fn store(running: &Running, report: Report, trust: Trust, key: &str) {
    let mut entry: StoredEntry = fixtures::entry(report, trust);
    let arrival = Arrival { received_at: NOW.parse().expect("a time"), ..Arrival::clone(&entry.arrival) };
    entry.arrival = std::sync::Arc::new(arrival);
    if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
        key.clone_into(organisation_key);
    }
    let outcome = running.pipeline.store().write_blocking(vec![entry]).remove(0);
    assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
}

fn post(running: &Running, path: &str, body: &str) -> (u16, String) {
    let length = body.len().to_string();
    let headers = [
        ("Sec-Fetch-Site", "same-origin"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", length.as_str()),
    ];
    let answer = running.send_body("POST", path, &headers, body);
    (answer.status, answer.header("location").unwrap_or_default().to_owned())
}

fn total(overview: &serde_json::Value) -> i64 {
    let sessions = &overview["sessions"];
    sessions["successful"].as_i64().expect("a number") + sessions["failed"].as_i64().expect("a number")
}

#[test]
fn a_first_report_posted_by_hand_is_seen_at_once_as_what_it_is() {
    let running = empty();
    store(&running, report("a", "Google Inc.", 8, 2), Trust::None, "claimed:google inc.");
    for path in ["/", "/weeks/2026-W47", "/?policy_domain=example.com"] {
        let page = running.page(path);
        assert!(page.contains("Nothing here is proven: these reports were posted to a URL"), "{path}: {page}");
        assert!(!page.contains("Beside this"), "{path}");
    }
    let overview = running.json("/api/v1/overview?from=2026-11-16&to=2026-11-22");
    assert_eq!((total(&overview), overview["only_claims"].as_bool()), (10, Some(true)), "{overview}");
}

#[test]
fn beside_what_is_proven_stands_one_line_of_what_is_not() {
    let running = empty();
    store(&running, report("a", "Google Inc.", 90, 10), Trust::Dkim, "google.com");
    store(&running, report("b", "Google Inc.", 1_000_000, 0), Trust::None, "claimed:google inc.");
    for path in ["/", "/weeks/2026-W47"] {
        let page = running.page(path);
        assert!(
            page.contains("Beside this, claimed by anybody who can post: 1 report of 1,000,000 sessions, 0 failed."),
            "{path}: {page}"
        );
        assert!(!page.contains("Nothing here is proven"), "{path}");
    }
    let page = running.page("/?trust=beside");
    assert!(page.contains("1,000,000") && !page.contains("Beside this"), "{page}");
    let overview = running.json("/api/v1/overview?from=2026-11-16&to=2026-11-22");
    assert_eq!(total(&overview), 100, "{overview}");
    assert_eq!(overview["claimed_beside"]["successful"], 1_000_000, "{overview}");
    let all = running.json("/api/v1/overview?from=2026-11-16&to=2026-11-22&trust=all");
    assert_eq!(total(&all), 1_000_100, "{all}");
}

#[test]
fn a_name_that_looks_like_a_known_one_is_flagged_wherever_it_stands() {
    let running = empty();
    store(&running, report("a", "Gооgle Inc.", 90, 10), Trust::Dkim, "tls@forger.example");
    for path in ["/", "/senders", "/reports"] {
        let page = running.page(path);
        assert!(page.contains("tls@<wbr>forger.example") || page.contains("tls@forger.example"), "{path}: {page}");
    }
    let page = running.page("/senders");
    assert!(
        page.contains("says it is “<bdi>Gооgle Inc.</bdi>”")
            && page.contains("Not proven to be <bdi>Google Inc. (google.com)</bdi>."),
        "{page}"
    );
    let listed = items(&running.json("/api/v1/reports"))[0].clone();
    let page = running.page(&format!("/reports/{}", listed["uuid"].as_str().expect("a uuid")));
    assert!(page.contains("Not proven to be"), "{page}");
}

#[test]
fn a_new_sender_is_accepted_or_refused_on_a_page() {
    let running = empty();
    store(&running, report("a", "Google Inc.", 90, 10), Trust::Dkim, "google.com");
    store(&running, report("b", "New Mail", 40, 10), Trust::Dkim, "tls@new.example");
    let sessions = || total(&running.json("/api/v1/overview?from=2026-11-16&to=2026-11-22"));
    assert!(running.page("/senders").contains("New senders"));
    assert_eq!(sessions(), 150, "their figures count before anybody decides");

    assert_eq!(
        post(&running, "/senders/decide", "organisation=tls%40new.example&decision=refuse"),
        (303, "/senders?done=refused".into())
    );
    assert_eq!(sessions(), 100);
    let page = running.page("/senders?done=refused");
    assert!(
        page.contains("The sender is refused: its reports are in no figure any more")
            && page.contains("Decided by you"),
        "{page}"
    );

    assert_eq!(
        post(&running, "/senders/decide", "organisation=tls%40new.example&decision=accept"),
        (303, "/senders?done=accepted".into())
    );
    assert_eq!(sessions(), 150);
    assert_eq!(post(&running, "/senders/decide", "organisation=tls%40new.example&decision=take-back").0, 303);
    assert!(running.page("/senders").contains("New senders"));

    for (body, status) in [
        ("organisation=google.com&decision=refuse", 409),
        ("organisation=claimed%3Ax&decision=accept", 409),
        ("organisation=tls%40new.example&decision=perhaps", 400),
    ] {
        assert_eq!(post(&running, "/senders/decide", body).0, status, "{body}");
    }
    assert_eq!(sessions(), 150);
}
