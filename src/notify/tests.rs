//! Deliveries to servers that the tests play, over real sockets, from a real store.

mod by_mail;
mod by_post;
mod choice;
mod outbox;
mod own_session;
pub(crate) mod servers;

use std::{fmt::Write as _, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::{
    alerts::{
        AlertEvent, AlertRule, Severity,
        notice::{About, Draft, Email, Notice, Payload, Picture},
    },
    health::{ComponentState as Health, HealthRegistry},
    store::{
        Store,
        fixtures::{TempStore, open, temp_store},
        tables::outbox::{self as table, OutboxState, Sent},
    },
};

const BASE: &str = "https://tlsight.example.net";

fn start() -> DateTime<Utc> {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

/// The configuration of a file with this text.
fn config(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tlsight.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), &crate::config::Environment::default()).expect("the configuration is valid")
}

fn about(number: u128) -> About {
    About {
        alert: Uuid::from_u128(number),
        title: format!("trouble at domain{number}.example"),
        policy_domain: Some(format!("domain{number}.example")),
        organisation: None,
        result_type: None,
        mx_host: None,
        part: None,
        since: start() - TimeDelta::days(1),
        ended_at: None,
        path: format!("/alerts/{}", Uuid::from_u128(number)),
    }
}

fn notice(number: u128) -> Notice {
    Notice {
        event: Some(AlertEvent::Fired),
        rule: Some(AlertRule::PolicyFetch),
        severity: Severity::Critical,
        title: about(number).title,
        lines: vec!["evidence".to_owned()],
        advice: vec!["advice".to_owned()],
        path: about(number).path,
        at: start(),
        alerts: vec![about(number)],
        more: 0,
    }
}

fn over(number: u128) -> Notice {
    let ended = About { ended_at: Some(start()), ..about(number) };
    Notice {
        event: Some(AlertEvent::Resolved),
        alerts: vec![ended],
        at: start() + TimeDelta::hours(1),
        ..notice(number)
    }
}

/// A dispatcher with its store and a clock that stands still.
struct Scene {
    config: Config,
    temp: TempStore,
    clock: Clock,
    health: HealthRegistry,
    dispatcher: Dispatcher,
}

impl Scene {
    fn new(text: &str) -> Scene {
        let (config, temp, clock, health) =
            (config(text), temp_store(), Clock::fixed(start()), HealthRegistry::default());
        let dispatcher = Dispatcher::new(&config, BASE, temp.store.clone(), clock.clone(), &health).expect("it opens");
        Scene { config, temp, clock, health, dispatcher }
    }

    fn store(&self) -> &Store {
        &self.temp.store
    }

    async fn put(&self, notices: &[Notice]) {
        let (channels, notices, now) = (self.config.channels().unwrap(), notices.to_vec(), self.clock.now());
        self.store().change(move |conn| put(conn, &channels, &notices, now)).await.unwrap();
    }

    async fn enqueue_email(&self, to: &str, email: &Email) {
        let (to, email, now) = (vec![to.to_owned()], email.clone(), self.clock.now());
        self.store().change(move |conn| enqueue_email(conn, "weekly", &to, &email, "2026-W47", now)).await.unwrap();
    }

    async fn deliver(&self) {
        self.dispatcher.deliver_due().await.unwrap();
    }

    fn advance(&self, time: TimeDelta) {
        self.clock.set(self.clock.now() + time);
    }

    /// Closes the store and opens it again, with another dispatcher: as after a restart.
    async fn restart(mut self) -> Scene {
        self.store().close().await.unwrap();
        self.temp.store = open(self.temp.directory.path());
        self.health = HealthRegistry::default();
        self.dispatcher =
            Dispatcher::new(&self.config, BASE, self.temp.store.clone(), self.clock.clone(), &self.health).unwrap();
        self
    }

    async fn entries(&self) -> Vec<Sent> {
        let mut all = self.store().read(|conn| table::entries(conn, 1_000)).await.unwrap();
        all.sort_by_key(|sent| (sent.created_at, sent.title.clone()));
        all
    }

    /// The only entry.
    async fn entry(&self) -> Sent {
        let mut all = self.entries().await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn health(&self, name: &str) -> (Health, String) {
        let all = self.health.all();
        let (_, health) = all.iter().find(|(part, _)| part == name).unwrap_or_else(|| panic!("{name} is not there"));
        (health.state, health.words.clone())
    }
}
