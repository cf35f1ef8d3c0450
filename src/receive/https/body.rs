//! Receives one request body within all its bounds: size, time, average rate, and the memory of all bodies together.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use hyper::body::{Body, Incoming};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{Shared, problem::ProblemDetails, progress::Progress};
use crate::{fault::FaultCode, limits::HTTP_SMALL_BODY_MAX_BYTES, receive::memory::MemoryShare};

/// Bytes that are set aside for a body of unknown length, to begin with.
const START_BYTES: usize = 16 * 1024;

/// A body and the share of the memory that it holds until its report has an outcome.
pub(super) struct RequestBody {
    pub bytes: Vec<u8>,
    pub share: MemoryShare,
    /// Where its share comes from once it is large; `None` where it does already.
    large: Option<Arc<Semaphore>>,
}

/// Reads a body to its end. Asking for its first bytes makes hyper say `100 Continue` to a peer that waits for it.
pub(super) async fn receive(
    mut incoming: Incoming,
    progress: &Progress,
    shared: &Shared,
) -> Result<RequestBody, ProblemDetails> {
    let max_bytes = shared.wire_max_bytes;
    let announced = announced(&incoming);
    let mut body = RequestBody::empty(&shared.memory, &shared.memory_large);
    let start = Instant::now();
    loop {
        let until = start + shared.deadlines.of_body(body.bytes.len());
        let next = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx));
        let frame = match timeout_at(until, next).await {
            Err(_) => return Err(ProblemDetails::body_too_slow()),
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => {
                let detail = format!("the body broke off or lost its framing after {} bytes", body.bytes.len());
                return Err(ProblemDetails::fault(FaultCode::Incomplete, detail));
            }
        };
        // The other frames are trailers, which say nothing here.
        let Ok(chunk) = frame.into_data() else { continue };
        if chunk.len() > max_bytes - body.bytes.len() {
            return Err(too_large(max_bytes));
        }
        body.make_room(chunk.len(), announced, max_bytes).ok_or_else(ProblemDetails::bodies_full)?;
        body.bytes.extend_from_slice(&chunk);
        progress.body_came(start, body.bytes.len());
    }
    progress.body_ended();
    if body.bytes.is_empty() {
        return Err(empty());
    }
    shared.counters.body_bytes.add(body.bytes.len() as u64);
    Ok(body)
}

/// The `Content-Length`; `None` for a chunked body.
pub(super) fn announced(incoming: &Incoming) -> Option<u64> {
    incoming.size_hint().exact()
}

pub(super) fn too_large(max_bytes: usize) -> ProblemDetails {
    let detail = format!("the body is larger than {max_bytes} bytes (report_wire_max_bytes)");
    ProblemDetails::fault(FaultCode::TooLargeWire, detail)
}

pub(super) fn empty() -> ProblemDetails {
    ProblemDetails::fault(FaultCode::Empty, "the body is empty")
}

impl RequestBody {
    fn empty(small: &Arc<Semaphore>, large: &Arc<Semaphore>) -> RequestBody {
        RequestBody { bytes: Vec::new(), share: MemoryShare::none(small), large: Some(Arc::clone(large)) }
    }

    /// Makes room for so many bytes more, with the memory for it set aside first. What a body announces is believed only
    /// as far as it has come: an announcement costs the peer nothing.
    fn make_room(&mut self, more: usize, announced: Option<u64>, max_bytes: usize) -> Option<()> {
        let needed = self.bytes.len() + more;
        if needed <= self.share.bytes() {
            return Some(());
        }
        let most =
            announced.map_or(max_bytes, |announced| usize::try_from(announced).map_or(max_bytes, |n| n.min(max_bytes)));
        let room = needed.max((2 * self.share.bytes()).max(START_BYTES).min(most));
        if room > HTTP_SMALL_BODY_MAX_BYTES
            && let Some(large) = &self.large
        {
            let mut share = MemoryShare::none(large);
            share.grow(room)?;
            (self.share, self.large) = (share, None);
        }
        self.share.grow(room)?;
        self.bytes.reserve_exact(room - self.bytes.len());
        Some(())
    }
}

impl super::Deadlines {
    /// How long after its start a body may still go on when so many bytes have come: until its average falls below the
    /// minimum rate, but through the grace at least and to the deadline at most.
    fn of_body(&self, received_bytes: usize) -> Duration {
        let kept_up = match self.body_rate_min_bytes_per_s {
            0 => self.body,
            rate => Duration::from_secs_f64(received_bytes as f64 / rate as f64),
        };
        kept_up.max(self.body_rate_grace).min(self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_set_aside_as_bytes_come_and_given_back() {
        let memory = Arc::new(Semaphore::new(64));
        let mut body = RequestBody::empty(&memory, &memory);
        body.make_room(1, Some(1 << 40), 1 << 24).unwrap();
        assert_eq!(memory.available_permits(), 48, "16 KiB, whatever was announced");
        body.bytes.resize(16 * 1024, 0);
        body.make_room(1, None, 1 << 24).unwrap();
        assert_eq!(memory.available_permits(), 32, "twice as much");
        body.bytes.resize(40 * 1024, 0);
        assert!(body.make_room(40 * 1024, None, 1 << 24).is_none(), "more than there is");
        drop(body);
        assert_eq!(memory.available_permits(), 64);
    }

    #[test]
    fn large_bodies_take_nothing_from_the_small_ones() {
        let (small, large) = (Arc::new(Semaphore::new(300)), Arc::new(Semaphore::new(2_000)));
        let begin = || {
            let mut body = RequestBody::empty(&small, &large);
            body.make_room(200 * 1024, Some(1 << 20), 1 << 24).unwrap();
            body.bytes.resize(200 * 1024, 0);
            body
        };
        let mut first = begin();
        assert_eq!(small.available_permits(), 100);
        first.make_room(400 * 1024, Some(1 << 20), 1 << 24).unwrap();
        assert_eq!((small.available_permits(), large.available_permits()), (300, 1_400));
        let mut second = begin();
        second.make_room(800 * 1024, Some(1 << 20), 1 << 24).unwrap();
        assert_eq!(large.available_permits(), 400);
        assert!(begin().make_room(400 * 1024, Some(1 << 20), 1 << 24).is_none());
        drop((first, second));
        assert_eq!((small.available_permits(), large.available_permits()), (300, 2_000));
    }

    #[test]
    fn a_small_body_takes_what_it_announced() {
        let memory = Arc::new(Semaphore::new(64));
        let mut body = RequestBody::empty(&memory, &memory);
        body.make_room(700, Some(700), 1 << 24).unwrap();
        assert_eq!((memory.available_permits(), body.bytes.capacity()), (63, 700));
    }
}
