//! What goes to whom.

use super::*;
use crate::config::{ChannelKind, NotifyChannel};

fn channel(kind: ChannelKind) -> NotifyChannel {
    NotifyChannel { kind, to: vec!["a@x.example".into(), "b@x.example".into()], ..NotifyChannel::default() }
}

fn shown(channel: &NotifyChannel, notices: &[Notice]) -> String {
    let mut text = String::new();
    for Draft { channel, recipient, title, payload, .. } in drafts(channel, notices) {
        let Payload::Notices(notices) = payload else { panic!("an email") };
        let alerts: Vec<u128> = notices[0].alerts.iter().map(|about| about.alert.as_u128()).collect();
        let event = notices[0].event.map_or("test", |event| event.as_str());
        writeln!(text, "{channel} to {recipient:?}: {event}, {title}, about {alerts:?}").unwrap();
    }
    text
}

fn grouped() -> Notice {
    Notice { title: "trouble at three domains".to_owned(), alerts: vec![about(1), about(2), about(3)], ..notice(1) }
}

#[test]
fn everybody_hears_of_everything_unless_told_otherwise() {
    assert_eq!(
        shown(&channel(ChannelKind::Mail), &[grouped()]),
        "mail to \"a@x.example\": fired, trouble at three domains, about [1, 2, 3]\n\
         mail to \"b@x.example\": fired, trouble at three domains, about [1, 2, 3]\n"
    );
    assert_eq!(
        shown(&channel(ChannelKind::Webhook), &[grouped(), over(2)]),
        "webhook to \"\": fired, trouble at three domains, about [1, 2, 3]\n\
         webhook to \"\": resolved, trouble at domain2.example, about [2]\n"
    );
}

#[test]
fn services_with_a_state_hear_of_each_alert_by_itself() {
    let expected = |name: &str| -> String {
        let line = |n| {
            let alert = Uuid::from_u128(n);
            format!("{name} to \"{alert}\": fired, trouble at domain{n}.example, about [{n}]\n")
        };
        (1..=3).map(line).collect()
    };
    let both = [ChannelKind::PagerDuty, ChannelKind::Alertmanager];
    for kind in both {
        assert_eq!(shown(&channel(kind), &[grouped()]), expected(kind.as_str()));
    }
}

#[test]
fn what_another_alert_takes_over_ends_only_where_something_would_stay_open() {
    let taken_over = Notice { event: Some(AlertEvent::TakenOver), ..over(1) };
    for kind in [ChannelKind::Mail, ChannelKind::Webhook, ChannelKind::Slack, ChannelKind::Ntfy] {
        assert_eq!(shown(&channel(kind), std::slice::from_ref(&taken_over)), "", "{}", kind.as_str());
    }
    for kind in [ChannelKind::PagerDuty, ChannelKind::Alertmanager] {
        let shown = shown(&channel(kind), std::slice::from_ref(&taken_over));
        assert!(shown.contains(": taken-over, ") && shown.lines().count() == 1, "{shown}");
        assert!(crate::notify::format::is_over(&taken_over));
    }
}

#[test]
fn a_channel_hears_only_of_its_rules_domains_and_events() {
    let webhook = channel(ChannelKind::Webhook);
    let other_rule = NotifyChannel { rules: vec![AlertRule::Dane], ..webhook.clone() };
    assert_eq!(shown(&other_rule, &[notice(1)]), "");
    let unresolved = NotifyChannel { resolved: false, ..webhook.clone() };
    let expired = Notice { event: Some(AlertEvent::Expired), ..over(1) };
    assert_eq!(shown(&unresolved, &[notice(1), over(1), expired]).lines().count(), 1);

    let domains = |names: &[&str]| NotifyChannel {
        policy_domains: names.iter().map(|name| (*name).to_owned()).collect(),
        ..webhook.clone()
    };
    // The words of the whole are about domains that are none of its business.
    let two = domains(&["domain1.example", "domain3.example"]);
    let partly = drafts(&two, &[grouped()]);
    let Payload::Notices(notices) = &partly[0].payload else { panic!("an email") };
    assert_eq!(notices[0].title, "trouble at domain1.example, and 1 more");
    assert_eq!(
        (notices[0].lines.as_slice(), notices[0].advice.len()),
        (&["trouble at domain3.example".to_owned()][..], 0)
    );
    let one = "webhook to \"\": fired, trouble at domain2.example, about [2]\n";
    assert_eq!(shown(&domains(&["domain2.example"]), &[grouped()]), one);
    assert_eq!(shown(&domains(&["domain4.example"]), &[grouped()]), "");
    let about_none = Notice { alerts: vec![About { policy_domain: None, ..about(1) }], ..notice(1) };
    assert_eq!(shown(&domains(&["domain4.example"]), &[about_none]).lines().count(), 1);
}

