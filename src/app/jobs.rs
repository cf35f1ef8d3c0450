//! What the server does without being asked, wired together: rounds and calendar put into the outbox, the postman delivers.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

use super::Options;
use crate::{
    config::Config,
    control::Clerk,
    digest::Press,
    health::Board,
    jobs::{admin::Desk, alert_evaluator::Rounds, calendar::Calendar},
    notify::{self, Postman},
    store::Store,
};

/// Built, not yet at work.
pub struct Duty {
    desk: Arc<Desk>,
    rounds: Rounds,
    calendar: Calendar,
    postman: Arc<Postman>,
}

/// At work until the channel it was started with says stop.
pub struct OnDuty(Vec<JoinHandle<()>>);

impl Duty {
    /// Fails where the configuration of alerts, channels or digests cannot be used. Needs a tokio runtime.
    pub fn build(
        config: Config,
        private: Option<SocketAddr>,
        store: &Store,
        board: &Board,
        options: &Options,
    ) -> anyhow::Result<Duty> {
        let base_url = notify::base_url(&config, private);
        let (store, clock) = (store.clone(), options.clock.clone());
        let press = Arc::new(Press::new(None).context("the embedded templates")?);
        let postman = Arc::new(Postman::new(&config, &base_url, store.clone(), clock.clone(), board)?);
        let rounds = Rounds::new(&config, store.clone(), clock.clone(), board.clone(), postman.poke())?
            .telling_at_once(Arc::clone(&postman));
        let calendar =
            Calendar::new(&config, store.clone(), clock.clone(), Arc::clone(&press), base_url.clone(), postman.poke())?;
        let desk = Arc::new(Desk::new(Arc::new(config), store, clock, press, base_url, Handle::current()));
        Ok(Duty { desk, rounds, calendar, postman })
    }

    /// Who answers commands.
    pub fn desk(&self) -> Arc<dyn Clerk> {
        Arc::clone(&self.desk) as Arc<dyn Clerk>
    }

    pub fn start(self, stopped: &watch::Receiver<bool>) -> OnDuty {
        let Duty { rounds, calendar, postman, .. } = self;
        let (one, two, three) = (stopped.clone(), stopped.clone(), stopped.clone());
        OnDuty(vec![
            tokio::spawn(async move { rounds.run(one).await }),
            tokio::spawn(async move { calendar.run(two).await }),
            tokio::spawn(async move { postman.run(three).await }),
        ])
    }
}

impl OnDuty {
    pub async fn ended(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task on duty had panicked");
            }
        }
    }
}
