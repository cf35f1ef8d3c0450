//! The one sentence that says what happened, for each rule.

use chrono::TimeDelta;

use super::time;
use crate::{
    alerts::{Alert, Event, Evidence, Rule},
    share,
};

/// Characters of a name that somebody else chose.
const NAME_MAX_CHARS: usize = 60;

/// What happened, without a full stop at its end.
pub fn title(event: Event, alert: &Alert) -> String {
    let what = || format!("{}{}{}", what(alert), since(alert), measure(alert));
    match event {
        Event::Fired => what(),
        Event::Reopened => format!("Again: {}", what()),
        Event::Reminded | Event::Acknowledged => format!("Still: {}", what()),
        Event::Resolved => format!("{}{}", over(alert), after(alert)),
        Event::Lapsed => format!("Not heard of any more: {}", what()),
    }
}

/// The same for several alerts of one rule.
pub fn title_of_several(rule: Rule, event: Event, alerts: &[&Alert]) -> String {
    let n = alerts.len();
    let what = match rule {
        Rule::PolicyFetch => format!("The MTA-STS policies of {n} policy domains cannot be fetched or used"),
        Rule::Certificate => format!("The certificates of MX hosts are not accepted ({n} alerts)"),
        Rule::Dane => format!("DANE fails at {n} policy domains"),
        Rule::FailureShare => format!("Too many sessions fail ({n} alerts)"),
        Rule::NewFailure => format!("{n} failures were seen for the first time"),
        Rule::SilentSender => format!("{n} organisations that report regularly have stopped"),
        Rule::WayIn => format!("{n} ways in do not work"),
        Rule::NoReports | Rule::Quarantine | Rule::Conflict | Rule::Disk => {
            format!("{n} alerts of the rule {}", rule.as_str())
        }
    };
    match event {
        Event::Fired => what,
        Event::Reopened => format!("Again: {what}"),
        Event::Reminded | Event::Acknowledged => format!("Still: {what}"),
        Event::Resolved => format!("Over: {what}"),
        Event::Lapsed => format!("Not heard of any more: {what}"),
    }
}

/// How long it lasted.
pub fn lasted(alert: &Alert) -> Option<String> {
    let Evidence { first_day, clear_day, last_day, failed, .. } = alert.evidence;
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
        Rule::PolicyFetch => {
            let fetched = evidence.result_types.iter().all(|name| name == "sts-policy-invalid");
            let verb = if fetched && !evidence.result_types.is_empty() { "use" } else { "fetch" };
            format!("{} cannot {verb} the MTA-STS policy of {}", organisations(evidence), part(&subject.policy_domain))
        }
        Rule::Certificate => {
            let how = match subject.result_type.as_deref() {
                Some("certificate-expired") => "expired",
                _ => "made out for another name",
            };
            let verb = if evidence.organisations_total == 1 { "finds" } else { "find" };
            format!("{} {verb} the certificate of {} {how}", organisations(evidence), part(&subject.mx_host))
        }
        Rule::Dane => format!("DANE fails at {} for {}", part(&subject.policy_domain), organisations(evidence)),
        Rule::FailureShare => {
            let of = match (&subject.policy_domain, &subject.result_type) {
                (Some(domain), _) => format!("of the sessions with {} fail", name(domain)),
                (_, Some(result_type)) => format!("of all sessions fail with {}", name(result_type)),
                _ => format!("of the sessions of {} fail", organisations(evidence)),
            };
            format!("{} {of}", share::failed(evidence.failed, evidence.sessions))
        }
        Rule::NewFailure => format!(
            "{} fails at {} with {} for the first time",
            organisations_or(evidence, &part(&subject.organisation)),
            part(&subject.policy_domain),
            part(&subject.result_type)
        ),
        Rule::SilentSender => {
            let last = evidence.last_day.map_or_else(|| "long".to_owned(), time::day);
            format!(
                "{} has stopped reporting: its last report is about {last}",
                organisations_or(evidence, &part(&subject.organisation))
            )
        }
        Rule::NoReports => "No organisation reports any more".to_owned(),
        Rule::Quarantine => {
            format!(
                "{} of {} of the last 24 hours were quarantined",
                evidence.failed,
                count(evidence.sessions, "report")
            )
        }
        Rule::Conflict => {
            format!(
                "{} came again with other content within 24 hours ({})",
                count(evidence.failed, "report"),
                organisations(evidence)
            )
        }
        Rule::WayIn => format!("The way in {} does not work", part(&subject.part)),
        Rule::Disk => {
            let free = evidence.detail.as_deref().unwrap_or("little is free");
            format!("The disk of the data directory is nearly full: {free}")
        }
    }
}

