//! An alert: what is wrong with what, since when, by what evidence, and what became of it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::AlertRule;
use crate::explain::MailEffect;

/// What an alert is about; the parts a rule does not need are `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Subject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_domain: Option<String>,
    /// Organisation key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_type: Option<String>,
    /// Receiving MX hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mx_host: Option<String>,
    /// A part of the program, by its name on the health page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertStatus {
    Firing,
    Resolved,
}

/// One alert, from its first firing to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Digest of rule, subject and `fired_at`, so that the same evaluation gives the same name.
    pub uuid: Uuid,
    pub rule: AlertRule,
    pub subject: Subject,
    pub status: AlertStatus,
    /// When the trouble began, as far as the data tell: the start of the first failing day, or a moment.
    pub since: DateTime<Utc>,
    /// When it fired first.
    pub fired_at: DateTime<Utc>,
    /// When its status last changed.
    pub changed_at: DateTime<Utc>,
    /// When a notice about it last went out; `None`: nobody was told (silenced).
    pub notified_at: Option<DateTime<Utc>>,
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// What the operator wrote when acknowledging.
    pub acknowledgement: Option<String>,
    /// How often it fired: more than once where it came back soon after it was resolved.
    pub times: u32,
    /// As of the last evaluation that changed something worth telling; the resolving one adds `clear_day`.
    pub evidence: AlertEvidence,
}

/// What an alert rests on. The parts a rule does not need are empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertEvidence {
    /// Those for whom it is not over first, then most failed sessions first; at most twenty.
    pub organisations: Vec<Affected>,
    /// How many there are in all.
    pub organisations_total: u64,
    /// For how many of them it is over.
    pub organisations_over: u64,
    /// Those for whom it is not over have not been heard of for some days, while others report that it is.
    pub unheard: bool,
    /// MX hosts to look at, those with the most failed sessions first, at most three.
    pub mx_hosts: Vec<String>,
    /// What became of the mail.
    pub mails: Vec<MailEffect>,
    /// The rule whose alert tells of it in place of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_over_by: Option<AlertRule>,
    pub result_types: Vec<String>,
    /// Reason codes as the senders gave them, at most three.
    pub reasons: Vec<String>,
    /// Failed sessions that were counted.
    pub failed: i64,
    /// All sessions of the same days, where the rule compares.
    pub sessions: i64,
    /// Share that failed before, 0 to 1, where the rule compares with a baseline.
    pub baseline: Option<f64>,
    /// First and last report day with the trouble (UTC).
    pub first_day: Option<NaiveDate>,
    pub last_day: Option<NaiveDate>,
    /// Report day that showed it to be over.
    pub clear_day: Option<NaiveDate>,
    /// Last day on which a report that proves no sender says that it is over: it ends nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_clear_day: Option<NaiveDate>,
    /// The last time the thing that is missing was there.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// What the part says of itself, or a number in words.
    pub detail: Option<String>,
    /// Why nothing can, or could, be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cannot_store: Option<String>,
    /// Submissions that were acknowledged and cannot be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cannot_count: Option<usize>,
}

/// One sending organisation's share in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Affected {
    /// Organisation key.
    pub key: String,
    pub name: String,
    pub failed: i64,
    pub first_day: Option<NaiveDate>,
    pub last_day: Option<NaiveDate>,
    /// The first later day this organisation reported on without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_day: Option<NaiveDate>,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertEvent {
    Fired,
    /// It came back soon after it was resolved: the same alert goes on.
    Reopened,
    /// It is still there, after the time set for reminding; or a silence over it has ended.
    Reminded,
    Resolved,
    /// No report came that could tell, for so long that it is not called firing any more.
    Expired,
    /// Another alert, about its cause, tells of it from now on. Nobody is told of that.
    TakenOver,
    /// By the operator.
    Acknowledged,
}

/// A change of one alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    pub event: AlertEvent,
    /// As it is after the change.
    pub alert: Alert,
    /// Whether the channels are told.
    pub notified: bool,
    /// Why they are not, where somebody might wonder: the silence with its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<String>,
}

impl Alert {
    /// The name of an alert that fires now.
    pub fn name(rule: AlertRule, subject: &Subject, fired_at: DateTime<Utc>) -> Uuid {
        let mut digest = Sha256::new();
        let parts =
            [&subject.policy_domain, &subject.organisation, &subject.result_type, &subject.mx_host, &subject.part];
        for part in [Some(rule.as_str())].into_iter().chain(parts.into_iter().map(Option::as_deref)) {
            // Length and presence first, so that no two lists of parts have the same bytes.
            let text = part.unwrap_or_default();
            digest.update([u8::from(part.is_some())]);
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        digest.update(fired_at.timestamp_micros().to_be_bytes());
        let bytes: [u8; 32] = digest.finalize().into();
        uuid::Builder::from_custom_bytes(std::array::from_fn(|at| bytes[at])).into_uuid()
    }

    /// MX hosts to look at; empty where none is known.
    pub fn hosts(&self) -> &[String] {
        match &self.subject.mx_host {
            Some(host) => std::slice::from_ref(host),
            None => &self.evidence.mx_hosts,
        }
    }

    pub fn is_firing(&self) -> bool {
        self.status == AlertStatus::Firing
    }
}

impl AlertStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            AlertStatus::Firing => "firing",
            AlertStatus::Resolved => "resolved",
        }
    }

    pub fn from_name(name: &str) -> Option<AlertStatus> {
        [AlertStatus::Firing, AlertStatus::Resolved].into_iter().find(|status| status.as_str() == name)
    }
}

impl AlertEvent {
    pub const ALL: [AlertEvent; 7] = [
        AlertEvent::Fired,
        AlertEvent::Reopened,
        AlertEvent::Reminded,
        AlertEvent::Resolved,
        AlertEvent::Expired,
        AlertEvent::TakenOver,
        AlertEvent::Acknowledged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AlertEvent::Fired => "fired",
            AlertEvent::Reopened => "reopened",
            AlertEvent::Reminded => "reminded",
            AlertEvent::Resolved => "resolved",
            AlertEvent::Expired => "expired",
            AlertEvent::TakenOver => "taken-over",
            AlertEvent::Acknowledged => "acknowledged",
        }
    }

    pub fn from_name(name: &str) -> Option<AlertEvent> {
        AlertEvent::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_named_by_rule_subject_and_time() {
        let at = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let domain = |name: &str| Subject { policy_domain: Some(name.to_owned()), ..Subject::default() };
        let name = Alert::name(AlertRule::PolicyFetch, &domain("example.com"), at);
        assert_eq!(name, Alert::name(AlertRule::PolicyFetch, &domain("example.com"), at));
        assert_ne!(name, Alert::name(AlertRule::Dane, &domain("example.com"), at));
        assert_ne!(name, Alert::name(AlertRule::PolicyFetch, &domain("example.net"), at));
        let host = Subject { mx_host: Some("example.com".to_owned()), ..Subject::default() };
        assert_ne!(name, Alert::name(AlertRule::PolicyFetch, &host, at));
    }
}
