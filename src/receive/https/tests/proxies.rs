use super::{Setup, post};
use crate::config::ForwardedHeader;

async fn peer_behind(app: &super::App, source: &str, header: &str) -> String {
    let mut client = app.connect_from(source).await;
    client.send(post("/v1/tlsrpt", &[header], b"{}")).await;
    assert_eq!(client.reply().await.status(), 201);
    app.last_peer().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_trusted_proxies_are_believed() {
    let app = Setup::default().config(|config| config.trusted_proxies = vec!["127.0.0.2/31".into()]).start();
    assert_eq!(peer_behind(&app, "127.0.0.2", "Forwarded: for=192.0.2.1").await, "192.0.2.1");
    assert_eq!(peer_behind(&app, "127.0.0.3", "X-Forwarded-For: 198.51.100.1, 192.0.2.1").await, "192.0.2.1");
    assert_eq!(peer_behind(&app, "127.0.0.4", "Forwarded: for=192.0.2.1").await, "127.0.0.4");
    assert_eq!(peer_behind(&app, "127.0.0.4", "X-Forwarded-For: 192.0.2.1").await, "127.0.0.4");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_contradicts_its_proxy_takes_nothing_from_others() {
    let setup = Setup::default().config(|config| {
        config.trusted_proxies = vec!["127.0.0.2".into()];
        config.requests_per_minute_max = 2;
    });
    let app = setup.start();
    let mut proxy = app.connect_from("127.0.0.2").await;
    for expected in [201, 201, 429] {
        proxy = app.connect_from("127.0.0.2").await;
        proxy.send(post("/v1/tlsrpt", &["Forwarded: for=203.0.113.9", "X-Forwarded-For: 192.0.2.1"], b"{}")).await;
        assert_eq!(proxy.reply().await.status(), expected);
    }
    for headers in [&[][..], &["X-Forwarded-For: 192.0.2.1"], &["X-Forwarded-For: 203.0.113.9"]] {
        let mut honest = app.connect_from("127.0.0.2").await;
        honest.send(post("/v1/tlsrpt", headers, b"{}")).await;
        assert_eq!(honest.reply().await.status(), 201, "{headers:?}");
    }
    proxy.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_the_proxy_does_not_write_is_not_read() {
    let setup = Setup::default().config(|config| {
        config.trusted_proxies = vec!["127.0.0.2".into()];
        config.forwarded_header = Some(ForwardedHeader::XForwardedFor);
    });
    let app = setup.start();
    let mut proxy = app.connect_from("127.0.0.2").await;
    proxy.send(post("/v1/tlsrpt", &["Forwarded: for=203.0.113.9", "X-Forwarded-For: 192.0.2.1"], b"{}")).await;
    assert_eq!(proxy.reply().await.status(), 201);
    assert_eq!(app.last_peer().unwrap().to_string(), "192.0.2.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_count_for_the_client_and_connections_for_no_proxy() {
    let setup = Setup::default().config(|config| {
        config.trusted_proxies = vec!["127.0.0.2".into()];
        config.requests_per_minute_max = 1;
        config.connections_per_address_max = 1;
    });
    let app = setup.start();
    let mut proxy = app.connect_from("127.0.0.2").await;
    let mut second = app.connect_from("127.0.0.2").await;
    proxy.send(post("/v1/tlsrpt", &["Forwarded: for=192.0.2.1"], b"{}")).await;
    assert_eq!(proxy.reply().await.status(), 201);
    second.send(post("/v1/tlsrpt", &["Forwarded: for=192.0.2.2"], b"{}")).await;
    assert_eq!(second.reply().await.status(), 201);
    proxy.send(post("/v1/tlsrpt", &["Forwarded: for=192.0.2.1"], b"{}")).await;
    assert_eq!(proxy.reply().await.problem().0, 429);
}
