//! Large submissions, in parts.

use std::time::Instant;

use super::Writer;
use crate::{
    store::{
        StoreError,
        engine::{parts::Parts, queue::Job},
    },
    submission::{Busy, Outcome},
};

impl Writer {
    /// A large one: its rows are put aside first, in parts.
    pub(super) fn begin(&mut self, job: Job) {
        let begun = match &self.database {
            Some(conn) => Parts::plan(conn, &job),
            None => Err(StoreError::Unavailable),
        };
        match begun {
            Ok(waiting) => self.parts = Some(Parts::new(job, waiting, self.openings)),
            Err(error) => {
                self.could_not_part(&error);
                self.queue.done(&job);
                self.write_at_once(job);
            }
        }
    }

    pub(super) fn go_on(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let complete = match &self.database {
            Some(conn) => parts.go_on(conn),
            None => Err(StoreError::Unavailable),
        };
        match complete {
            Ok(false) => {
                self.parts = Some(parts);
                return;
            }
            Ok(true) => self.write_parts(parts),
            Err(error) => {
                self.could_not_part(&error);
                self.queue.done(&parts.job);
                self.write_at_once(parts.job);
            }
        }
        if let Some(conn) = &self.database {
            Parts::clear(conn);
        }
    }

    fn write_parts(&mut self, parts: Parts) {
        let begun = Instant::now();
        // What was answered before it came may still be in the journal.
        let outcomes = match self.load_backlog() {
            true => self.write_large(&parts.job.entries, Some(&parts)),
            false => vec![Outcome::Busy(Busy::StoreFailed); parts.job.entries.len()],
        };
        let (waited_ms, commit_ms) = (parts.job.since.elapsed().as_millis(), begun.elapsed().as_millis());
        tracing::debug!(entries = outcomes.len(), waited_ms, commit_ms, "a large submission was written in parts");
        self.queue.done(&parts.job);
        parts.job.answer(outcomes);
    }

    fn write_at_once(&mut self, job: Job) {
        if self.load_backlog() {
            self.write(vec![job]);
        } else {
            let outcomes = vec![Outcome::Busy(Busy::StoreFailed); job.entries.len()];
            job.answer(outcomes);
        }
    }

    fn could_not_part(&mut self, error: &StoreError) {
        tracing::warn!(error = %error, "a large submission could not be put aside in parts: it is written at once");
        if error.is_fatal() {
            self.close();
        }
    }
}
