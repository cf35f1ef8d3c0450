//! Who sent a report, and how far that is proven: the key its rows stand under, and the name that is shown for a key.
//!
//! A key of its own says what was proven: `google.com` (a known reporter), `tlsrpt@mail.example` (a signing domain with the
//! From address), `mail.example` (proven by the network, or a sender the operator trusts by another's signature). What was
//! not proven has a prefix that no proven key can have, so that a claim never meets a proof: `trusted:`, `imported:`, `claimed:`.

mod confusable;
mod key;
mod registry;

use std::sync::OnceLock;

pub use key::{KeyProof, key, same_sender};
pub use registry::{Registry, Reporter};

static IN_USE: OnceLock<Registry> = OnceLock::new();

/// The known reporters of this process: those that are shipped, unless others were set.
pub fn known() -> &'static Registry {
    IN_USE.get_or_init(Registry::shipped)
}

/// Sets the known reporters once, at start. What is set later changes nothing, because names that were shown stay.
pub fn set(registry: Registry) {
    let _ = IN_USE.set(registry);
}

/// What is shown for a key: the registry's name, else the key in words. Never what a sender calls itself.
pub fn shown(key: &str) -> String {
    named(key).unwrap_or_else(|| key.to_owned())
}

/// The same where it is not the key itself.
pub fn named(key: &str) -> Option<String> {
    if let Some(reporter) = known().by_key(key) {
        return Some(reporter.name.clone());
    }
    let standing = KeyProof::of(key);
    let whose = standing.claimed(key);
    match standing {
        KeyProof::Known | KeyProof::Proven => None,
        KeyProof::Signed => key.split_once('/').map(|(from, signer)| format!("{from}, signed by {signer}")),
        KeyProof::Trusted | KeyProof::Imported | KeyProof::Claimed => Some(format!("{whose} ({})", standing.as_str())),
    }
}

/// How far it is proven who a key stands for, and what its reports say of themselves beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderIdentity {
    /// What is shown for the key, without the word.
    pub name: String,
    pub standing: KeyProof,
    /// `organization-name` as sent, where the name is not the registry's.
    pub says: Option<String>,
    /// Name and key of the known reporter that it may be taken for.
    pub taken_for: Option<(String, String)>,
}

impl SenderIdentity {
    pub fn of(key: &str, says: Option<&str>) -> SenderIdentity {
        let standing = KeyProof::of(key);
        let name = match standing {
            KeyProof::Known | KeyProof::Signed | KeyProof::Proven => shown(key),
            KeyProof::Trusted | KeyProof::Imported | KeyProof::Claimed => standing.claimed(key).to_owned(),
        };
        let says = says.filter(|says| standing != KeyProof::Known && !says.eq_ignore_ascii_case(&name));
        let taken_for = known().confusable_with(key, says).map(|known| (known.name.clone(), known.key.clone()));
        SenderIdentity { name, standing, says: says.map(str::to_owned), taken_for }
    }
}
