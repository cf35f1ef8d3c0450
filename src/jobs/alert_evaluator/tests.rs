//! Evaluations with a real store, a clock that stands still and a real health registry; none of them waits.

mod machine;
mod notified;
mod outage;

use chrono::NaiveTime;
use uuid::Uuid;

use super::*;
use crate::{
    alerts::{AlertEvent, AlertRule, AlertStatus, Transition},
    config::Environment,
    report::{DateRange, PolicyType, Report},
    store::{
        EntryKind, StoredEntry,
        fixtures::{TempStore, accept, entry, failure, october, open, policy, report, temp_store},
        tables::{
            outbox::{OutboxState as Outgoing, Sent},
            silence::SetSilence,
        },
    },
    submission::{Outcome, Trust},
};

/// A webhook that hears of everything, and rules that do not depend on the machine.
const CHANNEL: &str = "[alerts]\ndisk_free_min_bytes = 0\nremind_after_h = 24\n\
                       [[channel]]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n";

/// An evaluator with its store, as a server has them.
struct Watch {
    text: String,
    temp: TempStore,
    clock: Clock,
    health: HealthRegistry,
    poke: Arc<Notify>,
    evaluator: AlertEvaluator,
}

impl Watch {
    /// `text` is the configuration. It is 09:00 of the day after the first report day.
    fn new(text: &str) -> Watch {
        let (temp, clock) = (temp_store(), Clock::fixed(october(2) + TimeDelta::hours(9)));
        accept(&temp.store, &["alpha.example", "beta.example", "gamma.example", "forger.example", "kunde1.example"]);
        let (health, poke) = (HealthRegistry::default(), Arc::default());
        let evaluator = evaluator(text, &temp, &clock, &health, &poke);
        Watch { text: text.to_owned(), temp, clock, health, poke, evaluator }
    }

    /// Closes the store and opens it again, with other evaluator: as after a restart.
    async fn restart(mut self) -> Watch {
        self.store().close().await.unwrap();
        self.temp.store = open(self.temp.directory.path());
        (self.health, self.poke) = (HealthRegistry::default(), Arc::default());
        self.evaluator = evaluator(&self.text, &self.temp, &self.clock, &self.health, &self.poke);
        self
    }

    fn store(&self) -> &Store {
        &self.temp.store
    }

    fn advance(&self, time: TimeDelta) {
        self.clock.set(self.clock.now() + time);
    }

    async fn change(&self, change: impl FnOnce(&duckdb::Connection) -> Result<(), StoreError> + Send + 'static) {
        self.store().change(change).await.unwrap();
    }

    async fn sql(&self, sql: &'static str) {
        self.change(move |conn| Ok(conn.execute_batch(sql)?)).await;
    }

    /// Stores reports of these organisations about one day of October: so many sessions of example.com failed.
    async fn post(&self, organisations: &[&str], day: u32, result_type: &str, failed: i64, trust: Trust) {
        let entries = organisations.iter().map(|who| about(who, day, result_type, failed, trust, self.clock.now()));
        for outcome in self.store().write(entries.collect()).await {
            assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
        }
    }

    async fn outage(&self, day: u32) {
        self.post(&["alpha.example", "beta.example"], day, "sts-policy-fetch-error", 30, Trust::Dkim).await;
    }

    async fn evaluate(&self) -> Evaluation {
        self.evaluator.evaluate().await.unwrap()
    }

    /// What an evaluation makes happen.
    async fn happens(&self) -> Vec<(AlertRule, AlertEvent, bool)> {
        let brief = |it: &Transition| (it.alert.rule, it.event, it.notified);
        self.evaluate().await.transitions.iter().map(brief).collect()
    }

    async fn alerts(&self) -> Vec<Alert> {
        self.store().read(|conn| alert::alerts(conn, 100)).await.unwrap()
    }

