//! One listening socket: accepts connections until it is told to stop, then lets messages under way finish.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{
    ListenerState,
    connection::{self, SmtpConnection},
    stopped,
};
use crate::{
    config::LmtpListen,
    limits::SMTP_WAITING_MAX,
    submission::Channel,
    unix_socket::{SocketFile, UnixSocket},
};

/// Pause after a failed accept: out of file descriptors, which the next moment may cure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket, bound but not yet serving.
pub(super) struct Port {
    socket: Socket,
    pub(crate) state: ListenerState,
}

enum Socket {
    Tcp(std::net::TcpListener, SocketAddr),
    Unix(UnixSocket),
}

/// The same in the runtime's hands.
enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener, #[expect(dead_code, reason = "removes the file when dropped")] SocketFile),
}

impl Port {
    pub(super) fn tcp(socket: std::net::TcpListener, address: SocketAddr, state: ListenerState) -> Port {
        Port { socket: Socket::Tcp(socket, address), state }
    }

    pub(super) fn unix(socket: UnixSocket, state: ListenerState) -> Port {
        Port { socket: Socket::Unix(socket), state }
    }

    pub(super) fn channel(&self) -> Channel {
        self.state.channel
    }

    pub(super) fn address(&self) -> LmtpListen {
        match &self.socket {
            Socket::Tcp(_, address) => LmtpListen::At(*address),
            Socket::Unix(socket) => LmtpListen::Unix(socket.file.path().to_path_buf()),
        }
    }

    pub(super) fn start(self, stop: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
        let words = format!("listening on {}", self.address());
        let accepting = match self.socket {
            Socket::Tcp(socket, _) => Accepting::Tcp(TcpListener::from_std(socket)?),
            Socket::Unix(UnixSocket { listener, file }) => Accepting::Unix(UnixListener::from_std(listener)?, file),
        };
        self.state.part.well(self.state.clock.now(), words.as_str());
        Ok(tokio::spawn(serve(accepting, Arc::new(self.state), words, stop)))
    }
}

async fn serve(accepting: Accepting, state: Arc<ListenerState>, words: String, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    // The limiter decides who is let in; this only bounds how many wait before it and leave behind it, each with a descriptor.
    let descriptors = Arc::new(Semaphore::new(state.connections_max + SMTP_WAITING_MAX));
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accepting.accept_with(&descriptors) => accepted,
        };
        match accepted {
            Ok((wire, peer, descriptor)) => {
                let serving = connection::serve(wire, peer, Arc::clone(&state), stop.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(descriptor);
                });
                if std::mem::take(&mut failing) {
                    state.part.well(state.clock.now(), words.as_str());
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(listener = state.channel.as_str(), %error, "a mail connection could not be accepted");
                }
                state.part.failing(state.clock.now(), format!("cannot accept connections: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    // Nobody new is let in, and the socket's file is removed.
    drop(accepting);
    let drained = timeout(state.deadlines.shutdown, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        let (listener, open) = (state.channel.as_str(), connections.len());
        tracing::warn!(listener, open, "mail connections are cut: they did not end within the shutdown deadline");
        connections.shutdown().await;
    }
}

impl Accepting {
    /// Waits for a descriptor first, and only then for a connection.
    async fn accept_with(
        &self,
        descriptors: &Arc<Semaphore>,
    ) -> io::Result<(SmtpConnection, Option<IpAddr>, OwnedSemaphorePermit)> {
        let descriptor = Arc::clone(descriptors).acquire_owned().await.map_err(io::Error::other)?;
        let (wire, peer) = self.accept().await?;
        Ok((wire, peer, descriptor))
    }

    async fn accept(&self) -> io::Result<(SmtpConnection, Option<IpAddr>)> {
        match self {
            Accepting::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Replies are small and go out whole; waiting to fill a packet would only delay them.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Some(peer.ip().to_canonical())))
            }
            Accepting::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), None))
            }
        }
    }
}
