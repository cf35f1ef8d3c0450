use super::{App, ENVELOPE, Setup, until};

#[tokio::test(flavor = "multi_thread")]
async fn connections_from_one_address_are_capped() {
    let app = Setup { permits: 0, ..Setup::default() }.config(|config| config.connections_per_address_max = 2).start();
    let mut kept = vec![delivering(&app, "127.0.0.2").await, delivering(&app, "127.0.0.2").await];
    refused(&app, "127.0.0.2").await;
    let _other = greeted(&app, "127.0.0.3").await;
    // Who waits for nothing any more gives way, who has waited longest first.
    for client in &mut kept {
        app.inbox.permits.add_permits(1);
        assert!(client.line().await.starts_with("250 "));
    }
    greeted(&app, "127.0.0.2").await;
    displaced(kept.remove(0)).await;
    assert_eq!(kept[0].ask("NOOP").await, "250 2.0.0 Ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_capped_in_total_and_lmtp_has_places_of_its_own() {
    let app = Setup { permits: 0, ..Setup::default() }.config(|config| config.connections_max = 2).start();
    let _kept = [delivering(&app, "127.0.0.2").await, delivering(&app, "127.0.0.3").await];
    refused(&app, "127.0.0.4").await;
    app.connect_lmtp().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_server_that_speaks_lmtp_is_capped_in_total_only() {
    let setup = Setup { permits: 0, ..Setup::default() };
    let app = setup.config(|config| (config.connections_max, config.connections_per_address_max) = (3, 1)).start();
    let mut kept = [app.connect_lmtp().await, app.connect_lmtp().await, app.connect_lmtp().await];
    for client in &mut kept {
        client.send(format!("{}DATA\r\nx\r\n.\r\n", ENVELOPE.replace("EHLO", "LHLO"))).await;
    }
    until("the mails wait for their outcome", || app.got().len() == 3).await;
    let mut fourth = app.connect_lmtp_unheard().await;
    assert_eq!(fourth.line().await, "421 4.7.0 Too many connections, try again later");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_silent_connection_has_begun_it_gives_way() {
    let app = Setup::default().config(|config| config.connections_max = 1).start();
    for begun in ["", "EHLO mx.exam", "EHLO mx.example.com\r\n", &format!("{ENVELOPE}DATA\r\nx\r\n")] {
        let mut silent = greeted(&app, "127.0.0.2").await;
        silent.send(begun).await;
        if begun.ends_with("x\r\n") {
            while !silent.line().await.starts_with("354 ") {}
        }
        let newcomer = greeted(&app, "127.0.0.3").await;
        displaced(silent).await;
        drop(newcomer);
        until("its end is noticed", || app.open() == 0).await;
    }
    assert_eq!(app.got().len(), 0);
}

async fn greeted(app: &App, source: &str) -> super::Client {
    let mut client = app.connect_from(source).await;
    assert!(client.line().await.starts_with("220 "));
    client
}

/// A client whose mail waits for its outcome.
async fn delivering(app: &App, source: &str) -> super::Client {
    let mut client = greeted(app, source).await;
    let before = app.got().len();
    client.begin().await;
    client.send("x\r\n.\r\n").await;
    until("the mail waits for its outcome", || app.got().len() > before).await;
    client
}

async fn displaced(mut client: super::Client) {
    while client.line().await != "421 4.7.0 Too many connections and this one is idle, try again later" {}
    client.gone().await;
}

async fn refused(app: &App, source: &str) {
    let mut client = app.connect_from(source).await;
    assert!(client.line().await.starts_with("421 4.7.0 "));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_all_and_stops_talking_is_answered() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.send(format!("{ENVELOPE}DATA\r\nx\r\n.\r\n")).await;
    client.finish().await;
    while !client.line().await.starts_with("250 2.0.0 Ok: stored as ") {}
    client.closed().await;
    assert_eq!(app.got().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_complete_is_not_taken() {
    let app = Setup::default().start();
    for half in ["DATA\r\nx\r\n.\r", "DATA\r\nx\r\n", "BDAT 2 LAST\r\nx", "BDAT 1\r\nx", "DATA"] {
        let mut client = app.connect().await;
        client.envelope().await;
        client.send(half).await;
        client.finish().await;
        until("its end is noticed", || app.open() == 0).await;
        let client = app.connect().await;
        drop(client);
    }
    assert_eq!(app.got().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_answer_has_its_mail_stored() {
    let app = Setup { permits: 0, ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.begin().await;
    client.send("x\r\n.\r\n").await;
    until("the mail is in", || app.got().len() == 1).await;
    drop(client);
    app.inbox.permits.add_permits(1);
    until("it is stored", || app.counts("smtp").stored == 1).await;
    until("its end is noticed", || app.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_word_is_heard_although_more_was_sent() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    // More than one read, so that bytes are left when the server hangs up.
    let post = format!("POST / HTTP/1.1\r\n\r\n{}", "x".repeat(200_000));
    let _ = client.try_send(post).await;
    assert!(client.line().await.starts_with("500 5.5.1 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_large_is_read_to_its_end() {
    let app = Setup { wire_max_bytes: 1000, ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.begin().await;
    let text = format!("{}\r\n", "x".repeat(70)).repeat(3_000);
    client.send(format!("{text}.\r\n")).await;
    assert!(client.line().await.starts_with("552 5.3.4 "));
    client.begin().await;
    assert!(client.ask("x\r\n.").await.starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_its_replies_is_let_go() {
    let app = Setup::default().deadlines(|deadlines| deadlines.write = super::SOON).start();
    let mut client = app.connect().await;
    client.ask("EHLO mx.example.com").await;
    let commands = "EHLO mx.example.com\r\n".repeat(500);
    while client.try_send(&commands).await.is_ok() {}
    assert!(app.deliver("x").await.starts_with("250 "), "others are served");
}
