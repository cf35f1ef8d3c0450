use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Answer, NOW, Running, empty, items, running};
use crate::{
    alerts::{
        Affected, Alert, AlertEvent, AlertEvidence, AlertRule, AlertSettings, AlertStatus, Maintenance, Silence,
        Subject, Transition,
        notice::{Draft, Notice, Payload},
    },
    store::tables::{
        alert,
        outbox::{self, Terms},
    },
    web::{ChannelShown, DigestShown, Rules},
};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// The policy of example.com that two organisations cannot fetch.
pub(crate) fn outage() -> Alert {
    let organisation = |key: &str, name: &str, failed| Affected {
        key: key.to_owned(),
        name: name.to_owned(),
        failed,
        first_day: "2026-11-19".parse().ok(),
        last_day: "2026-11-22".parse().ok(),
        clear_day: None,
    };
    let evidence = AlertEvidence {
        organisations: vec![
            organisation("microsoft.com", "Microsoft Corporation", 712),
            organisation("mail.ru", "Mail.ru", 100),
        ],
        organisations_total: 2,
        result_types: vec!["sts-policy-fetch-error".to_owned()],
        failed: 812,
        first_day: "2026-11-19".parse().ok(),
        last_day: "2026-11-22".parse().ok(),
        ..AlertEvidence::default()
    };
    let subject = Subject { policy_domain: Some("example.com".to_owned()), ..Subject::default() };
    fired(AlertRule::PolicyFetch, subject, "2026-11-19T00:00:00Z", "2026-11-20T06:10:00Z", evidence)
}

fn disk() -> Alert {
    let evidence = AlertEvidence { detail: Some("812 MiB of 100 GiB are free".to_owned()), ..AlertEvidence::default() };
    fired(AlertRule::Disk, Subject::default(), "2026-11-23T07:00:00Z", "2026-11-23T07:00:00Z", evidence)
}

pub(crate) fn fired(rule: AlertRule, subject: Subject, since: &str, fired_at: &str, evidence: AlertEvidence) -> Alert {
    Alert {
        uuid: Alert::name(rule, &subject, at(fired_at)),
        rule,
        subject,
        status: AlertStatus::Firing,
        since: at(since),
        fired_at: at(fired_at),
        changed_at: at(fired_at),
        notified_at: Some(at(fired_at)),
        acknowledged_at: None,
        acknowledgement: None,
        times: 1,
        evidence,
    }
}

pub(crate) fn record(running: &Running, event: AlertEvent, alert: &Alert, when: DateTime<Utc>, muted: Option<&str>) {
    let transition =
        Transition { event, alert: alert.clone(), notified: muted.is_none(), muted: muted.map(str::to_owned) };
    change(running, move |conn| alert::record(conn, &[transition], when));
}

fn change<F>(running: &Running, change: F)
where
    F: FnOnce(&duckdb::Connection) -> Result<(), crate::store::StoreError> + Send + 'static,
{
    let store = running.pipeline.store().clone();
    actix_web::rt::System::new().block_on(async move { store.change(change).await }).expect("it is written");
}

fn post(running: &Running, path: &str, form: &str) -> Answer {
    let length = form.len().to_string();
    let headers = [
        ("Sec-Fetch-Site", "same-origin"),
        ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", length.as_str()),
    ];
    running.send_body("POST", path, &headers, form)
}

fn rules() -> Rules {
    Rules {
        settings: AlertSettings { off: vec![AlertRule::NewFailure], ..AlertSettings::default() },
        silences: vec![
            Silence {
                until: "2026-12-01T08:00:00Z".to_owned(),
                reason: "the old MX host is being switched off".to_owned(),
                rule: Some(AlertRule::Certificate),
                ..Silence::default()
            },
            Silence { until: "2026-11-01T08:00:00Z".to_owned(), reason: "long over".to_owned(), ..Silence::default() },
        ],
        maintenance: vec![Maintenance {
            reason: "new mail servers".to_owned(),
            weekly: Some("Sun 02:00-04:00".to_owned()),
            zone: Some("Europe/Berlin".to_owned()),
            policy_domains: vec!["example.net".to_owned()],
            ..Maintenance::default()
        }],
        channels: vec![ChannelShown {
            name: "operators".to_owned(),
            kind: "mail".to_owned(),
            to: "postmaster@example.net".to_owned(),
            resolved: true,
            notices_per_hour_max: 12,
            give_up_after_h: 72,
            ..ChannelShown::default()
        }],
        digests: vec![DigestShown {
            name: "weekly".to_owned(),
            to: vec!["boss@example.net".to_owned()],
            policy_domains: Vec::new(),
            cadence: "every Monday at 12:00 Europe/Berlin".to_owned(),
        }],
    }
}

