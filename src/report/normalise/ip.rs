//! IP addresses: any valid spelling is taken, an ambiguous one (leading zeros, ports, masks) is not guessed at.

use std::net::{IpAddr, Ipv6Addr};

use super::text::text;
use crate::report::{Deviation, Text, json::JsonField, notes::Notes};

pub(super) fn ip(field: JsonField<'_>, notes: &mut Notes) -> Text<IpAddr> {
    let at = field.at;
    let Some(text) = text(field, notes) else { return Text::Absent };
    match address(&text) {
        Some((address, zone)) => {
            if zone {
                notes.add(Deviation::IpZone, at);
            }
            Text::Typed(address)
        }
        None => {
            notes.add(Deviation::IpInvalid, at);
            Text::Verbatim(text)
        }
    }
}

/// The address, and whether a zone had to be dropped. Brackets are those of an address literal (RFC 5321 §4.1.3);
/// IPv4-mapped addresses are IPv4.
fn address(text: &str) -> Option<(IpAddr, bool)> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let inner = match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => &inner[5..],
        _ => inner,
    };
    if let Some((address, zone)) = inner.split_once('%') {
        let address: Ipv6Addr = address.parse().ok()?;
        return (!zone.is_empty()).then_some((IpAddr::V6(address), true));
    }
    let address: IpAddr = inner.parse().ok()?;
    Some((address.to_canonical(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_canonical() {
        let cases = [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:0DB8:0000::0001", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[IPv6:2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::", "::"),
        ];
        for (written, canonical) in cases {
            assert_eq!(address(written), Some((canonical.parse().unwrap(), false)), "{written}");
        }
        assert_eq!(address("fe80::1%eth0"), Some(("fe80::1".parse().unwrap(), true)));
    }

    #[test]
    fn odd_forms_are_not_guessed_at() {
        for written in [
            "x.x.x.x",
            "010.0.0.1",
            "0x7f.1",
            "1.2.3",
            "192.0.2.1:25",
            "192.0.2.0/24",
            "192.0.2.1, 192.0.2.2",
            "mail.example.com",
            "[2001:db8::1]:25",
            "192.0.2.1%eth0",
            "fe80::1%",
            "[",
            "[]",
        ] {
            assert_eq!(address(written), None, "{written}");
        }
    }
}
