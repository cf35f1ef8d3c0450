//! Sentences that the overview, the week and the digest say alike.

use crate::{
    explain::MailEffect,
    query::{reported::Reported, shares::Sessions},
    share, wording,
};

/// How much was secure, in two parts: `98.7 %` and `of 1,234 sessions were secure.`
pub(crate) fn secure(once: Sessions) -> (String, String) {
    let sessions = wording::counted(once.total(), "session", "sessions");
    match once.failed {
        0 => ("All".to_owned(), format!("{sessions} were secure.")),
        _ => (share::secure(once.successful, once.total()), format!("of {sessions} were secure.")),
    }
}

/// What the figures rest on.
pub(crate) fn proof(reported: Reported) -> String {
    format!(
        "{} from {} say so.",
        wording::counted(reported.reports, "report", "reports"),
        wording::counted(reported.organisations, "organisation", "organisations"),
    )
}

/// The share of the period before, which is called `period`; empty where it had no sessions.
pub(crate) fn before(period: &str, once: Sessions) -> String {
    match once.total() {
        0 => String::new(),
        total => {
            format!("The {period} before: {} of {}.", share::secure(once.successful, total), wording::thousands(total))
        }
    }
}

/// Failed sessions as a failure detail claims them.
pub(crate) struct Claimed<'a> {
    pub(crate) result_type: &'a str,
    pub(crate) policy_type: &'a str,
    pub(crate) mode: Option<&'a str>,
    pub(crate) failed: i64,
}

/// How much mail was held up: only enforced policies and DANE stop it. Empty where it was none.
pub(crate) fn held_up<'a>(claimed: impl Iterator<Item = Claimed<'a>>) -> String {
    let refused = claimed
        .filter(|claim| MailEffect::of(claim.result_type, claim.policy_type, claim.mode) == MailEffect::Refused)
        .fold(0, |sum: i64, claim| sum.saturating_add(claim.failed));
    match refused {
        0 => String::new(),
        refused => {
            format!("In {} the mail was not delivered on that try.", wording::counted(refused, "session", "sessions"))
        }
    }
}

/// Those that say something.
pub(crate) fn present<const COUNT: usize>(sentences: [String; COUNT]) -> Vec<String> {
    sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect()
}
