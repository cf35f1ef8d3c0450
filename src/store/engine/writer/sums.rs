//! Makes the sums of days in quiet moments.

use std::time::{Duration, Instant};

use super::Writer;
use crate::{
    limits::DAY_SUMS_WAIT_MAX_S,
    store::{
        StoreError,
        engine::{backoff::Backoff, transaction},
        tables::day_sums,
    },
};

/// How often it says how many days are left, where they are many.
const PROGRESS: Duration = Duration::from_secs(5);

/// When to make the sums of what changed.
pub(super) struct PendingSums {
    /// The first and the last change since all sums were made; `None` where nothing changed.
    changed: Option<(Instant, Instant)>,
    /// Some days are made, the rest follows at once.
    is_under_way: bool,
    quiet: Duration,
    backoff: Backoff,
    told_at: Instant,
}

impl PendingSums {
    /// An earlier process may have left days without sums.
    pub(super) fn new(quiet: Duration) -> PendingSums {
        let now = Instant::now();
        PendingSums { changed: Some((now, now)), is_under_way: false, quiet, backoff: Backoff::new(), told_at: now }
    }

    /// Something was written that may have been about a day.
    pub(super) fn changed(&mut self) {
        let now = Instant::now();
        self.changed = Some((self.changed.map_or(now, |(first, _)| first), now));
    }

    /// How long not yet.
    pub(super) fn wait(&self) -> Duration {
        let Some((first, last)) = self.changed else { return Duration::MAX };
        if !self.backoff.is_due() {
            return Duration::from_secs(1);
        }
        if self.is_under_way {
            return Duration::ZERO;
        }
        let due = (last + self.quiet).min(first + self.quiet.max(Duration::from_secs(DAY_SUMS_WAIT_MAX_S)));
        due.saturating_duration_since(Instant::now())
    }

    fn made(&mut self, left: usize) {
        self.backoff.succeeded();
        if self.told_at.elapsed() >= PROGRESS && left > 0 {
            self.told_at = Instant::now();
            tracing::info!(days_left = left, "making the sums of days");
        }
        self.is_under_way = left > 0;
        if left == 0 {
            self.changed = None;
            self.told_at = Instant::now();
        }
    }

    /// Until then the rows themselves answer, which only takes longer.
    fn failed(&mut self, error: &StoreError) {
        tracing::warn!(%error, "the sums of days could not be made: tried again later");
        self.backoff.failed(error.is_disk_full());
        self.is_under_way = false;
    }
}

impl Writer {
    /// Makes those of some days. What they say the rows said before: nobody has to ask again.
    pub(super) fn make_sums(&mut self) {
        let Some(conn) = &self.database else { return };
        if self.condition.place.check().is_err() {
            return;
        }
        let made = transaction::within(conn, day_sums::make_some).and_then(|left| {
            self.note.committed(self.condition.place.committed(false)?, 0);
            Ok(left)
        });
        match made {
            Ok(left) => self.sums.made(left),
            Err(error) => {
                self.sums.failed(&error);
                if error.is_fatal() {
                    self.close();
                }
            }
        }
    }
}
