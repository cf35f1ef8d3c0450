//! What is told of one policy domain, with and without looks at it.

use serde_json::json;

use super::{Running, empty, filled};
use crate::{
    check::{
        Observed, judge,
        observed::{FetchOutcome, PolicyAnswer, PolicyFetch, PolicyHostSeen, RecordsSeen, Seen},
    },
    store::tables::look::{self, LookCause, NewLook},
    sts::record::RecordKind,
};

const PATH: &str = "/api/v1/domains/example.com/readiness";

fn txt(kind: RecordKind, text: &str) -> RecordsSeen {
    let name = format!("{}.example.com", kind.label());
    RecordsSeen { name, kind, records: Seen::Found(vec![vec![text.as_bytes().to_vec()]]) }
}

/// Keeps a look at a domain that serves a policy of this mode.
pub(super) fn look_at(running: &Running, at: &str, mode: &str) {
    let answer = PolicyAnswer {
        status: 200,
        location: None,
        content_type: Some("text/plain".into()),
        content_encoding: None,
        is_challenge: false,
        body: format!("version: STSv1\nmode: {mode}\nmx: mx1.example.com\nmax_age: 1209600\n").into_bytes(),
        is_too_large: false,
        valid_for_h: Some(2_000),
        valid_since_h: Some(100),
    };
    let address = "9.9.9.9".parse().unwrap();
    let fetch = PolicyFetch { address, took_ms: 7, outcome: FetchOutcome::Answered(answer) };
    let observed = Observed {
        domain: "example.com".into(),
        looked_at: at.parse().unwrap(),
        tlsrpt: txt(RecordKind::Tlsrpt, "v=TLSRPTv1; rua=mailto:tlsrpt@example.com"),
        sts: txt(RecordKind::Sts, &format!("v=STSv1; id={mode}")),
        elsewhere: Vec::new(),
        policy_host: PolicyHostSeen {
            name: "mta-sts.example.com".into(),
            addresses: Seen::Found(vec![address]),
            fetches: vec![fetch],
        },
        mx: Seen::Found(vec!["mx1.example.com".into()]),
        mx_addresses: Default::default(),
        smtp: None,
    };
    let look = NewLook { findings: judge(&observed), observed, cause: LookCause::Timer, took_ms: 7 };
    running._store.store.change_blocking(move |conn| look::record(conn, &look)).unwrap();
}

#[test]
fn without_looks_reports_tell_what_senders_saw() {
    let told = filled().json(PATH);
    assert_eq!(
        (&told["looked_at"], &told["goal"], &told["verdict"]),
        (&json!(false), &json!("testing"), &json!("not-yet"))
    );
    let senders = told["senders"].as_array().unwrap();
    let google = senders.iter().find(|sender| sender["organisation_key"] == "google.com").unwrap();
    let held = &google["held"][0];
    assert_eq!((&held["mode"], &held["drift"]), (&json!("enforce"), &json!("not-compared")));
    let evidence = told["evidence"].as_array().unwrap();
    assert!(
        evidence.iter().all(|row| row["refused_at_least"].as_u64() <= row["refused_at_most"].as_u64()),
        "{evidence:#?}"
    );
    assert!(evidence.iter().any(|row| row["refused_at_least"].as_u64() > Some(0)), "{evidence:#?}");
    let page = filled().page("/domains/example.com/readiness");
    assert!(page.contains("No look at this domain is stored"), "{page}");
    assert!(page.contains("The policy as senders saw it") && page.contains("Evidence by sender"));
}

#[test]
fn with_looks_what_is_held_has_an_end() {
    let running = empty();
    look_at(&running, "2026-11-20T00:00:00Z", "enforce");
    look_at(&running, "2026-11-20T01:00:00Z", "testing");
    look_at(&running, "2026-11-23T08:00:00Z", "testing");
    let told = running.json(PATH);
    assert_eq!(
        (&told["looked_at"], &told["goal"], &told["verdict"]),
        (&json!(true), &json!("enforce"), &json!("not-yet"))
    );
    assert!(told["sentence"].as_str().unwrap().contains("nobody who checks the policy has reported"), "{told:#}");
    assert_eq!((&told["strictest_held"], &told["exit_at"]), (&json!("enforce"), &json!("2026-12-07T09:00:00Z")));
    let policies = told["policies"].as_array().unwrap();
    assert_eq!((&policies[0]["mode"], &policies[0]["held_open"]), (&json!("testing"), &json!(true)));
    assert_eq!((&policies[1]["mode"], &policies[1]["held_until"]), (&json!("enforce"), &json!("2026-12-04T01:00:00Z")));
    let page = running.page("/domains/EXAMPLE.com./readiness");
    assert!(page.contains("Not yet. Nothing speaks against it") && page.contains("The way out"), "{page}");
}

#[test]
fn of_an_unknown_domain_there_is_nothing_to_tell() {
    let running = filled();
    for path in ["/domains/nobody.example/readiness", "/api/v1/domains/nobody.example/readiness"] {
        assert_eq!(running.get(path).status, 404, "{path}");
    }
}
