//! What is told to people and programs elsewhere, before it takes the form of a channel: a notice about alerts, or a whole
//! mail. Stored as JSON in the outbox until it is delivered, so a field once released keeps its name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AlertEvent, AlertRule, Severity};

/// What one outbox entry delivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// One notice, or several that were held back by the channel's cap and go out together.
    Notices(Vec<Notice>),
    /// A mail that is complete but for its addresses: a digest.
    Email(Email),
}

/// One thing that happened, about one alert or several of the same rule at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// `None`: a test.
    pub event: Option<AlertEvent>,
    pub rule: Option<AlertRule>,
    pub severity: Severity,
    /// One sentence without a full stop at its end: what happened, with its numbers. At most about 120 characters.
    pub title: String,
    /// Further sentences: the evidence, what it means, what became of the mail.
    pub lines: Vec<String>,
    /// What to do next, in sentences; commands on lines of their own.
    pub advice: Vec<String>,
    /// The page with all of it, as a path such as `/alerts/UUID`.
    pub path: String,
    pub at: DateTime<Utc>,
    /// The alerts it is about; empty for a test.
    pub alerts: Vec<About>,
    /// Alerts it is about as well, for which there was no room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One alert of a notice, for channels that keep a state of their own (PagerDuty, Alertmanager).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub alert: Uuid,
    /// One sentence.
    pub title: String,
    pub policy_domain: Option<String>,
    pub organisation: Option<String>,
    pub result_type: Option<String>,
    pub mx_host: Option<String>,
    pub part: Option<String>,
    pub since: DateTime<Utc>,
    /// Set where it is over.
    pub ended_at: Option<DateTime<Utc>>,
    pub path: String,
}

/// A mail with a text, an HTML and a picture for each place in the HTML that names one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Email {
    pub subject: String,
    pub text: String,
    pub html: String,
    pub pictures: Vec<Picture>,
    /// Last part of the List-Id and of the Message-ID: `digest`, `alerts`.
    pub list: String,
}

/// A PNG that the HTML shows as `<img src="cid:NAME">`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Content-ID without angle brackets and domain, such as `trend`.
    pub name: String,
    #[serde(with = "as_base64")]
    pub png: Vec<u8>,
}

/// One entry on its way into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Name of the channel, or `mail` for a digest.
    pub channel: String,
    /// Mail address; for PagerDuty and Alertmanager, which keep a state of each alert, the alert; empty for other channels.
    pub recipient: String,
    /// Entries of the same channel and recipient with the same key are one: what is put in twice goes out once. One line.
    pub dedupe: String,
    /// For the list of notifications.
    pub title: String,
    pub payload: Payload,
}

mod as_base64 {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
