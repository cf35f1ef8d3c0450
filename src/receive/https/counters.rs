//! What the listener counts since the start. A closed list: no stranger can make it grow.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;

use crate::submission::Outcome;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Totals since the start.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[doc = $doc])* pub $name: Counter,)* }

        impl Counters {
            /// Name and value of each.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)*]
            }
        }
    };
}

counters! {
    /// Connections that were let in.
    connections,
    /// Connections closed at once because a cap was reached and nobody had to give way.
    connections_refused,
    /// Connections for which another, silent one had to be closed, because a cap was reached.
    connections_displaced,
    /// TLS handshakes that failed or took too long.
    handshakes_failed,
    /// Requests whose head was complete.
    requests,
    /// Requests answered 429.
    rate_limited,
    /// Requests answered 408, because head or body came too slowly.
    slow,
    /// Requests answered 4xx for another reason before the pipeline saw them.
    refused_early,
    /// Requests answered 503 without an outcome: no memory for their body, or the pipeline took too long.
    busy_early,
    /// Bytes of bodies that were received completely.
    body_bytes,
    stored,
    duplicate,
    quarantined,
    refused,
    ignored,
    busy,
}

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }
}

impl Counters {
    /// Counts an answer that no outcome stands behind.
    pub(crate) fn count_problem(&self, status: StatusCode) {
        match status {
            StatusCode::TOO_MANY_REQUESTS => &self.rate_limited,
            StatusCode::REQUEST_TIMEOUT => &self.slow,
            StatusCode::SERVICE_UNAVAILABLE => &self.busy_early,
            _ => &self.refused_early,
        }
        .increment();
    }

    pub(crate) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Stored(_) => &self.stored,
            Outcome::Duplicate(_) => &self.duplicate,
            Outcome::Quarantined { .. } => &self.quarantined,
            Outcome::Refused(_) => &self.refused,
            Outcome::Ignored(_) => &self.ignored,
            Outcome::Busy(_) => &self.busy,
        }
        .increment();
    }
}
