//! What every transport hands in and what it hears back.

mod accept;
mod budget;
mod by_domain;
mod client_network;
mod trust;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fault::{Fault, FaultCode};
pub use accept::{Accept, Accepting};
pub use budget::ClientBudget;
pub use by_domain::{ByDomain, Foremost};
pub use client_network::ClientNetwork;
pub use trust::{Trust, TrustFilter};

/// One body as it arrived, with what the transport knows about it.
#[derive(Debug, Clone)]
pub struct Submission {
    pub bytes: Vec<u8>,
    pub channel: Channel,
    /// Who delivered it, where the transport knows.
    pub peer: Option<IpAddr>,
    pub received_at: DateTime<Utc>,
    pub hints: Hints,
}

/// What the transport said about the bytes. All of it is a claim.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// `Content-Type`, verbatim.
    pub media_type: Option<String>,
    /// `Content-Encoding`, verbatim.
    pub content_encoding: Option<String>,
    /// Last segment of `/v1/tlsrpt/{token}`, or the sub-address of `tlsrpt+TOKEN@`.
    pub token: Option<String>,
    /// Where it lay before, for the operator's eyes: path of a file, folder of a mailbox.
    pub source: Option<String>,
    /// When a mail reached the mailbox it was taken from, where that was before we received it. Whether a signature had
    /// expired is judged at this time (RFC 6376 §3.5).
    pub mailed_at: Option<DateTime<Utc>>,
    /// The operator trusts these files: mail among them is not asked for a signature.
    pub trusted_input: bool,
    /// What was found when these bytes first came, where they come out of the store: keys rotate and cannot be looked up
    /// again later (RFC 6376 §3.6).
    pub judged: Option<Box<Origin>>,
}

/// What was found out about who sent a report: about the mail it came in, or the address it was posted from. Empty where
/// nobody was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Domain of the From field.
    pub from_domain: Option<String>,
    /// Its address as written.
    pub from_address: Option<String>,
    pub dkim_verdict: Option<SignatureVerdict>,
    /// Of the signature that decided, where there was one.
    pub dkim_domain: Option<String>,
    pub dkim_selector: Option<String>,
    /// Whether DNSSEC secured the key of that signature; `None` where no key was asked for.
    pub key_secure: Option<bool>,
    /// When the mail reached the mailbox it was taken from: whether a signature had expired is judged at this time.
    pub mailed_at: Option<DateTime<Utc>>,
    /// Whether the posting address proves a domain; `None` where that was not asked.
    pub network_state: Option<NetworkState>,
    /// The domain that is proven, A-labels in lower case.
    pub network_domain: Option<String>,
    /// What proves it, or why it is not proven, as JSON.
    pub network_evidence: Option<String>,
}

/// Whether the address a report was posted from was found to belong to the domain it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkState {
    Proven,
    NotProven,
    /// It could not be looked up and will be again.
    Unknown,
}

impl NetworkState {
    pub fn as_str(self) -> &'static str {
        match self {
            NetworkState::Proven => "proven",
            NetworkState::NotProven => "not-proven",
            NetworkState::Unknown => "unknown",
        }
    }

    pub fn from_name(name: &str) -> Option<NetworkState> {
        let all = [NetworkState::Proven, NetworkState::NotProven, NetworkState::Unknown];
        all.into_iter().find(|state| state.as_str() == name)
    }
}

/// What came of a mail's DKIM signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&str")]
pub enum SignatureVerdict {
    Pass,
    /// What kept it from counting.
    Fault(FaultCode),
}

impl SignatureVerdict {
    /// `pass`, or the code of the fault.
    pub fn as_str(self) -> &'static str {
        match self {
            SignatureVerdict::Pass => "pass",
            SignatureVerdict::Fault(code) => code.as_str(),
        }
    }

    pub fn from_name(name: &str) -> Option<SignatureVerdict> {
        if name == "pass" {
            return Some(SignatureVerdict::Pass);
        }
        FaultCode::from_name(name).map(SignatureVerdict::Fault)
    }
}

impl From<SignatureVerdict> for &str {
    fn from(verdict: SignatureVerdict) -> Self {
        verdict.as_str()
    }
}

impl TryFrom<String> for SignatureVerdict {
    type Error = String;

