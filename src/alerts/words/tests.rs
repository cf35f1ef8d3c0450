use chrono::{DateTime, Utc};

use super::*;
use crate::alerts::{Affected, AlertEvidence, AlertStatus};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn affected(name: &str, failed: i64) -> Affected {
    let key = format!("{}.example", name.to_lowercase());
    let (first_day, last_day) = ("2026-11-19".parse().ok(), "2026-11-21".parse().ok());
    Affected { key, name: name.to_owned(), failed, first_day, last_day, clear_day: None }
}

fn alert(rule: AlertRule, subject: Subject, evidence: AlertEvidence) -> Alert {
    Alert {
        uuid: Alert::name(rule, &subject, at("2026-11-20T08:00:00Z")),
        rule,
        subject,
        status: AlertStatus::Firing,
        since: at("2026-11-19T00:00:00Z"),
        fired_at: at("2026-11-20T08:00:00Z"),
        changed_at: at("2026-11-20T08:00:00Z"),
        notified_at: Some(at("2026-11-20T08:00:00Z")),
        acknowledged_at: None,
        acknowledgement: None,
        times: 1,
        evidence,
    }
}

fn policy_fetch(domain: &str) -> Alert {
    let evidence = AlertEvidence {
        organisations: vec![affected("Microsoft", 700), affected("Mail.ru", 112)],
        organisations_total: 2,
        result_types: vec!["sts-policy-fetch-error".to_owned()],
        reasons: vec!["HTTP 503".to_owned()],
        failed: 812,
        first_day: "2026-11-19".parse().ok(),
        last_day: "2026-11-21".parse().ok(),
        ..AlertEvidence::default()
    };
    alert(AlertRule::PolicyFetch, Subject { policy_domain: Some(domain.to_owned()), ..Subject::default() }, evidence)
}

fn transition(event: AlertEvent, alert: Alert) -> Transition {
    Transition { event, alert, notified: true, muted: None }
}

fn text(transitions: &[Transition]) -> String {
    let shown = notices(transitions, at("2026-11-20T08:00:00Z"));
    let notice = |notice: &Notice| {
        let Notice { title, lines, advice, .. } = notice;
        format!("{title}\n  {}\n  --\n  {}\n", lines.join("\n  "), advice.join("\n  "))
    };
    shown.iter().map(notice).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_policy_that_cannot_be_fetched_and_its_end() {
    let fired = policy_fetch("example.com");
    let mut resolved = Alert { status: AlertStatus::Resolved, changed_at: at("2026-11-23T08:00:00Z"), ..fired.clone() };
    resolved.evidence.clear_day = "2026-11-22".parse().ok();
    let both = [transition(AlertEvent::Fired, fired), transition(AlertEvent::Resolved, resolved)];
    insta::assert_snapshot!(text(&both));
}

#[test]
fn several_of_one_rule_are_one_notice() {
    let many: Vec<Transition> =
        (0..12).map(|n| transition(AlertEvent::Fired, policy_fetch(&format!("d{n:02}.example")))).collect();
    let shown = notices(&many, at("2026-11-20T08:00:00Z"));
    assert_eq!(shown.len(), 1);
    let notice = &shown[0];
    assert_eq!(
        notice.title,
        "12 policies cannot be fetched or used by Microsoft and Mail.ru since Thu 19 Nov (MTA-STS)"
    );
    assert_eq!((notice.lines.len(), notice.lines.last().unwrap().as_str()), (11, "and 2 more"));
    assert_eq!((notice.alerts.len(), notice.path.as_str()), (12, "/alerts"));
}

#[test]
fn every_rule_has_a_sentence_for_every_event() {
    let subject = Subject {
        policy_domain: Some("example.com".to_owned()),
        organisation: Some("microsoft.example".to_owned()),
        result_type: Some("certificate-expired".to_owned()),
        mx_host: Some("mx1.example.com".to_owned()),
        part: Some("imap reports".to_owned()),
    };
    let evidence = AlertEvidence {
        sessions: 1_624,
        baseline: Some(0.004),
        last_seen_at: Some(at("2026-11-19T10:00:00Z")),
        detail: Some("the password is wrong".to_owned()),
        ..policy_fetch("example.com").evidence
    };
    let mut lines = Vec::new();
    for rule in AlertRule::ALL {
        for event in
            [AlertEvent::Fired, AlertEvent::Reopened, AlertEvent::Reminded, AlertEvent::Resolved, AlertEvent::Expired]
        {
            let mut alert = alert(rule, subject.clone(), evidence.clone());
            if event == AlertEvent::Resolved {
                alert.changed_at = at("2026-11-22T09:30:00Z");
            }
            lines.push(sentence::title(event, &alert));
        }
        lines.push(sentence::title_of_several(
            rule,
            AlertEvent::Fired,
            &[&alert(rule, subject.clone(), evidence.clone()); 3],
        ));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_others_wrote_stays_in_its_place() {
    let mut alert = policy_fetch("example.com");
    alert.evidence.organisations[0].name = format!("Evil\r\nSubject: {}", "x".repeat(500));
    alert.subject.policy_domain = Some("$(id).example".to_owned());
    let shown = notices(&[transition(AlertEvent::Fired, alert)], at("2026-11-20T08:00:00Z"));
    let notice = &shown[0];
    assert!(!notice.title.contains(char::is_control) && notice.title.chars().count() < 160, "{}", notice.title);
    assert!(notice.lines.iter().all(|line| !line.contains(char::is_control)));
    assert!(notice.advice.iter().all(|line| !line.contains("$(id)")));
}

#[test]
fn who_is_not_told_gets_no_notice() {
    let quiet = Transition { notified: false, ..transition(AlertEvent::Fired, policy_fetch("example.com")) };
    assert!(notices(&[quiet], at("2026-11-20T08:00:00Z")).is_empty());
}
