//! Addresses of our own pages.

use std::fmt::Write;

/// Stands for "the sender did not say" in an address, where an empty parameter means no filter.
pub const ABSENT: &str = "-";

/// A path with a query string.
pub fn address<'a>(path: &str, query: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut address = path.to_owned();
    for (at, (name, value)) in query.enumerate() {
        address.push(if at == 0 { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        encode(value, &mut address);
    }
    address
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            other => write!(into, "%{other:02X}").expect("a String takes everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encoded() {
        let pairs = [("organisation", "a&b=c d/ü")];
        assert_eq!(address("/reports", pairs.into_iter()), "/reports?organisation=a%26b%3Dc%20d%2F%C3%BC");
    }
}