#[test]
fn the_same_notice_has_the_same_key_and_no_other_has_it() {
    let key = |notice: Notice| drafts(&channel(ChannelKind::Webhook), &[notice])[0].dedupe.clone();
    assert_eq!(key(grouped()), key(Notice { title: "in other words".to_owned(), ..grouped() }));
    let others = [
        notice(1),
        notice(2),
        over(1),
        Notice { event: Some(AlertEvent::Reminded), ..notice(1) },
        Notice { at: start() + TimeDelta::microseconds(1), ..notice(1) },
        grouped(),
    ];
    let keys: std::collections::BTreeSet<String> = others.into_iter().map(key).collect();
    assert_eq!(keys.len(), 6);
    assert!(keys.iter().all(|key| !key.contains('\n')));
}

#[test]
fn a_digest_goes_to_each_recipient_as_mail() {
    let email = Email {
        subject: "Week 47".into(),
        text: String::new(),
        html: String::new(),
        pictures: Vec::new(),
        list: "digest".into(),
    };
    let all = email_drafts("weekly", &["a@x.example".into(), "b@x.example".into()], &email, "2026-W47");
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].channel.as_str(), all[0].dedupe.as_str()), (MAIL, "digest weekly 2026-W47"));
    assert_eq!(all[1].recipient, "b@x.example");
}

#[test]
fn links_lead_where_browsers_reach_the_pages() {
    let address = Some("127.0.0.1:8080".parse().unwrap());
    assert_eq!(base_url(&Config::default(), address), "http://127.0.0.1:8080");
    let configured = config("[private]\nurl = \"https://tlsight.internal/\"\n");
    assert_eq!(base_url(&configured, address), "https://tlsight.internal");
}

/// The bytes that one request may have.
fn request_max_bytes(kind: ChannelKind) -> usize {
    match kind {
        ChannelKind::Mail => 0,
        ChannelKind::Webhook => 1024 * 1024,
        ChannelKind::Slack => 40_000,
        ChannelKind::Teams => 28_000,
        ChannelKind::Discord => 24_000,
        ChannelKind::Mattermost => 16_383,
        ChannelKind::Ntfy => 8_192,
        ChannelKind::PagerDuty => 512_000,
        ChannelKind::Alertmanager => 64_000,
    }
}

#[test]
fn a_notice_about_thousands_has_a_bound_for_every_kind() {
    let thousands = Notice {
        lines: vec!["evidence ".repeat(1_000); 1_000],
        advice: vec!["advice\n".repeat(1_000); 10],
        alerts: (1..=5_000).map(about).collect(),
        ..notice(1)
    };
    let context = format::Context {
        base: BASE,
        delivery: Uuid::nil(),
        now: start(),
        fires_for: TimeDelta::days(1),
        host: "host.example",
    };
    for kind in ChannelKind::ALL {
        let max_bytes = request_max_bytes(kind);
        let channel = NotifyChannel { url: Some("https://service.example/x".to_owned()), ..channel(kind) };
        let drafts = drafts(&channel, std::slice::from_ref(&thousands));
        for draft in drafts.iter().take(3) {
            let Payload::Notices(notices) = &draft.payload else { panic!("an email") };
            for request in format::requests(&channel, notices, &context) {
                assert!(request.body.len() <= max_bytes, "{}: {} bytes", kind.as_str(), request.body.len());
            }
            let email = format::mail::email(notices, BASE);
            assert!(email.text.len() + email.html.len() < 1024 * 1024, "{}", email.html.len());
            assert!(email.text.contains("and 900 more") && email.text.contains(BASE));
            let of_notice = &notices[0];
            let all = of_notice.alerts.len() as u64 + of_notice.more;
            assert_eq!(all, if kind.traits().keeps_state { 1 } else { 5_000 }, "{}", kind.as_str());
            let waiting = serde_json::to_vec(&notices[0].alerts).unwrap().len();
            assert!(waiting < 2 * crate::limits::NOTIFY_ALERTS_MAX_BYTES, "{waiting} bytes wait in the outbox");
        }
    }
}

#[test]
fn what_is_left_of_a_notice_for_some_domains_lists_twenty_and_counts_the_rest() {
    let domains = (1..=2_000).map(|number| format!("domain{number}.example")).collect();
    let some = NotifyChannel { policy_domains: domains, ..channel(ChannelKind::Webhook) };
    let thousands = Notice { alerts: (1..=5_000).map(about).collect(), ..notice(1) };
    let draft = drafts(&some, &[thousands]).remove(0);
    let Payload::Notices(notices) = draft.payload else { panic!("an email") };
    assert_eq!(notices[0].title, "trouble at domain1.example, and 1999 more");
    assert_eq!((notices[0].lines.len(), notices[0].lines[20].as_str()), (21, "and 1979 more"));
}
