//! An alert in one sentence, for pages, mails and channels: who cannot do what, and how many sessions say so.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Affected, Alert, Evidence, Rule, Subject};

/// Organisations named; the others are counted.
const NAMED_MAX: usize = 3;
/// Characters of a name or a text that is not ours.
const TEXT_MAX: usize = 60;
const DETAIL_MAX: usize = 120;

/// One sentence without a full stop at its end, in the past tense once the alert is over. Names are as the reports give them, cut
/// where they are long and on one line; what shows it still has to escape it.
pub fn sentence(alert: &Alert) -> String {
    let (evidence, subject) = (&alert.evidence, &alert.subject);
    let firing = alert.is_firing();
    let domain = name_of(subject.policy_domain.as_deref(), "a domain");
    match alert.rule {
        Rule::PolicyFetch => {
            format!("{} {}{}", who(evidence), policy_fetch(evidence, firing, &domain), sessions(evidence))
        }
        Rule::Certificate => {
            let verb = verb(evidence, firing, "finds", "find", "found");
            let host = name_of(subject.mx_host.as_deref(), "an MX host");
            format!(
                "{} {verb} the certificate of {host} {}{}",
                who(evidence),
                certificate(evidence),
                sessions(evidence)
            )
        }
        Rule::Dane => {
            let verb = verb(evidence, firing, "cannot use", "cannot use", "could not use");
            format!("{} {verb} DANE at {domain}: {}{}", who(evidence), types(evidence), sessions(evidence))
        }
        Rule::FailureShare => failure_share(evidence, subject, firing),
        Rule::NewFailure => {
            let verb = verb(evidence, firing, "fails", "fail", "failed");
            let result_type =
                subject.result_type.as_deref().map_or_else(|| types(evidence), |name| cut(name, TEXT_MAX));
            format!("{} {verb} at {domain} with {result_type} for the first time{}", who(evidence), sessions(evidence))
        }
        Rule::SilentSender => {
            let verb = if firing { "has not reported" } else { "had not reported" };
            let about = subject.policy_domain.as_deref().map(|name| format!(" about {}", cut(name, TEXT_MAX)));
            let organisation = organisation(evidence, subject);
            format!("{organisation} {verb}{}{}", about.unwrap_or_default(), last_seen(evidence))
        }
        Rule::NoReports => {
            let verb = if firing { "has arrived" } else { "had arrived" };
            format!("No report {verb}{}", last_seen_at(evidence))
        }
        Rule::Quarantine => {
            let verb = if firing { "is" } else { "was" };
            format!("Much of what comes in {verb} quarantined{}", detail(evidence))
        }
        Rule::Conflict => {
            let whose = evidence.organisations.first().map(|first| format!(" of {}", named(first))).unwrap_or_default();
            format!("A report{whose} came twice with different content{}", detail(evidence))
        }
        Rule::WayIn => {
            let verb = if firing { "does not work" } else { "did not work" };
            let part = subject.part.as_deref().map(|part| format!("The way in “{}”", cut(part, TEXT_MAX)));
            format!("{} {verb}{}", part.unwrap_or_else(|| "A way in".to_owned()), detail(evidence))
        }
        Rule::Disk => {
            let verb = if firing { "is" } else { "was" };
            format!("The disk of the data directory {verb} nearly full{}", detail(evidence))
        }
    }
}

/// The organisations of an alert as a list in words, the one with most failed sessions first.
pub fn organisations(evidence: &Evidence) -> String {
    let total = evidence.organisations_total.max(evidence.organisations.len() as u64);
    let names: Vec<String> = evidence.organisations.iter().take(NAMED_MAX).map(named).collect();
    let others = total - names.len() as u64;
    match (names.as_slice(), others) {
        ([], 0) => "senders".to_owned(),
        ([], 1) => "1 organisation".to_owned(),
        ([], others) => format!("{others} organisations"),
        ([one], 0) => one.clone(),
        ([firsts @ .., last], 0) => format!("{} and {last}", firsts.join(", ")),
        (names, others) => format!("{} and {others} more", names.join(", ")),
    }
}

