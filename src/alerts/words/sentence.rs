//! The one sentence that says what happened, for each rule.

use chrono::TimeDelta;

use super::{
    time,
    who::{days_of_open, failed, going_on, organisations, organisations_of_all, organisations_or, over_for},
};
use crate::{
    alerts::{Alert, AlertEvent, AlertEvidence, AlertRule},
    share,
};

/// Characters of a name that somebody else chose.
const NAME_MAX_CHARS: usize = 60;

/// What happened, without a full stop at its end.
pub fn title(event: AlertEvent, alert: &Alert) -> String {
    let evidence = &alert.evidence;
    let what = || match evidence.unheard {
        true => format!("{}{}{}", what(alert), days_of_open(evidence), measure(alert)),
        false => format!("{}{}{}", what(alert), since(alert), measure(alert)),
    };
    // Of several organisations some may have said that it is over: the sentence is about the others.
    let going_on = || match (evidence.unheard, over_for(evidence)) {
        (false, None) => what(),
        (false, Some(over)) => format!("{}; over for {over}", what()),
        (true, None) => format!("{}; not heard of since", what()),
        (true, Some(over)) => format!("{}; not heard of since, over for {over}", what()),
    };
    match event {
        AlertEvent::Fired => going_on(),
        AlertEvent::Reopened => format!("Again: {}", going_on()),
        AlertEvent::Reminded | AlertEvent::Acknowledged => format!("Still: {}", going_on()),
        AlertEvent::Resolved => format!("{}{}", over(alert), after(alert)),
        AlertEvent::Expired => match over_for(evidence) {
            None => format!("Not heard of any more: {}", what()),
            Some(over) => format!("Not heard of any more: {}, over for {over}", what()),
        },
        AlertEvent::TakenOver => {
            let by = evidence.taken_over_by.map_or("another rule", AlertRule::as_str);
            format!("Reported by {by} from now on: {}", what())
        }
    }
}

/// The same for several alerts of one rule.
pub fn title_of_several(rule: AlertRule, event: AlertEvent, alerts: &[&Alert]) -> String {
    let n = alerts.len();
    let by = organisations_of_all(alerts);
    let since = match alerts.iter().map(|alert| alert.since.date_naive()).min() {
        Some(day) if matches!(event, AlertEvent::Fired | AlertEvent::Reopened | AlertEvent::Reminded) => {
            format!(" since {}", time::day(day))
        }
        _ => String::new(),
    };
    let what = match rule {
        AlertRule::PolicyFetch => format!("{n} policies cannot be fetched or used by {by}{since} (MTA-STS)"),
        AlertRule::Certificate => format!("The certificates of MX hosts are not accepted by {by}{since} ({n} alerts)"),
        AlertRule::Dane => format!("DANE fails at {n} policy domains for {by}{since}"),
        AlertRule::FailureShare => format!("Too many sessions fail ({n} alerts)"),
        AlertRule::NewFailure => format!("{n} failures were seen for the first time by {by}"),
        AlertRule::SilentSender => format!("{n} organisations that report regularly have stopped"),
        AlertRule::Source => format!("{n} sources do not work"),
        AlertRule::NoReports | AlertRule::Quarantine | AlertRule::Conflict | AlertRule::Disk => {
            format!("{n} alerts of the rule {}", rule.as_str())
        }
    };
    match event {
        AlertEvent::Fired => what,
        AlertEvent::Reopened => format!("Again: {what}"),
        AlertEvent::Reminded | AlertEvent::Acknowledged => format!("Still: {what}"),
        AlertEvent::Resolved => match rule {
            AlertRule::PolicyFetch => format!("{n} policies can be fetched and used again by {by} (MTA-STS)"),
            AlertRule::Certificate => format!("The certificates of MX hosts are accepted again by {by} ({n} alerts)"),
            AlertRule::Dane => format!("DANE works again at {n} policy domains for {by}"),
            _ => format!("Over: {what}"),
        },
        AlertEvent::Expired => format!("Not heard of any more: {what}"),
        AlertEvent::TakenOver => format!("Reported by another rule from now on: {what}"),
    }
}

