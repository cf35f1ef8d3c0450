//! Addresses that mail is taken for, and what an address in RCPT has to do with them.

use std::{borrow::Cow, fmt, str::FromStr};

/// Mail for it is taken wherever any is (RFC 5321 §4.5.1).
pub(super) const POSTMASTER: &str = "postmaster";

/// A mailbox, `local@domain`. Unlike RFC 5321 §2.4 the local part is compared without case: it is ours, and nobody gives two
/// mailboxes for reports names that differ in case only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    local: String,
    /// A-labels, lower case.
    domain: String,
}

/// Where mail for an address belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressClass<'a> {
    Ours {
        /// What follows `local+` (RFC 5233).
        detail: Option<&'a str>,
    },
    /// One of our domains, but none of our mailboxes.
    Unknown,
    Foreign,
}

impl Address {
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What follows our local part: `None` where the other one is another mailbox.
    fn detail<'a>(&self, local: &'a str) -> Option<Option<&'a str>> {
        let (own, rest) = local.split_at_checked(self.local.len())?;
        if !own.eq_ignore_ascii_case(&self.local) {
            return None;
        }
        match rest {
            "" => Some(None),
            _ => rest.strip_prefix('+').map(Some),
        }
    }
}

/// Where an address, as a client wrote it, belongs among these.
pub(super) fn standing<'a>(address: &'a str, ours: &[Address]) -> AddressClass<'a> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        let postmaster = address.eq_ignore_ascii_case(POSTMASTER);
        return if postmaster { AddressClass::Ours { detail: None } } else { AddressClass::Unknown };
    };
    let domain = normal(domain);
    let of_domain = ours.iter().filter(|own| own.domain == domain);
    // Of `me` and `me+reports`, both ours, the longer one is meant by `me+reports+token`.
    let found = of_domain
        .clone()
        .filter_map(|own| Some((own.local.len(), own.detail(local)?)))
        .max_by_key(|(length, _)| *length);
    match found {
        Some((_, detail)) => AddressClass::Ours { detail },
        None if of_domain.count() == 0 => AddressClass::Foreign,
        None if local.eq_ignore_ascii_case(POSTMASTER) => AddressClass::Ours { detail: None },
        None => AddressClass::Unknown,
    }
}

fn normal(domain: &str) -> Cow<'_, str> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::EMPTY)
        .unwrap_or_else(|_| Cow::Owned(domain.to_ascii_lowercase()))
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let wrong = || format!("`{text}` is not an address like tlsrpt@reports.example.net");
        let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if !plain(local) || !plain(domain) || local.contains(['@', '"', '<', '>']) {
            return Err(wrong());
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| wrong())?;
        Ok(Address { local: local.to_owned(), domain })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Vec<Address> {
        ["tlsrpt@reports.example.net", "me+tls@bücher.example", "me@bücher.example"]
            .map(|address| address.parse().unwrap())
            .to_vec()
    }

    #[test]
    fn ours_are_known_in_any_case_and_with_any_sub_address() {
        let cases = [
            ("tlsrpt@reports.example.net", None),
            ("TLSRPT@Reports.EXAMPLE.net", None),
            ("tlsrpt@reports.example.net.", None),
            ("tlsrpt+abc@reports.example.net", Some("abc")),
            ("tlsrpt+a+b@reports.example.net", Some("a+b")),
            ("tlsrpt+@reports.example.net", Some("")),
            ("me@xn--bcher-kva.example", None),
            ("me+tls@BÜCHER.example", None),
            ("me+tls+x@bücher.example", Some("x")),
            ("me+tlsx@bücher.example", Some("tlsx")),
            ("postmaster", None),
            ("Postmaster@Reports.example.net", None),
        ];
        for (address, detail) in cases {
            assert_eq!(standing(address, &ours()), AddressClass::Ours { detail }, "{address}");
        }
    }

    #[test]
    fn others_are_told_apart() {
        for address in [
            "tlsrpt2@reports.example.net",
            "tlsrp@reports.example.net",
            "+x@reports.example.net",
            "",
            "root",
            "postmaster+x@reports.example.net",
        ] {
            assert_eq!(standing(address, &ours()), AddressClass::Unknown, "{address}");
        }
        let foreign = [
            "tlsrpt@example.net",
            "postmaster@example.net",
            "a@b@example.net",
            "tlsrpt@reports.example.net@x",
            "x@[192.0.2.1]",
            "x@",
            "é@é",
        ];
        for address in foreign {
            assert_eq!(standing(address, &ours()), AddressClass::Foreign, "{address}");
        }
    }

    #[test]
    fn what_is_no_address_cannot_be_configured() {
        for text in ["", "tlsrpt", "@example.net", "a@", "a b@example.net", "a@b@example.net", "a@exa mple.net", "a@-"]
        {
            assert!(text.parse::<Address>().unwrap_err().contains(text), "{text}");
        }
    }
}
