//! The key under which the rows of one sender stand.

use super::{Registry, known};
use crate::{
    report::identity,
    submission::{Origin, Trust},
};

const TRUSTED: &str = "trusted:";
const IMPORTED: &str = "imported:";
const CLAIMED: &str = "claimed:";

/// How far it is proven that a key's reports are whose they say, as its form tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyProof {
    /// Nobody proved it: posted to the open URL, or to one that stands in the DNS.
    Claimed,
    /// The operator fed it in; who sent it is what it says.
    Imported,
    /// The operator trusts mail of this From domain although nothing is signed, so that anybody can write it.
    Trusted,
    /// Proven by the network, or by a signature that the operator named.
    Proven,
    /// Proven by a signature.
    Signed,
    /// Proven, and in the registry of known reporters.
    Known,
}

impl KeyProof {
    pub fn of(key: &str) -> KeyProof {
        match key {
            _ if key.starts_with(CLAIMED) => KeyProof::Claimed,
            _ if key.starts_with(IMPORTED) => KeyProof::Imported,
            _ if key.starts_with(TRUSTED) => KeyProof::Trusted,
            _ if known().by_key(key).is_some() => KeyProof::Known,
            _ if key.contains('@') => KeyProof::Signed,
            _ => KeyProof::Proven,
        }
    }

    /// The small word beside a name.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyProof::Claimed => "claimed",
            KeyProof::Imported => "imported",
            KeyProof::Trusted => "trusted",
            KeyProof::Proven => "proven",
            KeyProof::Signed => "signed",
            KeyProof::Known => "known",
        }
    }

    /// What the word means.
    pub fn explained(self) -> &'static str {
        match self {
            KeyProof::Claimed => "Nobody proved who sent this: anybody can post such reports.",
            KeyProof::Imported => "You fed these reports in; who sent them is what they say.",
            KeyProof::Trusted => "You trust mail of this From domain without a signature: anybody can write such mail.",
            KeyProof::Proven => {
                "The address that posted it belongs to this domain, or a signer that you named signed it."
            }
            KeyProof::Signed => "Signed by this domain, from this address.",
            KeyProof::Known => "Proven to be this reporter, which is known by its signing domain and its From address.",
        }
    }

    /// The key without what its prefix says.
    pub fn claimed(self, key: &str) -> &str {
        let prefix = match self {
            KeyProof::Claimed => CLAIMED,
            KeyProof::Imported => IMPORTED,
            KeyProof::Trusted => TRUSTED,
            _ => "",
        };
        key.strip_prefix(prefix).unwrap_or(key)
    }
}

/// The key of a report of this trust, by what was found out about its sender and what it says of itself.
pub fn key(trust: Trust, origin: &Origin, contact: Option<&str>, name: Option<&str>) -> String {
    of_registry(known(), trust, origin, contact, name)
}

fn of_registry(
    registry: &Registry,
    trust: Trust,
    origin: &Origin,
    contact: Option<&str>,
    name: Option<&str>,
) -> String {
    let claimed = || identity::organisation_key(None, contact, name);
    let (from, signer) = (origin.from_domain.as_deref(), origin.dkim_domain.as_deref());
    match trust {
        Trust::Dkim => match (signer.filter(|_| origin.has_passed()), from) {
            (Some(signer), _) => signed(registry, signer, origin.from_address.as_deref()),
            // Signed by a domain that the operator named for this sender, who speaks for its own From domain only.
            (None, Some(from)) => from.to_owned(),
            (None, None) => signer.map_or_else(|| format!("{IMPORTED}{}", claimed()), str::to_owned),
        },
        Trust::Network => match origin.network_domain.as_deref() {
            Some(domain) => registry.at(domain).map_or_else(|| domain.to_owned(), |known| known.key.clone()),
            None => format!("{CLAIMED}{}", claimed()),
        },
        // The mail was judged, did not pass, and the operator counts it all the same: whatever it says of itself.
        Trust::Import => match from.filter(|_| origin.dkim_verdict.is_some()) {
            Some(from) => format!("{TRUSTED}{from}"),
            None => format!("{IMPORTED}{}", claimed()),
        },
        Trust::Token | Trust::None => format!("{CLAIMED}{}", claimed()),
    }
}

/// The exact signing domain with the From address: below one domain a provider's own reports and the mail of all its users
/// may be signed alike.
fn signed(registry: &Registry, signer: &str, address: Option<&str>) -> String {
    let Some(address) = address else { return signer.to_owned() };
    if let Some(known) = registry.signed(signer, address) {
        return known.key.clone();
    }
    let address = plain(address);
    match address.rsplit_once('@') {
        Some((_, domain)) if domain == signer => address,
        _ => format!("{address}/{signer}"),
    }
}

