//! Holds what was seen against the RFCs.

mod mx;
mod policy_host;
mod policy_text;
mod records;
mod smtp;

use super::{
    finding::{Check, Effect, Finding, Severity},
    observed::Observed,
};
use crate::{
    report::StsMode,
    sts::policy::{self, PolicyReading},
};

/// Everything worth telling, the worst first.
pub fn judge(observed: &Observed) -> Vec<Finding> {
    let policy = observed.policy_host.body().map(policy::read);
    let mut findings = Findings::default();
    records::judge(observed, &mut findings);
    policy_host::judge(observed, &mut findings);
    if let Some(policy) = &policy {
        policy_text::judge(policy, &mut findings);
    }
    mx::judge(observed, policy.as_ref(), &mut findings);
    smtp::judge(observed, policy.as_ref(), &mut findings);
    findings.0.sort_by_key(|finding| finding.severity);
    findings.0
}

/// Whether the policy is one that senders apply and refuse mail by.
fn is_enforced(policy: &PolicyReading) -> bool {
    policy.is_valid() && policy.mode == Some(StsMode::Enforce)
}

/// A certificate ends soon when so many hours are left or a quarter of its life, whichever is less; and is urgent at these.
const ENDS_SOON_H: u64 = 14 * 24;
const ENDS_NOW_H: u64 = 3 * 24;

/// Whether a certificate's end is urgent, and in what time it comes; `None` while it is far.
fn ends(valid_for_h: Option<u64>, valid_since_h: Option<u64>) -> Option<(bool, String)> {
    let left = valid_for_h?;
    let life = left + valid_since_h.unwrap_or(u64::MAX / 2);
    let when = match left {
        0..=1 => "an hour".to_owned(),
        2..=47 => format!("{left} hours"),
        _ => format!("{} days", left / 24),
    };
    (left <= ENDS_SOON_H.min(life / 4)).then_some((left <= ENDS_NOW_H.min(life / 10), when))
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        check: Check,
        (severity, effect): (Severity, Effect),
        part: Option<String>,
        message: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.0.push(Finding { check, severity, effect, part, message: message.into(), remedy });
    }

    fn unknown(&mut self, check: Check, part: Option<String>, message: String) {
        self.add(check, (Severity::Unknown, Effect::None), part, message, None);
    }
}
