//! The calendar with a real store and a clock that stands still until it is moved.

use chrono::TimeDelta;

use super::*;
use crate::{
    alerts::notice::Payload,
    config::Environment,
    report::{DateRange, PolicyType, Report},
    store::{
        fixtures::{self, TempStore, temp_store},
        tables::outbox::{self, Sent},
    },
    submission::{Outcome, Trust},
};

const WEEKLY: &str = r#"
[[digest]]
to = ["one@example.net", "two@example.net"]
weekday = "monday"
time = "08:00"
zone = "Europe/Berlin"
"#;

struct Scene {
    temp: TempStore,
    clock: Clock,
    poke: Arc<Notify>,
    calendar: Calendar,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn config(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tlsight.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), &Environment::default()).expect("the configuration is valid")
}

fn calendar(text: &str, store: &Store, clock: &Clock, poke: &Arc<Notify>) -> Calendar {
    let renderer = Arc::new(DigestRenderer::new(None).expect("the templates compile"));
    let base = "https://tlsight.internal".to_owned();
    Calendar::new(&config(text), store.clone(), clock.clone(), renderer, base, Arc::clone(poke)).expect("it opens")
}

impl Scene {
    fn new(text: &'static str, now: &str) -> Scene {
        let (temp, clock, poke) = (temp_store(), Clock::fixed(at(now)), Arc::new(Notify::new()));
        let calendar = calendar(text, &temp.store, &clock, &poke);
        Scene { temp, clock, poke, calendar }
    }

    /// Closes the store and opens it again, with another calendar: as after a restart.
    async fn restart(mut self, text: &'static str) -> Scene {
        self.temp.store.close().await.unwrap();
        self.temp.store = fixtures::open(self.temp.directory.path());
        self.calendar = calendar(text, &self.temp.store, &self.clock, &self.poke);
        self
    }

    async fn settle(&self, now: &str) {
        self.clock.set(at(now));
        self.calendar.settle_due().await.unwrap();
    }

    /// Recipient, dedupe key and subject of what is in the outbox, in the order of the keys.
    async fn emails(&self) -> Vec<(String, String, String)> {
        let mut all: Vec<Sent> = self.temp.store.read(|conn| outbox::entries(conn, 1_000)).await.unwrap();
        all.sort_by_key(|sent| (sent.created_at, sent.dedupe.clone(), sent.recipient.clone()));
        assert!(all.iter().all(|sent| sent.channel == "mail" && matches!(sent.payload, Payload::Email(_))));
        all.into_iter().map(|sent| (sent.recipient, sent.dedupe, sent.title)).collect()
    }

    async fn keys(&self) -> Vec<String> {
        self.emails().await.into_iter().map(|(to, key, _)| format!("{to} {key}")).collect()
    }

    async fn sql(&self, sql: &'static str) {
        self.temp.store.change(move |conn| Ok(conn.execute_batch(sql)?)).await.unwrap();
    }

    async fn settled(&self, name: &'static str) -> Option<DateTime<Utc>> {
        self.temp
            .store
            .read(move |conn| digest::settled(conn, name, "2099-01-01T00:00:00Z".parse().unwrap()))
            .await
            .unwrap()
    }

    async fn report(&self, id: &str, on: &str) {
        let start = at(&format!("{on}T00:00:00Z"));
        let policy = fixtures::policy("example.com", PolicyType::Sts, Some(10), Some(0));
        let range = DateRange { start, end: start + TimeDelta::days(1) };
        let entry = fixtures::entry(Report { range, ..fixtures::report(id, vec![policy]) }, Trust::Dkim);
        let store = self.temp.store.clone();
        let written = tokio::task::spawn_blocking(move || store.write_blocking(vec![entry])).await;
        let outcome = written.expect("it is written").remove(0);
        assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
    }
}

fn both(week: &str) -> [String; 2] {
    ["one", "two"].map(|name| format!("{name}@example.net digest weekly {week}"))
}