fn who(evidence: &Evidence) -> String {
    let names = organisations(evidence);
    if names == "senders" { "Senders".to_owned() } else { names }
}

fn policy_fetch(evidence: &Evidence, firing: bool, domain: &str) -> String {
    match evidence.result_types.as_slice() {
        [only] if only == "sts-policy-invalid" => {
            format!("{} the MTA-STS policy of {domain} invalid", verb(evidence, firing, "finds", "find", "found"))
        }
        [only] if only == "sts-webpki-invalid" => {
            let verb = verb(evidence, firing, "does not accept", "do not accept", "did not accept");
            format!("{verb} the certificate of mta-sts.{domain}")
        }
        [only] if only == "sts-policy-fetch-error" => {
            let verb = if firing { "cannot" } else { "could not" };
            format!("{verb} fetch the MTA-STS policy of {domain}")
        }
        _ => format!("{} get the MTA-STS policy of {domain}", if firing { "cannot" } else { "could not" }),
    }
}

fn certificate(evidence: &Evidence) -> String {
    let word = |name: &String| match name.as_str() {
        "certificate-expired" => "expired".to_owned(),
        "certificate-host-mismatch" => "made out for another name".to_owned(),
        other => cut(other, TEXT_MAX),
    };
    match evidence.result_types.as_slice() {
        [] => "not valid".to_owned(),
        several => several.iter().map(word).collect::<Vec<_>>().join(" or "),
    }
}

fn failure_share(evidence: &Evidence, subject: &Subject, firing: bool) -> String {
    let share = percent(evidence.failed as f64 / evidence.sessions.max(1) as f64);
    let verb = if firing { "fail" } else { "failed" };
    let whose = match (&subject.policy_domain, &subject.organisation) {
        (Some(domain), None) => format!("the sessions at {}", cut(domain, TEXT_MAX)),
        (None, Some(_)) => format!("the sessions of {}", organisation(evidence, subject)),
        (Some(domain), Some(_)) => {
            format!("the sessions of {} at {}", organisation(evidence, subject), cut(domain, TEXT_MAX))
        }
        (None, None) => "all sessions".to_owned(),
    };
    let with = subject.result_type.as_deref().map(|name| format!(" with {}", cut(name, TEXT_MAX))).unwrap_or_default();
    let before = evidence.baseline.map(|share| format!(", {} before", percent(share))).unwrap_or_default();
    let (failed, sessions) = (thousands(evidence.failed), thousands(evidence.sessions));
    format!("{share} of {whose} {verb}{with} ({failed} of {sessions}{before})")
}

/// The organisation an alert is about: its name where the evidence has it, else its key.
fn organisation(evidence: &Evidence, subject: &Subject) -> String {
    let Some(key) = &subject.organisation else { return who(evidence) };
    let known = evidence.organisations.iter().find(|affected| affected.key == *key);
    known.map_or_else(|| cut(key, TEXT_MAX), named)
}

fn named(affected: &Affected) -> String {
    cut(if affected.name.trim().is_empty() { &affected.key } else { &affected.name }, TEXT_MAX)
}

fn name_of(name: Option<&str>, otherwise: &str) -> String {
    name.map_or_else(|| otherwise.to_owned(), |name| cut(name, TEXT_MAX))
}

fn types(evidence: &Evidence) -> String {
    match evidence.result_types.as_slice() {
        [] => "failures without a result type".to_owned(),
        several => several.iter().map(|name| cut(name, TEXT_MAX)).collect::<Vec<_>>().join(", "),
    }
}

fn sessions(evidence: &Evidence) -> String {
    match evidence.failed {
        ..=0 => String::new(),
        1 => " (1 session)".to_owned(),
        failed => format!(" ({} sessions)", thousands(failed)),
    }
}

fn detail(evidence: &Evidence) -> String {
    evidence.detail.as_deref().map(|detail| format!(": {}", cut(detail, DETAIL_MAX))).unwrap_or_default()
}

fn last_seen(evidence: &Evidence) -> String {
    let day: Option<NaiveDate> = evidence.last_seen_at.map(|at| at.date_naive()).or(evidence.last_day);
    day.map(|day| format!(" since {day}")).unwrap_or_default()
}

