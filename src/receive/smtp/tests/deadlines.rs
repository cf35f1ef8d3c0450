use std::time::Duration;

use super::{SOON, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_must_come_in_time() {
    let app = Setup::default().deadlines(|deadlines| deadlines.command = SOON).start();
    let mut silent = app.connect().await;
    assert!(silent.line().await.starts_with("421 4.4.2 "));
    silent.closed().await;

    let mut half = app.connect().await;
    half.send("EHLO mx.exam").await;
    assert!(half.line().await.starts_with("421 4.4.2 "));
    half.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_mail_must_begin_in_time() {
    let app = Setup::default().deadlines(|deadlines| deadlines.greeting = 3 * SOON).start();
    let mut begun = app.connect().await;
    begun.envelope().await;
    // Each command is in time; a mail is not.
    let mut chatty = app.connect().await;
    chatty.send("EHLO mx.example.com\r\n").await;
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..400 {
        pace.tick().await;
        if chatty.try_send("NOOP\r\n").await.is_err() {
            break;
        }
    }
    while !chatty.line().await.starts_with("421 4.4.2 ") {}
    let mut silent = app.connect().await;
    assert!(silent.line().await.starts_with("421 4.4.2 "));
    assert!(begun.ask("DATA").await.starts_with("354 "), "who has begun has the time of a command");
    assert!(begun.ask("x\r\n.").await.starts_with("250 "));
    assert_eq!(begun.ask("NOOP").await, "250 2.0.0 Ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_trickles_is_not_waited_for() {
    let app = Setup::default().deadlines(|deadlines| deadlines.command = SOON).start();
    let mut client = app.connect().await;
    // Each byte is in time; the command is not.
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..400 {
        pace.tick().await;
        if client.try_send("x").await.is_err() || !client.received.is_empty() {
            break;
        }
    }
    assert!(client.line().await.starts_with("421 4.4.2 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_piece_of_a_message_must_come_in_time() {
    let app = Setup::default().deadlines(|deadlines| deadlines.command = 5 * SOON).start();
    let mut client = app.connect().await;
    client.begin().await;
    // Longer in all than the deadline for each piece.
    let mut pace = tokio::time::interval(SOON);
    for _ in 0..10 {
        pace.tick().await;
        client.send("x\r\n").await;
    }
    assert!(client.line().await.starts_with("421 4.4.2 "));
    client.closed().await;
    assert_eq!(app.got().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_in_time() {
    let app = Setup::default().deadlines(|deadlines| deadlines.session = 3 * SOON).start();
    let mut client = app.connect().await;
    client.begin().await;
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..400 {
        pace.tick().await;
        if client.try_send("x\r\n").await.is_err() {
            break;
        }
    }
    assert!(client.line().await.starts_with("421 4.4.2 "));
    assert_eq!(app.got().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_trickles_is_not_waited_for() {
    let app = Setup::default().deadlines(|deadlines| deadlines.rate_grace = SOON).start();
    let mut client = app.connect().await;
    client.begin().await;
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..400 {
        pace.tick().await;
        if client.try_send("x\r\n").await.is_err() {
            break;
        }
    }
    assert_eq!(client.line().await, "421 4.4.2 Timeout: message too slow, closing connection");
    assert_eq!(app.got().len(), 0);

    let mut quick = app.connect().await;
    quick.begin().await;
    quick.send("x\r\n".repeat(10_000)).await;
    let mut pace = tokio::time::interval(SOON);
    for _ in 0..4 {
        pace.tick().await;
    }
    assert!(quick.ask(".").await.starts_with("250 "), "what came quickly may end slowly");
}
