//! Who is behind a proxy (RFC 7239 `Forwarded`, and `X-Forwarded-For`, which it replaced on paper).
//!
//! Most proxies set one of the two headers and pass the other one on as the client sent it. `public.forwarded_header` says
//! which one they set, and only that is read. Without it both are, and where they disagree neither is believed: the proxy's own
//! address stands, and what the request may cost is counted apart from requests that the proxy says nothing of.
//!
//! Each proxy appends the address it was called from, and the client may have sent the header as well, so that only the
//! right-hand end is worth anything: from there the trusted proxies are passed over, and the first address that is not one of
//! them is the client's.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{self, HeaderMap, HeaderName};

use crate::{address_block::AddressBlock, config::ForwardedHeader};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who are believed about their clients, and where they say it.
pub(super) struct Proxies {
    pub trusted: Vec<AddressBlock>,
    /// The header they write; both are read where it is not known.
    pub header: Option<ForwardedHeader>,
}

/// Whom a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientAddress {
    /// For limits and for the report's provenance.
    pub address: IpAddr,
    /// A proxy's two headers disagree, so that this is the proxy's own address.
    pub disputed: bool,
}

impl Proxies {
    pub(super) fn is_trusted(&self, address: IpAddr) -> bool {
        is_trusted(address, &self.trusted)
    }

    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) {
            return ClientAddress { address: peer, disputed: false };
        }
        let read = |header| self.header.is_none_or(|written| written == header);
        let forwarded = elements(headers, &header::FORWARDED)
            .filter(|_| read(ForwardedHeader::Forwarded))
            .map(|hops| nearest_stranger(peer, hops.map(forwarded_for), &self.trusted));
        let x_forwarded_for = elements(headers, &X_FORWARDED_FOR)
            .filter(|_| read(ForwardedHeader::XForwardedFor))
            .map(|hops| nearest_stranger(peer, hops.map(node), &self.trusted));
        let disputed = forwarded.is_some() && x_forwarded_for.is_some() && forwarded != x_forwarded_for;
        let address = if disputed { peer } else { forwarded.or(x_forwarded_for).unwrap_or(peer) };
        ClientAddress { address, disputed }
    }
}

fn is_trusted(address: IpAddr, trusted: &[AddressBlock]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The comma-separated elements of all lines of a header, last one first; `None` where there is no such header.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = &'a str>> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.into_iter().rev().flat_map(|line| line.rsplit(',')))
}

/// Walks the hops from the nearest one. One that hides or garbles its address ends the walk at the last known one.
fn nearest_stranger(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[AddressBlock]) -> IpAddr {
    let mut known = peer;
    for hop in hops {
        match hop {
            Some(address) => known = address,
            None => break,
        }
        if !is_trusted(known, trusted) {
            break;
        }
    }
    known
}

/// The `for` parameter of one element. A quoted string may hold commas and semicolons by the grammar, but no address does:
/// an element cut in the middle of one is read as garbled.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    });
    let value = nodes.next()?;
    if nodes.next().is_some() {
        return None;
    }
    match value.strip_prefix('"') {
        Some(quoted) => node(quoted.strip_suffix('"')?),
        None => node(value),
    }
}

/// An address with or without port and brackets (RFC 7239 §6).
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(bracketed) => IpAddr::V6(bracketed.parse().ok()?),
        None => match text.parse() {
            Ok(address) => address,
            Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
        },
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn client_of(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let client = who(peer, lines, None);
        assert!(!client.disputed || client.address.to_string() == peer);
        client.address.to_string()
    }

    fn who(peer: &str, lines: &[(&'static str, &str)], header: Option<ForwardedHeader>) -> ClientAddress {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["10.0.0.0/8", "2001:db8:ff::/48"].map(|text| text.parse().unwrap()).to_vec();
        Proxies { trusted, header }.client(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client_of("192.0.2.1", &[("forwarded", "for=198.51.100.1")]), "192.0.2.1");
        assert_eq!(client_of("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.1");
        assert_eq!(client_of("10.0.0.1", &[("forwarded", "for=198.51.100.1")]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_last_stranger_counts_whatever_the_client_sent_before() {
        assert_eq!(
            client_of("10.0.0.1", &[("x-forwarded-for", "203.0.113.9, 198.51.100.1, 10.0.0.2")]),
            "198.51.100.1"
        );
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client_of("10.0.0.1", &lines), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &[("forwarded", "for=203.0.113.9, for=198.51.100.1")]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &[("x-forwarded-for", "10.1.1.1, 10.0.0.2")]), "10.1.1.1", "all are proxies");
    }

    #[test]
    fn every_spelling_of_a_node_is_read() {
        for (value, expected) in [
            ("for=192.0.2.43;proto=https;by=203.0.113.43", "192.0.2.43"),
            ("proto=https; FOR=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("for=\"[::ffff:192.0.2.43]\"", "192.0.2.43"),
        ] {
            assert_eq!(client_of("10.0.0.1", &[("forwarded", value)]), expected, "{value}");
        }
        assert_eq!(client_of("10.0.0.1", &[("x-forwarded-for", "2001:db8::1")]), "2001:db8::1");
        assert_eq!(client_of("10.0.0.1", &[("x-forwarded-for", "192.0.2.43:1234")]), "192.0.2.43");
    }

    #[test]
    fn what_is_hidden_or_garbled_leaves_the_last_known_address() {
        for value in
            ["for=unknown", "for=_hidden", "for=", "for=\"192.0.2.1", "by=192.0.2.1", "", "for=192.0.2.1;for=192.0.2.2"]
        {
            assert_eq!(client_of("10.0.0.1", &[("forwarded", value)]), "10.0.0.1", "{value}");
        }
        assert_eq!(client_of("10.0.0.1", &[("forwarded", "for=198.51.100.1, for=unknown, for=10.0.0.2")]), "10.0.0.2");
    }

    #[test]
    fn two_headers_that_disagree_are_both_disbelieved() {
        let lines = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client_of("10.0.0.1", &lines), "10.0.0.1");
        let lines = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client_of("10.0.0.1", &lines), "198.51.100.1");
    }

    #[test]
    fn disagreement_is_told_apart_from_silence() {
        let lines = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert!(who("10.0.0.1", &lines, None).disputed);
        assert!(!who("10.0.0.1", &lines[..1], None).disputed);
        assert!(!who("10.0.0.1", &[], None).disputed);
        assert!(!who("192.0.2.1", &lines, None).disputed, "a stranger's headers are not looked at");
    }

    #[test]
    fn only_the_header_that_the_proxies_write_is_read() {
        let lines = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        let of = |header, lines| {
            let client = who("10.0.0.1", lines, Some(header));
            assert!(!client.disputed);
            client.address.to_string()
        };
        assert_eq!(of(ForwardedHeader::XForwardedFor, &lines), "198.51.100.1");
        assert_eq!(of(ForwardedHeader::Forwarded, &lines), "203.0.113.9");
        assert_eq!(of(ForwardedHeader::XForwardedFor, &lines[..1]), "10.0.0.1");
    }
}