/// How long it lasted.
pub fn lasted(alert: &Alert) -> Option<String> {
    let AlertEvidence { first_day, clear_day, last_day, failed, .. } = alert.evidence;
    match (first_day, clear_day) {
        (Some(first), Some(clear)) => {
            let last = last_day.map_or(String::new(), |last| format!(", last seen on {}", time::day(last)));
            Some(format!(
                "It lasted from {} to {}{last}: {} failed in all.",
                time::day(first),
                time::day(clear),
                count(failed, "session")
            ))
        }
        _ => Some(format!("It lasted from {} to {}.", time::moment(alert.since), time::moment(alert.changed_at))),
    }
}

fn what(alert: &Alert) -> String {
    let (subject, evidence) = (&alert.subject, &alert.evidence);
    let part = |part: &Option<String>| name(part.as_deref().unwrap_or("?"));
    match alert.rule {
        AlertRule::PolicyFetch => {
            let fetched = evidence.result_types.iter().all(|name| name == "sts-policy-invalid");
            let verb = if fetched && !evidence.result_types.is_empty() { "use" } else { "fetch" };
            let can = if evidence.unheard { "could not" } else { "cannot" };
            format!("{} {can} {verb} the MTA-STS policy of {}", organisations(evidence), part(&subject.policy_domain))
        }
        AlertRule::Certificate => {
            let how = match subject.result_type.as_deref() {
                Some("certificate-expired") => "expired",
                _ => "made out for another name",
            };
            let verb = match going_on(evidence) {
                _ if evidence.unheard => "found",
                1 => "finds",
                _ => "find",
            };
            format!("{} {verb} the certificate of {} {how}", organisations(evidence), part(&subject.mx_host))
        }
        AlertRule::Dane => {
            let verb = if evidence.unheard { "failed" } else { "fails" };
            format!("DANE {verb} at {} for {}", part(&subject.policy_domain), organisations(evidence))
        }
        AlertRule::FailureShare => {
            let of = match (&subject.policy_domain, &subject.result_type) {
                (Some(domain), _) => format!("of the sessions with {} fail", name(domain)),
                (_, Some(result_type)) => format!("of all sessions fail with {}", name(result_type)),
                _ => format!("of the sessions of {} fail", organisations(evidence)),
            };
            format!("{} {of}", share::failed(evidence.failed, evidence.sessions))
        }
        AlertRule::NewFailure if subject.part.is_some() => format!(
            "{} more failures are new, of {}",
            evidence.detail.as_deref().unwrap_or("Some"),
            count(i64::try_from(evidence.organisations_total).unwrap_or(i64::MAX), "organisation")
        ),
        AlertRule::NewFailure => format!(
            "{} {} at {} with {} for the first time",
            organisations_or(evidence, &part(&subject.organisation)),
            if evidence.unheard { "failed" } else { "fails" },
            part(&subject.policy_domain),
            part(&subject.result_type)
        ),
        AlertRule::SilentSender => {
            let last = evidence.last_day.map_or_else(|| "long".to_owned(), time::day);
            format!(
                "{} has stopped reporting: its last report is about {last}",
                organisations_or(evidence, &part(&subject.organisation))
            )
        }
        AlertRule::NoReports => "No organisation reports any more".to_owned(),
        AlertRule::Quarantine => {
            format!(
                "{} of {} of the last 24 hours were quarantined",
                evidence.failed,
                count(evidence.sessions, "report")
            )
        }
        AlertRule::Conflict => {
            format!(
                "{} came again with other content within 24 hours ({})",
                count(evidence.failed, "report"),
                organisations(evidence)
            )
        }
        AlertRule::Source => format!("Source {} does not work", part(&subject.part)),
        AlertRule::Disk if evidence.cannot_store.is_some() => "Nothing can be stored".to_owned(),
        AlertRule::Disk => {
            let free = evidence.detail.as_deref().unwrap_or("little is free");
            format!("The disk of the data directory is nearly full: {free}")
        }
    }
}

