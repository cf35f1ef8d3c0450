//! Sends digests when they are due. What was settled is in the store, so that a restart neither forgets one nor sends it twice; of
//! those that came due while nothing ran, the last one is sent.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use chrono::{DateTime, Utc};
use tokio::sync::{Notify, watch};

use super::digests::{self, Edition};
use crate::{
    alerts::notice::Email,
    clock::Clock,
    config::Config,
    digest::DigestRenderer,
    notify,
    period::Period,
    schedule::Schedule,
    store::{Store, tables::digest},
};

/// The longest sleep, because clocks are set.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Sends the digests of one server.
pub struct Calendar {
    store: Store,
    clock: Clock,
    renderer: Arc<DigestRenderer>,
    base_url: String,
    entries: Vec<(Edition, Schedule)>,
    /// Wakes who delivers.
    poke: Arc<Notify>,
}

impl Calendar {
    /// Fails where a digest of the configuration cannot be used.
    pub fn new(
        config: &Config,
        store: Store,
        clock: Clock,
        renderer: Arc<DigestRenderer>,
        base_url: String,
        poke: Arc<Notify>,
    ) -> anyhow::Result<Calendar> {
        let least = digests::least(config);
        let entry = |digest: crate::config::DigestConfig| {
            let schedule = Schedule::new(digest.cadence, &digest.weekday, &digest.time, &digest.zone);
            let named = |(key, why): (&str, String)| anyhow::anyhow!("`digest.{key}` of {:?}: {why}", digest.name());
            Ok((Edition::of(&digest, least), schedule.map_err(named)?))
        };
        let entries = config.digests()?.into_iter().map(entry).collect::<anyhow::Result<_>>()?;
        Ok(Calendar { store, clock, renderer, base_url, entries, poke })
    }

    /// Sends what comes due until told to stop or the store closes.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) {
        let mut closed = self.store.commits();
        loop {
            match self.settle_due().await {
                Ok(()) => {}
                Err(error) => tracing::error!("a digest could not be written and will be tried again: {error:#}"),
            }
            let now = self.clock.now();
            let next = self.entries.iter().map(|(_, schedule)| schedule.next_due(now)).min();
            let pause = next.and_then(|next| (next - now).to_std().ok()).unwrap_or(PAUSE_MAX).min(PAUSE_MAX);
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                // Its sender goes with the store.
                _ = closed.wait_for(|_| false) => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Puts what is due into the outbox. One that is configured for the first time begins with its next date. One that cannot
    /// be written keeps none of the others; the first error is returned.
    pub async fn settle_due(&self) -> anyhow::Result<()> {
        let mut first = Ok(());
        for (edition, schedule) in &self.entries {
            let settled = self.settle(edition, schedule).await;
            match settled.with_context(|| format!("digest {:?}", edition.name.as_deref().unwrap_or_default())) {
                Ok(()) => {}
                Err(error) if first.is_ok() => first = Err(error),
                Err(error) => tracing::error!("a digest could not be written and will be tried again: {error:#}"),
            }
        }
        first
    }

    async fn settle(&self, edition: &Edition, schedule: &Schedule) -> anyhow::Result<()> {
        let now = self.clock.now();
        let name = edition.name.clone().unwrap_or_default();
        let due = schedule.last_due(now);
        let known = name.clone();
        let settled = self.store.read(move |conn| digest::settled(conn, &known, now)).await?;
        if settled.is_some_and(|settled| settled >= due) {
            return Ok(());
        }
        let sent = match settled {
            None => None,
            Some(_) => Some(self.email(edition, Period::containing(edition.kind, schedule.about(due)), now).await?),
        };
        let said = sent.as_ref().map(|(email, period)| (email.subject.clone(), period.name()));
        let to = edition.to.clone();
        let change = move |conn: &duckdb::Connection| {
            if let Some((email, period)) = &sent {
                notify::enqueue_email(conn, &name, &to, email, &period.name(), now)?;
            }
            digest::settle(conn, &name, due, now)
        };
        self.store.change(change).await?;
        if let Some((subject, period)) = said {
            tracing::info!(digest = edition.name, period, recipients = edition.to.len(), "{subject}");
            self.poke.notify_one();
        }
        Ok(())
    }

    async fn email(&self, edition: &Edition, period: Period, now: DateTime<Utc>) -> anyhow::Result<(Email, Period)> {
        let (edition, renderer, base_url) = (edition.clone(), Arc::clone(&self.renderer), self.base_url.clone());
        let asked =
            move |conn: &duckdb::Connection| Ok(edition.email(conn, &renderer, &base_url, period, now.date_naive()));
        Ok((self.store.read(asked).await??, period))
    }
}
