//! Whom an address stands for, where something is counted by who sends: not the address alone, because one customer holds
//! whole networks of them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
};

/// How much more the next larger network may have than the one within it.
const WIDENING: u32 = 4;
/// From one address to what a small provider, or one site, holds.
const LEVELS_V4: [u8; 2] = [32, 24];
/// The least that one customer gets, what one household, and what one site gets (RFC 6177).
const LEVELS_V6: [u8; 3] = [64, 56, 48];

/// A network one client may hold whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNetwork {
    base: IpAddr,
    prefix: u8,
}

impl ClientNetwork {
    /// How many times the smallest network's budget each level has.
    pub const FACTORS: [NonZeroU32; 3] = {
        let Some(widening) = NonZeroU32::new(WIDENING) else { panic!("a larger network has more") };
        [NonZeroU32::MIN, widening, widening.saturating_mul(widening)]
    };

    /// The networks an address lies in, the smallest first, each with how many times the smallest one's budget it has.
    pub fn levels(address: IpAddr) -> impl Iterator<Item = (ClientNetwork, u32)> {
        let address = address.to_canonical();
        let levels: &'static [u8] = if address.is_ipv4() { &LEVELS_V4 } else { &LEVELS_V6 };
        levels
            .iter()
            .zip(ClientNetwork::FACTORS)
            .map(move |(prefix, factor)| (ClientNetwork::of(address, *prefix), factor.get()))
    }

    /// The largest network that still counts as one client: an IPv4 /24, an IPv6 /48.
    pub fn widest(address: IpAddr) -> ClientNetwork {
        let address = address.to_canonical();
        ClientNetwork::of(address, if address.is_ipv4() { 24 } else { 48 })
    }

    fn of(address: IpAddr, prefix: u8) -> ClientNetwork {
        let base = match address {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask_v4(prefix))),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask_v6(prefix))),
        };
        ClientNetwork { base, prefix }
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX << (32 - u32::from(prefix))
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX << (128 - u32::from(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(address: &str) -> Vec<String> {
        let levels = ClientNetwork::levels(address.parse().unwrap());
        levels.map(|(client, factor)| format!("{client} {factor}")).collect()
    }

    #[test]
    fn larger_networks_have_larger_budgets() {
        assert_eq!(levels("192.0.2.77"), ["192.0.2.77/32 1", "192.0.2.0/24 4"]);
        assert_eq!(levels("::ffff:192.0.2.77"), levels("192.0.2.77"), "an IPv4 peer of a dual-stack socket");
        assert_eq!(
            levels("2001:db8:1:234:5::1"),
            ["2001:db8:1:234::/64 1", "2001:db8:1:200::/56 4", "2001:db8:1::/48 16"]
        );
    }

    #[test]
    fn the_widest_client_is_a_site() {
        let widest = |address: &str| ClientNetwork::widest(address.parse().unwrap()).to_string();
        assert_eq!(widest("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(widest("2001:db8:1:ffff::1"), "2001:db8:1::/48");
    }
}
