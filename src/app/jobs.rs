//! What the server does without being asked, wired together: the alert evaluator and the calendar put notices and digests into the outbox, the dispatcher delivers.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

use super::Options;
use crate::{
    config::Config,
    control::AdminHandler,
    digest::DigestRenderer,
    health::HealthRegistry,
    jobs::{admin::AdminCommands, alert_evaluator::AlertEvaluator, calendar::Calendar, policy_looks::PolicyLooks},
    notify::{self, Dispatcher},
    store::Store,
};

/// Built, not yet at work.
pub(super) struct BackgroundJobs {
    admin: Arc<AdminCommands>,
    evaluator: AlertEvaluator,
    calendar: Calendar,
    dispatcher: Arc<Dispatcher>,
    looks: Option<Arc<PolicyLooks>>,
}

/// At work until the channel it was started with says stop.
pub(super) struct RunningJobs(Vec<JoinHandle<()>>);

impl BackgroundJobs {
    /// Fails where the configuration of alerts, channels or digests cannot be used. Needs a tokio runtime.
    pub(super) fn build(
        config: Config,
        private: Option<SocketAddr>,
        store: &Store,
        health: &HealthRegistry,
        options: &Options,
    ) -> anyhow::Result<BackgroundJobs> {
        let base_url = notify::base_url(&config, private);
        let (store, clock) = (store.clone(), options.clock.clone());
        let renderer = Arc::new(DigestRenderer::new(None).context("the embedded templates")?);
        let dispatcher = Arc::new(Dispatcher::new(&config, &base_url, store.clone(), clock.clone(), health)?);
        let evaluator = AlertEvaluator::new(&config, store.clone(), clock.clone(), health.clone(), dispatcher.poke())?
            .telling_at_once(Arc::clone(&dispatcher));
        let calendar = Calendar::new(
            &config,
            store.clone(),
            clock.clone(),
            Arc::clone(&renderer),
            base_url.clone(),
            dispatcher.poke(),
        )?;
        let admin = Arc::new(AdminCommands::new(Arc::new(config), store, clock, renderer, base_url, Handle::current()));
        Ok(BackgroundJobs { admin, evaluator, calendar, dispatcher, looks: None })
    }

    /// The same, looking at policies.
    pub(super) fn looking(self, looks: Option<Arc<PolicyLooks>>) -> BackgroundJobs {
        BackgroundJobs { looks, ..self }
    }

    /// Who answers commands.
    pub(super) fn admin(&self) -> Arc<dyn AdminHandler> {
        Arc::clone(&self.admin) as Arc<dyn AdminHandler>
    }

    pub(super) fn start(self, stopped: &watch::Receiver<bool>) -> RunningJobs {
        let BackgroundJobs { evaluator, calendar, dispatcher, looks, .. } = self;
        let (one, two, three) = (stopped.clone(), stopped.clone(), stopped.clone());
        let mut tasks = vec![
            tokio::spawn(async move { evaluator.run(one).await }),
            tokio::spawn(async move { calendar.run(two).await }),
            tokio::spawn(async move { dispatcher.run(three).await }),
        ];
        tasks.extend(looks.map(|looks| tokio::spawn(looks.run(stopped.clone()))));
        RunningJobs(tasks)
    }
}

impl RunningJobs {
    pub(super) async fn ended(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the background jobs had panicked");
            }
        }
    }
}
