//! Whose hosts the commands of an alert name, what belongs together on the page, and which MX hosts are not configured.

use serde_json::json;

use super::{
    NOW, Running,
    alerts::{fired, outage, record},
    empty, items, serving,
};
use crate::{
    alerts::{Alert, AlertEvent, AlertEvidence, AlertRule, Subject},
    submission::{Channel, Hints, Submission},
    verify::Served,
    web::Rules,
};

/// A server for example.org and example.net with these MX hosts.
fn served() -> Running {
    let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
    let domains = [
        ("example.net".to_owned(), hosts(&["mx1.example.net"])),
        ("example.org".to_owned(), hosts(&["mx1.example.org"])),
    ];
    serving(Rules::default(), Served::new(domains.into(), Default::default()))
}

fn dane(domain: &str, hosts: &[&str]) -> Alert {
    let evidence = AlertEvidence {
        result_types: vec!["tlsa-invalid".to_owned()],
        failed: 7,
        mx_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        ..AlertEvidence::default()
    };
    let subject = Subject { policy_domain: Some(domain.to_owned()), ..Subject::default() };
    fired(AlertRule::Dane, subject, "2026-11-19T00:00:00Z", "2026-11-20T06:10:00Z", evidence)
}

fn page_of(running: &Running, alert: &Alert) -> String {
    record(running, AlertEvent::Fired, alert, alert.fired_at, None);
    running.page(&format!("/alerts/{}", alert.uuid))
}

#[test]
fn commands_name_the_hosts_behind_the_alert() {
    let running = served();
    let page = page_of(&running, &dane("example.org", &["mx7.example.org", "mx8.example.org"]));
    for host in ["mx7.example.org", "mx8.example.org"] {
        assert!(page.contains(&format!("dig +dnssec TLSA _25._tcp.{host}\n")), "{page}");
    }
    assert!(page.contains("<dt>MX hosts</dt>") && !page.contains("mx1."), "{page}");
}

#[test]
fn an_alert_from_before_hosts_were_kept_names_the_configured_ones() {
    let running = served();
    let page = page_of(&running, &dane("example.org", &[]));
    assert!(
        page.contains("dig +dnssec TLSA _25._tcp.mx1.example.org\n") && page.contains("<dt>MX host</dt>"),
        "{page}"
    );
    // The policy domain is the host.
    let page = page_of(&running, &dane("mx1.example.net", &[]));
    assert!(page.contains("dig +dnssec TLSA _25._tcp.mx1.example.net\n"), "{page}");
}

#[test]
fn where_no_host_is_known_words_stand_in_for_commands() {
    let running = empty();
    let page = page_of(&running, &dane("example.org", &[]));
    assert!(page.contains("No MX host is named: look at"), "{page}");
    assert!(!page.contains("_25._tcp.") && !page.contains("mx1.example.com") && !page.contains("openssl"), "{page}");
}

#[test]
fn result_types_are_explained_with_hosts_of_one_domain() {
    let running = served();
    let page = running.page("/result-types?policy_domain=example.org");
    assert!(page.contains("delv MX example.org\n") && page.contains("_25._tcp.mx1.example.org\n"), "{page}");
    assert!(!page.contains("example.com") && !page.contains("mx1.example.net"), "{page}");
    let page = running.page("/result-types");
    assert!(page.contains("delv MX example.net\n") && page.contains("_25._tcp.mx1.example.net\n"), "{page}");
}

#[test]
fn many_alerts_of_one_cause_are_counted_in_one_sentence() {
    let running = empty();
    for number in 0..12 {
        let subject = Subject { policy_domain: Some(format!("d{number}.example")), ..Subject::default() };
        let alert =
            fired(AlertRule::PolicyFetch, subject, "2026-11-19T00:00:00Z", "2026-11-20T06:10:00Z", outage().evidence);
        record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    }
    let sentence =
        "12 policies cannot be fetched or used by Microsoft Corporation and Mail.ru since Thu 19 Nov (MTA-STS)";
    let page = running.page("/alerts");
    assert!(page.contains(sentence) && page.contains("2 more fire and are not shown"), "{page}");
    assert_eq!(page.matches(".example since Thu 19 Nov (812 sessions)").count(), 10);
    let json = running.json("/api/v1/alerts");
    assert_eq!(
        json["causes"],
        json!([{ "rule": "policy-fetch", "since": "2026-11-19", "alerts": 12, "sentence": sentence }])
    );
    assert_eq!(items(&json).len(), 12);
}

#[test]
fn what_another_alert_tells_of_says_so() {
    let running = empty();
    let evidence = AlertEvidence { taken_over_by: Some(AlertRule::PolicyFetch), ..outage().evidence };
    let over = Alert { status: crate::alerts::AlertStatus::Resolved, evidence, ..outage() };
    record(&running, AlertEvent::Fired, &outage(), outage().fired_at, None);
    record(&running, AlertEvent::TakenOver, &over, over.fired_at, Some(""));
    let page = running.page(&format!("/alerts/{}", over.uuid));
    assert!(page.contains("Taken over</strong>: the rule policy-fetch tells of it"), "{page}");
    assert!(!page.contains("can be fetched and used again"), "{page}");
}

#[test]
fn hosts_that_only_the_policy_names_are_shown() {
    let running = served();
    let document = json!({
        "organization-name": "Sender", "contact-info": "tls@sender.example", "report-id": "r1",
        "date-range": { "start-datetime": "2026-11-21T00:00:00Z", "end-datetime": "2026-11-21T23:59:59Z" },
        "policies": [{
            "policy": {
                "policy-type": "sts", "policy-domain": "example.net",
                "policy-string": ["version: STSv1", "mode: enforce", "mx: mx1.example.net", "mx: mx2.example.net"],
                "mx-host": ["mx1.example.net"],
            },
            "summary": { "total-successful-session-count": 5, "total-failure-session-count": 0 },
        }],
    });
    let post = |channel: Channel| {
        let submission = Submission {
            bytes: document.to_string().into_bytes(),
            channel,
            peer: None,
            received_at: NOW.parse().expect("a time"),
            hints: Hints::default(),
        };
        let prepared = running.pipeline.prepare(submission, None);
        running.pipeline.store_blocking(vec![prepared]);
        running.page("/alerts")
    };
    let warning = "in the policy senders use for";
    assert!(!post(Channel::Https).contains(warning), "anybody can post that");
    let page = post(Channel::Import);
    assert!(page.contains(warning) && page.contains("mx2.example.net"), "{page}");
    assert_eq!(page.matches(warning).count(), 1, "the first is configured");
}
