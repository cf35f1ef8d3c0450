//! Evaluates the alerts after each commit of reports, and on a timer for what no report tells: silence, disks, sources. One
//! evaluation is one question to the store, one pure judgement, and one transaction that writes what changed together with the
//! notices about it.

mod at_once;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};

use crate::{
    alerts::{Alert, AlertFacts, AlertPlan, Evaluation, Mute, Silence, Transition, evaluate, facts, words},
    clock::Clock,
    config::{Config, NotifyChannel},
    health::{ComponentState, HealthRegistry},
    limits::{FORGET_EVERY_H, FORGOTTEN_AT_ONCE_MAX},
    notify::{self, Dispatcher},
    query,
    store::{
        Store, StoreError,
        tables::{
            age, alert, known, outbox,
            silence::{self, SetSilence},
        },
    },
};
use at_once::AtOnce;

/// How long nothing need have come before the rules are looked at all the same.
const INTERVAL: Duration = Duration::from_secs(60);
/// Commits come many a second at midnight: between two evaluations there is this pause at least, and
const PAUSE_MIN: Duration = Duration::from_secs(2);
/// … so many times what the last one took, so that they never take more than a twentieth of the machine.
const PAUSE_TIMES: u32 = 20;
/// An import that takes longer than this holds nothing up any more.
const LOAD_MAX: Duration = Duration::from_secs(60 * 60);
/// What comes back within a few weeks is the same alert going on, and has to be known.
const KEEP_MIN_DAYS: i64 = 90;
/// How long what was told is remembered, for the page and against telling it twice.
const OUTBOX_KEPT_DAYS: i64 = 90;

/// Evaluates the alerts of one server.
pub struct AlertEvaluator {
    store: Store,
    clock: Clock,
    health: HealthRegistry,
    data: PathBuf,
    plan: Arc<AlertPlan>,
    /// The silences of the configuration.
    mutes: Vec<Mute>,
    channels: Arc<Vec<NotifyChannel>>,
    /// Wakes who delivers.
    poke: Arc<Notify>,
    later: Mutex<BTreeMap<String, Later>>,
    /// When old rows were last looked for.
    forgotten_at: Mutex<Option<DateTime<Utc>>>,
    /// Who tells what cannot be put into the outbox.
    at_once: Option<AtOnce>,
}

/// How often a source had asked senders to come again later, and when that last grew.
#[derive(Debug, Clone, Copy, Default)]
struct Later {
    busy: u64,
    at: Option<DateTime<Utc>>,
}

impl AlertEvaluator {
    /// Fails where the configuration's alerts, silences, maintenance windows or channels cannot be used.
    pub fn new(
        config: &Config,
        store: Store,
        clock: Clock,
        health: HealthRegistry,
        poke: Arc<Notify>,
    ) -> anyhow::Result<AlertEvaluator> {
        let mutes = config.silences()?.iter().map(Silence::compile).collect::<Result<_, _>>();
        Ok(AlertEvaluator {
            store,
            clock,
            health,
            data: config.data.clone(),
            plan: Arc::new(plan(config)?),
            mutes: mutes.context("[[silence]]")?,
            channels: Arc::new(config.channels()?),
            poke,
            later: Mutex::default(),
            forgotten_at: Mutex::default(),
            at_once: None,
        })
    }

    /// The same, telling by the channels themselves that nothing can be stored.
    pub fn telling_at_once(mut self, dispatcher: Arc<Dispatcher>) -> AlertEvaluator {
        self.at_once = Some(AtOnce::new(dispatcher));
        self
    }