#[test]
fn without_alerts_the_page_teaches() {
    let running = empty();
    let page = running.page("/alerts");
    assert!(
        page.contains("alert is firing.")
            && page.contains("stands on the <a href=\"/\">overview</a>")
            && page.contains("No alert has fired yet."),
        "{page}"
    );
    assert!(page.contains("[[channel]]") && page.contains("tlsight alerts send-test mail"), "{page}");
    for rule in AlertRule::ALL {
        assert!(page.contains(&format!("<th scope=\"row\">{}</th>", rule.as_str())), "{}", rule.as_str());
    }
    assert!(!page.contains("class=\"badge"), "{page}");
    assert!(running.page("/notifications").contains("Nothing was sent yet."));
    assert_eq!(running.get("/alerts/00000000-0000-0000-0000-000000000000").status, 404);
}

#[test]
fn what_fires_comes_first_and_can_be_acknowledged() {
    let running = empty();
    let alert = outage();
    let path = format!("/alerts/{}", alert.uuid);
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    record(&running, AlertEvent::Fired, &disk(), disk().fired_at, None);
    let page = running.page("/alerts");
    assert!(
        page.contains("<strong class=\"bad\">2</strong> alerts are firing, and nobody has acknowledged any."),
        "{page}"
    );
    let sentence = "Microsoft Corporation and Mail.ru cannot fetch the MTA-STS policy of example.com since Thu 19 Nov (812 sessions)";
    assert!(page.contains(sentence), "{page}");
    assert!(page.contains(
        "/reports?from=2026-11-19&amp;policy_domain=example.com&amp;result_type=sts-policy-fetch-error&amp;to=2026-11-22"
    ));
    assert!(page.contains("Alerts <span class=\"badge hot\">2</span>"), "{page}");
    assert!(running.page("/").contains("2 alerts are firing.</strong></a> Nobody has acknowledged them."));

    let page = running.page(&path);
    assert!(page.contains(&format!("<h1 class=\"verdict\"><bdi>{sentence}</bdi>.</h1>")), "{page}");
    assert!(page.contains("curl -sv --max-time 60 https://mta-sts.example.com/.well-known/mta-sts.txt"), "{page}");
    assert!(
        page.contains("href=\"/weeks/2026-W47\"") && page.contains("organisation=mail.ru&amp;policy_domain="),
        "{page}"
    );

    let answer = post(&running, &format!("{path}/acknowledge"), "note=Anna+looks+after+it");
    assert_eq!((answer.status, answer.header("location")), (303, Some(format!("{path}?done=acknowledged").as_str())));
    let page = running.page(answer.header("location").expect("a location"));
    assert!(page.contains("It is acknowledged") && page.contains("Anna looks after it"), "{page}");
    assert!(
        page.contains("name=\"note\" value=\"Anna looks after it\""),
        "a note is changed, not written anew: {page}"
    );
    assert!(running.page("/").contains("2 alerts are firing.</strong></a> 1 of them is not acknowledged."));
    let page = running.page("/alerts");
    assert!(page.contains("alerts are firing, <strong class=\"bad\">1</strong> of them not acknowledged."), "{page}");
    assert!(page.find("nearly full") < page.find(sentence), "what nobody has acknowledged comes first");
    assert!(page.contains("Alerts <span class=\"badge hot\">1</span>"));

    let over = Alert { status: AlertStatus::Resolved, changed_at: at("2026-11-23T06:00:00Z"), ..alert };
    record(&running, AlertEvent::Resolved, &over, over.changed_at, None);
    assert!(running.page("/alerts").contains("<strong class=\"bad\">1</strong> alert is firing, and nobody"));
    let answer = post(&running, &format!("{path}/acknowledge"), "");
    assert!(running.page(answer.header("location").expect("a location")).contains("It was over already"));
}

