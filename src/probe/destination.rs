//! Where a report can go: a `https:` or `mailto:` URI (RFC 8460 §3), and the addresses of mail.

use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::Url;

use crate::report;

/// One `rua` URI, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Https(Url),
    Mailto(MailtoAddress),
}

/// A mail address that needs no quoting, its domain in A-labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailtoAddress {
    local: String,
    domain: String,
}

/// Why nothing can be sent there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    #[error("{0} is no URI")]
    NoUri(String),
    #[error("reports go to `mailto:` and `https:` URIs only (RFC 8460 §3), not to `{0}:`")]
    Scheme(String),
    #[error(
        "a URI with `http:` would let others read the report: it is taken for this machine or with --insecure only"
    )]
    Plain,
    #[error("the URI names no host")]
    NoHost,
    #[error(transparent)]
    MailtoAddress(#[from] AddressError),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one mail address of the form name@domain")]
pub struct AddressError(String);

impl Destination {
    /// Reads a URI. With `insecure`, `http:` is taken for every host.
    pub fn parse(uri: &str, insecure: bool) -> Result<Destination, DestinationError> {
        let (scheme, rest) = uri.split_once(':').ok_or_else(|| DestinationError::NoUri(uri.to_owned()))?;
        match scheme.to_ascii_lowercase().as_str() {
            "mailto" => Ok(Destination::Mailto(mailto(rest)?)),
            "https" => Ok(Destination::Https(url(uri)?)),
            "http" => {
                let url = url(uri)?;
                if insecure || is_loopback(&url) { Ok(Destination::Https(url)) } else { Err(DestinationError::Plain) }
            }
            other => Err(DestinationError::Scheme(other.to_owned())),
        }
    }
}

impl MailtoAddress {
    /// `local` must be a dot-atom (RFC 5322 §3.2.3): whatever else could be written is quoted and not worth the trouble.
    pub fn new(local: &str, domain: &str) -> Result<MailtoAddress, AddressError> {
        let error = || AddressError(format!("{local}@{domain}"));
        let is_atom = |atom: &str| {
            !atom.is_empty()
                && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
        };
        // RFC 5321 §4.5.3.1.1
        if local.len() > 64 || !local.split('.').all(is_atom) {
            return Err(error());
        }
        Ok(MailtoAddress { local: local.to_owned(), domain: report::domain(domain).ok_or_else(error)? })
    }

    pub fn local(&self) -> &str {
        &self.local
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl FromStr for MailtoAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<MailtoAddress, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| AddressError(text.to_owned()))?;
        MailtoAddress::new(local, domain)
    }
}

impl fmt::Display for MailtoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// The URI is posted to as it is written: `%2C` in it is part of the path that was published.
fn url(uri: &str) -> Result<Url, DestinationError> {
    let url = Url::parse(uri).map_err(|_| DestinationError::NoUri(uri.to_owned()))?;
    if url.has_host() { Ok(url) } else { Err(DestinationError::NoHost) }
}

/// RFC 6068: percent-encoded, header fields after a question mark, which a report does not use.
fn mailto(rest: &str) -> Result<MailtoAddress, AddressError> {
    let encoded = rest.split('?').next().unwrap_or_default();
    let decoded = String::from_utf8(percent_decoded(encoded)).map_err(|_| AddressError(encoded.to_owned()))?;
    decoded.parse()
}

/// RFC 3986 §2.1. A percent sign that begins no octet stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits
            .filter(|digits| *first == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str) -> Result<String, String> {
        match Destination::parse(uri, false) {
            Ok(Destination::Https(url)) => Ok(url.to_string()),
            Ok(Destination::Mailto(address)) => Ok(address.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn uris_are_understood() {
        for (uri, meant) in [
            ("mailto:tlsrpt@example.com", "tlsrpt@example.com"),
            ("MAILTO:tlsrpt@Example.COM", "tlsrpt@example.com"),
            ("mailto:tls%21rpt+a%2Bb@b%C3%BCcher.example?subject=x", "tls!rpt+a+b@xn--bcher-kva.example"),
            ("https://reports.example.com/v1/tlsrpt", "https://reports.example.com/v1/tlsrpt"),
            ("HTTPS://reports.example.com:8443/a%2Cb%3B%21", "https://reports.example.com:8443/a%2Cb%3B%21"),
            ("http://127.0.0.1:8080/r", "http://127.0.0.1:8080/r"),
            ("http://[::1]:8080/r", "http://[::1]:8080/r"),
            ("http://localhost/r", "http://localhost/r"),
        ] {
            assert_eq!(parsed(uri).as_deref(), Ok(meant), "{uri}");
        }
        assert!(Destination::parse("http://reports.example.com/", true).is_ok());
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        let refused: Vec<String> = [
            "tlsrpt@example.com",
            "ftp://example.com/",
            "http://reports.example.com/",
            "http://127.0.0.1.example.com/",
            "https:",
            "https://",
            "mailto:",
            "mailto:tlsrpt",
            "mailto:a@example.com%2Cb@example.com",
            "mailto:a%0D%0ARCPT@example.com",
            "mailto:%FF@example.com",
            "mailto:%22a b%22@example.com",
            "mailto:a@[192.0.2.1]",
        ]
        .iter()
        .map(|uri| format!("{uri}: {}", parsed(uri).expect_err(uri)))
        .collect();
        insta::assert_snapshot!(refused.join("\n"));
    }

    #[test]
    fn octets_are_decoded_and_nothing_else() {
        for (encoded, decoded) in [("a%2cb%2C", "a,b,"), ("%", "%"), ("%2", "%2"), ("%zz%+1", "%zz%+1"), ("%%41", "%A")]
        {
            assert_eq!(percent_decoded(encoded), decoded.as_bytes(), "{encoded}");
        }
    }
}