fn over(alert: &Alert) -> String {
    let (subject, evidence) = (&alert.subject, &alert.evidence);
    let part = |part: &Option<String>| name(part.as_deref().unwrap_or("?"));
    match alert.rule {
        Rule::PolicyFetch => {
            format!("The MTA-STS policy of {} can be fetched and used again", part(&subject.policy_domain))
        }
        Rule::Certificate => format!("The certificate of {} is accepted again", part(&subject.mx_host)),
        Rule::Dane => format!("DANE works again at {}", part(&subject.policy_domain)),
        Rule::FailureShare => {
            let of = [&subject.policy_domain, &subject.organisation, &subject.result_type].into_iter().flatten().next();
            format!("The share of failed sessions of {} is back to normal", name(of.map_or("?", String::as_str)))
        }
        Rule::NewFailure => format!(
            "{} does not fail any more at {} with {}",
            organisations_or(evidence, &part(&subject.organisation)),
            part(&subject.policy_domain),
            part(&subject.result_type)
        ),
        Rule::SilentSender => format!("{} reports again", organisations_or(evidence, &part(&subject.organisation))),
        Rule::NoReports => "Reports come in again".to_owned(),
        Rule::Quarantine => "Few reports are quarantined again".to_owned(),
        Rule::Conflict => "No report has come again with other content for 24 hours".to_owned(),
        Rule::WayIn => format!("The way in {} works again", part(&subject.part)),
        Rule::Disk => format!("There is room on the disk again: {}", evidence.detail.as_deref().unwrap_or("?")),
    }
}

fn since(alert: &Alert) -> String {
    match alert.rule {
        Rule::SilentSender | Rule::Quarantine | Rule::Conflict | Rule::Disk | Rule::NewFailure => String::new(),
        Rule::NoReports | Rule::WayIn => format!(" since {}", time::moment(alert.since)),
        _ => format!(" since {}", time::day(alert.since.date_naive())),
    }
}

/// What stands behind the sentence.
fn measure(alert: &Alert) -> String {
    match alert.rule {
        Rule::PolicyFetch | Rule::Certificate | Rule::Dane | Rule::NewFailure => {
            format!(" ({})", count(alert.evidence.failed, "session"))
        }
        Rule::FailureShare => alert
            .evidence
            .baseline
            .map_or(String::new(), |share| format!(" ({} before)", share::failed_fraction(share))),
        Rule::WayIn => alert.evidence.detail.as_deref().map_or(String::new(), |words| format!(": {}", cut(words, 80))),
        _ => String::new(),
    }
}

fn after(alert: &Alert) -> String {
    let span = match (alert.rule, alert.evidence.clear_day) {
        (Rule::Quarantine | Rule::Conflict, _) => return String::new(),
        (Rule::SilentSender, Some(clear)) => clear - alert.since.date_naive(),
        (Rule::NoReports, _) => alert.changed_at - alert.since,
        (_, Some(clear)) => match clear - alert.since.date_naive() {
            day if day.num_days() == 1 => return " after 1 day".to_owned(),
            days => days,
        },
        _ => alert.changed_at - alert.since,
    };
    if span < TimeDelta::minutes(1) { String::new() } else { format!(" after {}", time::span(span)) }
}

fn organisations_or(evidence: &Evidence, key: &str) -> String {
    if evidence.organisations.is_empty() { key.to_owned() } else { organisations(evidence) }
}

/// `Microsoft`, `Microsoft and Mail.ru`, `Microsoft, Mail.ru and 3 more`.
fn organisations(evidence: &Evidence) -> String {
    let total = evidence.organisations_total.max(evidence.organisations.len() as u64);
    let names: Vec<String> = evidence.organisations.iter().take(2).map(|affected| cut(&affected.name, 30)).collect();
    match names.as_slice() {
        [] => "An organisation".to_owned(),
        [one] if total <= 1 => one.clone(),
        [one] => format!("{one} and {} more", total - 1),
        [one, two, ..] if total <= 2 => format!("{one} and {two}"),
        [one, two, ..] => format!("{one}, {two} and {} more", total - 2),
    }
}

/// `1 session`, `812 sessions`.
pub fn count(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
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