#[test]
fn the_timeline_tells_who_was_told_and_how_it_grew() {
    let running = empty();
    let alert = outage();
    let small = Alert {
        evidence: AlertEvidence { failed: 412, organisations_total: 1, ..alert.evidence.clone() },
        ..alert.clone()
    };
    record(&running, AlertEvent::Fired, &small, alert.fired_at, Some("silenced: key rollover"));
    record(&running, AlertEvent::Reminded, &alert, at("2026-11-21T06:10:00Z"), None);
    let over = Alert {
        status: AlertStatus::Resolved,
        changed_at: at("2026-11-23T06:00:00Z"),
        evidence: AlertEvidence { clear_day: "2026-11-22".parse().ok(), ..alert.evidence.clone() },
        ..alert.clone()
    };
    record(&running, AlertEvent::Resolved, &over, over.changed_at, None);
    let page = running.page(&format!("/alerts/{}", alert.uuid));
    for words in [
        "it lasted 3 days",
        "no: <bdi>silenced: key rollover</bdi>",
        "812 failed sessions of 2 organisations, 19–22 Nov 2026; 400 more than before",
        "clean on Sun 22 Nov",
        "The MTA-STS policy of example.com can be fetched and used again after 3 days",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("/acknowledge\""), "it is over");
    let page = running.page("/alerts");
    assert!(page.contains("Last alert: ") && page.contains("<td data-label=\"Lasted\">3 days</td>"), "{page}");
}

#[test]
fn without_a_channel_nobody_is_told() {
    let alert = outage();
    let path = format!("/alerts/{}", alert.uuid);
    let alone = empty();
    record(&alone, AlertEvent::Fired, &alert, alert.fired_at, None);
    let page = alone.page(&path);
    assert!(page.contains(">no: no channel is configured</td>") && !page.contains("notified at once"), "{page}");
    assert!(alone.page("/alerts").contains("<td data-label=\"Notified\" class=\"quiet\">no</td>"));

    let heard = running(rules());
    record(&heard, AlertEvent::Fired, &alert, alert.fired_at, None);
    let page = heard.page(&path);
    assert!(page.contains(">the channels</td>") && page.contains("notified at once"), "{page}");
}

#[test]
fn a_silence_is_added_and_ended() {
    let running = empty();
    let alert = outage();
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    let page = running.page(&format!("/alerts/{}", alert.uuid));
    assert!(
        page.contains("<option selected>policy-fetch</option>") && page.contains("value=\"example.com\""),
        "{page}"
    );
    let form =
        "rule=policy-fetch&policy_domain=Example.COM&organisation=&for=1w&until=&reason=moving+the+%3Cb%3Eweb+server";
    let answer = post(&running, "/silences", form);
    let location = answer.header("location").expect("a location").to_owned();
    let page = running.page(location.strip_suffix("#main").expect("past the form"));
    assert!(page.contains("Silences in force") && page.contains("moving the &lt;b&gt;web server"), "{page}");
    assert!(page.contains("2026-11-30 09:00 UTC") && page.contains("The silence is in force."), "{page}");
    let row = "<span class=\"block quiet\">silenced until <time datetime=\"2026-11-30T09:00:00Z\"";
    assert!(page.contains(row), "{page}");
    assert!(running.page(&format!("/alerts/{}", alert.uuid)).contains("Silenced until "));
    let silence = items(&running.json("/api/v1/silences"))[0].clone();
    assert_eq!((&silence["in_force"], &silence["policy_domain"]), (&json!(true), &json!("example.com")));
    let expected = format!("/alerts?done=silenced&silence={}#main", silence["uuid"].as_str().expect("a uuid"));
    assert_eq!((answer.status, location), (303, expected), "a script learns the name of what it added");
    let end = format!("/silences/{}/end", silence["uuid"].as_str().expect("a uuid"));
    assert_eq!(post(&running, &end, "").header("location"), Some("/alerts?done=ended"));
    assert_eq!(post(&running, &end, "").header("location"), Some("/alerts?done=gone"));
    let page = running.page("/alerts");
    assert!(
        !page.contains("silenced until ")
            && !page.contains("Silences in force")
            && page.contains("Silences that have ended"),
        "{page}"
    );
    assert!(!running.page(&format!("/alerts/{}", alert.uuid)).contains("Silenced until "));
}

