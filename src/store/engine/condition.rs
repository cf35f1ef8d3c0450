//! Whether the store can take anything now, in words for the operator. Asked by who answers `/readyz`, by the pages and by
//! the alerts; kept by the writer.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use super::place::DataDirectory;
use crate::store::StoreError;

/// Shared by the writer and everybody who asks.
#[derive(Debug)]
pub struct Condition {
    pub place: DataDirectory,
    /// Why the last write failed; `None` where it did not.
    failed: Mutex<Option<String>>,
    /// Submissions that were acknowledged and cannot be loaded.
    set_aside: AtomicUsize,
}

impl Condition {
    pub fn new(place: DataDirectory) -> Arc<Condition> {
        Arc::new(Condition { place, failed: Mutex::default(), set_aside: AtomicUsize::new(0) })
    }

    /// Why nothing can be stored now, in sentences without a full stop at the end. The files are looked at anew.
    pub fn trouble(&self) -> Option<String> {
        match self.place.check() {
            Err(displaced) => Some(displaced.to_string()),
            Ok(()) => self.failed().clone(),
        }
    }

    pub fn has_failed(&self) -> bool {
        self.failed().is_some()
    }

    pub fn write_failed(&self, error: &StoreError) {
        let words = match error {
            // It was said when it was closed.
            StoreError::Unavailable if self.has_failed() => return,
            error if error.is_disk_full() => {
                format!("the disk of the data directory is full: the last write failed ({error})")
            }
            StoreError::Displaced(displaced) => displaced.to_string(),
            error => format!("the last write failed: {error}"),
        };
        *self.failed() = Some(words);
    }

    pub fn write_succeeded(&self) {
        if self.failed().take().is_some() {
            tracing::warn!("the store can write again");
        }
    }

    /// So many more were set aside.
    pub fn set_aside(&self, submissions: usize) {
        self.set_aside.fetch_add(submissions, Ordering::Relaxed);
    }

    /// How many are set aside.
    pub fn set_aside_count(&self) -> usize {
        self.set_aside.load(Ordering::Relaxed)
    }

    fn failed(&self) -> MutexGuard<'_, Option<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
