//! How often one party may ask.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use super::forwarded::Client;
use crate::ingest::network::Party;

/// Parties remembered at most. IPv6 offers an attacker more /64s than there is memory.
const PARTIES_MAX: usize = 200_000;
/// The number of parties is looked at once in so many requests.
const LOOK_EVERY: u32 = 1_024;

/// A leaky bucket for each party: a minute's worth at once, then evenly over the minute.
pub struct Rate {
    /// By party, and whether its proxy's headers disagree: who sends a header that its proxy does not write gets into the
    /// bucket of those who do so, not into that of the proxy itself.
    limiter: DefaultKeyedRateLimiter<(Party, bool)>,
    requests: AtomicU32,
}

impl Rate {
    pub fn per_minute(requests_max: NonZeroU32) -> Rate {
        Rate { limiter: RateLimiter::keyed(Quota::per_minute(requests_max)), requests: AtomicU32::new(0) }
    }

    /// Counts one request, or says how long the party has to wait for its next.
    pub fn check(&self, client: Client) -> Result<(), Duration> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % LOOK_EVERY == LOOK_EVERY - 1
            && self.limiter.len() > PARTIES_MAX
        {
            self.forget();
        }
        let key = (Party::from(client.address), client.disputed);
        self.limiter.check_key(&key).map_err(|early| early.wait_time_from(self.limiter.clock().now()))
    }

    /// Forgets the parties whose bucket is empty again; to be called now and then.
    pub fn forget(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    #[cfg(test)]
    fn parties(&self) -> usize {
        self.limiter.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_party_has_its_own_bucket() {
        let rate = Rate::per_minute(NonZeroU32::new(2).unwrap());
        let ip = |text: &str| Client { address: text.parse().unwrap(), disputed: false };
        rate.check(ip("2001:db8::1")).unwrap();
        rate.check(ip("2001:db8::2")).unwrap();
        let wait = rate.check(ip("2001:db8::3")).unwrap_err();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        rate.check(ip("2001:db8:0:1::1")).unwrap();
        rate.check(ip("192.0.2.1")).unwrap();
        // Those whose proxy's headers disagree share one beside the proxy's own.
        let disputed = Client { disputed: true, ..ip("192.0.2.1") };
        rate.check(disputed).unwrap();
        rate.check(disputed).unwrap();
        rate.check(disputed).unwrap_err();
        rate.check(ip("192.0.2.1")).unwrap();
    }

    #[test]
    fn parties_with_an_empty_bucket_are_forgotten() {
        // A bucket that leaks a request in a fraction of a microsecond is empty again at once.
        let rate = Rate::per_minute(NonZeroU32::MAX);
        for last in 0..100 {
            rate.check(Client { address: [192, 0, 2, last].into(), disputed: false }).unwrap();
        }
        rate.forget();
        assert_eq!(rate.parties(), 0);
    }
}
