//! What makes two policies the same (RFC 8461 §3.2): mode, max_age and the set of mx patterns. Senders that hand a policy on reorder its lines, change
//! case and drop what they do not use, so that the texts are never compared.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::policy::PolicyReading;
use crate::report::StsMode;

/// A policy as a sender applies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyContent {
    pub mode: StsMode,
    /// Seconds.
    pub max_age_s: u64,
    /// Patterns, lower case, without trailing dot.
    pub mx: BTreeSet<String>,
}

impl PolicyContent {
    /// That of a policy file; `None` where a sender that follows the RFC does not apply it.
    pub fn of(reading: &PolicyReading) -> Option<PolicyContent> {
        if !reading.is_valid() {
            return None;
        }
        let mx = reading.mx.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
        Some(PolicyContent { mode: reading.mode?, max_age_s: reading.max_age_s?, mx })
    }

    /// A name for it: the same content has the same name everywhere.
    pub fn name(&self) -> Uuid {
        let mut digest = Sha256::new();
        digest.update(format!("{}\n{}\n", self.mode.as_str(), self.max_age_s));
        for pattern in &self.mx {
            digest.update(format!("{pattern}\n"));
        }
        let digest = digest.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Uuid::from_bytes(bytes)
    }
}

/// In one line: `enforce, 604800 s, mx1.example.com *.example.net`.
impl fmt::Display for PolicyContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} s,", self.mode.as_str(), self.max_age_s)?;
        self.mx.iter().try_for_each(|pattern| write!(f, " {pattern}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::policy;

    fn content(text: &str) -> Option<PolicyContent> {
        PolicyContent::of(&policy::read(text.as_bytes()))
    }

    #[test]
    fn order_case_and_unknown_keys_make_no_difference() {
        let one =
            content("version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: *.Example.net\nmax_age: 86400\n").unwrap();
        let other =
            "mode: enforce\r\nmax_age: 86400\r\nmx: *.example.net\r\nmx: mx1.example.com\r\nx: y\r\nversion: STSv1\r\n";
        assert_eq!(content(other), Some(one.clone()));
        assert_eq!(one.to_string(), "enforce, 86400 s, *.example.net mx1.example.com");
        let testing = PolicyContent { mode: StsMode::Testing, ..one.clone() };
        assert_ne!(testing.name(), one.name());
        assert_eq!(content("version: STSv1\nmode: enforce\nmax_age: 86400\n"), None, "without mx it is no policy");
    }
}
