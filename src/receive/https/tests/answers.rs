use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{REPORT, Setup, post, stored, until};
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    submission::{Busy, Channel, Outcome},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_report_is_201_with_its_name() {
    let app = Setup::default().start();
    let headers = ["Content-Type: application/tlsrpt+gzip", "Content-Encoding: gzip"];
    let reply = app.ask(post("/v1/tlsrpt/s3cret", &headers, b"\x1f\x8bbytes")).await;
    assert_eq!(reply.status(), 201);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json(), json!({ "outcome": "stored", "report": Uuid::from_u128(1) }));

    let got = &app.got()[0];
    assert_eq!(got.bytes, b"\x1f\x8bbytes");
    assert_eq!(got.channel, Channel::Https);
    assert_eq!(got.peer, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(got.hints.media_type.as_deref(), Some("application/tlsrpt+gzip"));
    assert_eq!(got.hints.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(got.hints.token.as_deref(), Some("s3cret"));
    assert_eq!((app.counters.stored.get(), app.counters.requests.get()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outcome_has_its_status() {
    let fault = |code| Fault::new(code, "what is wrong", FaultPlace::Path("/policies/0".into()));
    for (outcome, status) in [
        (Outcome::Duplicate(Uuid::from_u128(1)), 200),
        (Outcome::Quarantined { entry: Uuid::from_u128(2), fault: fault(FaultCode::BadJson) }, 422),
        (Outcome::Refused(fault(FaultCode::TooLargeUnpacked)), 413),
        (Outcome::Refused(fault(FaultCode::NotJson)), 415),
        (Outcome::Refused(fault(FaultCode::ForeignDomain)), 403),
        (Outcome::Refused(fault(FaultCode::UnknownToken)), 404),
        (Outcome::Busy(Busy::DiskFull), 503),
    ] {
        let app = Setup { outcomes: vec![outcome.clone()], ..Setup::default() }.start();
        let reply = app.ask(REPORT).await;
        assert_eq!(reply.status(), status, "{outcome:?}");
        match outcome {
            Outcome::Duplicate(_) => assert_eq!(reply.json()["outcome"], "duplicate"),
            Outcome::Busy(_) => assert!(reply.header("retry-after").is_some()),
            Outcome::Quarantined { entry, .. } => {
                assert_eq!(reply.problem().1, "bad-json");
                assert_eq!(reply.json()["entry"], json!(entry));
                assert_eq!(reply.json()["place"], "at /policies/0");
            }
            _ => assert_eq!(reply.problem().0, status),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_urls_and_methods_are_problems() {
    let app = Setup::default().start();
    for (line, status, allow) in [
        ("GET /v1/tlsrpt", 405, Some("POST")),
        ("PUT /v1/tlsrpt/token", 405, Some("POST")),
        ("OPTIONS /v1/tlsrpt/", 405, Some("POST")),
        ("BREW /v1/tlsrpt", 405, Some("POST")),
        ("POST /healthz", 405, Some("GET, HEAD")),
        ("GET /", 404, None),
        ("POST //v1/tlsrpt", 404, None),
        ("POST /v1/tlsrpt/a/b", 404, None),
        ("POST /v1/%2e%2e/v1/tlsrpt", 404, None),
        ("OPTIONS *", 404, None),
        ("CONNECT reports.example.net:443", 404, None),
    ] {
        let reply = app.ask(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(reply.problem().0, status, "{line}");
        assert_eq!(reply.header("allow"), allow, "{line}");
    }
    assert!(app.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_urls_work_with_a_slash_a_query_and_in_absolute_form() {
    let app = Setup::default().start();
    for (target, token) in [
        ("/v1/tlsrpt/", None),
        ("/v1/tlsrpt?from=somewhere", None),
        ("/v1/tlsrpt/t/", Some("t")),
        ("http://reports.example.net/v1/tlsrpt/t", Some("t")),
    ] {
        assert_eq!(app.ask(post(target, &[], b"{}")).await.status(), 201, "{target}");
        assert_eq!(app.got().last().unwrap().hints.token.as_deref(), token, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_get_and_head() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.send("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = client.reply_without_body().await;
    assert_eq!((reply.status(), reply.header("content-length")), (200, Some("2")));
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.body, b"ok");
    // The answer to HEAD has no body whatever it says.
    client.send("HEAD /v1/tlsrpt HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply_without_body().await.status(), 405);
    assert_eq!(client.reply().await.body, b"ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_carry_security_headers_and_no_server_name() {
    let app = Setup::default().start();
    for request in
        [REPORT, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n"]
    {
        let reply = app.ask(request).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{request}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(reply.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert!(reply.header("date").unwrap().ends_with(" GMT"));
        assert_eq!(reply.header("server"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_too_long_is_503_and_the_report_goes_on() {
    let app = Setup { permits: 0, ..Setup::default() }
        .deadlines(|deadlines| deadlines.answer = Duration::from_millis(50))
        .start();
    let reply = app.ask(REPORT).await;
    assert_eq!(reply.problem(), (503, "store-slow".into()));
    assert!(reply.header("retry-after").is_some());
    app.state.permits.add_permits(1);
    until("the report is stored after all", || app.state.permits.available_permits() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_our_own_code_costs_one_answer() {
    // An empty receipt is against the contract, a closed semaphore makes the state panic.
    let app = Setup { outcomes: vec![stored()], ..Setup::default() }.start();
    app.state.permits.close();
    let mut client = app.connect().await;
    client.send(REPORT).await;
    assert_eq!(client.reply().await.problem(), (503, "store-failed".into()));
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_429_before_the_body_is_read() {
    let app = Setup::default().config(|config| config.requests_per_minute_max = 2).start();
    for _ in 0..2 {
        assert_eq!(app.ask(REPORT).await.status(), 201);
    }
    // The body never comes: the answer does not wait for it.
    let reply = app.ask("POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").await;
    assert_eq!(reply.problem(), (429, "too-many-requests".into()));
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(app.counters.rate_limited.get(), 1);
    assert_eq!(app.ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.status(), 200, "health is not limited");
    let mut other = app.connect_from("127.0.0.2").await;
    other.send(REPORT).await;
    assert_eq!(other.reply().await.status(), 201, "another address has its own bucket");
}
