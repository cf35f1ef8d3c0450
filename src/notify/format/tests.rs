//! Every form as it is sent, of the same notices.

use super::*;
use crate::alerts::{AlertRule, notice::About};

const BASE: &str = "https://tlsight.example.net/";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn about(number: u128) -> About {
    About {
        alert: Uuid::from_u128(number),
        title: format!("Senders cannot fetch the MTA-STS policy of domain{number}.example"),
        policy_domain: Some(format!("domain{number}.example")),
        organisation: Some("google.com".to_owned()),
        result_type: Some("sts-policy-fetch-error".to_owned()),
        mx_host: None,
        part: None,
        since: at("2026-11-23T00:00:00Z"),
        ended_at: None,
        path: format!("/alerts/{}", Uuid::from_u128(number)),
    }
}

/// One by a stranger who knows every markup there is.
fn hostile() -> Notice {
    Notice {
        event: Some(AlertEvent::Fired),
        rule: Some(AlertRule::PolicyFetch),
        severity: Severity::Critical,
        title: "Evil <!channel> @everyone & *Co* [x](https://e.example) \u{202e}cannot fetch the policy".to_owned(),
        lines: vec![
            "<script>alert(1)</script> says: `code` ||spoiler|| <@U1>\r\nBcc: a@b.example".to_owned(),
            "by @here, @all and tlsrpt@example.com\u{1b}[2J".to_owned(),
        ],
        advice: vec![
            "Look what senders get:\ncurl -v https://mta-sts.domain1.example/.well-known/mta-sts.txt".to_owned(),
        ],
        path: format!("/alerts/{}", Uuid::from_u128(1)),
        at: at("2026-11-24T08:00:00Z"),
        alerts: vec![about(1)],
        more: 0,
    }
}

fn over() -> Notice {
    let ended = About { ended_at: Some(at("2026-11-24T00:00:00Z")), ..about(1) };
    Notice {
        event: Some(AlertEvent::Resolved),
        title: "Senders can fetch the MTA-STS policy of domain1.example again, after 24 hours".to_owned(),
        lines: vec!["Clean reports came from google.com.".to_owned()],
        advice: Vec::new(),
        alerts: vec![ended],
        ..hostile()
    }
}

fn held_back(count: u128) -> Vec<Notice> {
    let notice = |number| Notice {
        title: about(number).title,
        lines: Vec::new(),
        advice: Vec::new(),
        path: about(number).path,
        alerts: vec![about(number)],
        ..hostile()
    };
    (1..=count).map(notice).collect()
}

fn test_notice() -> Notice {
    Notice {
        event: None,
        rule: None,
        severity: Severity::Info,
        alerts: Vec::new(),
        path: "/alerts".to_owned(),
        ..over()
    }
}

/// Longer than any service takes.
fn endless() -> Notice {
    let text = "Ä<&>*\u{1F642}\\".repeat(5_000);
    let mut about = about(1);
    about.title.clone_from(&text);
    Notice {
        title: text.clone(),
        lines: vec![text.clone(); 3],
        advice: vec![text; 3],
        alerts: vec![about],
        ..hostile()
    }
}

fn channel(kind: ChannelKind) -> NotifyChannel {
    let url = match kind {
        ChannelKind::Ntfy => "https://ntfy.example/topic",
        ChannelKind::PagerDuty | ChannelKind::Alertmanager => "https://service.example/",
        _ => "https://hooks.example/services/x",
    };
    NotifyChannel { kind, url: Some(url.to_owned()), secret: Some("secret".to_owned()), ..NotifyChannel::default() }
}

fn asked(kind: ChannelKind, notices: &[Notice]) -> Vec<ChannelRequest> {
    let context = Context {
        base: BASE,
        delivery: Uuid::from_u128(0xde11),
        now: at("2026-11-24T08:00:30Z"),
        fires_for: TimeDelta::hours(48),
        host: "mx.example.net",
    };
    requests(&channel(kind), notices, &context)
}

