//! What the words of RFC 8460 mean for the person who runs the mail server: result types, what became of the mail, faults, deviations.

pub mod faults;
pub mod result_types;

use serde::{Deserialize, Serialize};

/// What became of the mail of a failed session (RFC 8461 §5, RFC 7672 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailEffect {
    /// Not delivered on that try; the sender tries again and in the end returns it.
    Refused,
    /// Delivered all the same.
    Delivered,
    /// Delivered as if there were no policy.
    Unprotected,
    /// The policy could not be had anew and the sender went by the one it held: mail went where that one allows.
    Cached,
    /// The report does not tell the policy's mode.
    Unknown,
}

impl MailEffect {
    pub fn of(result_type: &str, policy_type: &str, mode: Option<&str>) -> MailEffect {
        match (policy_type, mode) {
            // RFC 8461 §5.1: a report that names a policy there names the one the sender held and applied.
            ("sts", Some("enforce")) if result_types::POLICY_FETCH.contains(&result_type) => MailEffect::Cached,
            ("sts", Some("testing" | "none")) => MailEffect::Delivered,
            _ if result_types::POLICY_FETCH.contains(&result_type) => MailEffect::Unprotected,
            ("tlsa", _) | ("sts", Some("enforce")) => MailEffect::Refused,
            ("no-policy-found", _) => MailEffect::Delivered,
            _ => MailEffect::Unknown,
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            MailEffect::Refused => "mail was not delivered on that try",
            MailEffect::Delivered => "mail was delivered all the same",
            MailEffect::Unprotected => "mail went out without your policy’s protection",
            MailEffect::Cached => "mail went by the policy the sender had in its cache, in mode enforce",
            MailEffect::Unknown => "the report does not tell whether mail was delivered",
        }
    }
}

/// What decided it, as a word beside each failure.
pub fn mode_word(policy_type: &str, mode: Option<&str>) -> String {
    match (policy_type, mode) {
        ("sts", Some(mode)) => mode.to_owned(),
        ("sts", None) => "mode unknown".to_owned(),
        ("tlsa", _) => "DANE".to_owned(),
        ("no-policy-found", _) => "no policy".to_owned(),
        (other, _) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::MailEffect;

    #[test]
    fn the_mode_decides_about_the_mail() {
        assert_eq!(MailEffect::of("certificate-expired", "sts", Some("enforce")), MailEffect::Refused);
        assert_eq!(MailEffect::of("certificate-expired", "sts", Some("testing")), MailEffect::Delivered);
        assert_eq!(MailEffect::of("certificate-expired", "sts", None), MailEffect::Unknown);
        assert_eq!(MailEffect::of("tlsa-invalid", "tlsa", None), MailEffect::Refused);
        assert_eq!(MailEffect::of("starttls-not-supported", "no-policy-found", None), MailEffect::Delivered);
        assert_eq!(MailEffect::of("sts-policy-fetch-error", "sts", None), MailEffect::Unprotected);
        assert_eq!(MailEffect::of("sts-policy-fetch-error", "no-policy-found", None), MailEffect::Unprotected);
    }

    #[test]
    fn a_policy_that_is_named_where_none_could_be_fetched_was_in_the_cache() {
        for result_type in super::result_types::POLICY_FETCH {
            assert_eq!(MailEffect::of(result_type, "sts", Some("enforce")), MailEffect::Cached);
            assert_eq!(MailEffect::of(result_type, "sts", Some("testing")), MailEffect::Delivered);
            assert_eq!(MailEffect::of(result_type, "sts", Some("none")), MailEffect::Delivered);
        }
    }
}
