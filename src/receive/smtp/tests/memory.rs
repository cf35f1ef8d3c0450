use super::{App, Setup, until};
use crate::receive::smtp::memory::MessageMemory;

/// Room for one message of 16 KiB, to begin with.
fn small() -> Setup {
    with_memory(16 * 1024, 16 * 1024)
}

fn with_memory(bytes: usize, client_max_bytes: usize) -> Setup {
    Setup { permits: 0, ..Setup::default() }
        .state(move |state| state.memory = MessageMemory::new(bytes, bytes, client_max_bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_which_there_is_no_memory_may_come_again() {
    let app = small().start();
    let mut first = app.connect().await;
    first.begin().await;
    first.send("x\r\n.\r\n").await;
    until("the mail waits for its outcome", || app.got().len() == 1).await;

    let mut second = app.connect_from("127.0.0.2").await;
    second.line().await;
    second.ask("EHLO mx.example.net").await;
    second.ask("MAIL FROM:<>").await;
    second.ask("RCPT TO:<tlsrpt@reports.example.net>").await;
    assert!(second.ask("DATA").await.starts_with("354 "), "commands need none");
    assert!(second.ask("y\r\n.").await.starts_with("452 4.3.1 "));

    app.inbox.permits.add_permits(2);
    assert!(first.line().await.starts_with("250 "));
    second.ask("MAIL FROM:<>").await;
    second.ask("RCPT TO:<tlsrpt@reports.example.net>").await;
    second.ask("DATA").await;
    assert!(second.ask("y\r\n.").await.starts_with("250 "), "the memory is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_outgrows_the_memory_gives_it_back() {
    let app = small().start();
    let mut client = app.connect().await;
    client.begin().await;
    client.send("x\r\n".repeat(10_000)).await;
    app.inbox.permits.add_permits(1);
    client.send(".\r\n").await;
    assert!(client.line().await.starts_with("452 4.3.1 "));
    assert!(app.deliver("x").await.starts_with("250 "));
    assert!(client.ask("NOOP").await.starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_the_memory_of_smtp_leaves_lmtp_its_own() {
    let app = small().start();
    let _waits = one_waits(&app).await;
    let mut lmtp = app.connect_lmtp().await;
    lmtp.ask("LHLO mx.example.net").await;
    lmtp.ask("MAIL FROM:<>").await;
    lmtp.ask("RCPT TO:<tlsrpt@reports.example.net>").await;
    lmtp.ask("DATA").await;
    app.inbox.permits.add_permits(2);
    assert!(lmtp.ask("y\r\n.").await.starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_get_all_the_memory() {
    let app = with_memory(32 * 1024, 16 * 1024).start();
    let _waits = one_waits(&app).await;
    assert!(app.deliver("y").await.starts_with("452 4.3.1 "));
    let mut other = app.connect_from("127.0.0.2").await;
    other.line().await;
    other.begin().await;
    app.inbox.permits.add_permits(2);
    assert!(other.ask("z\r\n.").await.starts_with("250 "));
}

/// A mail whose outcome is not known yet.
async fn one_waits(app: &App) -> super::Client {
    let mut client = app.connect().await;
    client.begin().await;
    client.send("x\r\n.\r\n").await;
    until("the mail waits for its outcome", || app.got().len() == 1).await;
    client
}