#[test]
fn a_wrong_form_comes_back_as_it_was_typed() {
    let running = empty();
    for (form, field, detail) in [
        ("policy_domain=example.org&reason=", "Reason", "say why"),
        ("reason=a+%22quoted%22+reason&policy_domain=example.org&until=2026-11-22T09:00", "Until", "is over"),
        ("reason=only+this", "Scope", "name a rule"),
    ] {
        let answer = post(&running, "/silences", form);
        let page = answer.text();
        assert_eq!(answer.status, 400, "{page}");
        assert!(page.contains(&format!("<strong>{field}:</strong> <bdi>")) && page.contains(detail), "{form}: {page}");
        assert!(page.contains("<details class=\"add\" open>"), "{page}");
        for typed in ["example.org", "only this", "a &quot;quoted&quot; reason", "2026-11-22T09:00"] {
            let encoded = typed.replace("&quot;", "%22").replace(' ', "+");
            assert_eq!(form.contains(&encoded), page.contains(&format!("value=\"{typed}\"")), "{form}: {typed}");
        }
    }
    let answer = post(&running, "/silences", "reason=x&rules=dane");
    assert!(answer.status == 400 && answer.text().contains("there is no such field"), "{}", answer.text());
    assert!(items(&running.json("/api/v1/silences")).is_empty());

    let alert = outage();
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    let long = format!("note={}", "x".repeat(1_001));
    let answer = post(&running, &format!("/alerts/{}/acknowledge", alert.uuid), &long);
    assert!(answer.status == 400 && answer.text().contains("more than 1000") && answer.text().contains(&long[5..]));
}

#[test]
fn a_script_is_told_what_is_wrong_as_a_problem_document() {
    let running = empty();
    let alert = outage();
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    let long = format!("note={}", "x".repeat(1_001));
    for (path, form, status, code) in [
        ("/silences".to_owned(), "reason=only+this", 400, "bad-parameter"),
        ("/silences".to_owned(), "reason=x&rules=dane", 400, "bad-parameter"),
        (format!("/alerts/{}/acknowledge", alert.uuid), long.as_str(), 400, "bad-parameter"),
        ("/silences/x/end".to_owned(), "", 404, "not-found"),
        ("/notifications/x/again".to_owned(), "", 404, "not-found"),
    ] {
        let length = form.len().to_string();
        let headers = [("Sec-Fetch-Site", "none"), ("Accept", "*/*"), ("Content-Length", length.as_str())];
        let answer = running.send_body("POST", &path, &headers, form);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}"
        );
        let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(problem["code"], code, "{path}: {problem}");
    }
}

#[test]
fn other_sites_change_nothing() {
    let running = empty();
    let alert = outage();
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    let uuid = alert.uuid;
    for path in [
        format!("/alerts/{uuid}/acknowledge"),
        "/silences".to_owned(),
        format!("/silences/{uuid}/end"),
        format!("/notifications/{uuid}/again"),
    ] {
        let headers = [("Sec-Fetch-Site", "cross-site"), ("Content-Length", "30")];
        let answer = running.send_body("POST", &path, &headers, "everything=true&reason=abcdefg");
        assert_eq!(answer.status, 403, "{path}");
        assert_ne!(running.get(&path).status, 200, "{path}: reading changes nothing");
    }
    assert!(items(&running.json("/api/v1/silences")).is_empty());
    assert_eq!(running.json("/api/v1/alerts")["unacknowledged"], 1);
}

#[test]
fn the_configuration_is_shown_in_words() {
    let running = running(rules());
    let page = running.page("/alerts");
    for words in [
        "the old MX host is being switched off",
        "in the configuration",
        "every week, Sun 02:00-04:00 Europe/Berlin",
        "postmaster@example.net",
        "every Monday at 12:00 Europe/Berlin",
        "new-failure <span class=\"chip\">off</span>",
        "2 organisations see it, or <code>policy_fetch_organisations_min</code>",
        "1 rule is off",
        "nothing sent yet",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("long over"), "{page}");
    let certificate = fired(
        AlertRule::Certificate,
        Subject { mx_host: Some("mx1.example.com".to_owned()), ..Subject::default() },
        "2026-11-21T00:00:00Z",
        "2026-11-22T05:00:00Z",
        AlertEvidence::default(),
    );
    record(&running, AlertEvent::Fired, &certificate, certificate.fired_at, Some("silenced"));
    let page = running.page(&format!("/alerts/{}", certificate.uuid));
    assert!(page.contains("Silenced until <time datetime=\"2026-12-01T08:00:00Z\">"), "{page}");
    let silences = running.json("/api/v1/silences");
    assert_eq!(
        (&items(&silences)[0]["source"], &items(&silences)[1]["in_force"]),
        (&json!("configuration"), &json!(false))
    );
    assert_eq!(silences["maintenance"][0]["weekly"], "Sun 02:00-04:00");
}

