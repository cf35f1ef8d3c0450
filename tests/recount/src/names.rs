//! Names as they are filed: domains, addresses, and who sent a report.

use std::net::IpAddr;

const FREE_MAIL: &str = include_str!("../../../src/report/free_mail.txt");

/// Lower case A-labels without the dot at the end; what is no domain stays as text.
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.is_empty() {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    Some(ascii(bare).unwrap_or_else(|| text.to_owned()))
}

fn ascii(bare: &str) -> Option<String> {
    let ascii = if bare.is_ascii() { bare.to_ascii_lowercase() } else { idna::domain_to_ascii(bare).ok()? };
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let fine = ascii.len() <= 253 && ascii.split('.').all(label) && ascii.parse::<IpAddr>().is_err();
    fine.then_some(ascii)
}

/// The one spelling of an address; what is none stays as text.
pub fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let bare = if bare.contains(':') { bare.split('%').next().unwrap_or(bare) } else { bare };
    match bare.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical().to_string()),
        Err(_) => (!text.is_empty()).then(|| text.to_owned()),
    }
}

fn registrable(domain: &str) -> Option<String> {
    let domain = ascii(domain.trim().trim_end_matches('.'))?;
    domain.contains('.').then(|| psl::domain_str(&domain).unwrap_or(&domain).to_owned())
}

fn contact_domain(contact: &str) -> Option<String> {
    let address = match (contact.rfind('<'), contact.rfind('>')) {
        (Some(open), Some(close)) if open < close => &contact[open + 1..close],
        _ => contact,
    };
    let address = address.trim();
    let start = address.get(..7).filter(|start| start.eq_ignore_ascii_case("mailto:")).map_or(0, str::len);
    let address = address[start..].split('?').next().unwrap_or("");
    let (local, domain) = address.rsplit_once('@')?;
    (!local.is_empty() && !local.contains(char::is_whitespace)).then(|| domain.to_owned())
}

/// docs/figures.md, "Which reports".
pub fn organisation(signed_by: Option<&str>, contact: Option<&str>, name: Option<&str>) -> String {
    // Only the very domain: below it a company may write in its own name.
    let free = |domain: &String| {
        ascii(domain.trim_end_matches('.')).is_some_and(|domain| FREE_MAIL.lines().any(|line| line.trim() == domain))
    };
    signed_by
        .and_then(registrable)
        .or_else(|| contact.and_then(contact_domain).filter(|domain| !free(domain)).as_deref().and_then(registrable))
        .or_else(|| name.and_then(registrable))
        .or_else(|| name.map(|name| name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")))
        .filter(|key| !key.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_a_labels_in_lower_case() {
        assert_eq!(domain(" Example.COM. ").as_deref(), Some("example.com"));
        assert_eq!(domain("bücher.example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(domain("https://Example.com/").as_deref(), Some("https://Example.com/"));
        assert_eq!(domain(" "), None);
    }

    #[test]
    fn addresses_have_one_spelling() {
        assert_eq!(address("[2001:DB8::1]").as_deref(), Some("2001:db8::1"));
        assert_eq!(address("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(address("010.0.0.1").as_deref(), Some("010.0.0.1"));
        assert_eq!(address("fe80::1%eth0").as_deref(), Some("fe80::1"));
    }

    #[test]
    fn an_organisation_is_who_signed_then_the_contact_then_the_name() {
        let contact = Some("tlsrpt@mail.sender.example");
        assert_eq!(organisation(Some("s.other.example"), contact, Some("X")), "other.example");
        assert_eq!(organisation(None, contact, Some("X")), "sender.example");
        assert_eq!(organisation(None, Some("Post <a@b.co.uk>"), None), "b.co.uk");
        assert_eq!(organisation(None, Some("someone@gmail.com"), Some("mx.sender.example")), "sender.example");
        assert_eq!(organisation(None, Some("someone@gmail.com"), Some("The  Big Sender ")), "the big sender");
        assert_eq!(organisation(None, Some("https://sender.example/contact"), None), "unknown");
    }
}
