//! What no report tells: sources, the disk, silence.

use super::*;
use crate::notify::tests::servers::{OK, Turn, http};

#[tokio::test]
async fn a_way_in_that_fails_fires_after_its_minutes() {
    let watch = Watch::new(CHANNEL);
    let part = watch.health.part("imap reports");
    let notify = watch.health.part("notify webhook");
    watch.post(&["alpha.example"], 1, "", 0, Trust::Dkim).await;
    part.failing(watch.clock.now(), "the password is wrong");
    notify.failing(watch.clock.now(), "connection refused");
    assert_eq!(watch.happens().await, []);
    watch.advance(TimeDelta::minutes(15) - TimeDelta::seconds(1));
    assert_eq!(watch.happens().await, []);
    watch.advance(TimeDelta::seconds(1));
    // A channel that fails is no source: it could not be told by itself.
    assert_eq!(watch.happens().await, [(AlertRule::Source, AlertEvent::Fired, true)]);
    let alert = watch.alert().await;
    assert_eq!(alert.subject.part.as_deref(), Some("imap reports"));
    assert_eq!(alert.evidence.detail.as_deref(), Some("the password is wrong"));
    assert_eq!(alert.since, october(2) + TimeDelta::hours(9));

    // After a restart nothing is known yet, which is not well.
    let watch = watch.restart().await;
    let part = watch.health.part("imap reports");
    assert_eq!(watch.happens().await, []);
    part.well(watch.clock.now(), "waiting");
    assert_eq!(watch.happens().await, [(AlertRule::Source, AlertEvent::Resolved, true)]);
    assert_eq!(watch.alert().await.status, AlertStatus::Resolved);
}

#[tokio::test]
async fn a_way_in_that_turns_senders_away_is_told_while_it_does() {
    let watch = Watch::new(CHANNEL);
    watch.post(&["alpha.example"], 1, "", 0, Trust::Dkim).await;
    let part = watch.health.part("https");
    part.well(watch.clock.now(), "listening");
    assert_eq!(watch.happens().await, []);
    part.count(&crate::submission::Receipt::new(vec![Outcome::Busy(crate::submission::Busy::DiskFull)]));
    assert_eq!(watch.happens().await, [(AlertRule::Source, AlertEvent::Fired, true)]);
    assert_eq!(watch.alert().await.evidence.detail.as_deref(), Some("senders are asked to come again later"));
    watch.advance(TimeDelta::minutes(14));
    assert_eq!(watch.happens().await, []);
    watch.advance(TimeDelta::minutes(1));
    assert_eq!(watch.happens().await, [(AlertRule::Source, AlertEvent::Resolved, true)]);
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_fires() {
    let most = i64::MAX;
    let watch = Watch::new(&CHANNEL.replace("disk_free_min_bytes = 0", &format!("disk_free_min_bytes = {most}")));
    assert_eq!(watch.happens().await, [(AlertRule::Disk, AlertEvent::Fired, true)]);
    let detail = watch.alert().await.evidence.detail.expect("how much is free");
    assert!(detail.ends_with(" MiB are free") && !detail.starts_with("0 "), "{detail}");
    assert_eq!(watch.happens().await, []);
    let text = CHANNEL.to_owned();
    let watch = Watch { text, ..watch }.restart().await;
    assert_eq!(watch.happens().await, [(AlertRule::Disk, AlertEvent::Resolved, true)]);
}

#[tokio::test]
async fn that_nothing_can_be_stored_is_told_without_the_outbox_and_written_down_later() {
    let server = http(None, vec![Turn::Answer("500 Internal Server Error", ""), OK]).await;
    let text = CHANNEL.replace("127.0.0.1:9/", &format!("127.0.0.1:{}/", server.port));
    let mut watch = Watch::new(&text);
    let data = watch.temp.directory.path().to_owned();
    let (store, clock) = (watch.store().clone(), watch.clock.clone());
    let dispatcher =
        Dispatcher::new(&config(&text, &data), "http://pages.example", store, clock, &watch.health).unwrap();
    watch.evaluator =
        evaluator(&text, &watch.temp, &watch.clock, &watch.health, &watch.poke).telling_at_once(dispatcher.into());
    assert_eq!(watch.happens().await, []);

    let away = data.with_extension("away");
    std::fs::rename(&data, &away).unwrap();
    for _ in 0..3 {
        assert!(watch.evaluator.evaluate().await.is_err());
    }
    let shown: Vec<String> = server.asked().iter().map(|asked| asked.json()["notices"][0].to_string()).collect();
    assert_eq!(shown.len(), 2, "until it is taken, and not again: {shown:?}");
    assert!(shown[1].contains("Nothing can be stored") && shown[1].contains("is gone"), "{}", shown[1]);

    std::fs::rename(&away, &data).unwrap();
    while watch.store().trouble().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(watch.happens().await, [(AlertRule::Disk, AlertEvent::Resolved, true)]);
    assert_eq!(
        watch.history(watch.alert().await.uuid).await,
        [(AlertEvent::Fired, true), (AlertEvent::Resolved, true)]
    );
    let entries = watch.entries().await;
    assert_eq!(entries.iter().map(|entry| entry.title.as_str()).collect::<Vec<_>>(), ["Reports can be stored again"]);
    assert_eq!(watch.happens().await, []);
}

#[tokio::test]
async fn when_nobody_reports_any_more_it_is_told() {
    let watch = Watch::new(CHANNEL);
    assert_eq!(watch.happens().await, [], "where nothing ever came nothing is missing");
    for day in 1..=10 {
        watch.post(&["alpha.example", "beta.example"], day, "", 0, Trust::Dkim).await;
        watch.advance(TimeDelta::days(1));
        assert_eq!(watch.happens().await, [], "{day}");
    }
    // One cause: not that, and two senders that fell silent.
    watch.advance(TimeDelta::days(1));
    assert_eq!(watch.happens().await, [], "it is two days, and not more");
    watch.advance(TimeDelta::seconds(1));
    assert_eq!(watch.happens().await, [(AlertRule::NoReports, AlertEvent::Fired, true)]);
}

#[tokio::test]
async fn a_rule_that_is_switched_off_tells_nothing_any_more() {
    let watch = Watch::new(CHANNEL);
    watch.outage(1).await;
    watch.evaluate().await;
    let text = CHANNEL.replace("[alerts]", "[alerts]\noff = [\"policy-fetch\", \"failure-share\"]");
    let watch = Watch { text, ..watch }.restart().await;
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Expired, false)]);
    assert_eq!(watch.entries().await.len(), 1);
}