    /// The only alert.
    async fn alert(&self) -> Alert {
        let mut all = self.alerts().await;
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    async fn history(&self, uuid: Uuid) -> Vec<(AlertEvent, bool)> {
        let happened = self.store().read(move |conn| alert::history(conn, uuid)).await.unwrap();
        happened.iter().map(|line| (line.event, line.notified)).collect()
    }

    async fn entries(&self) -> Vec<Sent> {
        let mut all = self.store().read(|conn| outbox::entries(conn, 100)).await.unwrap();
        all.sort_by_key(|sent| sent.created_at);
        all
    }

    /// Everything that evaluations write.
    async fn everything(&self) -> (Vec<Alert>, Vec<Sent>, [i64; 2]) {
        let count = |conn: &duckdb::Connection, table: &str| {
            Ok::<i64, StoreError>(conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?)
        };
        let counts = move |conn: &duckdb::Connection| Ok([count(conn, "alert_event")?, count(conn, "known_failure")?]);
        (self.alerts().await, self.entries().await, self.store().read(counts).await.unwrap())
    }

    async fn is_poked(&self) -> bool {
        // It is ready at once where there is a permit.
        tokio::select! {
            biased;
            () = self.poke.notified() => true,
            () = std::future::ready(()) => false,
        }
    }
}

fn config(text: &str, data: &std::path::Path) -> Config {
    let file = data.with_extension("toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), &Environment::default()).expect("the configuration is valid");
    std::fs::remove_file(file).unwrap();
    config.check().expect("the values make sense");
    Config { data: data.to_owned(), ..config }
}

fn evaluator(
    text: &str,
    temp: &TempStore,
    clock: &Clock,
    health: &HealthRegistry,
    poke: &Arc<Notify>,
) -> AlertEvaluator {
    let config = config(text, temp.directory.path());
    AlertEvaluator::new(&config, temp.store.clone(), clock.clone(), health.clone(), Arc::clone(poke))
        .expect("it can be used")
}

/// What one organisation reports about one day; nothing failed where `failed` is 0.
fn about(who: &str, day: u32, result_type: &str, failed: i64, trust: Trust, now: DateTime<Utc>) -> StoredEntry {
    let mut result = policy("example.com", PolicyType::Sts, Some(1_000), Some(failed));
    if failed > 0 {
        result.failures.push(failure(result_type, Some(failed)));
    }
    let start = october(day).date_naive().and_time(NaiveTime::MIN).and_utc();
    let range = DateRange { start, end: start + TimeDelta::days(1) };
    let report =
        Report { organisation: Some(who.to_owned()), range, ..report(&format!("{who} {day} {trust:?}"), vec![result]) };
    let mut entry = entry(report, trust);
    if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
        who.clone_into(organisation_key);
    }
    let mut arrival = crate::store::Arrival::clone(&entry.arrival);
    arrival.received_at = now;
    entry.arrival = Arc::new(arrival);
    entry
}

#[tokio::test]
async fn an_outage_fires_once_and_a_restart_changes_nothing() {
    let watch = Watch::new(CHANNEL);
    assert!(watch.evaluate().await.first, "nothing was ever noted");
    assert!(watch.is_poked().await);
    assert!(watch.alerts().await.is_empty() && watch.entries().await.is_empty());

    watch.outage(1).await;
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Fired, true)]);
    assert!(watch.is_poked().await, "the dispatcher is told");
    let alert = watch.alert().await;
    assert_eq!((alert.status, alert.evidence.organisations_total, alert.evidence.failed), (AlertStatus::Firing, 2, 60));
    assert_eq!((alert.since, alert.notified_at), (october(1), Some(watch.clock.now())));
    assert_eq!(watch.history(alert.uuid).await, [(AlertEvent::Fired, true)]);
    let entries = watch.entries().await;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].state, entries[0].channel.as_str()), (Outgoing::Pending, "webhook"));
    assert_eq!(
        entries[0].title,
        "alpha.example and beta.example cannot fetch the MTA-STS policy of example.com since Thu 1 Oct (60 sessions)"
    );

    let before = watch.everything().await;
    assert_eq!(watch.happens().await, []);
    assert!(!watch.is_poked().await);
    let watch = watch.restart().await;
    let evaluation = watch.evaluate().await;
    assert_eq!((evaluation.transitions, evaluation.known.len(), evaluation.first), (vec![], 0, false));
    assert_eq!(watch.everything().await, before);
}

