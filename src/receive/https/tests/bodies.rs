use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{Setup, post};

const CHUNKED: &str = "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fn announced(length: u64) -> String {
    format!("POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_limit_is_exact() {
    let app = Setup { wire_max_bytes: 100_000, ..Setup::default() }.start();
    let body: Vec<u8> = (0..100_000_u32).map(|byte| byte as u8).collect();
    assert_eq!(app.ask(post("/v1/tlsrpt", &[], &body)).await.status(), 201);
    assert_eq!(app.got()[0].bytes, body);
    assert_eq!(app.counters.body_bytes.get(), 100_000);
    // One more: refused before a byte of it came.
    let reply = app.ask(announced(100_001)).await;
    assert_eq!(reply.problem(), (413, "too-large-wire".into()));
    assert!(reply.json()["detail"].as_str().unwrap().contains("report_wire_max_bytes"));
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(app.ask(announced(i64::MAX as u64)).await.problem().0, 413);
    // The largest numbers mean something else to hyper.
    assert_eq!(app.ask(announced(u64::MAX)).await.problem().0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_does_not_stop_still_hears_413() {
    let app = Setup { wire_max_bytes: 1000, ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.send(post("/v1/tlsrpt", &[], &vec![b' '; 3_000_000])).await;
    assert_eq!(client.reply().await.problem(), (413, "too-large-wire".into()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_put_together_and_counted() {
    let app = Setup { wire_max_bytes: 10, ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.send(format!("{CHUNKED}3\r\nabc\r\n")).await;
    client.send("4;extension=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n").await;
    assert_eq!(client.reply().await.status(), 201);
    assert_eq!(app.got()[0].bytes, b"abcdefg");
    // The same connection goes on after a chunked body.
    client.send(format!("{CHUNKED}6\r\nabcdef\r\n5\r\nghijk\r\n")).await;
    assert_eq!(client.reply().await.problem(), (413, "too-large-wire".into()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_chunked_body_ends_at_the_limit() {
    let app =
        Setup { wire_max_bytes: 1000, ..Setup::default() }.deadlines(|d| d.linger = Duration::from_millis(100)).start();
    let mut client = app.connect().await;
    client.send(CHUNKED).await;
    let chunk = format!("100\r\n{}\r\n", "x".repeat(0x100));
    // Nothing but the server's deadline ends this.
    while client.try_send(&chunk).await.is_ok() {}
    assert!(app.got().is_empty());
    assert_eq!(app.counters.refused_early.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_body_is_400() {
    let app = Setup::default().start();
    assert_eq!(app.ask(announced(0)).await.problem(), (400, "empty".into()));
    assert_eq!(app.ask(format!("{CHUNKED}0\r\n\r\n")).await.problem(), (400, "empty".into()));
    assert_eq!(app.ask("POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\n\r\n").await.problem(), (400, "empty".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_no_report() {
    let app = Setup::default().start();
    for request in [format!("{}half", announced(8)), format!("{CHUNKED}8\r\nhalf"), format!("{CHUNKED}4\r\nhalf\r\n")] {
        let mut client = app.connect().await;
        client.send(&request).await;
        client.finish().await;
        assert_eq!(client.reply().await.problem(), (400, "incomplete".into()), "{request}");
        client.closed().await;
    }
    assert!(app.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_chunks_are_400_once() {
    let app = Setup::default().start();
    for chunks in ["x\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\nhello", "2\r\nhello\r\n0\r\n\r\n", "-1\r\n\r\n"] {
        let mut client = app.connect().await;
        client.send(format!("{CHUNKED}{chunks}")).await;
        assert_eq!(client.reply().await.problem().0, 400, "{chunks}");
        client.gone().await;
    }
    assert!(app.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_content_types_are_400() {
    let app = Setup::default().start();
    let headers = ["Content-Type: application/tlsrpt+json", "Content-Type: application/tlsrpt+gzip"];
    assert_eq!(app.ask(post("/v1/tlsrpt", &headers, b"{}")).await.problem(), (400, "bad-request".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_passed_over() {
    let app = Setup::default().start();
    let headers = ["Connection: Upgrade", "Upgrade: websocket"];
    assert_eq!(app.ask(post("/v1/tlsrpt", &headers, b"{}")).await.status(), 201);
    assert_eq!(app.got()[0].bytes, b"{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_408() {
    // Too slow on average after the grace, though each byte comes soon after the last one.
    let app = Setup::default()
        .deadlines(|deadlines| {
            deadlines.body_rate_grace = Duration::from_millis(100);
            deadlines.body_rate_min_bytes_per_s = 1_000_000;
        })
        .start();
    let mut client = app.connect().await;
    client.send(format!("{}{}", announced(50_000), "x".repeat(10_000))).await;
    let reply = client.reply().await;
    assert_eq!(reply.problem(), (408, "slow".into()));
    assert_eq!(app.counters.slow.get(), 1);

    // The deadline for the whole body holds whatever the rate.
    let app = Setup::default()
        .deadlines(|deadlines| {
            deadlines.body = Duration::from_millis(100);
            deadlines.body_rate_min_bytes_per_s = 0;
        })
        .start();
    let mut client = app.connect().await;
    client.send(format!("{CHUNKED}2\r\n{{}}\r\n")).await;
    assert_eq!(client.reply().await.problem(), (408, "slow".into()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_is_kept_up_is_not_slow() {
    let app = Setup::default()
        .deadlines(|deadlines| {
            deadlines.body_rate_grace = Duration::ZERO;
            // What has come is worth ten seconds.
            deadlines.body_rate_min_bytes_per_s = 1_000;
        })
        .start();
    let mut client = app.connect().await;
    client.send(format!("{}{}", announced(10_001), "x".repeat(10_000))).await;
    super::until("some of the body came", || app.counters.requests.get() == 1).await;
    client.send("x").await;
    assert_eq!(client.reply().await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_for_bodies_is_bounded() {
    let app =
        Setup { permits: 0, ..Setup::default() }.shared(|shared| shared.memory = Arc::new(Semaphore::new(16))).start();
    let mut first = app.connect().await;
    first.send(post("/v1/tlsrpt", &[], &[b'x'; 16 * 1024])).await;
    super::until("the first body is in", || !app.got().is_empty()).await;
    let reply = app.ask(post("/v1/tlsrpt", &[], b"x")).await;
    assert_eq!(reply.problem(), (503, "bodies-full".into()));
    assert!(reply.header("retry-after").is_some());
    app.state.permits.add_permits(2);
    assert_eq!(first.reply().await.status(), 201);
    assert_eq!(app.ask(post("/v1/tlsrpt", &[], b"x")).await.status(), 201, "the memory is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn continue_is_said_when_the_head_is_good() {
    let app = Setup { wire_max_bytes: 1000, ..Setup::default() }.start();
    let head = |length: u32, path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut client = app.connect().await;
    client.send(head(2, "/v1/tlsrpt")).await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("{}").await;
    assert_eq!(client.reply().await.status(), 201);
    assert_eq!(app.counters.requests.get(), 1, "counted and rate-limited once");

    client.send(head(2000, "/v1/tlsrpt")).await;
    assert_eq!(client.reply().await.problem(), (413, "too-large-wire".into()));
    client.closed().await;
    assert_eq!(app.ask(head(2, "/elsewhere")).await.problem().0, 404);
}
