//! How many proofs are looked up a minute, by whom.

use std::{collections::HashMap, net::IpAddr};

use chrono::{DateTime, Utc};

use crate::limits::{
    NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX, NETWORK_PROOFS_PER_MINUTE_MAX, NETWORK_PROOFS_PER_NETWORK_MINUTE_MAX,
};

/// Counts of one minute. What is refused is not counted, so that the counts are bounded by what is let through.
#[derive(Debug, Default)]
pub(super) struct LookupBudget {
    minute: i64,
    total: u32,
    by_client: HashMap<LookupNetwork, u32>,
}

/// An address as its owner can have many: the least one customer is given, and the network around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum LookupNetwork {
    V4(u32),
    V4Slash24(u32),
    V6Slash64(u64),
    V6Slash48(u64),
}

impl LookupBudget {
    /// Whether one more may be looked up for this address; then it is counted.
    pub(super) fn take(&mut self, address: IpAddr, now: DateTime<Utc>) -> bool {
        let minute = now.timestamp().div_euclid(60);
        if self.minute != minute {
            *self = LookupBudget { minute, ..LookupBudget::default() };
        }
        let (near, around) = match address.to_canonical() {
            IpAddr::V4(address) => {
                (LookupNetwork::V4(address.to_bits()), LookupNetwork::V4Slash24(address.to_bits() >> 8))
            }
            IpAddr::V6(address) => {
                let bits = (address.to_bits() >> 64) as u64;
                (LookupNetwork::V6Slash64(bits), LookupNetwork::V6Slash48(bits >> 16))
            }
        };
        let count = |client: &LookupNetwork| self.by_client.get(client).copied().unwrap_or(0);
        let is_over = self.total >= NETWORK_PROOFS_PER_MINUTE_MAX
            || count(&near) >= NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX
            || count(&around) >= NETWORK_PROOFS_PER_NETWORK_MINUTE_MAX;
        if !is_over {
            self.total += 1;
            for client in [near, around] {
                *self.by_client.entry(client).or_default() += 1;
            }
        }
        !is_over
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn taken(budget: &mut LookupBudget, addresses: impl Iterator<Item = IpAddr>) -> u32 {
        addresses.map(|address| u32::from(budget.take(address, at(0)))).sum()
    }

    #[test]
    fn an_address_its_network_and_all_together_are_bounded_for_a_minute() {
        let v4 = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(0xc633_0000 + bits));
        let mut budget = LookupBudget::default();
        let one = |_| v4(1);
        assert_eq!(taken(&mut budget, (0..100).map(one)), NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX);
        assert!(!budget.take("::ffff:198.51.0.1".parse().unwrap(), at(59)));
        let rest = NETWORK_PROOFS_PER_NETWORK_MINUTE_MAX - NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX;
        assert_eq!(taken(&mut budget, (2..255).map(v4)), rest);
        assert!(budget.take(v4(256), at(59)), "the next network");
        assert!(budget.take(v4(1), at(60)), "the next minute");

        let mut budget = LookupBudget::default();
        assert_eq!(taken(&mut budget, (0..50_000).map(|number| v4(number * 256))), NETWORK_PROOFS_PER_MINUTE_MAX);
        assert!(budget.by_client.len() <= 2 * NETWORK_PROOFS_PER_MINUTE_MAX as usize);
    }

    #[test]
    fn whoever_has_a_network_of_ipv6_is_one() {
        let v6 = |bits: u128| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + bits));
        let mut budget = LookupBudget::default();
        assert_eq!(taken(&mut budget, (0..100).map(v6)), NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX);
        let rest = NETWORK_PROOFS_PER_NETWORK_MINUTE_MAX - NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX;
        assert_eq!(taken(&mut budget, (1..60_000).map(|number| v6(number << 64))), rest);
    }
}
