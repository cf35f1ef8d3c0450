//! One connection: past the limiter and TLS, then one request after the other, then a close that loses no answer.

use std::{
    future::{Future, poll_fn},
    io,
    net::IpAddr,
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use hyper::{
    body::Incoming,
    server::conn::http1::{self, Parts},
    service::service_fn,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;

use super::{
    Shared,
    answer::HttpAnswer,
    head::{NextHead, next_head},
    problem::ProblemDetails,
    progress::{Progress, Stage},
    request::{self, RequestContext},
    stopped,
    stream::{PeerStream, Transport},
};
use crate::{
    limits::HTTP_HEAD_MAX_BYTES,
    receive::connection_limiter::{ConnectionLimiter, ConnectionSlot},
};

/// What a connection passes before it is served.
pub(super) struct Entrance {
    pub limiter: Arc<ConnectionLimiter>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub shared: Arc<Shared>,
}

/// A connection that was let in.
struct HttpConnection {
    peer: IpAddr,
    shared: Arc<Shared>,
    place: Arc<ConnectionSlot>,
    progress: Arc<Progress>,
    stop: watch::Receiver<bool>,
}

/// What came of one request.
enum Served {
    /// It is answered, and the peer may ask again, or not.
    Answered { again: bool },
    /// It was none.
    Unparsable,
}

impl Entrance {
    /// Serves a connection to its end.
    pub(super) async fn serve(&self, tcp: TcpStream, peer: IpAddr, stop: watch::Receiver<bool>) {
        let first_head_until = Instant::now() + self.shared.deadlines.head;
        let counters = &self.shared.counters;
        let Ok(permit) = self.limiter.enter(peer, self.shared.proxies.is_trusted(peer)) else {
            counters.connections_refused.increment();
            return;
        };
        counters.connections.increment();
        if permit.displaced {
            counters.connections_displaced.increment();
        }
        let place = permit.place();
        let connection = HttpConnection {
            peer,
            shared: Arc::clone(&self.shared),
            progress: Arc::new(Progress::new(Arc::clone(&place))),
            place,
            stop,
        };
        let served = async {
            let transport = self.open(tcp, first_head_until, &connection).await?;
            connection.serve(transport, first_head_until).await
        };
        if let Err(error) = served.await {
            tracing::debug!(%peer, %error, "an HTTP connection broke off");
        }
    }

    /// The TLS handshake, where TLS ends here. It has the time of the first request head.
    async fn open(
        &self,
        tcp: TcpStream,
        until: Instant,
        connection: &HttpConnection,
    ) -> io::Result<Box<dyn Transport>> {
        // Answers are small and go out whole; waiting to fill a packet would only delay them.
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let mut stop = connection.stop.clone();
        let handshake = timeout_at(until, TlsAcceptor::from(Arc::clone(tls)).accept(tcp));
        let shaken = tokio::select! {
            shaken = handshake => shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            () = stopped(&mut stop) => return Err(io::ErrorKind::ConnectionAborted.into()),
            () = connection.place.taken() => return Err(gave_way()),
        };
        connection.place.waits();
        match shaken {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                self.shared.counters.handshakes_failed.increment();
                Err(error)
            }
        }
    }
}

impl HttpConnection {
    async fn serve(mut self, transport: Box<dyn Transport>, first_head_until: Instant) -> io::Result<()> {
        let mut stream = PeerStream {
            transport,
            received: Vec::new(),
            progress: Arc::clone(&self.progress),
            write_deadline: self.shared.deadlines.write,
        };
        let mut first_until = Some(first_head_until);
        loop {
            let head = tokio::select! {
                // A whole request that has come is still answered when the server stops, but not when the place is gone.
                biased;
                () = self.place.taken() => return Err(gave_way()),
                head = next_head(&mut stream, first_until.take(), &self.shared.deadlines) => head?,
                () = stopped(&mut self.stop) => NextHead::Nothing,
            };
            match head {
                NextHead::Whole(until) => self.progress.head_came(until),
                NextHead::Nothing => return self.end(&mut stream, b"").await,
                NextHead::Refused(problem) => return self.refuse(&mut stream, problem).await,
            }
            let served;
            (stream, served) = self.answer_one(stream).await?;
            match served {
                // Who has sent many requests at once takes turns with the other connections.
                Served::Answered { again: true } => tokio::task::yield_now().await,
                Served::Answered { again: false } => {
                    self.end(&mut stream, b"").await?;
                    self.linger(&mut stream).await;
                    return Ok(());
                }
                Served::Unparsable => return self.refuse(&mut stream, ProblemDetails::unparsable()).await,
            }
        }
    }

    /// Has hyper read one request and write its answer. hyper alone decides what the bytes mean. It serves one request at a time
    /// because only then can be said what came after it, and the next one has the bounds of the first.
    async fn answer_one(&self, stream: PeerStream) -> io::Result<(PeerStream, Served)> {
        let context = RequestContext {
            shared: Arc::clone(&self.shared),
            peer: self.peer,
            progress: Arc::clone(&self.progress),
            stop: self.stop.clone(),
        };
        let service =
            service_fn(move |request: hyper::Request<Incoming>| Box::pin(request::answer(context.clone(), request)));
        let mut http = http1::Builder::new()
            // A peer may close its side as soon as it has sent its request.
            .half_close(true)
            // hyper reads a body in pieces of this size at most. It cannot be smaller than a head.
            .max_buf_size(HTTP_HEAD_MAX_BYTES)
            .serve_connection(stream, service);
        let mut timer = pin!(sleep_until(Instant::now()));
        let served = poll_fn(|cx| {
            let ended = http.poll_without_shutdown(cx);
            match (self.progress.stage(), ended) {
                (Stage::Sent { again }, _) => return Poll::Ready(Ok(Served::Answered { again })),
                (Stage::Head, Poll::Ready(_)) => return Poll::Ready(Ok(Served::Unparsable)),
                (_, Poll::Ready(ended)) => {
                    let error = ended.map_or_else(io::Error::other, |()| io::ErrorKind::UnexpectedEof.into());
                    return Poll::Ready(Err(error));
                }
                (_, Poll::Pending) => {}
            }
            if self.place.poll_taken(cx).is_ready() {
                return Poll::Ready(Err(gave_way()));
            }
            let Some(until) = self.progress.until() else { return Poll::Pending };
            timer.as_mut().reset(until);
            ready!(timer.as_mut().poll(cx));
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        });
        let served = served.await?;
        let Parts { io: mut stream, read_buf, .. } = http.into_parts();
        // What hyper has read ahead comes before what it has not read.
        stream.received.splice(..0, read_buf);
        Ok((stream, served))
    }

    /// Answers without hyper, which has no request to answer.
    async fn refuse(&self, stream: &mut PeerStream, problem: ProblemDetails) -> io::Result<()> {
        let answer = HttpAnswer::from(problem);
        self.shared.counters.count_problem(answer.status());
        self.end(stream, &answer.into_bytes(self.shared.clock.now())).await?;
        self.linger(stream).await;
        Ok(())
    }

    /// Says the last word, and that it is the last one.
    async fn end(&self, stream: &mut PeerStream, last: &[u8]) -> io::Result<()> {
        let ended = async {
            stream.transport.write_all(last).await?;
            stream.transport.shutdown().await
        };
        self.unless_taken(self.shared.deadlines.write, ended).await
    }

    /// Reads and drops what the peer still sends. Closing at once would reset the connection, and the answer could be lost with it
    /// (RFC 9112 §9.6).
    async fn linger(&self, stream: &mut PeerStream) {
        let dropped = async {
            while stream.receive().await? > 0 {
                stream.received.clear();
            }
            Ok(())
        };
        let _ = self.unless_taken(self.shared.deadlines.linger, dropped).await;
    }

    /// Waits for something within a deadline, unless the connection's place goes to another meanwhile.
    async fn unless_taken(&self, deadline: Duration, event: impl Future<Output = io::Result<()>>) -> io::Result<()> {
        tokio::select! {
            biased;
            done = timeout(deadline, event) => done?,
            () = self.place.taken() => Err(gave_way()),
        }
    }
}

fn gave_way() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection gave way to another")
}
