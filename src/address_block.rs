//! Networks as SPF records, the registry and the configuration name them.

use std::{fmt, net::IpAddr, str::FromStr};

/// An address block in CIDR notation (RFC 4632, RFC 4291 §2.3), or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressBlock {
    base: IpAddr,
    prefix: u8,
}

impl AddressBlock {
    /// `None` where the prefix is longer than the address.
    pub fn new(base: IpAddr, prefix: u8) -> Option<AddressBlock> {
        let most = if base.is_ipv4() { 32 } else { 128 };
        (prefix <= most).then_some(AddressBlock { base, prefix })
    }

    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                base.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                base.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for AddressBlock {
    type Err = String;

    fn from_str(text: &str) -> Result<AddressBlock, String> {
        let wrong = || format!("`{text}` is neither an address nor a network like 192.0.2.0/24 or 2001:db8::/32");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| wrong())?;
        let whole = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(whole), number).ok_or_else(wrong)?;
        AddressBlock::new(base, prefix).ok_or_else(|| format!("`{text}`: the prefix is longer than {whole} bits"))
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// Networks that are not reached through the Internet: private, local, shared, for documentation and tests, multicast, reserved, and addresses of
/// IPv6 that stand for ones of IPv4 (RFC 6890 and its registries).
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/9",
    "ff00::/8",
];

/// Whether an address is one that everybody can reach.
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let within = |block: &str| block.parse::<AddressBlock>().is_ok_and(|block| block.contains(address));
    // What is neither is never given to anybody (2000::/3 is all of the Internet).
    let is_global = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => address.segments()[0] >> 13 == 1,
    };
    is_global && !NOT_PUBLIC.iter().any(|block| within(block))
}

/// Digits and nothing else: `+8` is a number to Rust, but not to anybody who writes networks.
pub fn number(digits: &str) -> Option<u8> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<AddressBlock>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn networks_contain_their_addresses() {
        assert!(contains("192.0.2.0/24", "192.0.2.255"));
        assert!(!contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.77/24", "192.0.2.1"), "host bits do not matter");
        assert!(contains("192.0.2.1", "192.0.2.1"));
        assert!(!contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("192.0.2.1", "::ffff:192.0.2.1"), "an IPv4 peer of a dual-stack socket");
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::"));
        assert!(contains("::1", "::1"));
    }

    #[test]
    fn only_what_everybody_can_reach_is_public() {
        for block in NOT_PUBLIC {
            let base = block.split('/').next().unwrap().parse().unwrap();
            assert!(block.parse::<AddressBlock>().is_ok() && !is_public(base), "{block}");
        }
        for private in [
            "127.0.0.1",
            "::1",
            "::ffff:10.1.2.3",
            "10.255.0.1",
            "fd00::1",
            "64:ff9b::a01:203",
            "2002:a01:203::1",
            "4000::1",
            "255.255.255.255",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["9.9.9.9", "2620:fe::fe", "172.32.0.1", "100.128.0.1", "198.20.0.1", "::ffff:9.9.9.9"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "192.0.2.0/33", "::/129", "192.0.2/24", "proxy.example.com", "192.0.2.0/", "192.0.2.0/+8", "/8"]
        {
            let error = text.parse::<AddressBlock>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
