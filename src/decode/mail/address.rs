//! What the header of a whole mail says about where it comes from.

use chrono::{DateTime, Utc};

use super::{MailMessage, MessageBytes, header::Header};
use crate::report;

/// A message with these bytes and this header.
pub(super) fn message(raw: MessageBytes, header: &Header<'_>) -> MailMessage {
    let domain = |name| header.only(name).and_then(|text| report::domain(&text));
    let from = header.only("From").and_then(|text| only_address(&text));
    MailMessage {
        raw,
        from_address: from.as_ref().map(|(local, domain)| format!("{local}@{domain}")),
        from_domain: from.map(|(_, domain)| domain),
        submitter: domain("TLS-Report-Submitter"),
        report_domain: domain("TLS-Report-Domain"),
        received_at: header.first("Received").and_then(|text| received_at(&text)),
    }
}

/// Encoded words stay encoded: they cannot stand in an address (RFC 2047 §5), and what they decode to must not become one.
fn only_address(from: &str) -> Option<(String, String)> {
    match mailparse::addrparse(from).ok().and_then(mailparse::MailAddrList::extract_single_info) {
        Some(address) => parts_of(&address.addr),
        None => parts_of(plain_address(from)?.trim()),
    }
}

/// A local part with an `@` in quotes is legal, and too easily taken for another address.
fn parts_of(address: &str) -> Option<(String, String)> {
    let (local, domain) = address.rsplit_once('@')?;
    let local = local.trim();
    if local.is_empty() || local == "\"\"" || local.contains('@') {
        return None;
    }
    Some((local.to_owned(), report::domain(domain)?))
}

/// The address in a field that a strict reader does not read: behind a name with a comma, colon or semicolon that should be
/// in quotes, or bare with its local part in quotes (RFC 5322 §3.4.1). None where there could be a second one, or a group.
fn plain_address(from: &str) -> Option<String> {
    let text = without_comments(from)?;
    // What stands outside quotes, with the quoted text blanked out byte for byte.
    let outside = without_quoted(&text)?;
    if outside.matches('@').count() != 1 {
        return None;
    }
    let Some((name, rest)) = outside.split_once('<') else {
        let starts_quoted = text.trim_start().starts_with('"');
        let is_bare = !outside.trim().contains([' ', '\t', ',', ':', ';', '>']);
        return (starts_quoted && is_bare).then_some(text);
    };
    let (address, after) = rest.split_once('>')?;
    let is_group = name.split_once(':').is_some_and(|(_, members)| members.contains(';'));
    let is_alone = address.contains('@') && !address.contains([' ', '\t', ',', ':', ';', '<']);
    if is_group || !is_alone || name.contains('>') || !after.trim().is_empty() {
        return None;
    }
    let start = name.len() + 1;
    text.get(start..start + address.len()).map(str::to_owned)
}

/// RFC 5322 §3.2.2: comments nest. None where one does not end.
fn without_comments(from: &str) -> Option<String> {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0_usize, false, false);
    for c in from.chars() {
        let within = depth > 0;
        match c {
            _ if escaped => escaped = false,
            '\\' if within || quoted => escaped = true,
            '"' if !within => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if within => depth -= 1,
            _ => {}
        }
        if !within && depth == 0 {
            text.push(c);
        }
    }
    (depth == 0).then_some(text)
}

/// With `_` for each byte of a quoted string. None where one does not end.
fn without_quoted(text: &str) -> Option<String> {
    let (mut outside, mut quoted, mut escaped) = (String::new(), false, false);
    for c in text.chars() {
        let within = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if within || quoted {
            outside.extend(std::iter::repeat_n('_', c.len_utf8()));
        } else {
            outside.push(c);
        }
    }
    (!quoted).then_some(outside)
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
            ("\"x\"@google.example", Some("google.example")),
            ("\"x y\\\"\"@google.example (comment (nested))", Some("google.example")),
            ("Google <\"x\"@google.example>", Some("google.example")),
            ("Google, Inc. <\"x y\"@google.example>", Some("google.example")),
            ("Google, Inc. <x@google.example>", Some("google.example")),
            ("Google, \"a@b.example\" (c@d.example) <x@google.example> (comment)", Some("google.example")),
            ("Google; Inc <x@google.example>", Some("google.example")),
            ("Reports: Google <x@google.example>", Some("google.example")),
            ("bücher, wörter <x@google.example>", Some("google.example")),
            ("=?utf-8?Q?a=40trusted.example?=, Inc. <x@evil.example>", Some("evil.example")),
            ("Google, a@trusted.example <x@evil.example>", None),
            ("Google, a@trusted.example, <x@evil.example>", None),
            ("=?utf-8?Q?a@trusted.example?=, Inc. <x@evil.example>", None),
            ("Google, Inc. <x@google.example>, <y@evil.example>", None),
            ("Google, Inc. <x@google.example>, \"y\"", None),
            ("Google, Inc. <x@google.example> y", None),
            ("Google, Inc. <x@google.example@evil.example>", None),
            ("Google, Inc. <\"x@google.example\"@evil.example>", None),
            ("Google, Inc. <<x@google.example>>", None),
            ("Google, Inc. <x> @google.example", None),
            ("Google, Inc. <x@google.example", None),
            ("Google, Inc. (<x@google.example>", None),
            ("Google, \"Inc. <x@google.example>", None),
            ("Google, Inc. <@relay.example:a@one.example>", None),
            ("Google, Inc. <a,b@one.example>", None),
            ("x, y@google.example", None),
            ("\"x\"@google.example, y", None),
            ("\"x\"@one.example, \"y\"@two.example", None),
            ("\"x\" y@google.example", None),
            ("\"\"@google.example", None),
            ("a@b@c.example", None),
            ("<a@b@c.example>", None),
            ("group: A <a@one.example>;", None),
            ("group: A <a@one.example>, B <b@two.example>;", None),
            ("group:; A <a@one.example>", None),
            ("=?utf-8?Q?a=40trusted.example?=", None),
            ("(a@one.example)", None),
            ("a@[192.0.2.1]", None),
            ("@one.example", None),
            ("no address", None),
            ("<>", None),
            ("", None),
        ] {
            assert_eq!(only_address(from).map(|(_, domain)| domain).as_deref(), expected, "{from}");
        }
    }

    #[test]
    fn an_address_keeps_its_local_part() {
        let address = |from| only_address(from).map(|(local, domain)| format!("{local}@{domain}"));
        assert_eq!(address("Google <NoReply@Google.COM.>").as_deref(), Some("NoReply@google.com"));
        assert_eq!(address("Google, Inc. <\"x y\"@google.example>").as_deref(), Some("\"x y\"@google.example"));
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
