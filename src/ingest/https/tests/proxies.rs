use super::{Setup, post};

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
