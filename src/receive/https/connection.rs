//! From an accepted TCP connection to HTTP requests.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use actix_http::{HttpService, KeepAlive, Protocol, Request, error::DispatchError};
use actix_server::GracefulShutdownSignal;
use actix_service::{ServiceFactory, ServiceFactoryExt as _, fn_service};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Shared, request,
    wire::{Transport, Wire},
};
use crate::receive::connection_limiter::{ConnectionLimiter, ConnectionSlot};

/// What a connection passes before it is served.
#[derive(Clone)]
pub struct Acceptor {
    pub limiter: Arc<ConnectionLimiter>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub shared: Arc<Shared>,
    pub stopping: GracefulShutdownSignal,
}

/// Everything one worker thread does with its connections.
pub fn service(
    acceptor: Acceptor,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> {
    let stopping = acceptor.stopping.clone();
    let (answering, expecting) = (Arc::clone(&acceptor.shared), Arc::clone(&acceptor.shared));
    // The library's own deadlines are off: the wire has one for each wait, not only for the first request.
    let http = HttpService::build()
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(Duration::ZERO)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|wire: &Wire, data| {
            data.insert(wire.progress());
        })
        .expect(fn_service(move |request: Request| request::expect(Arc::clone(&expecting), request)))
        .finish(fn_service(move |request: Request| {
            let answer = request::answer(Arc::clone(&answering), request);
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        }));
    fn_service(move |stream: TcpStream| {
        let acceptor = acceptor.clone();
        async move {
            let peer = stream.peer_addr().map_err(DispatchError::Io)?;
            let wire = acceptor.enter(stream, peer.ip()).await.map_err(DispatchError::Io)?;
            Ok((wire, Protocol::Http1, Some(peer)))
        }
    })
    .and_then(http)
}

impl Acceptor {
    async fn enter(self, stream: TcpStream, peer: IpAddr) -> io::Result<Wire> {
        let first_head_until = Instant::now() + self.shared.deadlines.head;
        let trusted_proxy = self.shared.proxies.is_trusted(peer);
        let permit = self.limiter.enter(peer, trusted_proxy).map_err(|_| {
            self.shared.counters.connections_refused.increment();
            io::Error::from(io::ErrorKind::ConnectionRefused)
        })?;
        self.shared.counters.connections.increment();
        if permit.displaced {
            self.shared.counters.connections_displaced.increment();
        }
        // Answers are small and go out whole; waiting to fill a packet would only delay them.
        stream.set_nodelay(true)?;
        let transport = match &self.tls {
            None => Transport::Plain(stream),
            Some(config) => {
                Transport::Tls(Box::new(self.shake_hands(config, stream, first_head_until, &permit.place()).await?))
            }
        };
        Ok(Wire::new(transport, self.shared, permit, first_head_until))
    }

    /// The TLS handshake, within the time for the first request head.
    async fn shake_hands(
        &self,
        config: &Arc<rustls::ServerConfig>,
        stream: TcpStream,
        until: Instant,
        place: &ConnectionSlot,
    ) -> io::Result<TlsStream<TcpStream>> {
        let handshake = timeout_at(until, TlsAcceptor::from(Arc::clone(config)).accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            () = self.stopping.notified() => return Err(io::ErrorKind::ConnectionAborted.into()),
            () = place.taken() => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        place.waits();
        shaken.inspect_err(|error| {
            self.shared.counters.handshakes_failed.increment();
            tracing::debug!(%error, "a TLS handshake failed");
        })
    }
}
