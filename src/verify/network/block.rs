//! Networks as the SPF records and the registry name them.

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
        AddressBlock::new(base, prefix).ok_or_else(wrong)
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
