//! What was seen of a policy domain in one look.

use std::{collections::BTreeMap, net::IpAddr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::octets::{in_text, records_in_text};
use crate::sts::record::RecordKind;

/// One look at a policy domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// A-labels, lower case, no trailing dot.
    pub domain: String,
    pub looked_at: DateTime<Utc>,
    pub tlsrpt: RecordsSeen,
    pub sts: RecordsSeen,
    /// Names at which such records are put by mistake.
    pub elsewhere: Vec<RecordsSeen>,
    pub policy_host: PolicyHostSeen,
    /// MX hosts, best preference first; the empty name is a null MX (RFC 7505).
    pub mx: Seen<Vec<String>>,
    /// Of each MX host, and of the domain itself where it has none.
    pub mx_addresses: BTreeMap<String, Seen<Vec<AddressSeen>>>,
    /// What each address of these said; `None` where nobody asked.
    pub smtp: Option<Vec<SmtpSeen>>,
}

/// One session with an MX host, up to the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpSeen {
    pub host: String,
    pub address: IpAddr,
    pub outcome: SmtpOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpOutcome {
    /// It is not one that everybody can reach: nothing was sent there.
    NotPublic,
    NoRoute(String),
    NoConnection(String),
    /// It did not want to talk to this machine; its reply.
    Busy(String),
    Broken(String),
    NoStartTls,
    /// STARTTLS is offered and refused; the reply.
    StartTlsRefused(String),
    NoTls(String),
    Certificate {
        problem: CertificateProblem,
        words: String,
    },
    /// Encrypted, with a certificate that passes, which is valid for so many hours and was for so many.
    Good {
        valid_for_h: Option<u64>,
        valid_since_h: Option<u64>,
    },
}

/// An address of a host, and whether others than this machine can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSeen {
    pub address: IpAddr,
    pub is_public: bool,
}

/// What a question brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen<T> {
    Found(T),
    /// There is no such name, or nothing of this kind at it.
    Nothing,
    /// It could not be found out, and why not.
    Unknown(String),
}

/// TXT records at a name, each with its strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsSeen {
    pub name: String,
    pub kind: RecordKind,
    #[serde(with = "records_in_text")]
    pub records: Seen<Vec<Vec<Vec<u8>>>>,
}

/// `mta-sts.DOMAIN` and what each of its addresses answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyHostSeen {
    pub name: String,
    pub addresses: Seen<Vec<IpAddr>>,
    pub fetches: Vec<PolicyFetch>,
}

/// One try to fetch the policy, from one address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyFetch {
    pub address: IpAddr,
    pub took_ms: u64,
    pub outcome: FetchOutcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchOutcome {
    /// It is not one that everybody can reach: nothing was sent there.
    NotPublic,
    /// This machine has no way to it, such as to IPv6.
    NoRoute(String),
    NoConnection(String),
    /// No TLS, or none that is new enough.
    NoTls(String),
    /// The certificate would not pass with a sender; nothing was asked for.
    Certificate {
        problem: CertificateProblem,
        words: String,
    },
    /// Connected, and no whole answer within the time a sender waits.
    Late,
    Broken(String),
    Answered(PolicyAnswer),
}

/// What is wrong with a certificate, as far as it makes a difference for who has to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateProblem {
    Expired,
    NotYetValid,
    Name,
    /// No way to an authority: self-signed, a private authority, or an intermediate certificate that is not sent.
    Chain,
    /// This machine cannot judge it.
    CannotTell,
    Other,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyAnswer {
    pub status: u16,
    pub location: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// Signs of something in front that takes the asker for a robot.
    pub is_challenge: bool,
    /// As much as a sender reads.
    #[serde(with = "in_text")]
    pub body: Vec<u8>,
    pub is_too_large: bool,
    /// How long the certificate and its chain are valid, before and after the look, in hours.
    pub valid_for_h: Option<u64>,
    pub valid_since_h: Option<u64>,
}

impl PolicyHostSeen {
    /// The body of the first good answer.
    pub fn body(&self) -> Option<&[u8]> {
        self.fetches.iter().find_map(|fetch| match &fetch.outcome {
            FetchOutcome::Answered(answer) if answer.status == 200 => Some(answer.body.as_slice()),
            _ => None,
        })
    }
}

impl Observed {
    /// Forgets what is different at every look: how long answers took, and how long certificates still last.
    pub fn forget_times(&mut self) {
        for fetch in &mut self.policy_host.fetches {
            fetch.took_ms = 0;
            if let FetchOutcome::Answered(answer) = &mut fetch.outcome {
                (answer.valid_for_h, answer.valid_since_h) = (None, None);
            }
        }
        for seen in self.smtp.iter_mut().flatten() {
            if let SmtpOutcome::Good { valid_for_h, valid_since_h } = &mut seen.outcome {
                (*valid_for_h, *valid_since_h) = (None, None);
            }
        }
    }
}