    fn try_from(name: String) -> Result<SignatureVerdict, String> {
        SignatureVerdict::from_name(&name).ok_or_else(|| format!("there is no signature verdict {name:?}"))
    }
}

impl Origin {
    pub fn has_passed(&self) -> bool {
        self.dkim_verdict == Some(SignatureVerdict::Pass)
    }
}

/// The media type of a whole mail (RFC 2046 §5.2.1), as the mail transports claim it.
pub const MAIL: &str = "message/rfc822";

/// The way a report came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Https,
    Smtp,
    Lmtp,
    Imap,
    Maildir,
    Import,
}

impl Channel {
    pub const ALL: [Channel; 6] =
        [Channel::Https, Channel::Smtp, Channel::Lmtp, Channel::Imap, Channel::Maildir, Channel::Import];

    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Https => "https",
            Channel::Smtp => "smtp",
            Channel::Lmtp => "lmtp",
            Channel::Imap => "imap",
            Channel::Maildir => "maildir",
            Channel::Import => "import",
        }
    }

    /// Whether anybody on the internet can send by it, unlike what a mail server of ours or the operator hands on.
    pub fn is_open_to_all(self) -> bool {
        match self {
            Channel::Https | Channel::Smtp => true,
            Channel::Lmtp | Channel::Imap | Channel::Maildir | Channel::Import => false,
        }
    }

    pub fn from_name(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

impl Submission {
    /// Whether the bytes are a whole mail. What is posted over HTTPS never is, whatever it claims: nobody's signature is
    /// asked for there.
    pub fn is_mail(&self) -> bool {
        is_mail(self.channel, self.hints.media_type.as_deref())
    }
}

/// The same for bytes that were stored with their channel and claimed media type.
pub fn is_mail(channel: Channel, media_type: Option<&str>) -> bool {
    channel != Channel::Https && media_type.is_some_and(|claimed| claimed.eq_ignore_ascii_case(MAIL))
}

/// What became of one report.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Committed to disk under this identity.
    Stored(Uuid),
    /// Already stored under this identity; nothing changed.
    Duplicate(Uuid),
    /// Kept for the operator under this quarantine entry, not counted.
    Quarantined { entry: Uuid, fault: Fault },
    /// Not taken.
    Refused(Fault),
    /// No report, and nobody said it was one: a DMARC report, a bounce, spam. Counted, not kept.
    Ignored(Fault),
    /// Cannot be stored now; the sender should come back.
    Busy(Busy),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    #[error("the disk is full")]
    DiskFull,
    #[error("too many reports are waiting to be stored")]
    QueueFull,
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error("the store failed")]
    StoreFailed,
    #[error("the key of the mail's signature cannot be looked up now")]
    KeyLookup,
    #[error(
        "this network has sent too many policies and failure details without proof of who it is \
         (limits.unproven_rows_per_minute_max); mail with a DKIM signature is taken"
    )]
    RowsSpent { retry_s: u32 },
    #[error(
        "this network has sent too many bytes today without proof of who it is (limits.unproven_bytes_per_day_max); \
         mail with a DKIM signature is taken"
    )]
    BytesSpent { retry_s: u32 },
    #[error(
        "this network holds its share of the room for reports that nobody proved (store.unproven_max_bytes); \
         mail with a DKIM signature is taken"
    )]
    ShareFull,
}

/// What became of one submission: one outcome for each report in it, never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt(pub Vec<Outcome>, pub SubmissionNotes);

/// What a sender may want to know of a submission beside its outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubmissionNotes {
    /// The token was valid, but not for every domain that a report is about.
    pub token_of_other_domain: bool,
}

impl Receipt {
    pub fn new(outcomes: Vec<Outcome>) -> Receipt {
        Receipt(outcomes, SubmissionNotes::default())
    }

    /// The one answer a transport gives where it can give only one. Busy wins, because the sender's retry is
    /// idempotent and loses nothing; then what the operator has to look at; then success.
    pub fn overall(&self) -> &Outcome {
        let rank = |outcome: &&Outcome| match outcome {
            Outcome::Busy(_) => 0,
            Outcome::Quarantined { .. } => 1,
            Outcome::Stored(_) => 2,
            Outcome::Duplicate(_) => 3,
            Outcome::Refused(_) => 4,
            Outcome::Ignored(_) => 5,
        };
        self.0.iter().min_by_key(rank).expect("a receipt holds at least one outcome")
    }
}
