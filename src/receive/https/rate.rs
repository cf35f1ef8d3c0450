//! How often one address may ask, and each network around it.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use super::forwarded::ClientAddress;
use crate::submission::ClientNetwork;

/// Parties remembered at most. IPv6 offers an attacker more /64s than there is memory.
const CLIENTS_MAX: usize = 200_000;
/// The number of clients is looked at once in so many requests.
const LOOK_EVERY: u32 = 1_024;

/// Sizes of networks that are told apart, from the address to the site.
const LEVELS: usize = 3;

/// A leaky bucket for each client: a minute's worth at once, then evenly over the minute. The networks around an address have
/// buckets of their own, each larger than those within it.
pub(super) struct Rate {
    /// By client, and whether its proxy's headers disagree: who sends a header that its proxy does not write gets into the
    /// buckets of those who do so, not into those of the proxy itself.
    levels: [DefaultKeyedRateLimiter<(ClientNetwork, bool)>; LEVELS],
    requests: AtomicU32,
}

impl Rate {
    pub(super) fn per_minute(requests_max: NonZeroU32) -> Rate {
        let level = |factor| RateLimiter::keyed(Quota::per_minute(requests_max.saturating_mul(factor)));
        Rate { levels: ClientNetwork::FACTORS.map(level), requests: AtomicU32::new(0) }
    }

    /// Counts one request, or says how long the client has to wait for its next.
    pub(super) fn check(&self, client: ClientAddress) -> Result<(), Duration> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % LOOK_EVERY == LOOK_EVERY - 1 && self.clients() > CLIENTS_MAX
        {
            self.forget();
        }
        // The smallest first: who is refused there takes nothing from the networks around.
        for (limiter, (network, _)) in self.levels.iter().zip(ClientNetwork::levels(client.address)) {
            limiter
                .check_key(&(network, client.disputed))
                .map_err(|early| early.wait_time_from(limiter.clock().now()))?;
        }
        Ok(())
    }

    /// Forgets the clients whose bucket is empty again; to be called now and then.
    pub(super) fn forget(&self) {
        for limiter in &self.levels {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn clients(&self) -> usize {
        self.levels.iter().map(RateLimiter::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn each_client_has_its_own_bucket() {
        let rate = Rate::per_minute(NonZeroU32::new(2).unwrap());
        let ip = |text: &str| ClientAddress { address: text.parse().unwrap(), disputed: false };
        rate.check(ip("2001:db8::1")).unwrap();
        rate.check(ip("2001:db8::2")).unwrap();
        let wait = rate.check(ip("2001:db8::3")).unwrap_err();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        rate.check(ip("2001:db8:0:1::1")).unwrap();
        rate.check(ip("192.0.2.1")).unwrap();
        // Those whose proxy's headers disagree share one beside the proxy's own.
        let disputed = ClientAddress { disputed: true, ..ip("192.0.2.1") };
        rate.check(disputed).unwrap();
        rate.check(disputed).unwrap();
        rate.check(disputed).unwrap_err();
        rate.check(ip("192.0.2.1")).unwrap();
    }

    #[test]
    fn networks_around_an_address_have_their_bucket_too() {
        let rate = Rate::per_minute(NonZeroU32::new(10).unwrap());
        let passed = |addresses: &mut dyn Iterator<Item = IpAddr>| {
            let client = |address| ClientAddress { address, disputed: false };
            addresses.map(|address| (0..10).filter(|_| rate.check(client(address)).is_ok()).count()).sum::<usize>()
        };
        let slash_64 = |number: u16| IpAddr::from([0x2001, 0xdb8, 1, number, 0, 0, 0, 1]);
        assert_eq!(passed(&mut (0..40).map(slash_64)), 40, "forty /64s of one /56");
        assert_eq!(passed(&mut (1..255).map(|fourth| slash_64(fourth << 8))), 120, "the rest of the /48");
        assert_eq!(passed(&mut (0..=255).map(|last| IpAddr::from([192, 0, 2, last]))), 40, "one /24");
    }

    #[test]
    fn clients_with_an_empty_bucket_are_forgotten() {
        // A bucket that leaks a request in a fraction of a microsecond is empty again at once.
        let rate = Rate::per_minute(NonZeroU32::MAX);
        for last in 0..100 {
            rate.check(ClientAddress { address: [192, 0, 2, last].into(), disputed: false }).unwrap();
        }
        rate.forget();
        assert_eq!(rate.clients(), 0);
    }
}