/// An address in which nothing can be taken for a part of a key: RFC 5322 §3.2.3 without what has a meaning here.
fn plain(address: &str) -> String {
    let mut text = String::with_capacity(address.len());
    let at = address.rfind('@').unwrap_or(address.len());
    for (index, c) in address.char_indices() {
        match c {
            'a'..='z' | '0'..='9' | '.' | '-' | '_' | '+' | '=' | '~' | '#' | '!' | '$' | '&' | '*' => text.push(c),
            'A'..='Z' => text.push(c.to_ascii_lowercase()),
            '@' if index == at => text.push(c),
            _ => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("%{byte:02x}"));
                }
            }
        }
    }
    text
}

/// Whether two proven keys speak for one domain: a signed mail and a post proven by the network.
pub fn same_sender(a: &str, b: &str) -> bool {
    fn domain(key: &str) -> &str {
        let signer = key.rsplit_once('/').map_or(key, |(_, signer)| signer);
        signer.rsplit_once('@').map_or(signer, |(_, domain)| domain)
    }
    // Two addresses of one domain are two senders, a domain as a whole stands for each of its addresses.
    a == b || ((!a.contains('@') || !b.contains('@')) && domain(a) == domain(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fault::FaultCode, submission::SignatureVerdict};

    fn signed_by(domain: &str, from: &str) -> Origin {
        Origin {
            from_domain: from.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
            from_address: Some(from.to_owned()),
            dkim_verdict: Some(SignatureVerdict::Pass),
            dkim_domain: Some(domain.to_owned()),
            ..Origin::default()
        }
    }

    fn of(trust: Trust, origin: &Origin) -> String {
        of_registry(&Registry::shipped(), trust, origin, Some("smtp-tls-reporting@google.com"), Some("Google Inc."))
    }

    #[test]
    fn a_key_is_what_was_proven_never_what_is_claimed() {
        let cases = [
            (Trust::Dkim, signed_by("google.com", "noreply-smtp-tls-reporting@google.com"), "google.com"),
            (Trust::Dkim, signed_by("google.com", "someone@google.com"), "someone@google.com"),
            (Trust::Dkim, signed_by("corp.mail.ru", "postmaster_tlsrpt@corp.mail.ru"), "mail.ru"),
            (Trust::Dkim, signed_by("mail.ru", "anybody@mail.ru"), "anybody@mail.ru"),
            (
                Trust::Dkim,
                signed_by("mail.ru", "postmaster_tlsrpt@corp.mail.ru"),
                "postmaster_tlsrpt@corp.mail.ru/mail.ru",
            ),
            (Trust::Dkim, signed_by("evil.example", "Noreply@EVIL.example"), "noreply@evil.example"),
            (
                Trust::Dkim,
                signed_by("evil.example", "claimed:google.com@evil.example"),
                "claimed%3agoogle.com@evil.example",
            ),
            (Trust::Dkim, signed_by("evil.example", "a/google.com@evil.example"), "a%2fgoogle.com@evil.example"),
            (Trust::Import, Origin::default(), "imported:google.com"),
            (Trust::Token, Origin::default(), "claimed:google.com"),
            (Trust::None, Origin::default(), "claimed:google.com"),
        ];
        for (trust, origin, key) in cases {
            assert_eq!(of(trust, &origin), key);
            assert_eq!(KeyProof::of(key) >= KeyProof::Proven, trust >= Trust::Network, "{key}");
        }
    }

    #[test]
    fn who_is_trusted_without_a_signature_speaks_for_its_own_from_domain() {
        let from = |domain: &str, verdict: Option<SignatureVerdict>| Origin {
            from_domain: Some(domain.to_owned()),
            dkim_verdict: verdict,
            ..Origin::default()
        };
        assert_eq!(
            of(Trust::Import, &from("small.example", Some(SignatureVerdict::Fault(FaultCode::DkimNone)))),
            "trusted:small.example"
        );
        assert_eq!(
            of(Trust::Dkim, &from("corp.example", Some(SignatureVerdict::Fault(FaultCode::DkimUnaligned)))),
            "corp.example"
        );
        assert_eq!(of(Trust::Import, &from("small.example", None)), "imported:google.com", "a file that was fed in");
    }

    #[test]
    fn a_domain_proven_by_the_network_meets_its_signed_mail() {
        let proven = |domain: &str| Origin { network_domain: Some(domain.to_owned()), ..Origin::default() };
        assert_eq!(of(Trust::Network, &proven("mail.example")), "mail.example");
        assert!(same_sender("mail.example", "tlsrpt@mail.example"));
        assert!(!same_sender("mail.example", "tlsrpt@mail.example/example"));
        assert!(!same_sender("mail.example", "tlsrpt@other.example"));
        assert!(!same_sender("a@mail.example", "b@mail.example"), "two addresses are two senders");
    }
}
