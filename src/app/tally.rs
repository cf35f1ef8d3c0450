//! Keeps what the sources bring: read at the start, written each minute where anything came, and at the end.

use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    clock::Clock,
    health::{HealthRegistry, SourceCounts},
    store::{
        Store, StoreError,
        tables::source_counts::{self, SourceCount},
    },
};

/// What came since is not counted where the process is killed.
const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct SourceCounters {
    store: Store,
    health: HealthRegistry,
    clock: Clock,
}

impl SourceCounters {
    /// Goes on where the counters were when the server last ended. Every part must be in the registry.
    pub(super) async fn resume(
        store: &Store,
        health: &HealthRegistry,
        clock: &Clock,
    ) -> Result<SourceCounters, StoreError> {
        for kept in store.read(source_counts::counts).await? {
            let SourceCount { name, counted_since, stored, duplicate, quarantined, refused, ignored, busy } = kept;
            health.resume(
                &name,
                SourceCounts { stored, duplicate, quarantined, refused, ignored, busy },
                counted_since,
            );
        }
        let now = clock.now();
        for (name, source) in health.sources() {
            if source.counted_since.is_none() {
                health.resume(&name, SourceCounts::default(), now);
            }
        }
        Ok(SourceCounters { store: store.clone(), health: health.clone(), clock: clock.clone() })
    }

    /// Writes until told to stop.
    pub(super) fn start(&self, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        let tally = self.clone();
        tokio::spawn(async move {
            let mut written = Vec::new();
            loop {
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(INTERVAL) => {}
                }
                let counts = tally.counts();
                if counts != written && tally.write(counts.clone()).await {
                    written = counts;
                }
            }
        })
    }

    /// Writes a last time, once nothing comes in any more.
    pub(super) async fn end(&self) {
        self.write(self.counts()).await;
    }

    fn counts(&self) -> Vec<SourceCount> {
        let now = self.clock.now();
        let count = |(name, health): (String, crate::health::Health)| {
            let SourceCounts { stored, duplicate, quarantined, refused, ignored, busy } = health.total();
            let counted_since = health.counted_since.unwrap_or(now);
            SourceCount { name, counted_since, stored, duplicate, quarantined, refused, ignored, busy }
        };
        self.health.sources().into_iter().map(count).collect()
    }

    async fn write(&self, counts: Vec<SourceCount>) -> bool {
        let written = self.store.change(move |conn| source_counts::keep(conn, &counts)).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "what the sources brought cannot be written down now");
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::fixtures::{october, open, temp_store},
        submission::{Busy, Outcome, Receipt},
    };

    #[tokio::test]
    async fn counters_go_on_after_a_restart() {
        let temp = temp_store();
        let (health, clock) = (HealthRegistry::default(), Clock::fixed(october(2)));
        let part = health.part("smtp");
        let tally = SourceCounters::resume(&temp.store, &health, &clock).await.unwrap();
        let outcomes = vec![Outcome::Stored(uuid::Uuid::nil()), Outcome::Busy(Busy::DiskFull)];
        part.count(&Receipt::new(outcomes.clone()));
        tally.end().await;
        temp.store.close().await.unwrap();

        let (store, health) = (open(temp.directory.path()), HealthRegistry::default());
        let part = health.part("smtp");
        health.part("https");
        let later = Clock::fixed(october(3));
        let tally = SourceCounters::resume(&store, &health, &later).await.unwrap();
        part.count(&Receipt::new(outcomes));
        tally.end().await;
        let kept: Vec<_> = store.read(source_counts::counts).await.unwrap();
        let brief: Vec<_> =
            kept.iter().map(|kept| (kept.name.as_str(), kept.counted_since, kept.stored, kept.busy)).collect();
        assert_eq!(brief, [("https", october(3), 0, 0), ("smtp", october(2), 2, 2)]);
        // What was turned away before is not turned away now: the alert looks at this alone.
        let (_, health) = health.sources().remove(1);
        assert_eq!((health.counts.busy, health.total().busy), (1, 2));
    }
}
