use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Setup, until};

/// Room for one message of 16 KiB, to begin with.
fn small() -> Setup {
    let memory = Arc::new(Semaphore::new(16));
    Setup { permits: 0, ..Setup::default() }.desk(move |desk| desk.memory = Arc::clone(&memory))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_which_there_is_no_memory_may_come_again() {
    let app = small().start();
    let mut first = app.connect().await;
    first.begin().await;
    first.send("x\r\n.\r\n").await;
    until("the mail waits for its outcome", || app.got().len() == 1).await;

    // Over the other listener, which shares the memory.
    let mut second = app.connect_lmtp().await;
    second.ask("LHLO mx.example.net").await;
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
