//! Senders the operator trusts although no signature of their own domain passes.

use crate::submission::Trust;

/// One sender: what its From field says and whose signature it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedSender {
    /// Domain of the From field, A-labels.
    pub from_domain: String,
    /// The domain that must have signed; `None`: no signature is asked for, so anybody can write in its name.
    pub dkim_domain: Option<String>,
}

/// Those in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Senders(Vec<AcceptedSender>);

impl Senders {
    pub fn new(senders: Vec<AcceptedSender>) -> Senders {
        Senders(senders)
    }

    /// How far a mail of this From domain is believed whose passing signatures are those of `signed_by`, none of them its own:
    /// `dkim` where the operator named one of them, `import` where they ask for none, nothing for a stranger.
    pub fn trust(&self, from_domain: &str, signed_by: &[&str]) -> Option<Trust> {
        let known = || self.0.iter().filter(|sender| sender.from_domain == from_domain);
        let named =
            |sender: &AcceptedSender| sender.dkim_domain.as_deref().is_some_and(|domain| signed_by.contains(&domain));
        if known().any(named) {
            return Some(Trust::Dkim);
        }
        known().any(|sender| sender.dkim_domain.is_none()).then_some(Trust::Import)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_signer_is_believed_further_than_none() {
        let sender = |from: &str, dkim: Option<&str>| AcceptedSender {
            from_domain: from.to_owned(),
            dkim_domain: dkim.map(str::to_owned),
        };
        let senders = Senders::new(vec![
            sender("corp.example", Some("esp.example")),
            sender("plain.example", None),
            sender("both.example", None),
            sender("both.example", Some("esp.example")),
        ]);
        assert_eq!(senders.trust("corp.example", &["other.example", "esp.example"]), Some(Trust::Dkim));
        assert_eq!(senders.trust("corp.example", &["other.example"]), None);
        assert_eq!(senders.trust("corp.example", &[]), None);
        assert_eq!(senders.trust("plain.example", &[]), Some(Trust::Import));
        assert_eq!(senders.trust("both.example", &["esp.example"]), Some(Trust::Dkim));
        assert_eq!(senders.trust("both.example", &[]), Some(Trust::Import));
        assert_eq!(senders.trust("mail.plain.example", &[]), None, "a subdomain is another sender");
    }
}
