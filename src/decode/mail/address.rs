//! What the header of a whole mail says about where it comes from.

use chrono::{DateTime, Utc};

use super::{Message, Raw, header::Header};
use crate::report;

/// A message with these bytes and this header.
pub fn message(raw: Raw, header: &Header<'_>) -> Message {
    let domain = |name| header.only(name).and_then(|text| report::domain(&text));
    Message {
        raw,
        from_domain: header.only("From").and_then(|text| only_domain(&text)),
        submitter: domain("TLS-Report-Submitter"),
        report_domain: domain("TLS-Report-Domain"),
        received_at: header.first("Received").and_then(|text| received_at(&text)),
    }
}

/// Encoded words stay encoded: they cannot stand in an address (RFC 2047 §5), and what they decode to must not become one.
fn only_domain(from: &str) -> Option<String> {
    let address = mailparse::addrparse(from).ok()?.extract_single_info()?.addr;
    let (local, domain) = address.rsplit_once('@')?;
    if local.trim().is_empty() || local.contains('@') {
        return None;
    }
    report::domain(domain)
}

/// RFC 5322 §3.6.7: the date follows the last semicolon. Its weekday says nothing that the date does not, and is wrong at
/// times.
fn received_at(received: &str) -> Option<DateTime<Utc>> {
    let (_, date) = received.rsplit_once(';')?;
    let date = date.split_once(',').map_or(date, |(_, date)| date);
    DateTime::parse_from_rfc2822(date.trim()).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_domain() {
        for (from, expected) in [
            ("noreply@google.com", Some("google.com")),
            ("Google <noreply@Google.COM.>", Some("google.com")),
            ("\"a, b@c.example\" <x@example.org> (comment)", Some("example.org")),
            ("a@trusted.example <x@evil.example>", Some("evil.example")),
            ("=?utf-8?Q?a@trusted.example=2C?= <x@evil.example>", Some("evil.example")),
            ("jörg <jörg@bücher.example>", Some("xn--bcher-kva.example")),
            ("a@one.example, b@two.example", None),
            ("a@one.example, a@one.example", None),
            ("group: a@one.example;", None),
            ("<@relay.example:a@one.example>", None),
            ("\"a@b\"@one.example", None),
            ("a@[192.0.2.1]", None),
            ("@one.example", None),
            ("no address", None),
            ("<>", None),
            ("", None),
        ] {
            assert_eq!(only_domain(from).as_deref(), expected, "{from}");
        }
    }

    #[test]
    fn the_date_of_receipt_is_read_in_its_usual_forms() {
        for (received, expected) in [
            ("from a by b; Fri, 1 Mar 2024 16:00:00 -0800 (PST)", Some("2024-03-02T00:00:00+00:00")),
            ("from a by b; 16 Sep 2022 12:10 +0200", Some("2022-09-16T10:10:00+00:00")),
            ("from a (x; y) by b;  Mon, 1 Mar 2024 00:00:00 GMT", Some("2024-03-01T00:00:00+00:00")),
            ("from a by b; yesterday", None),
            ("from a by b", None),
        ] {
            assert_eq!(received_at(received).map(|date| date.to_rfc3339()).as_deref(), expected, "{received}");
        }
    }
}
