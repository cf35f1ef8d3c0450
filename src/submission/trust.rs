//! What was proven about who sent a report, and which reports a question is about by it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What was proven about who sent a report, least first. A copy of higher trust takes the place of a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Posted to the open URL: anybody can.
    None,
    /// Posted to a URL of one domain, which stands in the public DNS: it tells where the URL was read, not who posts.
    Token,
    /// Fed in by the operator.
    Import,
    /// Posted over HTTPS from an address that its reporting domain names and permits to send mail.
    Network,
    /// A passing DKIM signature aligned with the submitter (RFC 8460 §3).
    Dkim,
}

impl Trust {
    pub const ALL: [Trust; 5] = [Trust::None, Trust::Token, Trust::Import, Trust::Network, Trust::Dkim];

    pub fn as_str(self) -> &'static str {
        match self {
            Trust::None => "none",
            Trust::Token => "token",
            Trust::Import => "import",
            Trust::Network => "network",
            Trust::Dkim => "dkim",
        }
    }

    /// Whether pages, digests and alerts count it by default: proven, or trusted by the operator.
    pub fn is_counted_by_default(self) -> bool {
        self >= Trust::Import
    }

    /// Whether it is known who sent it.
    pub fn is_proven(self) -> bool {
        self >= Trust::Network
    }

    pub fn from_name(name: &str) -> Option<Trust> {
        Trust::ALL.into_iter().find(|trust| trust.as_str() == name)
    }
}

/// Which reports a question is about, by their trust: the parameter `trust` of pages, and `trust` of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TrustFilter {
    /// What counts by default: `min_trust` of the alerts, or more.
    #[default]
    Counted,
    /// Proven or imported.
    Trusted,
    /// Neither proven nor imported.
    Claimed,
    /// What does not count by default.
    Beside,
    All,
    Exactly(Trust),
}

impl TrustFilter {
    pub const ALL: [TrustFilter; 10] = [
        TrustFilter::Counted,
        TrustFilter::Trusted,
        TrustFilter::Claimed,
        TrustFilter::Beside,
        TrustFilter::All,
        TrustFilter::Exactly(Trust::Dkim),
        TrustFilter::Exactly(Trust::Network),
        TrustFilter::Exactly(Trust::Import),
        TrustFilter::Exactly(Trust::Token),
        TrustFilter::Exactly(Trust::None),
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            TrustFilter::Counted => "counted",
            TrustFilter::Trusted => "trusted",
            TrustFilter::Claimed => "claimed",
            TrustFilter::Beside => "beside",
            TrustFilter::All => "all",
            TrustFilter::Exactly(Trust::Dkim) => "dkim",
            TrustFilter::Exactly(Trust::Network) => "network",
            TrustFilter::Exactly(Trust::Import) => "import",
            TrustFilter::Exactly(Trust::Token) => "token",
            TrustFilter::Exactly(Trust::None) => "none",
        }
    }

    pub fn from_name(name: &str) -> Option<TrustFilter> {
        TrustFilter::ALL.into_iter().find(|filter| filter.as_str() == name)
    }
}

impl Serialize for TrustFilter {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TrustFilter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<TrustFilter, D::Error> {
        const NAMES: [&str; 10] = {
            let mut names = [""; 10];
            let mut at = 0;
            while at < names.len() {
                names[at] = TrustFilter::ALL[at].as_str();
                at += 1;
            }
            names
        };
        let name = String::deserialize(from)?;
        TrustFilter::from_name(&name).ok_or_else(|| de::Error::unknown_variant(&name, &NAMES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trust_can_be_asked_for_by_its_name() {
        for trust in Trust::ALL {
            assert_eq!(TrustFilter::from_name(trust.as_str()), Some(TrustFilter::Exactly(trust)));
            assert_eq!(serde_json::to_value(trust).unwrap(), trust.as_str());
        }
        for filter in TrustFilter::ALL {
            let name = serde_json::to_string(&filter).unwrap();
            assert_eq!(serde_json::from_str::<TrustFilter>(&name).unwrap(), filter);
        }
        let wrong = serde_json::from_str::<TrustFilter>("\"signed\"").unwrap_err().to_string();
        assert!(wrong.starts_with("unknown variant `signed`, expected one of `counted`, `trusted`"), "{wrong}");
    }
}
