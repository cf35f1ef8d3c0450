//! Keeps what the ways in brought: read at the start, written each minute where anything came, and at the end.

use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    clock::Clock,
    health::{Board, Brought},
    store::{
        Store, StoreError,
        tables::way_in::{self, WayInCount},
    },
};

/// What came since is not counted where the process is killed.
const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Tally {
    store: Store,
    board: Board,
    clock: Clock,
}

impl Tally {
    /// Goes on where the counters were when the server last ended. Every part must be on the board.
    pub async fn resume(store: &Store, board: &Board, clock: &Clock) -> Result<Tally, StoreError> {
        for kept in store.read(way_in::counts).await? {
            let WayInCount { name, counted_since, stored, duplicate, quarantined, refused, ignored, busy } = kept;
            board.resume(&name, Brought { stored, duplicate, quarantined, refused, ignored, busy }, counted_since);
        }
        let now = clock.now();
        for (name, health) in board.ways_in() {
            if health.counted_since.is_none() {
                board.resume(&name, Brought::default(), now);
            }
        }
        Ok(Tally { store: store.clone(), board: board.clone(), clock: clock.clone() })
    }

    /// Writes until told to stop.
    pub fn start(&self, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
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
    pub async fn end(&self) {
        self.write(self.counts()).await;
    }

    fn counts(&self) -> Vec<WayInCount> {
        let now = self.clock.now();
        let count = |(name, health): (String, crate::health::Health)| {
            let Brought { stored, duplicate, quarantined, refused, ignored, busy } = health.total();
            let counted_since = health.counted_since.unwrap_or(now);
            WayInCount { name, counted_since, stored, duplicate, quarantined, refused, ignored, busy }
        };
        self.board.ways_in().into_iter().map(count).collect()
    }

    async fn write(&self, counts: Vec<WayInCount>) -> bool {
        let written = self.store.change(move |conn| way_in::keep(conn, &counts)).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "what the ways in brought cannot be written down now");
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
        let (board, clock) = (Board::default(), Clock::fixed(october(2)));
        let part = board.part("smtp");
        let tally = Tally::resume(&temp.store, &board, &clock).await.unwrap();
        let outcomes = vec![Outcome::Stored(uuid::Uuid::nil()), Outcome::Busy(Busy::DiskFull)];
        part.count(&Receipt::new(outcomes.clone()));
        tally.end().await;
        temp.store.close().await.unwrap();

        let (store, board) = (open(temp.directory.path()), Board::default());
        let part = board.part("smtp");
        board.part("https");
        let later = Clock::fixed(october(3));
        let tally = Tally::resume(&store, &board, &later).await.unwrap();
        part.count(&Receipt::new(outcomes));
        tally.end().await;
        let kept: Vec<_> = store.read(way_in::counts).await.unwrap();
        let brief: Vec<_> =
            kept.iter().map(|kept| (kept.name.as_str(), kept.counted_since, kept.stored, kept.busy)).collect();
        assert_eq!(brief, [("https", october(3), 0, 0), ("smtp", october(2), 2, 2)]);
        // What was turned away before is not turned away now: the alert looks at this alone.
        let (_, health) = board.ways_in().remove(1);
        assert_eq!((health.brought.busy, health.total().busy), (1, 2));
    }
}
