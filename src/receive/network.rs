//! Addresses as limits see them: whole networks of trusted proxies, the client one address stands for, the networks around it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use crate::limits::LISTEN_BACKLOG;

/// Listens where many may come at once: those whom the kernel has to turn away have no chance at the limiter.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    // The standard library lets 128 wait. A second call only changes their number.
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    Ok(socket)
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
