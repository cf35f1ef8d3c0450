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
    let setup = Setup::default().config(|config| config.requests_per_minute_max = u32::MAX);
    let app = setup.deadlines(|deadlines| deadlines.write = SOON).start();
    let mut client = app.connect().await;
    let requests = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    while client.try_send(&requests).await.is_ok() {}
    assert_eq!(app.counters.rate_limited.get(), 0, "it was not the rate");
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
        app.state.permits.add_permits(1);
        assert_eq!(client.reply().await.status(), 201);
    }
    assert_eq!(client.reply().await.body, b"ok");
    app.state.permits.add_permits(1);
    assert_eq!(client.reply().await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_health_too_often_loses_what_it_sent_ahead() {
    let app = Setup::default().config(|config| config.requests_per_minute_max = 3).start();
    let mut client = app.connect().await;
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50)).await;
    for _ in 0..3 {
        assert_eq!(client.reply().await.status(), 200);
    }
    let refused = client.reply().await;
    assert_eq!(refused.problem().0, 429);
    assert_eq!(refused.header("connection"), Some("close"));
    client.gone().await;
    assert_eq!(app.counters.requests.get(), 4);
    assert_eq!(app.ask(REPORT).await.status(), 201, "reports are counted apart");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_from_one_address_are_capped() {
    let app = Setup { permits: 0, ..Setup::default() }.config(|config| config.connections_per_address_max = 2).start();
    let mut clients = Vec::new();
    for turn in 1..=2 {
        let mut client = app.connect_from("127.0.0.2").await;
        client.send(REPORT).await;
        until("the report waits for its outcome", || app.got().len() == turn).await;
        clients.push(client);
    }
    app.connect_from("127.0.0.2").await.gone().await;
    assert_eq!(app.counters.connections_refused.get(), 1);
    let mut other = app.connect_from("127.0.0.3").await;
    other.send(REPORT).await;
    until("it waits as well", || app.got().len() == 3).await;
    clients.push(other);
    for client in &mut clients {
        app.state.permits.add_permits(1);
        assert_eq!(client.reply().await.status(), 201);
    }

    // Of those that wait for nothing the first one gives way.
    let mut newcomer = app.connect_from("127.0.0.2").await;
    newcomer.send(REPORT).await;
    app.state.permits.add_permits(1);
    assert_eq!(newcomer.reply().await.status(), 201);
    clients.remove(0).gone().await;
    clients[0].send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(clients[0].reply().await.status(), 200);
    assert_eq!((app.counters.connections_refused.get(), app.counters.connections_displaced.get()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_capped_in_total() {
    let app = Setup { permits: 0, ..Setup::default() }.config(|config| config.connections_max = 2).start();
    let mut kept = vec![app.connect_from("127.0.0.2").await, app.connect_from("127.0.0.3").await];
    for client in &mut kept {
        client.send(REPORT).await;
    }
    until("both reports wait for their outcome", || app.got().len() == 2).await;
    app.connect_from("127.0.0.4").await.gone().await;
    app.state.permits.add_permits(2);
    for client in &mut kept {
        assert_eq!(client.reply().await.status(), 201);
    }
    let mut newcomer = app.connect_from("127.0.0.4").await;
    newcomer.send(REPORT).await;
    app.state.permits.add_permits(1);
    assert_eq!(newcomer.reply().await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_silent_connection_has_begun_it_gives_way() {
    let app = Setup::default().config(|config| config.connections_max = 1).start();
    for begun in [
        "",
        "\r\n",
        "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\n",
        "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n",
        "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        // Answered 413 and lingering.
        "POST /v1/tlsrpt HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
        REPORT,
    ] {
        let (connections, requests) = (app.counters.connections.get(), app.counters.requests.get());
        let mut silent = app.connect_from("127.0.0.2").await;
        silent.send(begun).await;
        let asked = u64::from(begun.ends_with("\r\n\r\n") || begun == REPORT);
        until("it is there", || app.counters.connections.get() > connections).await;
        until("its head is read", || app.counters.requests.get() == requests + asked).await;
        if begun == REPORT {
            assert_eq!(silent.head().await.get(..12), Some("HTTP/1.1 201"));
        }
        let mut newcomer = app.connect_from("127.0.0.3").await;
        newcomer.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(newcomer.reply().await.status(), 200, "{begun:?}");
        while !silent.head_or_nothing().await.is_empty() {}
    }
    assert_eq!(app.counters.connections_refused.get(), 0);
}
