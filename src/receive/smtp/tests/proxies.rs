use std::net::IpAddr;

use super::{App, Client, SOON, Setup, until};

fn setup() -> Setup {
    Setup::default().config(|config| config.proxy_protocol_from = vec!["127.0.0.2".to_owned()])
}

fn header(source: [u8; 4]) -> Vec<u8> {
    let addresses = [source, [198, 51, 100, 1]].concat();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses, &[0x1f, 0x90, 0, 25]].concat()
}

async fn proxied(app: &App, source: [u8; 4]) -> Client {
    let mut client = app.connect_from("127.0.0.2").await;
    client.send(header(source)).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_says_who_sends() {
    let app = setup().start();
    let mut client = proxied(&app, [203, 0, 113, 9]).await;
    assert!(client.line().await.starts_with("220 "));
    client.begin().await;
    assert!(client.ask("x\r\n.").await.starts_with("250 "));
    assert_eq!(app.got()[0].peer, Some(IpAddr::from([203, 0, 113, 9])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_behind_the_proxy_is_capped_by_its_own_address() {
    let app = Setup { permits: 0, ..setup() }.config(|config| config.connections_per_address_max = 1).start();
    let mut first = proxied(&app, [203, 0, 113, 9]).await;
    assert!(first.line().await.starts_with("220 "));
    first.begin().await;
    first.send("x\r\n.\r\n").await;
    until("the mail waits for its outcome", || app.got().len() == 1).await;
    let mut second = proxied(&app, [203, 0, 113, 9]).await;
    assert!(second.line().await.starts_with("421 4.7.0 "));
    second.closed().await;
    let mut other = proxied(&app, [203, 0, 113, 10]).await;
    assert!(other.line().await.starts_with("220 "));
    app.inbox.permits.add_permits(1);
    assert!(first.line().await.starts_with("250 "));
    drop((first, other));
    until("all have left", || app.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_says_nothing_of_it_is_not_served() {
    let app = setup().deadlines(|deadlines| deadlines.proxy = SOON).start();
    let mut client = app.connect_from("127.0.0.2").await;
    client.send("EHLO mx.example.com\r\n").await;
    client.gone().await;
    app.connect_from("127.0.0.2").await.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_from_others_is_garbage() {
    let app = setup().start();
    let mut client = app.connect().await;
    client.send(header([203, 0, 113, 9])).await;
    assert!(client.line().await.starts_with("500 "));
    while !client.line().await.starts_with("421 ") {}
    client.closed().await;
}
