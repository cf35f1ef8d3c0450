//! Back-off from a server that cannot be read.

use std::time::Duration;

use uuid::Uuid;

use crate::backoff::{doubled, spread};

/// The pauses between attempts: each about twice as long as the one before.
#[derive(Debug)]
pub(super) struct ImapBackoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl ImapBackoff {
    pub(super) fn new((first, longest): (Duration, Duration)) -> ImapBackoff {
        ImapBackoff { first, longest, failures: 0 }
    }

    /// How long to wait now: between half of the pause and all of it, so that many clients do not come back as one.
    pub(super) fn next(&mut self) -> Duration {
        let pause = doubled(self.first, self.failures, self.longest);
        self.failures = self.failures.saturating_add(1);
        let [random, ..] = Uuid::new_v4().into_bytes();
        spread(pause, random)
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = ImapBackoff::new((Duration::from_secs(1), Duration::from_secs(300)));
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.next()).collect();
        for (index, pause) in pauses.iter().enumerate() {
            let most = Duration::from_secs(300.min(1 << index));
            assert!((most / 2..=most).contains(pause), "{index}: {pause:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_secs(1));
    }
}
