//! Domain names: A-labels, lower case, no trailing dot (RFC 8460 §4.4, UTS 46).

use std::{borrow::Cow, net::IpAddr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The normal form of a domain name, or `None` where it is none. One trailing dot is dropped.
pub(crate) fn domain(text: &str) -> Option<Cow<'_, str>> {
    let name = text.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    if is_normal(name) {
        return Some(Cow::Borrowed(name));
    }
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let ascii = Uts46::new().to_ascii(name.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Verify).ok()?;
    // IDNA turns other dots into dots, so the name is looked at once more.
    (!ascii.ends_with('.') && ascii.parse::<IpAddr>().is_err()).then(|| Cow::Owned(ascii.into_owned()))
}

/// A host name, or an `mx` pattern (RFC 8461 §4.1): like a domain where it is one, else as it is, in lower case.
pub(crate) fn host(text: &str) -> String {
    let text = text.trim();
    let (wildcard, name) = text.strip_prefix("*.").map_or(("", text), |rest| ("*.", rest));
    match domain(name) {
        Some(domain) => [wildcard, &domain].concat(),
        None => text.to_ascii_lowercase(),
    }
}

/// What most names are already: letters, digits and hyphens in labels of at most 63, nothing that IDNA would look into.
fn is_normal(name: &str) -> bool {
    let label_is_normal = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with("xn--")
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label_is_normal) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_become_a_labels_in_lower_case() {
        let cases = [
            ("example.com", "example.com"),
            (" Example.COM. ", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("a--b.example", "a--b.example"),
            ("localhost", "localhost"),
        ];
        for (written, normal) in cases {
            assert_eq!(domain(written).as_deref(), Some(normal), "{written}");
        }
    }

    #[test]
    fn what_is_no_domain_is_told() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = format!("{}example", "abcdefg.".repeat(32));
        let cases = [
            "",
            ".",
            "..",
            "example.com..",
            ".example.com",
            "a..b",
            "_smtp.example.com",
            "*.example.com",
            "192.0.2.1",
            "[192.0.2.1]",
            "2001:db8::1",
            "exa mple.com",
            "user@example.com",
            "https://example.com",
            "xn--a.example",
            "a\u{200d}b.example",
            &long_label,
            &long_name,
        ];
        for written in cases {
            assert_eq!(domain(written), None, "{written}");
        }
    }

    #[test]
    fn hosts_and_patterns_keep_what_is_no_domain() {
        assert_eq!(host("MX1.Example.COM."), "mx1.example.com");
        assert_eq!(host("*.Example.com"), "*.example.com");
        assert_eq!(host("[IPv6:2001:DB8::1]"), "[ipv6:2001:db8::1]");
    }
}