fn over(alert: &Alert) -> String {
    let (subject, evidence) = (&alert.subject, &alert.evidence);
    let part = |part: &Option<String>| name(part.as_deref().unwrap_or("?"));
    match alert.rule {
        AlertRule::PolicyFetch => {
            format!("The MTA-STS policy of {} can be fetched and used again", part(&subject.policy_domain))
        }
        AlertRule::Certificate => format!("The certificate of {} is accepted again", part(&subject.mx_host)),
        AlertRule::Dane => format!("DANE works again at {}", part(&subject.policy_domain)),
        AlertRule::FailureShare => {
            let of = [&subject.policy_domain, &subject.organisation, &subject.result_type].into_iter().flatten().next();
            format!("The share of failed sessions of {} is back to normal", name(of.map_or("?", String::as_str)))
        }
        AlertRule::NewFailure if subject.part.is_some() => "What else was new is some days ago".to_owned(),
        AlertRule::NewFailure => format!(
            "{} does not fail any more at {} with {}",
            organisations_or(evidence, &part(&subject.organisation)),
            part(&subject.policy_domain),
            part(&subject.result_type)
        ),
        AlertRule::SilentSender => {
            format!("{} reports again", organisations_or(evidence, &part(&subject.organisation)))
        }
        AlertRule::NoReports => "Reports come in again".to_owned(),
        AlertRule::Quarantine => "Few reports are quarantined again".to_owned(),
        AlertRule::Conflict => "No report has come again with other content for 24 hours".to_owned(),
        AlertRule::Source => format!("Source {} works again", part(&subject.part)),
        AlertRule::Disk if evidence.cannot_store.is_some() => "Reports can be stored again".to_owned(),
        AlertRule::Disk => format!("There is room on the disk again: {}", evidence.detail.as_deref().unwrap_or("?")),
    }
}

fn since(alert: &Alert) -> String {
    match alert.rule {
        AlertRule::SilentSender
        | AlertRule::Quarantine
        | AlertRule::Conflict
        | AlertRule::Disk
        | AlertRule::NewFailure => String::new(),
        AlertRule::NoReports | AlertRule::Source => format!(" since {}", time::moment(alert.since)),
        _ => format!(" since {}", time::day(alert.since.date_naive())),
    }
}

/// What stands behind the sentence.
fn measure(alert: &Alert) -> String {
    match alert.rule {
        AlertRule::PolicyFetch | AlertRule::Certificate | AlertRule::Dane | AlertRule::NewFailure => {
            format!(" ({})", count(failed(&alert.evidence), "session"))
        }
        AlertRule::FailureShare => alert
            .evidence
            .baseline
            .map_or(String::new(), |share| format!(" ({} before)", share::failed_fraction(share))),
        AlertRule::Source => {
            alert.evidence.detail.as_deref().map_or(String::new(), |words| format!(": {}", cut(words, 80)))
        }
        _ => String::new(),
    }
}

fn after(alert: &Alert) -> String {
    let span = match (alert.rule, alert.evidence.clear_day) {
        (AlertRule::Quarantine | AlertRule::Conflict, _) => return String::new(),
        (AlertRule::SilentSender, Some(clear)) => clear - alert.since.date_naive(),
        (AlertRule::NoReports, _) => alert.changed_at - alert.since,
        (_, Some(clear)) => match clear - alert.since.date_naive() {
            day if day.num_days() == 1 => return " after 1 day".to_owned(),
            days => days,
        },
        _ => alert.changed_at - alert.since,
    };
    if span < TimeDelta::minutes(1) { String::new() } else { format!(" after {}", time::span(span)) }
}

/// `1 session`, `1,690 sessions`.
pub fn count(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{} {what}s", thousands(number)) }
}

/// As the pages write it.
fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    if number < 0 { format!("-{}", groups.join(",")) } else { groups.join(",") }
}

/// A name that somebody else chose, fit for a sentence.
pub fn name(text: &str) -> String {
    cut(text, NAME_MAX_CHARS)
}

/// Text without control characters, shortened.
pub fn cut(text: &str, chars_max: usize) -> String {
    let plain = |char: &char| {
        !char.is_control()
            && !matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut kept: String = text.chars().filter(plain).take(chars_max).collect();
    if text.chars().filter(plain).count() > chars_max {
        kept.pop();
        kept.push('…');
    }
    kept
}
