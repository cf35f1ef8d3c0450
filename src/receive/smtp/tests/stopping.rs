use tokio::{net::TcpStream, time::timeout};

use super::{PATIENCE, SOON, Setup, until};

#[tokio::test(flavor = "multi_thread")]
async fn idle_sessions_are_sent_away_and_a_message_under_way_is_answered() {
    let app = Setup { permits: 0, ..Setup::default() }.start();
    let mut idle = app.connect().await;
    idle.envelope().await;
    let mut waiting = app.connect().await;
    waiting.begin().await;
    waiting.send("x\r\n.\r\n").await;
    let mut sending = app.connect().await;
    sending.begin().await;
    sending.send("y\r\n").await;
    until("the mail waits for its outcome", || app.got().len() == 1).await;

    let (address, inbox) = (app.addresses.smtp.unwrap(), app.inbox);
    let stopping = tokio::spawn(app.running.stop());
    assert!(idle.line().await.starts_with("421 4.3.2 "));
    idle.closed().await;
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("nobody new is let in");
    assert!(!stopping.is_finished());

    sending.send(".\r\n").await;
    until("this one is in as well", || inbox.got.lock().unwrap().len() == 2).await;
    inbox.permits.add_permits(2);
    for mut client in [waiting, sending] {
        assert!(client.line().await.starts_with("250 2.0.0 Ok: stored as "));
        assert!(client.line().await.starts_with("421 4.3.2 "));
        client.closed().await;
    }
    timeout(PATIENCE, stopping).await.expect("the listener stops").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_deadline_holds() {
    let app = Setup { permits: 0, ..Setup::default() }.deadlines(|deadlines| deadlines.shutdown = SOON).start();
    let mut client = app.connect().await;
    client.begin().await;
    client.send("x\r\n.\r\n").await;
    until("the mail waits for its outcome", || app.got().len() == 1).await;
    timeout(PATIENCE, app.running.stop()).await.expect("the listener stops");
    client.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_are_dropped_stop() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    drop(app.running);
    assert!(client.line().await.starts_with("421 4.3.2 "));
    client.closed().await;
}
