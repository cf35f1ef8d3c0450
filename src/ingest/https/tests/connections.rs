use std::time::Duration;

use super::{REPORT, Setup, until};

const SOON: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    for _ in 0..50 {
        client.send(REPORT).await;
        assert_eq!(client.reply().await.status(), 201);
    }
    assert_eq!(app.counters.connections.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_first_head_is_408() {
    let app = Setup::default().deadlines(|deadlines| deadlines.head = SOON).start();
    let mut client = app.connect().await;
    client.send("POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\n").await;
    assert_eq!(client.reply().await.problem(), (408, "slow".into()));
    client.closed().await;
    assert_eq!(app.counters.slow.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_second_head_is_408() {
    let app = Setup::default().deadlines(|deadlines| deadlines.head = SOON).start();
    let mut client = app.connect().await;
    client.send(format!("{REPORT}POST /v1")).await;
    assert_eq!(client.reply().await.status(), 201);
    assert_eq!(client.reply().await.problem(), (408, "slow".into()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_is_408() {
    let app = Setup::default().deadlines(|deadlines| deadlines.head = SOON).start();
    let mut client = app.connect().await;
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX: ").await;
    // Each byte is in time; the head is not.
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    while app.counters.slow.get() == 0 {
        pace.tick().await;
        if client.try_send("x").await.is_err() {
            break;
        }
    }
    assert_eq!(client.reply().await.problem(), (408, "slow".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_quietly() {
    let app = Setup::default().deadlines(|deadlines| deadlines.idle = SOON).start();
    let mut client = app.connect().await;
    client.send(REPORT).await;
    assert_eq!(client.reply().await.status(), 201);
    client.closed().await;

    let app = Setup::default().deadlines(|deadlines| deadlines.head = SOON).start();
    app.connect().await.closed().await;
    assert_eq!(app.counters.slow.get(), 0, "who never asked is not told off");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_its_answers_is_let_go() {
    let app = Setup::default().deadlines(|deadlines| deadlines.write = SOON).start();
    let mut client = app.connect().await;
    let requests = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    while client.try_send(&requests).await.is_ok() {}
    assert_eq!(app.ask(REPORT).await.status(), 201, "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_one_by_one() {
    let app = Setup { permits: 0, ..Setup::default() }.start();
    let mut client = app.connect().await;
    let chunked = "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send([REPORT, chunked, health, REPORT].concat()).await;
    for turn in 1..=2 {
        until("the next report is in", || app.got().len() == turn).await;
        assert_eq!(app.counters.requests.get(), turn as u64, "the next one waits for the answer to this one");
        app.desk.permits.add_permits(1);
        assert_eq!(client.reply().await.status(), 201);
    }
    assert_eq!(client.reply().await.body, b"ok");
    app.desk.permits.add_permits(1);
    assert_eq!(client.reply().await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_from_one_address_are_capped() {
    let app = Setup::default().config(|config| config.connections_per_address_max = 2).start();
    let mut first = app.connect_from("127.0.0.2").await;
    let mut second = app.connect_from("127.0.0.2").await;
    for client in [&mut first, &mut second] {
        client.send(REPORT).await;
        assert_eq!(client.reply().await.status(), 201);
    }
    app.connect_from("127.0.0.2").await.gone().await;
    assert_eq!(app.counters.connections_refused.get(), 1);
    let mut other = app.connect_from("127.0.0.3").await;
    other.send(REPORT).await;
    assert_eq!(other.reply().await.status(), 201);

    // A place that is given back can be taken again.
    drop(first);
    until_served(&app, "127.0.0.2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_capped_in_total() {
    let app = Setup::default().config(|config| config.connections_max = 2).start();
    let mut kept = Vec::new();
    for source in ["127.0.0.2", "127.0.0.3"] {
        let mut client = app.connect_from(source).await;
        client.send(REPORT).await;
        assert_eq!(client.reply().await.status(), 201);
        kept.push(client);
    }
    app.connect_from("127.0.0.4").await.gone().await;
    kept.pop();
    until_served(&app, "127.0.0.4").await;
}

/// Tries until the server has noticed that somebody left.
async fn until_served(app: &super::App, source: &str) {
    let served = async {
        loop {
            let mut client = app.connect_from(source).await;
            if client.try_send(REPORT).await.is_ok() && client.head_or_nothing().await.contains(" 201 ") {
                return;
            }
        }
    };
    tokio::time::timeout(super::PATIENCE, served).await.expect("the place is free again");
}
