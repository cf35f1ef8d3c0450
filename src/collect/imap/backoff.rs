//! Back-off from a server that cannot be read.

use std::time::Duration;

use uuid::Uuid;

/// The pauses between attempts: each about twice as long as the one before.
#[derive(Debug)]
pub struct ImapBackoff {
    first: Duration,
    longest: Duration,
    pause: Duration,
}

impl ImapBackoff {
    pub fn new((first, longest): (Duration, Duration)) -> ImapBackoff {
        ImapBackoff { first, longest, pause: first }
    }

    /// How long to wait now: between half of the pause and all of it, so that many clients do not come back as one.
    pub fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(self.longest);
        let [random, ..] = Uuid::new_v4().into_bytes();
        pause.mul_f64(0.5 + f64::from(random) / 510.0)
    }

    /// It works again.
    pub fn reset(&mut self) {
        self.pause = self.first;
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
