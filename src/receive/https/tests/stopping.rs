use std::time::Instant;

use tokio::net::TcpStream;

use super::{PATIENCE, REPORT, Setup, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_finished_and_idle_connections_are_closed() {
    let app = Setup { permits: 1, ..Setup::default() }.start();
    let mut idle = app.connect().await;
    idle.send(REPORT).await;
    assert_eq!(idle.reply().await.status(), 201);
    let mut busy = app.connect().await;
    busy.send(REPORT).await;
    until("the report is on its way", || app.got().len() == 2).await;

    let (address, state) = (app.address, app.state);
    let stopping = tokio::spawn(app.running.stop());
    idle.closed().await;
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("nobody new is let in");
    assert!(!stopping.is_finished());

    state.permits.add_permits(1);
    let reply = busy.reply().await;
    assert_eq!((reply.status(), reply.header("connection")), (201, Some("close")));
    busy.closed().await;
    tokio::time::timeout(PATIENCE, stopping).await.expect("the listener stops").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_deadline_holds() {
    let app = Setup { permits: 0, ..Setup::default() }.config(|config| config.shutdown_deadline_s = 1).start();
    let mut client = app.connect().await;
    client.send(REPORT).await;
    until("the report is on its way", || app.got().len() == 1).await;
    let start = Instant::now();
    tokio::time::timeout(PATIENCE, app.running.stop()).await.expect("the listener stops");
    assert!(start.elapsed().as_secs() < 6, "{:?}", start.elapsed());
    client.gone().await;
}
