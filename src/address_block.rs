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
    fn what_is_no_network_is_refused() {
        for text in
            ["", "192.0.2.0/33", "::/129", "192.0.2/24", "proxy.example.com", "192.0.2.0/", "192.0.2.0/+8", "/8"]
        {
            let error = text.parse::<AddressBlock>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
