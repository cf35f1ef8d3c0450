//! The bytes of one connection, as hyper reads and writes them. It is given to hyper for one request at a time.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{self, ReadBufCursor};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::progress::{Progress, Stage};

/// Bytes read at a time.
pub(super) const READ_BYTES: usize = 8 * 1024;

/// A TCP connection, or TLS over one.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

pub(super) struct PeerStream {
    pub transport: Box<dyn Transport>,
    /// Bytes that hyper does not have yet.
    pub received: Vec<u8>,
    pub progress: Arc<Progress>,
    /// How long the peer may take to read what is written.
    pub write_deadline: Duration,
}

impl PeerStream {
    /// Waits for more bytes and adds them to those received; 0 at the end of the stream. Loses nothing when dropped.
    pub(super) async fn receive(&mut self) -> io::Result<usize> {
        self.received.reserve(READ_BYTES);
        or_end(self.transport.read_buf(&mut self.received).await)
    }

    /// Notes how long a write has waited for the peer. Who waits for the connection ends it when that is too long.
    fn noted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.progress.wrote(written.is_pending().then(|| Instant::now() + self.write_deadline));
        written
    }
}

/// A peer that closes without a TLS close_notify is only gone, as with plain TCP: whether a body is whole is told by its own
/// framing (RFC 9112 §9.8).
fn or_end<T: Default>(read: io::Result<T>) -> io::Result<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(T::default()),
        read => read,
    }
}

impl rt::Read for PeerStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.received.is_empty() {
            let mut space = [MaybeUninit::uninit(); READ_BYTES];
            let mut buffer = ReadBuf::uninit(&mut space[..READ_BYTES.min(out.remaining())]);
            or_end(ready!(Pin::new(&mut this.transport).poll_read(cx, &mut buffer)))?;
            out.put_slice(buffer.filled());
        } else {
            let handed = this.received.len().min(out.remaining());
            out.put_slice(&this.received[..handed]);
            this.received.drain(..handed);
        }
        Poll::Ready(Ok(()))
    }
}

impl rt::Write for PeerStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.progress.stage() == Stage::Head {
            // No handler has seen a request, so this is hyper's own refusal. It has no body and is replaced by ours.
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.transport).poll_write(cx, bytes);
        this.noted(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.transport).poll_flush(cx);
        ready!(this.noted(flushed))?;
        // With the answer out hyper's part is over. It must not go on to a request that it has read ahead, so it is kept waiting
        // here until the connection takes the stream back.
        if this.progress.flushed() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// The connection closes the transport, not hyper.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
