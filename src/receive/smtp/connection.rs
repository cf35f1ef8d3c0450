//! One connection: past the limiter, then bytes between socket and session until one of them ends.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;

use super::{ListenerState, answer, deliver::deliver, memory::Reservation, proxy, stopped};
use crate::{
    limits::SMTP_RATE_MIN_BYTES_PER_S,
    receive::connection_limiter::{ConnectionSlot, Permit},
    smtp::{Next, SmtpReply, SmtpSession},
    submission::Channel,
};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// A connection, whatever is below it.
pub(super) type SmtpConnection = Box<dyn Stream>;
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Serves a connection to its end. `peer` is `None` where it comes through the file system.
pub(super) async fn serve(
    mut wire: SmtpConnection,
    peer: Option<IpAddr>,
    state: Arc<ListenerState>,
    stop: watch::Receiver<bool>,
) {
    let came = Instant::now();
    let Some((permit, peer)) = enter(&mut wire, peer, &state).await else { return };
    let listener = state.channel.as_str();
    let conversation = Conversation {
        wire,
        session: SmtpSession::new(Arc::clone(&state.settings)),
        place: permit.place(),
        peer,
        stop,
        share: state.memory.reservation(permit.client()),
        pace: None,
        out: Vec::new(),
        begins_until: Some(came + state.deadlines.greeting),
        session_ends: Instant::now() + state.deadlines.session,
        state,
    };
    if let Err(error) = conversation.hold().await {
        let peer = peer.map(tracing::field::display);
        tracing::debug!(listener, peer, %error, "a mail connection broke off");
    }
}

/// Finds out who connects and whether there is room for them.
async fn enter(
    wire: &mut SmtpConnection,
    peer: Option<IpAddr>,
    state: &ListenerState,
) -> Option<(Permit, Option<IpAddr>)> {
    let proxied = peer.is_some_and(|peer| state.is_proxy(peer));
    // LMTP has one client, a mail server: no cap for one address is meant for it.
    let exempt = proxied || state.channel == Channel::Lmtp;
    let address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let Ok(mut permit) = state.limiter.enter(address, exempt) else {
        refuse(wire, state).await;
        return None;
    };
    if !proxied {
        return Some((permit, peer));
    }
    match unless_taken(&permit.place(), state.deadlines.proxy, proxy::read(wire)).await {
        Ok(None) => Some((permit, peer)),
        Ok(Some(source)) => match permit.stand_for(source) {
            Ok(()) => Some((permit, Some(source))),
            Err(_) => {
                refuse(wire, state).await;
                None
            }
        },
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::warn!(proxy = %address, %error, "a connection of smtp.proxy_protocol_from has no PROXY v2 header");
            None
        }
    }
}

async fn refuse(wire: &mut SmtpConnection, state: &ListenerState) {
    let mut out = Vec::new();
    answer::TOO_MANY_CONNECTIONS.write(&mut out);
    let _ = timeout(state.deadlines.write, write(wire, &mut out)).await;
    let _ = timeout(state.deadlines.write, wire.shutdown()).await;
}

async fn write(wire: &mut SmtpConnection, out: &mut Vec<u8>) -> io::Result<()> {
    if !out.is_empty() {
        wire.write_all(out).await?;
        wire.flush().await?;
        out.clear();
    }
    Ok(())
}

/// Waits for something within a deadline, unless the connection's place goes to another meanwhile.
async fn unless_taken<T>(
    place: &ConnectionSlot,
    deadline: Duration,
    event: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::select! {
        biased;
        done = timeout(deadline, event) => done?,
        () = place.taken() => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "it gave way to another")),
    }
}

struct Conversation {
    wire: SmtpConnection,
    session: SmtpSession,
    place: Arc<ConnectionSlot>,
    state: Arc<ListenerState>,
    peer: Option<IpAddr>,
    stop: watch::Receiver<bool>,
    /// The memory of the message that is coming in.
    share: Reservation,
    /// When the message began, and how many bytes of it have come.
    pace: Option<(Instant, u64)>,
    /// What is to be said.
    out: Vec<u8>,
    /// When the first mail must have begun; `None` once one has.
    begins_until: Option<Instant>,
    session_ends: Instant,
}

/// What came of waiting for the client.
enum Heard {
    Bytes(usize),
    /// The client will say nothing more.
    End,
    /// We do not want to wait any longer.
    Enough(SmtpReply),
    /// The place went to another.
    Taken,
}

