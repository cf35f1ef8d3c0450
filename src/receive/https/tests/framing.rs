//! Requests whose end two readers could see in different places, and other things no sender sends.

use super::{REPORT, Setup, post};
use crate::limits::HTTP_HEAD_MAX_BYTES;

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_lengths_are_refused() {
    let app = Setup::default().start();
    let smuggled = "0\r\n\r\nPOST /v1/tlsrpt/smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Content-Length : 5",
        "X: y\r\n Content-Length: 5",
    ] {
        let mut client = app.connect().await;
        client.send(format!("POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{smuggled}")).await;
        assert_eq!(client.reply().await.problem(), (400, "bad-request".into()), "{headers}");
        client.closed().await;
    }
    assert!(app.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_a_head_is_exact() {
    let app = Setup::default().start();
    let head = |bytes: usize| {
        let rest = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
        rest.replace("X: ", &format!("X: {}", "x".repeat(bytes - rest.len())))
    };
    assert_eq!(app.ask(head(HTTP_HEAD_MAX_BYTES)).await.status(), 200);
    for bytes in [HTTP_HEAD_MAX_BYTES + 1, 17_000, 33_000] {
        assert_eq!(app.ask(head(bytes)).await.problem(), (431, "header-too-large".into()), "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_400() {
    let app = Setup::default().start();
    for request in [
        "nonsense\r\n\r\n".to_owned(),
        "POST /v1/tlsrpt HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
        "POST /v1/tlsrpt HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET /healthz\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: a\r\nBad\u{1}: x\r\n\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200)),
    ] {
        let mut client = app.connect().await;
        client.send(&request).await;
        assert_eq!(client.reply().await.problem(), (400, "bad-request".into()), "{request}");
        client.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sender_that_goes_on_sending_still_hears_it() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.send("POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 3000000\r\n\r\n").await;
    client.send(vec![b' '; 3_000_000]).await;
    assert_eq!(client.reply().await.problem(), (400, "bad-request".into()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_request_after_a_good_one_is_its_own_400() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.send(format!("{REPORT}nonsense\r\n\r\n{REPORT}")).await;
    assert_eq!(client.reply().await.status(), 201);
    assert_eq!(client.reply().await.problem(), (400, "bad-request".into()));
    client.closed().await;
    assert_eq!(app.got().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_largest_size() {
    let app = Setup::default().start();
    let with_header = |length: usize| post("/v1/tlsrpt", &[&format!("X: {}", "x".repeat(length))], b"{}");
    assert_eq!(app.ask(with_header(8 * 1024)).await.status(), 201);
    let mut client = app.connect().await;
    client.send(with_header(1024 * 1024)).await;
    assert_eq!(client.reply().await.problem(), (431, "header-too-large".into()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_is_served_and_closed() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.send("POST /v1/tlsrpt HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}").await;
    let head = client.head().await;
    assert!(head.contains(" 201 "), "{head}");
    assert_eq!(app.got()[0].bytes, b"{}");
    let reply = app.ask("POST /v1/tlsrpt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").await;
    assert_eq!(reply.problem().0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn blank_lines_before_a_request_and_bare_line_feeds_are_read() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.send("\r\n\r\nPOST /v1/tlsrpt HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}\r\n\r\n").await;
    assert_eq!(client.reply().await.status(), 201);
    client.send(REPORT).await;
    assert_eq!(client.reply().await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_byte_by_byte() {
    let app = Setup::default().start();
    let chunked = "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let mut client = app.connect().await;
    for request in [REPORT, chunked] {
        for byte in request.as_bytes() {
            client.send([*byte]).await;
        }
        assert_eq!(client.reply().await.status(), 201);
    }
}
