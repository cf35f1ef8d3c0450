//! Accepts connections until the listener is told to stop, then lets the requests under way finish.

use std::{
    io::{self, ErrorKind},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{connection::Entrance, stopped};

/// Pause after a failed accept: out of file descriptors, which the next moment may cure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// `descriptors_max` bounds the connections with those that wait before the limiter or leave behind it.
pub(super) async fn serve(
    listener: TcpListener,
    entrance: Entrance,
    descriptors_max: usize,
    shutdown_deadline: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let entrance = Arc::new(entrance);
    let descriptors = Arc::new(Semaphore::new(descriptors_max));
    let mut connections = JoinSet::new();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accept_with(&listener, &descriptors) => accepted,
        };
        match accepted {
            Ok((tcp, peer, descriptor)) => {
                let (entrance, stop) = (Arc::clone(&entrance), stop.clone());
                connections.spawn(async move {
                    entrance.serve(tcp, peer, stop).await;
                    drop(descriptor);
                });
                failing = false;
            }
            // The peer has gone already, which says nothing about the listener.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "an HTTP connection could not be accepted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    // Nobody new is let in.
    drop(listener);
    let drained = timeout(shutdown_deadline, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        let open = connections.len();
        tracing::warn!(open, "HTTP connections are cut: they did not end within public.shutdown_deadline_s");
        connections.shutdown().await;
    }
}

/// Waits for a descriptor first, and only then for a connection.
async fn accept_with(
    listener: &TcpListener,
    descriptors: &Arc<Semaphore>,
) -> io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let descriptor = Arc::clone(descriptors).acquire_owned().await.map_err(io::Error::other)?;
    let (tcp, peer) = listener.accept().await?;
    Ok((tcp, peer.ip(), descriptor))
}
