//! What went wrong in the eight weeks, by the distance from the last day.

use chrono::NaiveDate;

use super::{senders::DemoSender, sites::DemoSite};

/// How the sessions of one policy type failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct DemoFailure {
    pub result_type: &'static str,
    pub reason_code: Option<&'static str>,
    /// The MX host concerned; `None` where no connection was made.
    pub mx: Option<&'static str>,
    pub share: TrafficShare,
    /// What the sender has cached names another MX host than there is.
    pub stale_mx: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum TrafficShare {
    /// Percent of the sessions.
    Percent(u64),
    /// So many sessions at most, and sometimes none.
    UpTo(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrafficKind {
    Sts,
    Tlsa,
}

/// The story that concerns this sender, domain and day, if any.
pub(super) fn trouble(
    kind: TrafficKind,
    sender: &DemoSender,
    site: &DemoSite,
    day: NaiveDate,
    to: NaiveDate,
) -> Option<DemoFailure> {
    let days_ago = (to - day).num_days();
    match (kind, site.domain, days_ago) {
        (TrafficKind::Sts, "example.com", 1..=3) => fetch_outage(sender),
        (TrafficKind::Sts, "example.net", _) if sender.domain == "bluefjord.example" && days_ago <= 36 => {
            Some(STALE_POLICY)
        }
        (TrafficKind::Sts, "example.net", 19..=23) => Some(EXPIRED_CERTIFICATE),
        (TrafficKind::Tlsa, "example.org", 11..=12) => Some(ROLLOVER_MISTAKE),
        (TrafficKind::Sts, "example.com", _) if sender.domain == "relay.halon.example" => Some(STARTTLS_TRICKLE),
        (TrafficKind::Sts, "example.com" | "example.net", _) if sender.domain == "google.com" => Some(STRAY),
        _ => None,
    }
}

/// The policy host of example.com was unreachable. Who had the policy cached did not notice, the three largest did.
fn fetch_outage(sender: &DemoSender) -> Option<DemoFailure> {
    let (share, reason_code) = match sender.domain {
        "google.com" => (35, None),
        "microsoft.com" => (60, None),
        "mail.ru" => (100, Some("Get \"https://mta-sts.example.com/.well-known/mta-sts.txt\": connection timed out")),
        _ => return None,
    };
    Some(DemoFailure {
        result_type: "sts-policy-fetch-error",
        reason_code,
        mx: None,
        share: TrafficShare::Percent(share),
        stale_mx: None,
    })
}

/// Nobody renewed the certificate of the second MX host.
const EXPIRED_CERTIFICATE: DemoFailure = DemoFailure {
    result_type: "certificate-expired",
    reason_code: Some("certificate has expired"),
    mx: Some("mx2.example.net"),
    share: TrafficShare::Percent(38),
    stale_mx: None,
};

/// The MX host got a new name five weeks ago; this sender never fetched the policy again.
const STALE_POLICY: DemoFailure = DemoFailure {
    result_type: "certificate-host-mismatch",
    reason_code: Some("MX host is not in the cached policy"),
    mx: Some("mx1.example.net"),
    share: TrafficShare::Percent(100),
    stale_mx: Some("mail.example.net"),
};

/// The certificate was exchanged before the new TLSA record was published.
const ROLLOVER_MISTAKE: DemoFailure = DemoFailure {
    result_type: "tlsa-invalid",
    reason_code: Some("no TLSA record matches the certificate"),
    mx: Some("mx1.example.org"),
    share: TrafficShare::Percent(72),
    stale_mx: None,
};

/// A middlebox on the way removes STARTTLS now and then.
const STARTTLS_TRICKLE: DemoFailure = DemoFailure {
    result_type: "starttls-not-supported",
    reason_code: None,
    mx: Some("mx1.example.com"),
    share: TrafficShare::UpTo(3),
    stale_mx: None,
};

/// What happens anywhere.
const STRAY: DemoFailure = DemoFailure {
    result_type: "validation-failure",
    reason_code: None,
    mx: None,
    share: TrafficShare::UpTo(1),
    stale_mx: None,
};
