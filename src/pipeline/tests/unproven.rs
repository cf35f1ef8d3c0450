//! What is taken of senders who do not prove who they are.

use std::net::IpAddr;

use super::*;

fn bench_within(limits: Limits) -> Bench {
    let TempStore { store, directory } = temp_store();
    let pipeline = Pipeline::new(limits, Served::default(), fixtures::signatures(""), store).unwrap();
    Bench { pipeline, _directory: directory }
}

/// A report with so many policies, and so many failure details in the first.
fn sized(id: &str, policies: usize, details: usize) -> String {
    let detail = r#"{"result-type":"certificate-expired","failed-session-count":1}"#;
    let details = vec![detail; details].join(",");
    let policy = |number: usize| {
        let details = if number == 0 { details.as_str() } else { "" };
        format!(
            r#"{{"policy":{{"policy-type":"sts","policy-domain":"d{number}.example"}},
            "summary":{{"total-successful-session-count":1,"total-failure-session-count":0}},"failure-details":[{details}]}}"#
        )
    };
    let policies: Vec<String> = (0..policies).map(policy).collect();
    format!(
        r#"{{"organization-name":"Example","contact-info":"tls@sender.example","report-id":"{id}",
        "date-range":{{"start-datetime":"2026-03-02T00:00:00Z","end-datetime":"2026-03-02T23:59:59Z"}},
        "policies":[{}]}}"#,
        policies.join(",")
    )
}

fn from(peer: &str, json: &str) -> Submission {
    Submission { peer: Some(peer.parse::<IpAddr>().unwrap()), ..submission(json) }
}

#[tokio::test]
async fn a_body_that_is_too_large_without_proof_waits_for_the_operator() {
    let limits = Limits { unproven_policies_max: 5, unproven_failure_details_max: 8, ..Limits::default() };
    let bench = bench_within(limits);
    let most = sized("fits", 5, 8);
    assert!(matches!(bench.pipeline.accept(submission(&most)).await.0[..], [Outcome::Stored(_)]));
    for (json, setting) in
        [(sized("a", 6, 0), "limits.unproven_policies_max"), (sized("b", 1, 9), "limits.unproven_failure_details_max")]
    {
        let receipt = bench.pipeline.accept(submission(&json)).await;
        let [Outcome::Quarantined { entry, fault }] = &receipt.0[..] else { panic!("{receipt:?}") };
        assert_eq!(fault.code, FaultCode::UnprovenLarge);
        assert!(fault.detail.contains(setting), "{}", fault.detail);
        let again = |admit| Retry { entry: *entry, element: None, admit };
        let judged = bench.pipeline.accept_again(submission(&json), again(false)).await;
        assert!(matches!(judged.0[..], [Outcome::Quarantined { .. }]), "{judged:?}");
        let admitted = bench.pipeline.accept_again(submission(&json), again(true)).await;
        assert!(matches!(admitted.0[..], [Outcome::Stored(_)]), "{admitted:?}");
    }
    let imported = Submission { channel: Channel::Import, ..submission(&sized("c", 100, 100)) };
    assert!(matches!(bench.pipeline.accept(imported).await.0[..], [Outcome::Stored(_)]));
}

#[tokio::test]
async fn many_reports_in_one_body_wait_together() {
    let bench = bench_within(Limits { unproven_reports_max: 2, ..Limits::default() });
    let array = |count: usize| {
        let reports: Vec<String> = (0..count).map(|number| report(&format!("r{number}"), "2026-03-02", 5)).collect();
        format!("[{}]", reports.join(","))
    };
    let receipt = bench.pipeline.accept(submission(&array(3))).await;
    let [Outcome::Quarantined { entry, fault }] = &receipt.0[..] else { panic!("{receipt:?}") };
    assert!(fault.detail.contains("limits.unproven_reports_max"), "{}", fault.detail);
    let admitted = Retry { entry: *entry, element: None, admit: true };
    let admitted = bench.pipeline.accept_again(submission(&array(3)), admitted).await;
    assert!(matches!(admitted.0[..], [Outcome::Stored(_), Outcome::Stored(_), Outcome::Stored(_)]), "{admitted:?}");
    assert_eq!(bench.pipeline.accept(submission(&array(2))).await.0.len(), 2);
}

#[tokio::test]
async fn who_has_spent_its_rows_comes_again_and_others_go_on() {
    let bench = bench_within(Limits { unproven_rows_per_minute_max: 50, ..Limits::default() });
    let post = |peer: &str, id: &str| bench.pipeline.accept(from(peer, &sized(id, 5, 15)));
    assert!(matches!(post("192.0.2.1", "a").await.0[..], [Outcome::Stored(_)]));
    assert!(matches!(post("192.0.2.1", "b").await.0[..], [Outcome::Stored(_)]));
    let receipt = post("192.0.2.1", "c").await;
    assert!(matches!(receipt.0[..], [Outcome::Busy(Busy::RowsSpent { retry_s: 1..60 })]), "{receipt:?}");
    assert!(matches!(post("198.51.100.1", "c").await.0[..], [Outcome::Stored(_)]));
    // What comes by a way that only the operator has is not charged.
    for channel in [Channel::Import, Channel::Lmtp, Channel::Imap] {
        let again = Submission { channel, ..from("192.0.2.1", &sized(channel.as_str(), 5, 15)) };
        assert!(matches!(bench.pipeline.accept(again).await.0[..], [Outcome::Stored(_)]), "{channel:?}");
    }
    // What is only kept costs too.
    let bench = bench_within(Limits { unproven_bytes_per_day_max: 3_000, ..Limits::default() });
    let garbage =
        |text: &str| bench.pipeline.accept(from("192.0.2.1", &format!("{{\"{text}\":\"{}\"}}", "x".repeat(1_000))));
    assert!(matches!(garbage("a").await.0[..], [Outcome::Quarantined { .. }]));
    assert!(matches!(garbage("b").await.0[..], [Outcome::Quarantined { .. }]));
    let receipt = garbage("c").await;
    assert!(matches!(receipt.0[..], [Outcome::Busy(Busy::BytesSpent { .. })]), "{receipt:?}");
}

#[tokio::test]
async fn a_report_does_not_wait_for_larger_ones_that_are_read() {
    let bench = bench_within(Limits::default());
    // Somebody's large body is being read.
    let _large = bench.pipeline.large.acquire().await.unwrap();
    for (id, details) in [("small", 1), ("middling", 400)] {
        let json = sized(id, 1, details);
        assert!(json.len() <= MIDDLING_MAX_BYTES);
        assert!(matches!(bench.pipeline.accept(submission(&json)).await.0[..], [Outcome::Stored(_)]));
    }
    let large = bench.pipeline.accept(submission(&sized("large", 1, 4_000)));
    tokio::select! {
        biased;
        receipt = large => panic!("{receipt:?}"),
        receipt = bench.pipeline.accept(submission(&sized("other", 1, 400))) => {
            assert!(matches!(receipt.0[..], [Outcome::Stored(_)]));
        }
    }
}
