//! Known reporters: shipped with the program, changed by `[[reporter]]` in the configuration.

use serde::{Deserialize, Serialize};

use super::confusable;
use crate::{report::domain, setting::settings};

const SHIPPED: &str = include_str!("known.toml");

settings! {
    /// One known reporter, `[[reporter]]`: what proves that a report is its own, and what it is called.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Reporter {
        /// What its reports are kept under; a shipped reporter with the same key gives way. Usually its registrable domain.
        /// Example: "example.org"
        pub key: String,
        /// What it is called on pages, in digests and in alerts.
        /// Example: "Example Mail"
        pub name: String,
        /// Signing domains (`d=`) of its mails, and the domains it posts for over HTTPS.
        /// Example: ["example.org"]
        pub signing_domains: Vec<String>,
        /// Whether every domain below those signs for it as well.
        pub subdomains: bool,
        /// From addresses of its mails. None: every address below its domains, so that everybody who may send there speaks for it.
        /// Example: ["tlsrpt@example.org"]
        pub addresses: Vec<String>,
        /// Networks it posts from, which prove a post to be its own.
        /// Example: ["192.0.2.0/24", "2001:db8::/32"]
        pub networks: Vec<String>,
        /// Patterns for the names of the hosts it posts from, `*` for one label. An address with another name proves nothing.
        /// Example: ["*.out.example.org"]
        pub hosts: Vec<String>,
        /// Whether the name of the posting address and the SPF record prove a post to be its own. Of no use where others can
        /// send from such addresses, as at large providers.
        pub by_dns: bool,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    reporter: Vec<Reporter>,
}

/// The reporters in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry(Vec<Reporter>);

impl Registry {
    /// Those that come with the program.
    pub fn shipped() -> Registry {
        // A test reads the file, so that it cannot be wrong here.
        Registry(toml::from_str::<File>(SHIPPED).unwrap_or_default().reporter)
    }

    /// With the operator's own: one with the key of a shipped one takes its place.
    pub fn with(mut self, own: &[Reporter]) -> Registry {
        for reporter in own {
            self.0.retain(|shipped| shipped.key != reporter.key);
            self.0.push(reporter.clone());
        }
        self.0.sort_by(|a, b| a.key.cmp(&b.key));
        self
    }

    pub fn reporters(&self) -> &[Reporter] {
        &self.0
    }

    pub fn by_key(&self, key: &str) -> Option<&Reporter> {
        self.0.iter().find(|reporter| reporter.key == key)
    }

    /// Whose mail it is that this domain signed and that is from this address.
    pub fn signed(&self, signer: &str, from: &str) -> Option<&Reporter> {
        self.0.iter().find(|reporter| reporter.speaks_at(signer) && reporter.writes_from(from))
    }

    /// Whose domain it is.
    pub fn at(&self, domain: &str) -> Option<&Reporter> {
        self.0.iter().find(|reporter| reporter.speaks_at(domain))
    }

    /// The known reporter that a name, or the domain of a key, may be taken for although the key is another's.
    pub fn confusable_with(&self, key: &str, name: Option<&str>) -> Option<&Reporter> {
        if self.by_key(key).is_some() {
            return None;
        }
        // What is only claimed says so in its key; a signature is another matter where every user's mail is signed alike.
        let claims = |reporter: &Reporter| !key.contains('@') && confusable::is_of(key, reporter);
        self.0.iter().filter(|reporter| !claims(reporter)).find(|reporter| {
            name.is_some_and(|name| confusable::names(name, reporter)) || confusable::looks_like(key, reporter)
        })
    }

    /// Changes whenever a key may have changed, so that stored reports are given their new ones.
    pub fn fingerprint(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let text: Vec<String> = self
            .0
            .iter()
            .map(|known| {
                format!("{}\n{:?}\n{}\n{:?}", known.key, known.signing_domains, known.subdomains, known.addresses)
            })
            .collect();
        let digest = Sha256::digest(format!("keys 1\n{}", text.join("\n\n")));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Reporter {
    fn speaks_at(&self, name: &str) -> bool {
        let below = |known: &str| name.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'));
        self.signing_domains.iter().any(|known| known == name || (self.subdomains && below(known)))
    }

    fn writes_from(&self, from: &str) -> bool {
        if self.addresses.is_empty() {
            return from
                .rsplit_once('@')
                .is_some_and(|(_, host)| domain(host).is_some_and(|host| self.speaks_at(&host)));
        }
        self.addresses.iter().any(|known| known.eq_ignore_ascii_case(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_can_be_read_and_each_key_is_a_domain_s() {
        let file: File = toml::from_str(SHIPPED).unwrap();
        assert_eq!(Registry::shipped().0, file.reporter);
        for reporter in &file.reporter {
            assert_eq!(domain(&reporter.key).as_deref(), Some(reporter.key.as_str()));
            assert!(
                !reporter.name.is_empty() && !reporter.signing_domains.is_empty() && !reporter.addresses.is_empty()
            );
            for name in &reporter.signing_domains {
                assert_eq!(domain(name).as_deref(), Some(name.as_str()));
            }
            let key = psl::domain_str(&reporter.key).unwrap();
            assert!(reporter.signing_domains.iter().all(|name| psl::domain_str(name) == Some(key)), "{key}");
        }
    }

    #[test]
    fn only_the_registry_widens_a_signing_domain() {
        let wide = Reporter {
            key: "wide.example".to_owned(),
            signing_domains: vec!["wide.example".to_owned()],
            subdomains: true,
            ..Reporter::default()
        };
        let registry = Registry::shipped().with(&[wide]);
        let key = |signer, from| registry.signed(signer, from).map(|known| known.key.as_str());
        assert_eq!(key("mx.wide.example", "a@mx.wide.example"), Some("wide.example"));
        assert_eq!(key("notwide.example", "a@notwide.example"), None);
        assert_eq!(key("mail.google.com", "noreply-smtp-tls-reporting@google.com"), None);
        assert_eq!(key("google.com", "NoReply-SMTP-TLS-Reporting@google.com"), Some("google.com"));
    }

    #[test]
    fn an_operator_s_own_entry_takes_the_place_of_a_shipped_one() {
        let own = Reporter { key: "google.com".to_owned(), name: "G".to_owned(), ..Reporter::default() };
        let registry = Registry::shipped().with(&[own]);
        assert_eq!(registry.by_key("google.com").unwrap().name, "G");
        assert_eq!(registry.reporters().len(), Registry::shipped().reporters().len());
        assert_ne!(registry.fingerprint(), Registry::shipped().fingerprint());
    }
}
