//! Back-off from a machine that has no space or no disk at the moment.

use std::time::{Duration, Instant};

use crate::backoff::doubled;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// When to try again what failed: half a second later, then twice as long each time.
#[derive(Default)]
pub struct Backoff {
    failed: Option<Failed>,
}

struct Failed {
    next: Instant,
    times: u32,
    disk_full: bool,
}

impl Backoff {
    pub fn new() -> Backoff {
        Backoff::default()
    }

    pub fn is_due(&self) -> bool {
        self.failed.as_ref().is_none_or(|failed| Instant::now() >= failed.next)
    }

    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// The last failure was for want of space.
    pub fn was_disk_full(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.disk_full)
    }

    pub fn failed(&mut self, disk_full: bool) {
        let before = self.failed.as_ref().map_or(0, |failed| failed.times);
        let next = Instant::now() + doubled(FIRST, before, LONGEST);
        self.failed = Some(Failed { next, times: before.saturating_add(1), disk_full });
    }

    pub fn succeeded(&mut self) {
        self.failed = None;
    }
}