#[tokio::test]
async fn told_to_stop_the_rounds_end_with_what_they_have_begun() {
    let watch = Watch::new(CHANNEL);
    watch.outage(1).await;
    let (_stop, stopped) = watch::channel(true);
    watch.evaluator.run(stopped).await;
    assert_eq!(watch.alert().await.rule, AlertRule::PolicyFetch);
}

#[tokio::test]
async fn what_alerts_left_behind_goes_after_the_days_it_is_kept() {
    let text = CHANNEL.replace("[alerts]", "[alerts]\nkeep_days = 100");
    let watch = Watch::new(&text);
    let part = watch.health.part("https");
    watch.happens().await;
    part.failing(watch.clock.now() - TimeDelta::hours(1), "the address is in use");
    part.failing(watch.clock.now(), "the address is in use");
    watch.advance(TimeDelta::hours(1));
    assert_eq!(watch.happens().await, [(AlertRule::Source, AlertEvent::Fired, true)]);
    part.well(watch.clock.now(), "listening");
    assert_eq!(watch.happens().await, [(AlertRule::Source, AlertEvent::Resolved, true)]);
    assert_eq!(watch.evaluator.forget().await.unwrap(), 0);
    watch.advance(TimeDelta::days(101) - TimeDelta::seconds(1));
    assert_eq!(watch.alerts().await.len(), 1);
    assert_eq!(watch.evaluator.forget().await.unwrap(), 3, "the alert and its two events");
    assert!(watch.alerts().await.is_empty());
    let watch = Watch { text: text.replace("100", "0"), ..watch }.restart().await;
    assert_eq!(watch.evaluator.forget().await.unwrap(), 0);
}
