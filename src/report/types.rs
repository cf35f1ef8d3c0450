//! RFC 8460 §4 as tlsight understands it: strict types with what the lenient wire format left over. Values that did not
//! fit are `None`; the original bytes are kept beside the report, so nothing is lost.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::deviation::Deviations;

/// One report: one sender, one time range, its policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `organization-name`, free text.
    pub organisation: Option<String>,
    /// `contact-info`, an address where it could be read as one.
    pub contact: Option<String>,
    /// `report-id`, opaque; `sha256:…` of the document where the sender gave none.
    pub report_id: String,
    pub range: DateRange,
    pub policies: Vec<PolicyResult>,
    pub deviations: Deviations,
}

/// `date-range`, as sent. End is what the sender wrote (23:59:59 or the next midnight).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub start: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub end: DateTime<Utc>,
}

impl DateRange {
    /// The UTC day the range starts on: the day the report belongs to.
    pub fn day(&self) -> NaiveDate {
        self.start.date_naive()
    }
}

/// One entry of `policies`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyResult {
    pub policy: Policy,
    /// `total-successful-session-count`; `None` where missing or unusable.
    pub successful: Option<i64>,
    /// `total-failure-session-count`; `None` where missing or unusable.
    pub failed: Option<i64>,
    pub failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub policy_type: PolicyType,
    /// A-labels, lower case, no trailing dot; verbatim where it is no domain.
    pub domain: Option<String>,
    /// Elements of `policy-string`, trimmed.
    pub policy_string: Vec<String>,
    /// `mx-host`, or the `mx:` lines of the policy where the sender left it out.
    pub mx_hosts: Vec<String>,
    pub details: PolicyDetails,
}

/// `policy-type`. Unknown ones are kept verbatim (lower case).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyType {
    Tlsa,
    Sts,
    NoPolicyFound,
    Other(String),
}

/// What the policy string says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PolicyDetails {
    Sts(StsPolicy),
    Tlsa(Vec<TlsaRecord>),
    /// No policy string, or one of a type we do not read.
    Unknown,
}

/// RFC 8461 §3.2. Fields that are missing or invalid are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StsPolicy {
    pub version: Option<String>,
    pub mode: Option<StsMode>,
    pub mx: Vec<String>,
    /// Seconds.
    pub max_age: Option<u32>,
}

/// RFC 8461 §3.2; the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StsMode {
    Enforce,
    Testing,
    None,
}

/// RFC 6698 §2.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsaRecord {
    pub usage: u8,
    pub selector: u8,
    pub matching: u8,
    /// Hex, upper case.
    pub data: String,
}

/// One entry of `failure-details`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Verbatim (trimmed, lower case); `unknown` where missing.
    pub result_type: String,
    pub sending_mta_ip: Text<IpAddr>,
    pub receiving_mx_hostname: Option<String>,
    /// As sent: a name, or all lines of a reply to EHLO.
    pub receiving_mx_helo: Option<String>,
    pub receiving_ip: Text<IpAddr>,
    /// `failed-session-count`; `None` where missing or unusable.
    pub failed_sessions: Option<i64>,
    pub additional_information: Option<String>,
    pub reason_code: Option<String>,
}

/// A value that is normally of type `T`, else the text the sender wrote instead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Text<T> {
    #[default]
    Absent,
    Typed(T),
    Verbatim(String),
}

impl<T: ToString> Text<T> {
    pub fn to_text(&self) -> Option<String> {
        match self {
            Text::Absent => None,
            Text::Typed(value) => Some(value.to_string()),
            Text::Verbatim(text) => Some(text.clone()),
        }
    }
}

impl PolicyType {
    pub fn as_str(&self) -> &str {
        match self {
            PolicyType::Tlsa => "tlsa",
            PolicyType::Sts => "sts",
            PolicyType::NoPolicyFound => "no-policy-found",
            PolicyType::Other(name) => name,
        }
    }
}

impl StsMode {
    pub fn as_str(self) -> &'static str {
        match self {
            StsMode::Enforce => "enforce",
            StsMode::Testing => "testing",
            StsMode::None => "none",
        }
    }

    /// As a policy writes it, in this case only.
    pub fn from_name(name: &str) -> Option<StsMode> {
        [StsMode::Enforce, StsMode::Testing, StsMode::None].into_iter().find(|mode| mode.as_str() == name)
    }
}
