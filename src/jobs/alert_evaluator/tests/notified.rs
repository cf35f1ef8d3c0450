//! Whom nobody is told: silences and acknowledgements. And what really arrives.

use super::*;
use crate::notify::{
    Dispatcher,
    tests::servers::{OK, Turn, http},
};

fn set(until: DateTime<Utc>, added_at: DateTime<Utc>) -> SetSilence {
    SetSilence {
        uuid: Uuid::from_u128(1),
        rule: Some(AlertRule::PolicyFetch),
        policy_domain: Some("example.com".to_owned()),
        organisation: None,
        result_type: None,
        until,
        reason: "the web server moves".to_owned(),
        added_at,
        ended_at: None,
    }
}

#[tokio::test]
async fn a_silence_from_the_page_is_kept_until_it_ends() {
    let watch = Watch::new(CHANNEL);
    let now = watch.clock.now();
    let silence = set(now + TimeDelta::hours(8), now);
    watch.change(move |conn| silence::add(conn, &silence)).await;
    watch.outage(1).await;
    let evaluation = watch.evaluate().await;
    let [fired] = evaluation.transitions.as_slice() else { panic!("{evaluation:?}") };
    assert_eq!((fired.event, fired.notified), (AlertEvent::Fired, false));
    assert_eq!(fired.muted.as_deref(), Some("silenced until 2026-10-02 17:00 UTC: the web server moves"));
    assert!(watch.entries().await.is_empty());
    assert_eq!(watch.history(watch.alert().await.uuid).await, [(AlertEvent::Fired, false)]);

    watch.advance(TimeDelta::hours(8) - TimeDelta::seconds(1));
    assert_eq!(watch.happens().await, []);
    watch.advance(TimeDelta::seconds(1));
    assert_eq!(
        watch.happens().await,
        [(AlertRule::PolicyFetch, AlertEvent::Reminded, true)],
        "the silence is over, it is not"
    );
    assert_eq!(watch.entries().await.len(), 1);
}

#[tokio::test]
async fn a_silence_ended_early_or_over_something_else_silences_nothing() {
    let watch = Watch::new(CHANNEL);
    let now = watch.clock.now();
    let ended = SetSilence { ended_at: Some(now), ..set(now + TimeDelta::hours(8), now) };
    let other = SetSilence { policy_domain: Some("example.net".to_owned()), ..set(now + TimeDelta::hours(8), now) };
    watch.change(move |conn| silence::add(conn, &ended).and_then(|()| silence::add(conn, &other))).await;
    watch.outage(1).await;
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Fired, true)]);
}

#[tokio::test]
async fn the_configuration_names_domains_as_people_write_them() {
    let silence =
        "[[silence]]\nuntil = \"2026-10-03T00:00:00Z\"\nreason = \"known\"\npolicy_domain = \"Example.COM\"\n";
    let watch = Watch::new(&format!("{CHANNEL}{silence}"));
    watch.outage(1).await;
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Fired, false)]);
    let window = "[[maintenance]]\nfrom = \"2026-10-01T08:00:00Z\"\nto = \"2026-10-01T09:00:00Z\"\npolicy_domains = [\"Example.COM\"]\n";
    let watch = Watch::new(&format!("{CHANNEL}{window}"));
    watch.outage(1).await;
    assert_eq!(watch.happens().await, [], "a day under maintenance does not count");
}

#[tokio::test]
async fn it_is_reminded_of_until_somebody_acknowledges() {
    let watch = Watch::new(CHANNEL);
    watch.outage(1).await;
    watch.evaluate().await;
    watch.advance(TimeDelta::hours(24));
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Reminded, true)]);
    assert_eq!(watch.happens().await, []);
    let (uuid, now) = (watch.alert().await.uuid, watch.clock.now());
    watch.change(move |conn| alert::acknowledge(conn, uuid, "Anna looks after it", now).map(drop)).await;
    watch.advance(TimeDelta::hours(23));
    watch.outage(3).await;
    watch.advance(TimeDelta::hours(2));
    assert_eq!(watch.happens().await, [], "somebody looks after it");
    assert_eq!(watch.alert().await.acknowledgement.as_deref(), Some("Anna looks after it"));
    assert_eq!(watch.entries().await.len(), 2);

    watch.post(&["alpha.example", "beta.example"], 4, "", 0, Trust::Dkim).await;
    watch.advance(TimeDelta::hours(20));
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Resolved, true)], "its end is news");
    assert_eq!(
        watch.history(uuid).await,
        [
            (AlertEvent::Fired, true),
            (AlertEvent::Reminded, true),
            (AlertEvent::Acknowledged, false),
            (AlertEvent::Resolved, true)
        ]
    );
}

#[tokio::test]
async fn a_notice_arrives_once() {
    let server = http(None, vec![Turn::Answer("503 Service Unavailable", ""), OK]).await;
    let text = CHANNEL.replace("http://127.0.0.1:9/", &format!("http://127.0.0.1:{}/hook", server.port));
    let mut watch = Watch::new(&text);
    let dispatcher = |watch: &Watch| {
        let config = config(&watch.text, watch.temp.directory.path());
        Dispatcher::new(
            &config,
            "https://tlsight.example.net",
            watch.store().clone(),
            watch.clock.clone(),
            &watch.health,
        )
        .unwrap()
    };
    watch.outage(1).await;
    watch.evaluate().await;
    dispatcher(&watch).deliver_due().await.unwrap();
    assert_eq!(watch.entries().await[0].state, Outgoing::Pending, "the server refused it");
    for _ in 0..3 {
        watch.advance(TimeDelta::hours(1));
        watch = watch.restart().await;
        watch.evaluate().await;
        dispatcher(&watch).deliver_due().await.unwrap();
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "refused once, taken once");
    assert_eq!(asked[0].headers["tlsight-delivery"], asked[1].headers["tlsight-delivery"]);
    let shown = asked[1].json();
    let notice = &shown["notices"][0];
    assert_eq!((&notice["event"], &notice["rule"]), (&"fired".into(), &"policy-fetch".into()));
    let uuid = watch.alert().await.uuid;
    assert_eq!(notice["url"], format!("https://tlsight.example.net/alerts/{uuid}"));
    assert_eq!(watch.entries().await[0].state, Outgoing::Delivered);
}
