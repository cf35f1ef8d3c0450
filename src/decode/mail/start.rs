//! How a mail begins: whether bytes of which nobody says what they are begin like one.

/// Fields by which a header is known beside `X-…` and `ARC-…`.
const FIELDS: [&str; 28] = [
    "authentication-results",
    "auto-submitted",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "dkim-signature",
    "domainkey-signature",
    "envelope-to",
    "errors-to",
    "feedback-id",
    "from",
    "in-reply-to",
    "list-id",
    "message-id",
    "mime-version",
    "precedence",
    "received",
    "received-spf",
    "reply-to",
    "return-path",
    "sender",
    "status",
    "subject",
    "tls-report-domain",
    "tls-report-submitter",
    "to",
    "user-agent",
];

/// What follows the line `From …` that a mailbox, or a mail server that pipes, puts before a mail.
pub fn after_from_line(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"From ")?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    rest.get(end + 1..)
}

/// Whether a header begins here, as far as it can be seen: fields and their continuations (RFC 5322 §2.2), a known one
/// among them. A line that is neither ends the look: mails with a broken header exist.
pub fn is_header(start: &[u8], any_field: bool) -> bool {
    let mut fields = 0;
    let mut known = false;
    for line in start.split_inclusive(|byte| *byte == b'\n') {
        let continues = matches!(line, [b' ' | b'\t', ..]);
        match field_name(line) {
            _ if continues && fields > 0 => {}
            Some(name) => {
                fields += 1;
                known |= is_known(name);
            }
            None => break,
        }
    }
    known || (any_field && fields > 0)
}

/// Printable ASCII before the first colon; RFC 5322 §4.5 has seen blanks before it.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

fn is_known(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(b"x-") || name.starts_with(b"arc-") || FIELDS.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_known_by_its_fields() {
        assert!(is_header(b"Received: from mx.example.net\n\tby mx.example.com\nFrom: a@example.net\n", false));
        assert!(!is_header(b"Note: this is a text\nfor people\n", false));
        assert!(is_header(b"Note: the name says it is a mail\n", true));
        assert_eq!(after_from_line(b"From a@example.net Mon Jan  1\nTo: b\n"), Some(&b"To: b\n"[..]));
    }
}
