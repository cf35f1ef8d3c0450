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

/// docs/figures.md, "Which reports": what a report claims.
pub fn claimed(contact: Option<&str>, name: Option<&str>) -> String {
    // Only the very domain: below it a company may write in its own name.
    let free = |domain: &String| {
        ascii(domain.trim_end_matches('.')).is_some_and(|domain| FREE_MAIL.lines().any(|line| line.trim() == domain))
    };
    contact
        .and_then(contact_domain)
        .filter(|domain| !free(domain))
        .as_deref()
        .and_then(registrable)
        .or_else(|| name.and_then(registrable))
        .or_else(|| name.map(|name| name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")))
        .filter(|key| !key.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// What the server found out about who sent a report.
#[derive(Debug, Default)]
pub struct Found {
    pub trust: String,
    pub signer: Option<String>,
    pub signature_passed: bool,
    pub from_domain: Option<String>,
    pub from_address: Option<String>,
    pub was_judged: bool,
    pub network_domain: Option<String>,
}

/// Name, signing domain and From address of the known reporters, by their key.
const KNOWN: [(&str, &str, &str, &str); 3] = [
    ("google.com", "Google Inc.", "google.com", "noreply-smtp-tls-reporting@google.com"),
    ("mail.ru", "Mail.ru", "corp.mail.ru", "postmaster_tlsrpt@corp.mail.ru"),
    ("microsoft.com", "Microsoft Corporation", "microsoft.com", "tlsrpt-noreply@microsoft.com"),
];

/// docs/senders.md, "Keys and names".
pub fn key(found: &Found, claimed: &str) -> String {
    let known = |domain: &str, from: Option<&str>| {
        let is = |known: &&(&str, &str, &str, &str)| {
            known.2 == domain && from.is_none_or(|from| known.3.eq_ignore_ascii_case(from))
        };
        KNOWN.iter().find(is).map(|known| known.0.to_owned())
    };
    match found.trust.as_str() {
        "dkim" if found.signature_passed => {
            let signer = found.signer.as_deref().unwrap_or_default();
            let Some(from) = found.from_address.as_deref() else { return signer.to_owned() };
            let lower = from.to_ascii_lowercase();
            known(signer, Some(from)).unwrap_or_else(|| match lower.rsplit_once('@') {
                Some((_, domain)) if domain == signer => lower,
                _ => format!("{lower}/{signer}"),
            })
        }
        "dkim" => found.from_domain.clone().unwrap_or_default(),
        "network" => {
            let domain = found.network_domain.clone().unwrap_or_default();
            known(&domain, None).unwrap_or(domain)
        }
        "import" if found.was_judged && found.from_domain.is_some() => {
            format!("trusted:{}", found.from_domain.as_deref().unwrap_or_default())
        }
        "import" => format!("imported:{claimed}"),
        _ => format!("claimed:{claimed}"),
    }
}

/// What is shown for a key where that is not the key itself.
pub fn named(key: &str) -> Option<String> {
    if let Some(known) = KNOWN.iter().find(|known| known.0 == key) {
        return Some(known.1.to_owned());
    }
    if let Some((word, whose)) =
        key.split_once(':').filter(|(word, _)| ["trusted", "imported", "claimed"].contains(word))
    {
        return Some(format!("{whose} ({word})"));
    }
    key.split_once('/').map(|(from, signer)| format!("{from}, signed by {signer}"))
}

pub fn shown(key: &str) -> String {
    named(key).unwrap_or_else(|| key.to_owned())
}

/// The word beside the name.
pub fn word(key: &str) -> &str {
    match key.split_once(':') {
        Some((word @ ("trusted" | "imported" | "claimed"), _)) => word,
        _ if KNOWN.iter().any(|known| known.0 == key) => "known",
        _ if key.contains('@') => "signed",
        _ => "proven",
    }
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
    fn a_claim_is_the_contact_then_the_name() {
        let contact = Some("tlsrpt@mail.sender.example");
        assert_eq!(claimed(contact, Some("X")), "sender.example");
        assert_eq!(claimed(Some("Post <a@b.co.uk>"), None), "b.co.uk");
        assert_eq!(claimed(Some("someone@gmail.com"), Some("mx.sender.example")), "sender.example");
        assert_eq!(claimed(Some("someone@gmail.com"), Some("The  Big Sender ")), "the big sender");
        assert_eq!(claimed(Some("https://sender.example/contact"), None), "unknown");
    }

    #[test]
    fn a_key_says_what_was_proven() {
        let found = |trust: &str, from: &str| Found {
            trust: trust.to_owned(),
            signer: Some("s.example".to_owned()),
            signature_passed: true,
            from_address: Some(from.to_owned()),
            ..Found::default()
        };
        assert_eq!(key(&found("dkim", "A@s.example"), "x"), "a@s.example");
        assert_eq!(key(&found("dkim", "a@m.s.example"), "x"), "a@m.s.example/s.example");
        assert_eq!(key(&found("token", "a@s.example"), "x"), "claimed:x");
        assert_eq!(
            (shown("claimed:x").as_str(), word("google.com"), shown("google.com").as_str()),
            ("x (claimed)", "known", "Google Inc.")
        );
    }
}