#[tokio::test]
async fn who_comes_later_is_in_the_evidence_without_being_told() {
    let watch = Watch::new(CHANNEL);
    watch.outage(1).await;
    watch.happens().await;
    let uuid = watch.alert().await.uuid;
    let now = watch.clock.now();
    watch.change(move |conn| alert::acknowledge(conn, uuid, "known", now).map(drop)).await;
    watch.post(&["gamma.example"], 1, "sts-policy-fetch-error", 7, Trust::Dkim).await;
    assert_eq!(watch.happens().await, []);
    let alert = watch.alert().await;
    assert_eq!((alert.evidence.organisations_total, alert.evidence.failed), (3, 67));
    assert_eq!(alert.acknowledgement.as_deref(), Some("known"));
    assert_eq!(watch.entries().await.len(), 1);
    assert!(watch.evaluate().await.refreshed.is_empty(), "it is written once");
}

#[tokio::test]
async fn an_alert_its_history_and_its_notices_are_written_together_or_not_at_all() {
    for table in ["outbox", "alert_event", "known_failure"] {
        let watch = Watch::new(CHANNEL);
        watch.outage(1).await;
        let (away, back): (&'static str, &'static str) = match table {
            "outbox" => ("ALTER TABLE outbox RENAME TO away", "ALTER TABLE away RENAME TO outbox"),
            "alert_event" => ("ALTER TABLE alert_event RENAME TO away", "ALTER TABLE away RENAME TO alert_event"),
            _ => ("ALTER TABLE known_failure ALTER noted_at TYPE INTEGER USING 0", ""),
        };
        watch.sql(away).await;
        assert!(watch.evaluator.evaluate().await.is_err(), "{table} cannot be written");
        assert!(watch.alerts().await.is_empty(), "without {table} there is no alert either");
        if table == "known_failure" {
            continue;
        }
        watch.sql(back).await;
        assert!(watch.entries().await.is_empty() && watch.everything().await.2 == [0, 0], "{table}");

        assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Fired, true)], "{table}");
        assert_eq!(watch.history(watch.alert().await.uuid).await, [(AlertEvent::Fired, true)]);
        assert_eq!(watch.entries().await.len(), 1);
    }
}

#[tokio::test]
async fn clean_reports_of_the_same_organisations_end_it() {
    let watch = Watch::new(CHANNEL);
    watch.outage(1).await;
    watch.evaluate().await;
    watch.advance(TimeDelta::hours(23));
    watch.post(&["gamma.example"], 2, "", 0, Trust::Dkim).await;
    assert_eq!(watch.happens().await, [], "who never saw it cannot say that it is over");
    watch.post(&["alpha.example", "beta.example"], 2, "", 0, Trust::None).await;
    assert_eq!(watch.happens().await, [], "anybody can post that");
    watch.post(&["alpha.example", "beta.example"], 2, "", 0, Trust::Dkim).await;
    assert_eq!(watch.happens().await, [(AlertRule::PolicyFetch, AlertEvent::Resolved, true)]);
    let alert = watch.alert().await;
    assert_eq!((alert.status, alert.evidence.clear_day), (AlertStatus::Resolved, Some(october(2).date_naive())));
    let entries = watch.entries().await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].title, "The MTA-STS policy of example.com can be fetched and used again after 1 day");
    assert_eq!(watch.happens().await, []);
}

#[tokio::test]
async fn what_anybody_can_post_fires_only_where_that_is_wanted() {
    let watch = Watch::new(CHANNEL);
    watch.evaluate().await;
    let many: Vec<String> = (0..20).map(|number| format!("claimed:forger{number}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    watch.post(&many, 1, "sts-policy-fetch-error", 5_000, Trust::None).await;
    watch.post(&["forger.example"], 1, "certificate-expired", 5_000, Trust::None).await;
    assert_eq!(watch.happens().await, []);
    assert!(watch.alerts().await.is_empty() && watch.entries().await.is_empty());

    let text = CHANNEL.replace("[alerts]", "[alerts]\nmin_trust = \"none\"\nquarantine_percent = 100");
    let watch = Watch { text, ..watch }.restart().await;
    assert!(watch.happens().await.contains(&(AlertRule::PolicyFetch, AlertEvent::Fired, true)));
}
