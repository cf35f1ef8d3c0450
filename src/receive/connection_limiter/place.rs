//! What one connection does, as far as it matters for who gives way.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::limits::{CONNECTION_PAUSE_MAX_S, CONNECTION_RATE_MIN_BYTES_PER_S};

/// Never gives way.
const FOR_GOOD: u64 = u64::MAX;

/// The connection's own side of its place. It says what it does, and hears when its place went to another.
#[derive(Debug)]
pub struct ConnectionSlot {
    entered: Instant,
    /// Microseconds since it entered at which it began to wait for a complete request.
    waits_since_us: AtomicU64,
    /// Microseconds since it entered until which what has come of a body is progress.
    busy_until_us: AtomicU64,
    taken: AtomicBool,
    task: AtomicWaker,
}

impl ConnectionSlot {
    pub(crate) fn new() -> ConnectionSlot {
        ConnectionSlot {
            entered: Instant::now(),
            waits_since_us: AtomicU64::new(0),
            busy_until_us: AtomicU64::new(0),
            taken: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    /// It waits from now on: the last request is answered, or what must come before one is done, so that who goes about it
    /// has waited less than who does nothing.
    pub fn waits(&self) {
        self.waits_since_us.store(self.us(Instant::now()), Relaxed);
        self.busy_until_us.store(0, Relaxed);
    }

    /// So many bytes of a body that began then have come, the last ones now. It makes progress for as long as they pay for the
    /// minimum rate, but not through a long pause.
    pub fn receives(&self, began: Instant, bytes: u64) {
        let paid = began + Duration::from_micros(bytes.saturating_mul(1_000_000) / CONNECTION_RATE_MIN_BYTES_PER_S);
        let until = paid.min(Instant::now() + Duration::from_secs(CONNECTION_PAUSE_MAX_S));
        self.busy_until_us.store(self.us(until), Relaxed);
    }

    /// A whole request waits for its outcome.
    pub fn works(&self) {
        self.busy_until_us.store(FOR_GOOD, Relaxed);
    }

    /// Ready once the place went to another, so that the connection must be closed.
    pub fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.task.register(cx.waker());
        if self.taken.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }

    pub async fn taken(&self) {
        poll_fn(|cx| self.poll_taken(cx)).await;
    }

    /// Since when it waits; `None` where it makes progress.
    pub(crate) fn waiting_since(&self, now: Instant) -> Option<Instant> {
        (self.busy_until_us.load(Relaxed) <= self.us(now))
            .then(|| self.entered + Duration::from_micros(self.waits_since_us.load(Relaxed)))
    }

    pub(crate) fn take(&self) {
        self.taken.store(true, Relaxed);
        self.task.wake();
    }

    fn us(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.entered).as_micros()).unwrap_or(FOR_GOOD - 1)
    }
}
