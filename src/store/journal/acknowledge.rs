//! The thread between the listeners and the writer: what is surely new is put into the journal and answered, everything is handed on
//! to the writer in its order.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    append::{self, AppendError, Journal},
    identities::Identities,
    layout::Batch,
    record,
};
use crate::{
    limits::{JOURNAL_BATCH_MAX_BYTES, JOURNAL_RECORD_MAX_BYTES},
    store::{
        Bounds, EntryKind, JournalSettings, StoreError, StoreSettings, StoredEntry,
        engine::{
            backoff::Backoff,
            condition::Condition,
            queue::{Job, Queue},
            reader::Readers,
            writer::Writer,
        },
        tables::{
            rows::StoredReport,
            test_report,
            unproven::{Held, Holdings},
        },
    },
    submission::{Busy, Outcome},
};

pub struct Acknowledger {
    queue: Arc<Queue>,
    condition: Arc<Condition>,
    journal: Journal,
    identities: Identities,
    identities_max: usize,
    readers: Arc<Readers>,
    holdings: Arc<Mutex<Holdings>>,
    unproven: Bounds,
    /// When to try again what the machine did not allow.
    retry: Backoff,
}

/// A submission that goes into the journal, and what its client holds more by it.
struct Accepted {
    job: Job,
    held: Vec<Held>,
    described_bytes: usize,
}

/// In their order.
enum Coming {
    Journaled(Accepted),
    /// What is in doubt: the writer decides.
    Direct(Job),
}

impl Acknowledger {
    /// Stands before a writer whose journal is empty; `last` is the last sequence number that was ever used. From now on everything
    /// passes it, so that it must run.
    pub fn before(
        writer: &mut Writer,
        (data, store, settings): (&Path, &StoreSettings, &JournalSettings),
        last: u64,
        (queue, readers, condition): (&Arc<Queue>, &Arc<Readers>, &Arc<Condition>),
    ) -> Acknowledger {
        let JournalSettings { disk, segment_bytes, identities_max } = settings;
        let directory = append::directory(data);
        let journal = Journal::new(directory, Arc::clone(disk), *segment_bytes, writer.journal_id(), last);
        let holdings = writer.begin_journal(journal.segments());
        queue.begin_journal(last);
        Acknowledger {
            queue: Arc::clone(queue),
            condition: Arc::clone(condition),
            journal,
            identities: Identities::unknown(*identities_max),
            identities_max: *identities_max,
            readers: Arc::clone(readers),
            holdings,
            unproven: store.unproven,
            retry: Backoff::new(),
        }
    }

    /// Works until the queue is closed and everything is handed on. What comes while the names are read waits.
    pub fn run(mut self) {
        let count_max = self.identities_max;
        match self.readers.ask_blocking(|conn| Identities::read(conn, count_max)) {
            Ok(identities) => self.identities = identities,
            Err(error) => {
                tracing::error!(%error, "the names of the stored reports cannot be read: every report goes directly into the database");
            }
        }
        while let Some(jobs) = self.queue.arrivals() {
            self.take(jobs);
        }
    }

    fn take(&mut self, jobs: Vec<Job>) {
        // Where the database cannot be written, or is not where it was, the writer says so to everybody.
        let is_well = self.retry.is_due()
            && !self.queue.is_failing()
            && !self.condition.has_failed()
            && self.condition.place.check().is_ok();
        let mut batch = Batch::default();
        let mut coming = Vec::with_capacity(jobs.len());
        for job in jobs {
            let is_new = self.note(&job.entries) && is_well;
            coming.push(match self.accept(&job, is_new, &mut batch) {
                Some((held, described_bytes)) => Coming::Journaled(Accepted { job, held, described_bytes }),
                None => Coming::Direct(job),
            });
        }
        let first = if batch.records() == 0 { None } else { Some(self.append(&mut batch)) };
        self.hand_on(coming, first);
    }