fn last_seen_at(evidence: &Evidence) -> String {
    let moment = |at: DateTime<Utc>| format!(" since {}", at.format("%Y-%m-%d %H:%M UTC"));
    evidence.last_seen_at.map(moment).unwrap_or_else(|| last_seen(evidence))
}

fn verb(evidence: &Evidence, firing: bool, one: &'static str, many: &'static str, past: &'static str) -> &'static str {
    let is_one = evidence.organisations.len() == 1 && evidence.organisations_total <= 1
        || evidence.organisations.is_empty() && evidence.organisations_total == 1;
    match (firing, is_one) {
        (false, _) => past,
        (true, true) => one,
        (true, false) => many,
    }
}

/// A share from 0 to 1 as a percentage that neither vanishes nor becomes all.
fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent <= 0.0 => "0 %".to_owned(),
        percent if percent < 0.1 => "< 0.1 %".to_owned(),
        percent if percent < 10.0 => format!("{:.1} %", (percent * 10.0).floor() / 10.0),
        percent => format!("{:.0} %", percent.floor()),
    }
}

fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    format!("{sign}{}", groups.join(","))
}

/// Text that is not ours on one line, cut where it is long.
fn cut(text: &str, characters_max: usize) -> String {
    let one_line = text.split(|character: char| character.is_whitespace() || character.is_control());
    let one_line = one_line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(characters_max) {
        None => one_line,
        Some(_) => {
            let end = one_line.char_indices().nth(characters_max - 1).map_or(one_line.len(), |(at, _)| at);
            format!("{}…", one_line[..end].trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Status;

    fn affected(name: &str, failed: i64) -> Affected {
        Affected { key: format!("{}.com", name.to_lowercase()), name: name.to_owned(), failed, ..Affected::default() }
    }

    fn alert(rule: Rule, evidence: Evidence) -> Alert {
        let at = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let subject = Subject { policy_domain: Some("example.com".to_owned()), ..Subject::default() };
        Alert {
            uuid: Alert::name(rule, &subject, at),
            rule,
            subject,
            status: Status::Firing,
            since: at,
            fired_at: at,
            changed_at: at,
            told_at: Some(at),
            acknowledged_at: None,
            acknowledgement: None,
            times: 1,
            evidence,
        }
    }

    fn failing(names: &[&str], failed: i64, result_types: &[&str]) -> Evidence {
        Evidence {
            organisations: names.iter().map(|name| affected(name, failed)).collect(),
            organisations_total: names.len() as u64,
            result_types: result_types.iter().map(|name| (*name).to_owned()).collect(),
            failed,
            ..Evidence::default()
        }
    }

    fn about(mut alert: Alert, change: impl FnOnce(&mut Subject)) -> String {
        alert.subject.policy_domain = None;
        change(&mut alert.subject);
        sentence(&alert)
    }

    #[test]
    fn policy_fetch_says_who_cannot_get_what() {
        let say =
            |names: &[&str], failed, types: &[&str]| sentence(&alert(Rule::PolicyFetch, failing(names, failed, types)));
        assert_eq!(
            say(&["Microsoft", "Mail.ru"], 812, &["sts-policy-fetch-error"]),
            "Microsoft and Mail.ru cannot fetch the MTA-STS policy of example.com (812 sessions)"
        );
        assert_eq!(
            say(&["Microsoft"], 1, &["sts-policy-invalid"]),
            "Microsoft finds the MTA-STS policy of example.com invalid (1 session)"
        );
        assert_eq!(
            say(&["A", "B", "C", "D", "E"], 12_345, &["sts-webpki-invalid"]),
            "A, B, C and 2 more do not accept the certificate of mta-sts.example.com (12,345 sessions)"
        );
        assert_eq!(
            say(&["A", "B"], 0, &["sts-policy-fetch-error", "sts-policy-invalid"]),
            "A and B cannot get the MTA-STS policy of example.com"
        );
        let over = Alert {
            status: Status::Resolved,
            ..alert(Rule::PolicyFetch, failing(&["Microsoft"], 812, &["sts-policy-fetch-error"]))
        };
        assert_eq!(sentence(&over), "Microsoft could not fetch the MTA-STS policy of example.com (812 sessions)");
    }

    #[test]
    fn failures_say_where_and_with_what() {
        let evidence = failing(&["Google", "GMX"], 40, &["certificate-expired"]);
        assert_eq!(
            about(alert(Rule::Certificate, evidence), |subject| subject.mx_host = Some("mx1.example.com".to_owned())),
            "Google and GMX find the certificate of mx1.example.com expired (40 sessions)"
        );
        assert_eq!(
            sentence(&alert(Rule::Dane, failing(&["GMX"], 44, &["tlsa-invalid"]))),
            "GMX cannot use DANE at example.com: tlsa-invalid (44 sessions)"
        );
        assert_eq!(
            sentence(&alert(Rule::NewFailure, failing(&["Comcast"], 14, &["starttls-not-supported"]))),
            "Comcast fails at example.com with starttls-not-supported for the first time (14 sessions)"
        );
    }

    #[test]
    fn a_share_says_of_what_and_what_it_was() {
        let evidence = Evidence {
            sessions: 3_204,
            baseline: Some(0.004),
            ..failing(&["Microsoft"], 812, &["validation-failure"])
        };
        assert_eq!(
            sentence(&alert(Rule::FailureShare, evidence.clone())),
            "25 % of the sessions at example.com fail (812 of 3,204, 0.4 % before)"
        );
        let key = || Some("microsoft.com".to_owned());
        assert_eq!(
            about(alert(Rule::FailureShare, evidence.clone()), |subject| subject.organisation = key()),
            "25 % of the sessions of Microsoft fail (812 of 3,204, 0.4 % before)"
        );
        let result_type = Some("validation-failure".to_owned());
        assert_eq!(
            about(alert(Rule::FailureShare, evidence), |subject| subject.result_type = result_type),
            "25 % of all sessions fail with validation-failure (812 of 3,204, 0.4 % before)"
        );
        let nothing = sentence(&alert(Rule::FailureShare, Evidence::default()));
        assert_eq!(nothing, "0 % of the sessions at example.com fail (0 of 0)");
    }

    #[test]
    fn what_is_missing_says_since_when() {
        let at = DateTime::from_timestamp(1_763_536_320, 0);
        let evidence = Evidence { last_seen_at: at, ..Evidence::default() };
        assert_eq!(
            about(alert(Rule::SilentSender, evidence.clone()), |subject| {
                subject.organisation = Some("google.com".to_owned());
            }),
            "google.com has not reported since 2025-11-19"
        );
        assert_eq!(sentence(&alert(Rule::NoReports, evidence)), "No report has arrived since 2025-11-19 07:12 UTC");
        assert_eq!(sentence(&alert(Rule::NoReports, Evidence::default())), "No report has arrived");
    }

    #[test]
    fn a_part_says_what_is_wrong_with_it() {
        let evidence = Evidence { detail: Some("the password\r\nis wrong".to_owned()), ..Evidence::default() };
        assert_eq!(
            about(alert(Rule::WayIn, evidence.clone()), |subject| subject.part = Some("imap reports".to_owned())),
            "The way in “imap reports” does not work: the password is wrong"
        );
        assert_eq!(
            sentence(&alert(
                Rule::Disk,
                Evidence { detail: Some("812 MB are free".to_owned()), ..Evidence::default() }
            )),
            "The disk of the data directory is nearly full: 812 MB are free"
        );
    }

    #[test]
    fn long_names_are_cut_and_stay_on_one_line() {
        let long = format!("Evil\r\nSubject: x {}", "ü".repeat(500));
        let said = sentence(&alert(Rule::PolicyFetch, failing(&[&long], 3, &["sts-policy-fetch-error"])));
        assert!(said.starts_with("Evil Subject: x üüü") && said.contains("ü… cannot fetch"), "{said}");
        assert!(said.chars().count() < 160 && !said.contains(['\r', '\n']), "{said}");
        for rule in Rule::ALL {
            assert!(!sentence(&alert(rule, Evidence::default())).ends_with('.'), "{rule:?}");
        }
    }
}
