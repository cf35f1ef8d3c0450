//! Addresses as limits see them: whole networks of trusted proxies, the client one address stands for, the networks around it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    str::FromStr,
};

use crate::limits::LISTEN_BACKLOG;

/// Listens where many may come at once: those whom the kernel has to turn away have no chance at the limiter.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    // The standard library lets 128 wait. A second call only changes their number.
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    Ok(socket)
}

/// An address block in CIDR notation (RFC 4632, RFC 4291 §2.3), or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyNetwork {
    base: IpAddr,
    prefix: u8,
}

impl ProxyNetwork {
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

impl FromStr for ProxyNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<ProxyNetwork, String> {
        let wrong = || format!("`{text}` is neither an address nor a network like 192.0.2.0/24 or 2001:db8::/32");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            // `+8` is a number to Rust, but not to anybody who writes networks.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if prefix > most {
            return Err(format!("`{text}`: the prefix is longer than {most} bits"));
        }
        Ok(ProxyNetwork { base, prefix })
    }
}

/// Who an address stands for where things are counted: an IPv4 address, or a whole IPv6 /64, which is the least that one
/// customer gets and can change addresses within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerNetwork {
    V4(Ipv4Addr),
    V6Slash64(u64),
}

/// A network that addresses are counted by: its first bits, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    V4(u32, u8),
    V6(u64, u8),
}

impl PeerNetwork {
    /// The client's own network: a /32 or a /64.
    pub fn block(self) -> Block {
        match self {
            PeerNetwork::V4(address) => Block::V4(address.to_bits(), 32),
            PeerNetwork::V6Slash64(bits) => Block::V6(bits, 64),
        }
    }

    /// The networks around it in which one owner often has many clients, the largest first, and itself: IPv4 /24 and /32, IPv6
    /// /48, /56 and /64.
    pub fn blocks(self) -> impl Iterator<Item = Block> {
        let around = match self {
            PeerNetwork::V4(address) => [Some(Block::V4(address.to_bits() & !0xff, 24)), None],
            PeerNetwork::V6Slash64(bits) => [Some(Block::V6(bits & !0xffff, 48)), Some(Block::V6(bits & !0xff, 56))],
        };
        around.into_iter().flatten().chain([self.block()])
    }
}

impl From<IpAddr> for PeerNetwork {
    fn from(address: IpAddr) -> PeerNetwork {
        match address.to_canonical() {
            IpAddr::V4(address) => PeerNetwork::V4(address),
            IpAddr::V6(address) => PeerNetwork::V6Slash64((Ipv6Addr::to_bits(address) >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<ProxyNetwork>().unwrap().contains(address.parse().unwrap())
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
            let error = text.parse::<ProxyNetwork>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn more_may_wait_than_the_standard_library_lets() {
        let socket = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap();
        let deadline = std::time::Duration::from_secs(5);
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let waiting = most.trim().parse().unwrap_or(300).min(300);
        let connected: Vec<_> =
            (0..waiting).map(|_| std::net::TcpStream::connect_timeout(&address, deadline).unwrap()).collect();
        assert_eq!(connected.len(), waiting);
    }

    #[test]
    fn a_client_lies_in_networks() {
        let blocks = |text: &str| PeerNetwork::from(text.parse::<IpAddr>().unwrap()).blocks().collect::<Vec<_>>();
        let shared = |one: &str, other: &str| {
            blocks(one).into_iter().zip(blocks(other)).take_while(|(one, other)| one == other).count()
        };
        assert_eq!(shared("192.0.2.1", "192.0.2.1"), 2);
        assert_eq!(shared("192.0.2.1", "192.0.2.255"), 1, "/24");
        assert_eq!(shared("192.0.2.1", "192.0.3.1"), 0);
        assert_eq!(shared("2001:db8:0:1::1", "2001:db8:0:1::2"), 3, "/64");
        assert_eq!(shared("2001:db8:0:1::1", "2001:db8:0:ff::1"), 2, "/56");
        assert_eq!(shared("2001:db8:0:1::1", "2001:db8:0:ffff::1"), 1, "/48");
        assert_eq!(shared("2001:db8:0:1::1", "2001:db8:1:1::1"), 0);
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_a_slash_64() {
        let client = |text: &str| PeerNetwork::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
    }
}