    fn append(&mut self, batch: &mut Batch) -> Result<u64, AppendError> {
        let first = match self.journal.append(batch) {
            Ok(first) => {
                self.retry.succeeded();
                first
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    "reports cannot be acknowledged by the journal: until that is tried again they go directly into the database"
                );
                self.retry.failed(true);
                return Err(error);
            }
        };
        // The directory may have gone while it was written.
        match self.condition.place.check() {
            Ok(()) => Ok(first),
            Err(displaced) => {
                self.condition.write_failed(&StoreError::from(displaced));
                Err(AppendError::Failed(std::io::ErrorKind::NotFound.into()))
            }
        }
    }

    /// Hands everything on to the writer, then answers: whoever hears that a report is stored finds that it is waited for.
    fn hand_on(&mut self, coming: Vec<Coming>, first: Option<Result<u64, AppendError>>) {
        let (mut jobs, mut answers) = (Vec::with_capacity(coming.len()), Vec::new());
        let mut sequence = match &first {
            Some(Ok(first)) => *first,
            _ => 0,
        };
        for coming in coming {
            match (coming, &first) {
                (Coming::Direct(job), _) => jobs.push(job),
                (Coming::Journaled(Accepted { mut job, described_bytes, .. }), Some(Ok(_))) => {
                    answers.push((job.take_reply(), stored(&job.entries)));
                    job.is_journaled(sequence, described_bytes);
                    sequence += 1;
                    jobs.push(job);
                }
                (Coming::Journaled(Accepted { mut job, held, .. }), Some(Err(AppendError::Failed(_)))) => {
                    // It may be on disk or not: this is the end of this attempt, and the next one is decided by the database.
                    self.holdings().not_journaled(&held);
                    let busy = vec![Outcome::Busy(Busy::StoreFailed); job.entries.len()];
                    answers.push((job.take_reply(), busy));
                    self.queue.drop_arrival(&job);
                }
                (Coming::Journaled(Accepted { job, held, .. }), _) => {
                    self.holdings().not_journaled(&held);
                    jobs.push(job);
                }
            }
        }
        self.queue.hand_on(jobs);
        for (reply, outcomes) in answers {
            if let Some(reply) = reply {
                // Who does not wait any more does not want to know.
                let _ = reply.send(outcomes);
            }
        }
    }

    /// Notes the names of all reports, and tells whether each was surely new.
    fn note(&mut self, entries: &[StoredEntry]) -> bool {
        let is_test = |entry: &StoredEntry| matches!(&entry.kind, EntryKind::Report { report, .. } if test_report::is_one(&report.report_id));
        entries.iter().fold(true, |all_new, entry| self.identities.note_entry(entry) && all_new && !is_test(entry))
    }

    /// Puts a new one into the batch where there is room for it, here and in its client's share.
    fn accept(&self, job: &Job, is_new: bool, batch: &mut Batch) -> Option<(Vec<Held>, usize)> {
        if !is_new || job.is_large() {
            return None;
        }
        let body = &job.entries.first()?.arrival.bytes;
        let description = record::describe(&job.entries)?;
        let bytes_max = JOURNAL_BATCH_MAX_BYTES.min(self.journal.batch_max_bytes());
        if description.len() + body.len() > JOURNAL_RECORD_MAX_BYTES
            || batch.needs() + description.len() + body.len() + 16 > bytes_max
        {
            return None;
        }
        let held: Vec<Held> =
            job.entries.iter().filter_map(StoredReport::of).filter_map(|stored| Held::of(&stored)).collect();
        self.holdings().journal(&held, &self.unproven).then_some(())?;
        batch.push(&description, body);
        Some((held, description.len()))
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Acknowledger {
    /// Whether it ends or panics: the writer does not wait for more.
    fn drop(&mut self) {
        self.queue.all_handed_on();
    }
}

fn stored(entries: &[StoredEntry]) -> Vec<Outcome> {
    let outcome = |entry: &StoredEntry| match &entry.kind {
        EntryKind::Report { identity, .. } => Outcome::Stored(*identity),
        EntryKind::Quarantine { .. } => Outcome::Busy(Busy::StoreFailed),
    };
    entries.iter().map(outcome).collect()
}
