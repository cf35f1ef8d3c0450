//! The rules by name.

use serde::{Deserialize, Serialize};

/// What can be wrong. The names are those of the configuration, the pages and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertRule {
    /// Senders cannot fetch the MTA-STS policy of a domain, or cannot use it (RFC 8460 §4.3.2.2).
    PolicyFetch,
    /// Too many of a domain's, an organisation's or a result type's sessions fail, or many more than usual.
    FailureShare,
    /// An organisation fails at a domain with a result type that was never seen there from it.
    NewFailure,
    /// Several organisations find the certificate of one of our MX hosts expired or made out for another name.
    Certificate,
    /// DANE fails: `tlsa-invalid`, `dnssec-invalid`, `dane-required` (RFC 8460 §4.3.2.1).
    Dane,
    /// An organisation that reports regularly has stopped.
    SilentSender,
    /// No organisation reports any more.
    NoReports,
    /// Much of what comes in is quarantined.
    Quarantine,
    /// A report came twice with different content.
    Conflict,
    /// A source of reports does not work, or turns senders away.
    Source,
    /// The disk of the data directory is nearly full.
    Disk,
}

/// How soon somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl AlertRule {
    pub const ALL: [AlertRule; 11] = [
        AlertRule::PolicyFetch,
        AlertRule::Certificate,
        AlertRule::Dane,
        AlertRule::FailureShare,
        AlertRule::NewFailure,
        AlertRule::SilentSender,
        AlertRule::NoReports,
        AlertRule::Quarantine,
        AlertRule::Conflict,
        AlertRule::Source,
        AlertRule::Disk,
    ];
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AlertRule;

    #[test]
    fn every_rule_is_found_by_its_name() {
        for rule in AlertRule::ALL {
            assert_eq!(AlertRule::from_name(rule.as_str()), Some(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
        assert_eq!(AlertRule::from_name("policy_fetch"), None);
    }
}