fn written(kind: ChannelKind, notices: &[Notice]) -> String {
    let one = |request: &ChannelRequest| {
        let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        format!("POST {}\n{headers}\n{}", request.url, serde_json::to_string_pretty(&body).unwrap())
    };
    asked(kind, notices).iter().map(one).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn every_form_is_what_its_service_takes() {
    for kind in ChannelKind::ALL.into_iter().filter(|kind| *kind != ChannelKind::Mail) {
        let several = if kind == ChannelKind::Webhook { 2 } else { 23 };
        let all = [
            ("a hostile one", written(kind, &[hostile()])),
            ("over", written(kind, &[over()])),
            ("a test", written(kind, &[test_notice()])),
            (
                "several",
                match kind {
                    ChannelKind::PagerDuty | ChannelKind::Alertmanager => String::from("see the test of its own"),
                    _ => written(kind, &held_back(several)),
                },
            ),
        ];
        let text = all.map(|(name, text)| format!("=== {name}\n{text}\n")).join("\n");
        insta::assert_snapshot!(format!("{}", kind.as_str()), text);
    }
}

#[test]
fn every_alert_is_an_incident_of_its_own() {
    let mut notice = hostile();
    notice.alerts = vec![about(1), about(2)];
    let events = asked(ChannelKind::PagerDuty, &[notice.clone()]);
    let keys: Vec<String> = events
        .iter()
        .map(|event| serde_json::from_slice::<serde_json::Value>(&event.body).unwrap()["dedup_key"].to_string())
        .collect();
    assert_eq!(keys, [1, 2].map(|number| format!("\"{}\"", Uuid::from_u128(number))));
    let alerts = asked(ChannelKind::Alertmanager, &[notice.clone()]);
    assert_eq!(alerts.len(), 1);
    let alerts: serde_json::Value = serde_json::from_slice(&alerts[0].body).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 2);
}

/// Alertmanager knows an alert by its labels, and takes it for over once `endsAt` has passed.
#[test]
fn the_end_of_an_alert_has_the_labels_of_its_beginning() {
    let of = |notice: Notice| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&asked(ChannelKind::Alertmanager, &[notice])[0].body).unwrap()[0]
            .clone()
    };
    let (fired, resolved) = (of(hostile()), of(Notice { severity: Severity::Info, ..over() }));
    assert_eq!(fired["labels"], resolved["labels"]);
    assert_eq!(fired["endsAt"], "2026-11-26T08:00:30Z");
    assert_eq!(resolved["endsAt"], "2026-11-24T00:00:00Z");
}

#[test]
fn nothing_is_longer_than_its_service_takes() {
    let units = |value: &serde_json::Value| value.as_str().unwrap().encode_utf16().count();
    for notices in [vec![endless()], (0..40).map(|_| endless()).collect()] {
        let body = |kind| -> (serde_json::Value, usize) {
            let request = asked(kind, &notices).remove(0);
            (serde_json::from_slice(&request.body).unwrap(), request.body.len())
        };
        let (slack, _) = body(ChannelKind::Slack);
        assert!(slack["blocks"].as_array().unwrap().len() <= 50);
        for block in slack["blocks"].as_array().unwrap() {
            match block["type"].as_str().unwrap() {
                "header" => assert!(units(&block["text"]["text"]) <= 150),
                "section" => assert!(units(&block["text"]["text"]) <= 3_000),
                _ => {}
            }
        }
        let (_, teams_bytes) = body(ChannelKind::Teams);
        assert!(teams_bytes <= 28 * 1024, "{teams_bytes}");
        let (discord, _) = body(ChannelKind::Discord);
        assert!(units(&discord["embeds"][0]["title"]) <= 256);
        assert!(units(&discord["embeds"][0]["description"]) <= 4_096);
        let (mattermost, _) = body(ChannelKind::Mattermost);
        assert!(units(&mattermost["attachments"][0]["text"]) <= 4_000);
        let (ntfy, _) = body(ChannelKind::Ntfy);
        assert!(ntfy["message"].as_str().unwrap().len() <= 4_096);
        let (pagerduty, bytes) = body(ChannelKind::PagerDuty);
        assert!(units(&pagerduty["payload"]["summary"]) <= 1_024 && bytes <= 512 * 1024);
        assert!(body(ChannelKind::Slack).0["text"].as_str().unwrap().len() < 40_000);
        assert!(mail::email(&notices, BASE).subject.chars().count() <= 200);
    }
}

#[test]
fn a_mail_is_readable_as_text_and_as_html() {
    let shown = |notices: &[Notice]| {
        let email = mail::email(notices, BASE);
        format!("{}\n\n{}\n{}", email.subject, email.text, email.html)
    };
    insta::assert_snapshot!("mail", [shown(&[hostile()]), shown(&[over()]), shown(&held_back(23))].join("\n======\n"));
    let html = mail::email(&[hostile()], BASE).html;
    assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("url("), "nothing from elsewhere");
}

#[test]
fn a_path_that_is_there_already_is_not_put_there_again() {
    for url in
        ["https://x.example", "https://x.example/", "https://x.example/v2/enqueue", "https://x.example/v2/enqueue/"]
    {
        assert_eq!(at_path(url, "/v2/enqueue"), "https://x.example/v2/enqueue");
    }
    assert_eq!(at_path("https://x.example/prefix/", "/api/v2/alerts"), "https://x.example/prefix/api/v2/alerts");
}