#[test]
fn what_was_given_up_is_tried_again() {
    let running = running(rules());
    let now = at(NOW);
    let draft = |dedupe: &str| Draft {
        channel: "operators".to_owned(),
        recipient: "postmaster@example.net".to_owned(),
        dedupe: dedupe.to_owned(),
        title: format!("notice {dedupe}"),
        payload: Payload::Notices(vec![Notice {
            event: Some(AlertEvent::Fired),
            rule: Some(AlertRule::Disk),
            severity: AlertRule::Disk.severity(),
            title: "The disk is nearly full".to_owned(),
            lines: Vec::new(),
            advice: Vec::new(),
            path: "/alerts/00000000-0000-0000-0000-000000000001".to_owned(),
            at: now,
            alerts: Vec::new(),
            more: 0,
        }]),
    };
    let (first, second) = (draft("one"), draft("two"));
    change(&running, move |conn| {
        let terms = Terms { per_hour_max: 12, give_up_after: TimeDelta::hours(1) };
        let before = now - TimeDelta::days(1);
        outbox::put(conn, &first, terms, before)?;
        outbox::put(conn, &second, terms, before)?;
        let [one, two] = outbox::entries(conn, 2)?.try_into().expect("two");
        let (one, two) = if one.dedupe == "one" { (one, two) } else { (two, one) };
        outbox::failed(conn, one.uuid, "554 <no> such user", now, before)?;
        outbox::delivered(conn, two.uuid, before)
    });
    let page = running.page("/notifications");
    assert!(page.contains("<strong class=\"bad\">1</strong> notification was given up."), "{page}");
    assert!(page.contains("554 &lt;no&gt; such user") && page.matches("<a href=\"/alerts/0000").count() == 2, "{page}");
    assert!(page.contains("<h2 id=\"delivered\">Delivered</h2>"), "{page}");
    let list = running.json("/api/v1/notifications");
    let one = items(&list).iter().find(|item| item["state"] == "given-up").expect("one");
    let again = format!("/notifications/{}/again", one["uuid"].as_str().expect("a uuid"));
    assert_eq!(post(&running, &again, "").header("location"), Some("/notifications?done=again"));
    assert_eq!(post(&running, &again, "").header("location"), Some("/notifications?done=gone"));
    let list = running.json("/api/v1/notifications");
    let one = items(&list).iter().find(|item| item["state"] == "pending").expect("one");
    assert_eq!(one["give_up_at"], "2026-11-26T09:00:00Z", "as long as the channel says");
    let page = running.page("/notifications");
    assert!(page.contains("<strong>1</strong> notification waits for delivery"), "{page}");
    assert!(page.contains(&format!("action=\"{again}\"")), "what failed so far can be tried at once: {page}");
    assert!(running.page("/alerts").contains("<strong class=\"bad\">failing</strong>"));
}

#[test]
fn text_of_strangers_stays_text_here_too() {
    let running = empty();
    let hostile = "<script>alert(1)</script>\u{202e}\"'&{{ 7*7191 }}";
    let mut alert = outage();
    alert.evidence.organisations[0].name = hostile.to_owned();
    alert.evidence.reasons = vec![hostile.to_owned()];
    alert.evidence.result_types.push(hostile.to_owned());
    alert.evidence.detail = Some(hostile.to_owned());
    alert.subject.organisation = Some(hostile.to_owned());
    alert.subject.mx_host = Some(format!("{hostile};rm"));
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, Some(hostile));
    for path in ["/alerts".to_owned(), format!("/alerts/{}", alert.uuid)] {
        let page = running.page(&path);
        assert!(!page.contains("<script>alert") && !page.contains('\u{202e}') && !page.contains("50337"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}");
    }
    assert!(running.page(&format!("/alerts/{}", alert.uuid)).contains("‹U+202E›"), "the evidence hides nothing");
}

#[test]
fn scripts_read_the_same() {
    let running = empty();
    let alert = outage();
    record(&running, AlertEvent::Fired, &alert, alert.fired_at, None);
    record(&running, AlertEvent::Fired, &disk(), disk().fired_at, Some("silenced: known"));
    insta::assert_json_snapshot!("alerts", running.json("/api/v1/alerts"));
    insta::assert_json_snapshot!("alert", running.json(&format!("/api/v1/alerts/{}", alert.uuid)));
    let list: Value = running.json("/api/v1/alerts?limit=1");
    assert_eq!((items(&list).len(), &list["firing"]), (1, &json!(2)));
}