impl Conversation {
    async fn hold(mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        self.session.greet(&mut self.out);
        self.say().await?;
        let mut due = Instant::now() + self.state.deadlines.command;
        loop {
            let mut input = match self.listen(&mut buffer, due).await? {
                Heard::Bytes(count) => {
                    if let Some((began, bytes)) = &mut self.pace {
                        *bytes += count as u64;
                        self.place.receives(*began, *bytes);
                    }
                    &buffer[..count]
                }
                Heard::End => return self.close().await,
                Heard::Taken => return self.make_way().await,
                Heard::Enough(reply) => {
                    reply.write(&mut self.out);
                    return self.close().await;
                }
            };
            loop {
                // Memory is set aside before the session uses it; without, it refuses the message by itself.
                self.share.grow(self.session.room(input.len()));
                self.session.allow(self.share.bytes());
                match self.session.feed(&mut input, &mut self.out) {
                    Next::More => break,
                    Next::Message(message) => {
                        self.begins_until = None;
                        self.say().await?;
                        let share = self.share.take();
                        self.pace = None;
                        self.place.works();
                        let replies = deliver(&self.state, *message, self.peer, share).await;
                        self.place.waits();
                        // The client may have more to hear than to say from here on.
                        due = Instant::now() + self.state.deadlines.command;
                        if self.session.answer(&replies, &mut self.out) == Next::Close {
                            return self.close().await;
                        }
                    }
                    Next::StartTls if input.is_empty() => {
                        self = self.shake_hands().await?;
                        due = Instant::now() + self.state.deadlines.command;
                        break;
                    }
                    // What came behind it is fed, which ends the session.
                    Next::StartTls => self.out.clear(),
                    Next::Close => return self.close().await,
                }
            }
            if self.session.room(0) == 0 {
                self.share.clear();
            }
            if self.session.in_transaction() && self.begins_until.take().is_some() {
                self.place.waits();
            }
            self.pace = match (self.session.in_message(), self.pace) {
                (true, pace) => pace.or_else(|| Some((Instant::now(), 0))),
                (false, Some(_)) => {
                    self.place.waits();
                    None
                }
                (false, None) => None,
            };
            // A command has so long from the reply before it, a message from its last piece.
            if !self.out.is_empty() || self.session.in_message() {
                due = Instant::now() + self.state.deadlines.command;
            }
            self.say().await?;
        }
    }

    async fn listen(&mut self, buffer: &mut [u8], due: Instant) -> io::Result<Heard> {
        let may_stop = !self.session.in_message();
        let below_min_rate = self.below_min_rate();
        let until = below_min_rate.into_iter().chain(self.begins_until).fold(due.min(self.session_ends), Instant::min);
        let reading = timeout_at(until, self.wire.read(buffer));
        let read = tokio::select! {
            biased;
            () = stopped(&mut self.stop), if may_stop => return Ok(Heard::Enough(answer::SHUTTING_DOWN)),
            read = reading => read,
            () = self.place.taken() => return Ok(Heard::Taken),
        };
        match read {
            Ok(Ok(0)) => Ok(Heard::End),
            Ok(Ok(count)) => Ok(Heard::Bytes(count)),
            Ok(Err(error)) => Err(error),
            Err(_) if below_min_rate == Some(until) => Ok(Heard::Enough(answer::TOO_SLOW)),
            Err(_) if self.session_ends <= until => Ok(Heard::Enough(answer::TOO_LONG)),
            Err(_) => Ok(Heard::Enough(answer::SILENT)),
        }
    }

    /// When the message is below its minimum rate unless more of it comes.
    fn below_min_rate(&self) -> Option<Instant> {
        let (began, bytes) = self.pace?;
        let paid = Duration::from_secs(bytes / SMTP_RATE_MIN_BYTES_PER_S);
        Some(began + paid.max(self.state.deadlines.rate_grace))
    }

    async fn say(&mut self) -> io::Result<()> {
        unless_taken(&self.place, self.state.deadlines.write, write(&mut self.wire, &mut self.out)).await
    }

    async fn shake_hands(mut self) -> io::Result<Conversation> {
        self.say().await?;
        let Some(tls) = &self.state.tls else { return Err(io::ErrorKind::Unsupported.into()) };
        let handshake = TlsAcceptor::from(Arc::clone(tls)).accept(self.wire);
        let left = self.begins_until.map(|until| until.saturating_duration_since(Instant::now()));
        let deadline = left.into_iter().fold(self.state.deadlines.handshake, Duration::min);
        self.wire = Box::new(unless_taken(&self.place, deadline, handshake).await?);
        self.place.waits();
        self.session.secured();
        Ok(self)
    }

    /// Leaves at once, because another has the place already. Where the last word does not go out by itself it is lost.
    async fn make_way(mut self) -> io::Result<()> {
        answer::GIVES_WAY.write(&mut self.out);
        timeout(Duration::ZERO, write(&mut self.wire, &mut self.out)).await?
    }

    /// Says the last word. The client gets to read it: what it still sends is dropped for a moment, because a socket that
    /// is closed with bytes unread takes the last word with it.
    async fn close(mut self) -> io::Result<()> {
        self.say().await?;
        unless_taken(&self.place, self.state.deadlines.write, self.wire.shutdown()).await?;
        let mut dropped = vec![0; READ_BYTES];
        let lingering = async {
            while self.wire.read(&mut dropped).await? > 0 {}
            Ok(())
        };
        let _ = unless_taken(&self.place, self.state.deadlines.linger, lingering).await;
        Ok(())
    }
}