    /// Evaluates until told to stop or the store closes.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) {
        let (mut commits, mut loads) = (self.store.commits(), self.store.loads());
        loop {
            let (begun, was_loading) = (Instant::now(), self.is_loading());
            match self.evaluate().await {
                Ok(evaluation) => log(&evaluation),
                Err(error) => tracing::warn!(%error, "the alerts could not be evaluated"),
            }
            if let Err(error) = self.forget().await {
                tracing::warn!(%error, "what alerts left behind could not be tidied up");
            }
            let pause = PAUSE_MIN.max(begun.elapsed().saturating_mul(PAUSE_TIMES)).min(INTERVAL);
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
            if was_loading && !self.is_loading() {
                continue;
            }
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                // Everything that was committed since the evaluation began counts as news.
                changed = commits.changed() => if changed.is_err() { return },
                // The end of an import is news as well.
                _ = loads.wait_for(|loads| loads.number == 0), if self.is_loading() => {}
                () = tokio::time::sleep(INTERVAL - pause) => {}
            }
        }
    }

    /// One evaluation, as of the clock. What changed is on disk when this returns.
    pub async fn evaluate(&self) -> Result<Evaluation, StoreError> {
        let now = self.clock.now();
        // Asked before the question: what is stored by the end of a load is all of it.
        let is_loading = self.is_loading();
        let (plan, mutes) = (Arc::clone(&self.plan), self.mutes.clone());
        let asked = move |conn: &duckdb::Connection| {
            let standing = alert::standing(conn, now)?;
            let mut mutes = mutes;
            mutes.extend(silence::silences(conn)?.iter().filter_map(SetSilence::mute));
            Ok((standing, query::facts::facts(conn, now, &plan)?, mutes))
        };
        let (standing, mut facts, mutes): (Vec<Alert>, AlertFacts, Vec<Mute>) = self.store.read(asked).await?;
        facts.parts = Some(self.parts(now));
        facts.disk_free_bytes = self.disk_free_bytes().await;
        facts.store_trouble = self.store_trouble().await;
        facts.set_aside = self.store.set_aside();
        let mut evaluation = evaluate(&standing, &facts, &self.plan, &mutes, now);
        if is_loading {
            evaluation = evaluation.without_stored();
        }
        if let Some(at_once) = self.at_once.as_ref().filter(|_| facts.store_trouble.is_none()) {
            evaluation.transitions.extend(at_once.over(now));
        }
        let Evaluation { transitions, known, refreshed, first } = &evaluation;
        if !transitions.is_empty() || !known.is_empty() || !refreshed.is_empty() || *first {
            let written = self.write(evaluation.clone(), now).await;
            if let (Err(_), Some(at_once)) = (&written, &self.at_once) {
                at_once.tell(&evaluation, now).await;
            }
            written?;
            self.poke.notify_one();
        }
        Ok(evaluation)
    }

    /// Removes what alerts left behind long ago: once a day, and at the next evaluation again where there was more than goes at once.
    /// How many rows.
    pub async fn forget(&self) -> Result<usize, StoreError> {
        let (now, keep_days) = (self.clock.now(), self.plan.settings.keep_days);
        let last = *self.forgotten_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now - last >= TimeDelta::hours(FORGET_EVERY_H) || now < last);
        if keep_days == 0 || !is_due {
            return Ok(0);
        }
        let keep = TimeDelta::days(i64::try_from(keep_days).unwrap_or(i64::MAX).clamp(KEEP_MIN_DAYS, 36_500));
        let removed = self.store.change(move |conn| age::forget(conn, now - keep, FORGOTTEN_AT_ONCE_MAX)).await?;
        if removed < FORGOTTEN_AT_ONCE_MAX {
            *self.forgotten_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
        Ok(removed)
    }

    /// While an import is under way what is stored is half of something; one that never ends is not waited for.
    fn is_loading(&self) -> bool {
        let since = self.store.loads().borrow().since;
        since.is_some_and(|since| since.elapsed() < LOAD_MAX)
    }

    async fn write(&self, evaluation: Evaluation, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (plan, channels) = (Arc::clone(&self.plan), Arc::clone(&self.channels));
        let notified_already =
            self.at_once.as_ref().and_then(AtOnce::notified_of).filter(|notified| notified.is_over_in(&evaluation));
        let recorded: Vec<Transition> = notified_already
            .iter()
            .map(|notified| notified.transition.clone())
            .chain(evaluation.transitions.clone())
            .collect();
        let change = move |conn: &duckdb::Connection| {
            if evaluation.first {
                known::note_all(conn, &plan, now)?;
            }
            known::note(conn, &evaluation.known, now)?;
            alert::record(conn, &recorded, now)?;
            alert::refresh(conn, &evaluation.refreshed)?;
            outbox::forget(conn, now - TimeDelta::days(OUTBOX_KEPT_DAYS))?;
            notify::put(conn, &channels, &words::notices(&evaluation.transitions, now), now)
        };
        self.store.change(change).await?;
        if let (Some(_), Some(at_once)) = (notified_already, &self.at_once) {
            at_once.settled();
        }
        Ok(())
    }

    async fn store_trouble(&self) -> Option<String> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.trouble()).await.ok().flatten()
    }

    /// The health registry without the channels: that a channel fails cannot be told by it, and is shown on the pages.
    fn parts(&self, now: DateTime<Utc>) -> Vec<facts::SourceHealth> {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = self.health.sources().into_iter();
        sources
            .map(|(name, health)| {
                let seen = later.entry(name.clone()).or_default();
                if health.counts.busy > seen.busy {
                    *seen = Later { busy: health.counts.busy, at: Some(now) };
                }
                facts::SourceHealth {
                    well: health.state == ComponentState::Well,
                    failing_since: health.since.filter(|_| health.state == ComponentState::Failing),
                    later_at: seen.at,
                    words: health.words,
                    name,
                }
            })
            .collect()
    }

    /// What an ordinary process may still write. `None` where the system does not say.
    async fn disk_free_bytes(&self) -> Option<u64> {
        let data = self.data.clone();
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&data)).await;
        match asked {
            Ok(Ok(disk)) => Some(disk.f_bavail.saturating_mul(disk.f_frsize)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the free space of the data directory is not known");
                None
            }
            Err(_) => None,
        }
    }
}

/// The rules with what the configuration says of the served domains.
pub fn plan(config: &Config) -> anyhow::Result<AlertPlan> {
    let mut plan =
        AlertPlan::new(config.alerts.clone(), config.served()?.domains, &config.maintenances()?).context("[alerts]")?;
    plan.audiences = config.channels()?.into_iter().map(|channel| channel.policy_domains).collect();
    Ok(plan)
}

fn log(evaluation: &Evaluation) {
    for transition in &evaluation.transitions {
        let alert = &transition.alert;
        tracing::info!(
            alert = %alert.uuid,
            rule = alert.rule.as_str(),
            notified = transition.notified,
            "{}: {}",
            transition.event.as_str(),
            crate::alerts::sentence(alert)
        );
    }
}

#[cfg(test)]
mod tests;