#[tokio::test]
async fn nothing_is_sent_for_the_time_before_it_was_configured() {
    let scene = Scene::new(WEEKLY, "2026-11-25T10:00:00Z");
    scene.settle("2026-11-25T10:00:00Z").await;
    assert_eq!(scene.keys().await, Vec::<String>::new());
    assert_eq!(scene.settled("weekly").await, Some(at("2026-11-23T07:00:00Z")));
    scene.settle("2026-11-30T06:59:59Z").await;
    assert_eq!(scene.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_due_is_sent_once_to_each_recipient_also_over_restarts() {
    let scene = Scene::new(WEEKLY, "2026-11-17T10:00:00Z");
    scene.settle("2026-11-17T10:00:00Z").await;
    scene.report("a", "2026-11-18").await;
    scene.settle("2026-11-23T07:00:00Z").await;
    assert_eq!(scene.keys().await, both("2026-W47"));
    assert_eq!(scene.emails().await[0].2, "TLS all secure – 2026-W47");
    // Who delivers was woken.
    tokio::time::timeout(Duration::from_secs(5), scene.poke.notified()).await.expect("a poke");
    scene.settle("2026-11-23T07:00:01Z").await;
    let scene = scene.restart(WEEKLY).await;
    scene.settle("2026-11-24T00:00:00Z").await;
    assert_eq!(scene.keys().await, both("2026-W47"));
    scene.settle("2026-11-30T07:00:00Z").await;
    assert_eq!(scene.keys().await, [both("2026-W47"), both("2026-W48")].concat());
}

#[tokio::test]
async fn of_several_missed_ones_the_last_is_sent() {
    let scene = Scene::new(WEEKLY, "2026-10-20T10:00:00Z");
    scene.settle("2026-10-20T10:00:00Z").await;
    let scene = scene.restart(WEEKLY).await;
    scene.settle("2026-11-25T10:00:00Z").await;
    assert_eq!(scene.keys().await, both("2026-W47"));
}

#[tokio::test]
async fn a_clock_that_is_set_back_sends_nothing_twice() {
    let scene = Scene::new(WEEKLY, "2026-11-17T10:00:00Z");
    for moment in ["2026-11-17T10:00:00Z", "2026-11-23T07:00:00Z", "2026-11-22T07:00:00Z", "2026-11-23T08:00:00Z"] {
        scene.settle(moment).await;
    }
    assert_eq!(scene.keys().await, both("2026-W47"));
}

#[tokio::test]
async fn another_time_of_the_same_day_does_not_send_the_week_again() {
    let later: &str = r#"
[[digest]]
to = ["one@example.net", "two@example.net"]
time = "18:00"
zone = "Europe/Berlin"
"#;
    let scene = Scene::new(WEEKLY, "2026-11-17T10:00:00Z");
    scene.settle("2026-11-17T10:00:00Z").await;
    scene.settle("2026-11-23T07:00:00Z").await;
    let scene = scene.restart(later).await;
    scene.settle("2026-11-23T17:00:00Z").await;
    assert_eq!(scene.keys().await, both("2026-W47"));
}

#[tokio::test]
async fn each_digest_has_its_zone_cadence_and_period() {
    let text: &str = r#"
[[digest]]
name = "berlin"
to = ["berlin@example.net"]
time = "08:00"
zone = "Europe/Berlin"

[[digest]]
name = "auckland"
to = ["auckland@example.net"]
time = "08:00"
zone = "Pacific/Auckland"

[[digest]]
name = "daily"
to = ["daily@example.net"]
cadence = "daily"
time = "08:00"
zone = "America/New_York"

[[digest]]
name = "monthly"
to = ["monthly@example.net"]
cadence = "monthly"
time = "08:00"
"#;
    let scene = Scene::new(text, "2026-11-22T18:00:00Z");
    scene.settle("2026-11-22T18:00:00Z").await;
    // Monday morning in Auckland; in UTC the week is not over, so it is about the one before.
    scene.settle("2026-11-22T19:00:00Z").await;
    let mut sent = vec!["auckland@example.net digest auckland 2026-W46"];
    assert_eq!(scene.keys().await, sent);
    scene.settle("2026-11-23T07:00:00Z").await;
    sent.push("berlin@example.net digest berlin 2026-W47");
    assert_eq!(scene.keys().await, sent);
    scene.settle("2026-11-23T13:00:00Z").await;
    sent.push("daily@example.net digest daily 2026-11-22");
    assert_eq!(scene.keys().await, sent);
    scene.settle("2026-12-01T08:00:00Z").await;
    let all = scene.keys().await;
    assert!(all.contains(&"monthly@example.net digest monthly 2026-11".to_owned()), "{all:?}");
}

#[tokio::test]
async fn the_clock_change_moves_the_time_and_not_the_days() {
    let scene = Scene::new(WEEKLY, "2026-10-13T00:00:00Z");
    scene.settle("2026-10-13T00:00:00Z").await;
    for (just_before, due) in
        [("2026-10-19T05:59:59Z", "2026-10-19T06:00:00Z"), ("2026-10-26T06:59:59Z", "2026-10-26T07:00:00Z")]
    {
        let sent = scene.keys().await.len();
        scene.settle(just_before).await;
        assert_eq!(scene.keys().await.len(), sent, "{just_before}");
        scene.settle(due).await;
        assert_eq!(scene.keys().await.len(), sent + 2, "{due}");
    }
    assert_eq!(scene.emails().await[2].2, "No TLS reports – 2026-W43");
}

#[tokio::test]
async fn one_that_cannot_be_written_is_tried_again() {
    let scene = Scene::new(WEEKLY, "2026-11-17T10:00:00Z");
    scene.settle("2026-11-17T10:00:00Z").await;
    let before = scene.settled("weekly").await;
    scene.sql("ALTER TABLE policy RENAME TO lost").await;
    scene.clock.set(at("2026-11-23T07:00:00Z"));
    let error = scene.calendar.settle_due().await.unwrap_err();
    assert!(format!("{error:#}").starts_with("digest \"weekly\": "), "{error:#}");
    assert_eq!((scene.settled("weekly").await, scene.keys().await), (before, Vec::new()));
    scene.sql("ALTER TABLE lost RENAME TO policy").await;
    scene.settle("2026-11-23T07:01:00Z").await;
    assert_eq!(scene.keys().await, both("2026-W47"));
}

#[tokio::test]
async fn email_and_mark_are_written_together_or_not_at_all() {
    for (broken, mended) in [
        ("ALTER TABLE outbox RENAME TO lost", "ALTER TABLE lost RENAME TO outbox"),
        ("ALTER TABLE digest ADD COLUMN surplus INTEGER", "ALTER TABLE digest DROP COLUMN surplus"),
    ] {
        let scene = Scene::new(WEEKLY, "2026-11-17T10:00:00Z");
        scene.settle("2026-11-17T10:00:00Z").await;
        let before = scene.settled("weekly").await;
        scene.sql(broken).await;
        scene.clock.set(at("2026-11-23T07:00:00Z"));
        scene.calendar.settle_due().await.unwrap_err();
        assert_eq!(scene.settled("weekly").await, before, "{broken}");
        scene.sql(mended).await;
        assert_eq!(scene.keys().await, Vec::<String>::new(), "{broken}");
        scene.settle("2026-11-23T07:01:00Z").await;
        assert_eq!(scene.keys().await, both("2026-W47"), "{broken}");
    }
}

#[tokio::test]
async fn one_that_cannot_be_written_keeps_no_other() {
    let text: &str = r#"
[[digest]]
name = "first"
to = ["first@example.net"]
cadence = "daily"

[[digest]]
name = "second"
to = ["second@example.net"]
"#;
    let scene = Scene::new(text, "2026-11-23T13:00:00Z");
    // Only the first is due: the other is new, and its mark can be set while no report can be read.
    scene.settle("2026-11-23T13:00:00Z").await;
    scene.sql("DELETE FROM digest WHERE name = 'second'; ALTER TABLE policy RENAME TO lost").await;
    scene.clock.set(at("2026-11-24T13:00:00Z"));
    scene.calendar.settle_due().await.unwrap_err();
    assert_eq!(scene.settled("second").await, Some(at("2026-11-23T12:00:00Z")));
}

#[tokio::test]
async fn it_settles_what_is_due_and_ends_when_told() {
    let scene = Scene::new(WEEKLY, "2026-11-17T10:00:00Z");
    scene.settle("2026-11-17T10:00:00Z").await;
    scene.clock.set(at("2026-11-23T07:00:00Z"));
    let (stop, stopped) = watch::channel(false);
    stop.send(true).unwrap();
    scene.calendar.run(stopped).await;
    assert_eq!(scene.keys().await, both("2026-W47"));
}
