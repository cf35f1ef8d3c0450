//! One connection's bytes on their way to and from the HTTP library.
//!
//! The library guards only the first request of a connection with a deadline and reads ahead as much as it is sent. So the
//! bytes pass through here, where each request has the same bounds: the library gets a head when it is whole, then the body,
//! then nothing until the answer is out. A peer that is too slow to send a head, to come again or to read its answer is let go.

use std::{
    cell::RefCell,
    io,
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;

use super::{
    Shared,
    answer::{Answer, Problem},
    framing::{Framing, head_end},
};
use crate::{
    limits::HTTP_HEAD_MAX_BYTES,
    receive::connection_limiter::{ConnectionSlot, Permit},
};

/// Bytes read at a time.
const READ_BYTES: usize = 8 * 1024;

/// The byte stream the HTTP library serves.
pub struct Wire {
    transport: Transport,
    shared: Arc<Shared>,
    progress: Rc<Progress>,
    /// Bytes received and not handed on yet: a head in the making, or what a peer sent ahead of its turn.
    ahead: Vec<u8>,
    /// So many of them have been searched for the end of the head.
    scanned: usize,
    /// So many of them are a whole head, to be handed on.
    head: usize,
    /// An answer of our own making, in place of the library's or instead of one.
    outgoing: Vec<u8>,
    /// The library could not read the request; what it writes about that is replaced.
    unparsable: bool,
    timer: Pin<Box<Sleep>>,
    /// When the peer must have read what it does not read.
    write_until: Option<Instant>,
    /// When waiting for the peer to close ends.
    linger_until: Option<Instant>,
    _permit: Permit,
}

pub enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How far the current request is, shared by the wire and the handler.
#[derive(Debug)]
pub struct Progress {
    state: RefCell<State>,
    /// Where it is said, for the case that all places are taken.
    place: Arc<ConnectionSlot>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// When the peer must have done what it is waited for.
    until: Option<Instant>,
    /// When the body began, and how many bytes of it have come.
    body: (Instant, u64),
    /// A request has come. Until then the first deadline holds, whatever comes.
    asked: bool,
    /// The library's task, where it was told to wait for another reason than the socket.
    blocked: Option<Waker>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Nothing has come of a next request.
    Waiting,
    /// A head is coming, or being handed on.
    Head,
    /// The library has a whole head and makes a request of it.
    Parsing,
    /// The handler reads the body.
    Body(Framing),
    /// The whole request is in.
    Working,
    /// The handler is done, its answer is being written. After it the peer may ask again, or not.
    Answering { again: bool },
    /// Nothing more is read.
    Over,
}

impl Wire {
    /// `until` is when the first head must be complete.
    pub fn new(transport: Transport, shared: Arc<Shared>, permit: Permit, until: Instant) -> Wire {
        let state = State { phase: Phase::Waiting, until: Some(until), body: (until, 0), asked: false, blocked: None };
        let progress = Progress { state: RefCell::new(state), place: permit.place() };
        Wire {
            transport,
            shared,
            progress: Rc::new(progress),
            ahead: Vec::new(),
            scanned: 0,
            head: 0,
            outgoing: Vec::new(),
            unparsable: false,
            timer: Box::pin(sleep_until(until)),
            write_until: None,
            linger_until: None,
            _permit: permit,
        }
    }

    pub fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Collects a head. Ready once it is whole (`head` is its length), or once there will be none (`Over`).
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.scanned == 0 {
                // RFC 9112 §2.2: empty lines before a request are skipped.
                let blank = self.ahead.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                self.ahead.drain(..blank);
            }
            if !self.ahead.is_empty() && self.progress.is(&Phase::Waiting) {
                self.progress.head_begins(self.shared.deadlines.head);
            }
            let end = head_end(&self.ahead, self.scanned);
            if end.unwrap_or(self.ahead.len()) > HTTP_HEAD_MAX_BYTES {
                self.dismiss(Problem::head_too_large());
                return Poll::Ready(Ok(()));
            }
            if let Some(end) = end {
                self.head = end;
                return Poll::Ready(Ok(()));
            }
            self.scanned = self.ahead.len();
            match self.poll_ahead(cx) {
                Poll::Ready(Ok(0)) => {
                    self.progress.enter(Phase::Over, None);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(self.poll_deadline(cx));
                    if self.ahead.is_empty() {
                        self.progress.enter(Phase::Over, None);
                    } else {
                        self.dismiss(Problem::head_too_slow());
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Reads some bytes into `ahead`; 0 at the end of the stream. Where there are none the place may have gone to another.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        match self.transport.poll_read(cx, &mut buffer) {
            Poll::Ready(read) => read?,
            Poll::Pending => {
                ready!(self.progress.place.poll_taken(cx));
                return Poll::Ready(Err(gave_way()));
            }
        }
        self.ahead.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Reads what belongs to the body and keeps what does not.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        framing: &mut Framing,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            ready!(self.poll_ahead(cx))?;
        }
        let offered = &self.ahead[..self.ahead.len().min(out.remaining())];
        let taken = framing.advance(offered);
        out.put_slice(&offered[..taken]);
        self.ahead.drain(..taken);
        Poll::Ready(Ok(()))
    }

    /// Answers instead of the library, which then sees the end of the stream.
    fn dismiss(&mut self, problem: Problem) {
        let answer = Answer::from(problem);
        self.shared.counters.count_problem(answer.status());
        self.outgoing = answer.into_bytes(self.shared.clock.now());
        self.progress.enter(Phase::Over, None);
        self.linger();
    }

    fn linger(&mut self) {
        self.linger_until = Some(Instant::now() + self.shared.deadlines.linger);
    }

    /// Ready when the phase's deadline is over.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.progress.state.borrow().until {
            Some(until) => poll_until(&mut self.timer, cx, until),
            None => Poll::Pending,
        }
    }

    /// Turns a write that cannot go on into an error when the peer has not read for too long.
    fn bound<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_until = None;
            return written;
        }
        if self.progress.place.poll_taken(cx).is_ready() {
            return Poll::Ready(Err(gave_way()));
        }
        let until = *self.write_until.get_or_insert_with(|| Instant::now() + self.shared.deadlines.write);
        ready!(poll_until(&mut self.timer, cx, until));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read its answer")))
    }

    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let written = self.transport.poll_write(cx, &self.outgoing);
            match ready!(self.bound(cx, written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.outgoing.drain(..written)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the connection. Where the peer may still be sending, what it sends is read and dropped for a moment: closing at
    /// once would reset the connection, and the answer could be lost with it (RFC 9112 §9.6).
    fn poll_lingering_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_outgoing(cx))?;
        let shut = self.transport.poll_shutdown(cx);
        ready!(self.bound(cx, shut))?;
        let Some(until) = self.linger_until else { return Poll::Ready(Ok(())) };
        loop {
            self.ahead.clear();
            match self.poll_ahead(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) if until <= Instant::now() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return poll_until(&mut self.timer, cx, until).map(Ok),
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.write_until.is_some_and(|until| until <= Instant::now()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        loop {
            let phase = this.progress.state.borrow().phase.clone();
            match phase {
                Phase::Waiting | Phase::Head if this.head == 0 => ready!(this.poll_head(cx))?,
                Phase::Waiting | Phase::Head => {
                    let handed = this.head.min(out.remaining());
                    out.put_slice(&this.ahead[..handed]);
                    this.ahead.drain(..handed);
                    this.head -= handed;
                    if this.head == 0 {
                        this.scanned = 0;
                        // The deadline stays, for a head that the library does not take for one.
                        this.progress.state.borrow_mut().phase = Phase::Parsing;
                    }
                    return Poll::Ready(Ok(()));
                }
                Phase::Body(mut framing) => {
                    let before = out.filled().len();
                    let read = this.poll_body(cx, &mut framing, out);
                    let taken = out.filled().len() - before;
                    if taken > 0 {
                        this.progress.body_came(taken, framing);
                    }
                    return read;
                }
                Phase::Parsing | Phase::Working | Phase::Answering { .. } => {
                    this.progress.state.borrow_mut().blocked = Some(cx.waker().clone());
                    ready!(this.poll_deadline(cx));
                    this.dismiss(Problem::head_too_slow());
                }
                Phase::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.progress.is(&Phase::Parsing) {
            // No handler has seen the request, so this is the library's own refusal, which has no body.
            this.unparsable = true;
            this.dismiss(Problem::unparsable());
        }
        if this.unparsable {
            // The library drops the connection as soon as its refusal is written, so the lingering close comes first.
            return this.poll_lingering_close(cx).map_ok(|()| bytes.len());
        }
        let written = this.transport.poll_write(cx, bytes);
        this.bound(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        let flushed = this.transport.poll_flush(cx);
        ready!(this.bound(cx, flushed))?;
        let phase = this.progress.state.borrow().phase.clone();
        match phase {
            Phase::Answering { again: true } => {
                this.progress.enter(Phase::Waiting, Some(this.shared.deadlines.idle));
                // Looking for the next request here spares the library a turn in which it would find nothing.
                if this.poll_head(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
            }
            Phase::Answering { again: false } => {
                this.progress.enter(Phase::Over, None);
                this.linger();
                cx.waker().wake_by_ref();
            }
            _ => {}
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_lingering_close(cx)
    }
}

impl Progress {
    /// The library has made a request of the head; `None` where it has no body.
    pub fn begin(&self, framing: Option<Framing>) {
        self.state.borrow_mut().body = (Instant::now(), 0);
        self.enter(framing.map_or(Phase::Working, Phase::Body), None);
    }

    /// The handler is done. False where nothing may follow: the request was not read to its end, or has no `sequel`.
    pub fn answered(&self, sequel: bool) -> bool {
        let again = sequel && self.is(&Phase::Working);
        self.enter(Phase::Answering { again }, None);
        again
    }

    /// The first head must be complete a while after the connection came, a later one a while after its first byte.
    fn head_begins(&self, deadline: Duration) {
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Head;
        if std::mem::replace(&mut state.asked, true) {
            state.until = Some(Instant::now() + deadline);
        }
    }

    /// So many bytes more of the body, of which the rest is to come.
    fn body_came(&self, bytes: usize, rest: Framing) {
        let mut state = self.state.borrow_mut();
        state.body.1 += bytes as u64;
        if rest.is_complete() {
            state.phase = Phase::Working;
            self.place.works();
        } else {
            state.phase = Phase::Body(rest);
            self.place.receives(state.body.0, state.body.1);
        }
    }

    fn is(&self, phase: &Phase) -> bool {
        self.state.borrow().phase == *phase
    }

    fn enter(&self, phase: Phase, deadline: Option<Duration>) {
        match phase {
            Phase::Working => self.place.works(),
            Phase::Answering { .. } => self.place.waits(),
            _ => {}
        }
        let mut state = self.state.borrow_mut();
        let wake = matches!(phase, Phase::Body(_));
        state.phase = phase;
        state.until = deadline.map(|deadline| Instant::now() + deadline);
        // The library found nothing to read before it made a request of the head; now there is something.
        if let Some(task) = state.blocked.take()
            && wake
        {
            task.wake();
        }
    }
}

impl Transport {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            // A peer that closes without a TLS close_notify is only gone, as with plain TCP: whether a body is whole is told
            // by its own framing (RFC 9112 §9.8).
            Transport::Tls(stream) => match ready!(Pin::new(stream).poll_read(cx, buffer)) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                read => Poll::Ready(read),
            },
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

fn gave_way() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection gave way to another")
}

/// Waits with one timer for whatever is waited for. It is moved forward only when it fires, so that a request that comes in
/// time costs no timer at all.
fn poll_until(timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
    // A peer that never stops sending uses up the task's turn before the timer has one.
    if until <= Instant::now() {
        return Poll::Ready(());
    }
    loop {
        if until < timer.deadline() {
            timer.as_mut().reset(until);
        }
        ready!(timer.as_mut().poll(cx));
        if until <= Instant::now() {
            return Poll::Ready(());
        }
        timer.as_mut().reset(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_head_has_no_time_beyond_that_of_the_connection() {
        let until = Instant::now();
        let state = State { phase: Phase::Waiting, until: Some(until), body: (until, 0), asked: false, blocked: None };
        let progress = Progress { state: RefCell::new(state), place: Arc::new(ConnectionSlot::new()) };
        progress.head_begins(Duration::from_secs(9));
        assert_eq!(progress.state.borrow().until, Some(until));
        progress.enter(Phase::Waiting, None);
        progress.head_begins(Duration::from_secs(9));
        assert!(progress.state.borrow().until > Some(until + Duration::from_secs(8)), "from its first byte on");
    }
}
