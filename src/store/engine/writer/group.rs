//! Groups of submissions: written together, answered together. What was answered out of the journal before is loaded with them.

use std::sync::{MutexGuard, PoisonError};

use super::Writer;
use crate::{
    limits::IDENTITIES_MAX,
    store::{
        StoreError, StoredEntry,
        engine::{
            parts::Parts,
            queue::Job,
            transaction::{self, Incoming, Quota, TransactionOutcome},
        },
        journal::{identities::Identities, replay::JournaledEntries, set_aside},
        tables::{
            quarantine,
            rows::StoredReport,
            unproven::{Held, Holdings},
        },
    },
    submission::{Busy, Outcome},
};

/// Entries of a group for which it pays to read all names that are stored.
const NAMES_WORTH_READING: usize = 64;

impl Writer {
    pub(super) fn write(&mut self, jobs: Vec<Job>) {
        let through = jobs.iter().filter_map(|job| job.journaled).max();
        let mut incoming: Vec<Incoming<'_>> = jobs.iter().flat_map(incoming).collect();
        self.tell_new_ones(&mut incoming);
        match self.attempt(&incoming, None, through) {
            Ok(outcomes) => {
                let mut outcomes = outcomes.into_iter();
                for job in jobs {
                    self.is_loaded(&job);
                    let count = job.entries.len();
                    job.answer(outcomes.by_ref().take(count).collect());
                }
                self.loaded_through(through);
            }
            Err(error) => match self.busy(&error) {
                Some(busy) => self.put_off(jobs, busy, &error),
                None => self.write_one_by_one(jobs, &error),
            },
        }
    }

    /// In front of the journal somebody knows what is new. Without one, as in an import, it is found out here where there is much.
    fn tell_new_ones(&mut self, entries: &mut [Incoming<'_>]) {
        if self.segments.is_some() || (self.identities.is_none() && entries.len() < NAMES_WORTH_READING) {
            return;
        }
        if self.identities.is_none() {
            self.identities = self.database.as_ref().and_then(|conn| Identities::read(conn, IDENTITIES_MAX).ok());
        }
        if let Some(identities) = &mut self.identities {
            for incoming in entries {
                incoming.is_new = identities.note_entry(incoming.entry);
            }
        }
    }

    /// The machine does not allow it: those who wait come back, what was answered waits here.
    fn put_off(&mut self, jobs: Vec<Job>, busy: Busy, error: &StoreError) {
        self.condition.write_failed(error);
        if error.is_disk_full()
            && let Some(segments) = &self.segments
        {
            segments.give_space_back();
        }
        tracing::error!(submissions = jobs.len(), error = %error, "the store cannot write");
        let (answered, waiting): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.journaled.is_some());
        for job in waiting {
            let outcomes = vec![Outcome::Busy(busy); job.entries.len()];
            job.answer(outcomes);
        }
        if answered.is_empty() {
            return;
        }
        self.queue.load_failed(answered);
        // Who stands behind what cannot be loaded would wait for it.
        for job in self.queue.take_waiting() {
            let outcomes = vec![Outcome::Busy(busy); job.entries.len()];
            job.answer(outcomes);
        }
    }

    /// Whose fault it was shows now.
    fn write_one_by_one(&mut self, jobs: Vec<Job>, error: &StoreError) {
        if jobs.len() > 1 {
            tracing::warn!(submissions = jobs.len(), error = %error, "a group failed: its submissions are written one by one");
        }
        let mut jobs = jobs.into_iter();
        while let Some(mut job) = jobs.next() {
            let Some(sequence) = job.journaled else {
                let outcomes = job.entries.iter().map(|entry| self.write_alone(&Incoming::of(entry), None)).collect();
                job.answer(outcomes);
                continue;
            };
            job.is_retry = true;
            let entries: Vec<Incoming<'_>> = incoming(&job).collect();
            match self.attempt(&entries, None, Some(sequence)) {
                Ok(_) => {
                    self.is_loaded(&job);
                    self.loaded_through(Some(sequence));
                }
                Err(error) => {
                    let busy = self.last_try(&error, &job, sequence);
                    if let Some(busy) = busy {
                        return self.put_off(std::iter::once(job).chain(jobs).collect(), busy, &error);
                    }
                }
            }
        }
    }

    /// One entry by itself.
    fn write_alone(&mut self, incoming: &Incoming<'_>, aside: Option<&Parts>) -> Outcome {
        let error = match self.attempt(&[*incoming], aside, None) {
            Ok(mut outcomes) => return outcomes.pop().unwrap_or(Outcome::Busy(Busy::StoreFailed)),
            Err(error) => error,
        };
        let entry = incoming.entry;
        tracing::error!(
            bytes = entry.arrival.bytes.len(),
            channel = entry.arrival.channel.as_str(),
            name = %quarantine::name(&entry.arrival.bytes, entry.element),
            error = %error,
            "an entry could not be written"
        );
        // Where anything else can be written it was the entry's own fault.
        self.condition.write_failed(&error);
        self.probe();
        Outcome::Busy(self.busy(&error).unwrap_or(Busy::StoreFailed))
    }

    /// A job that was answered and failed by itself. Where anything else can be written it is tried once more, and then kept beside the
    /// journal; otherwise it waits, and this is what others hear.
    fn last_try(&mut self, error: &StoreError, job: &Job, sequence: u64) -> Option<Busy> {
        self.condition.write_failed(error);
        self.probe();
        let busy = self.busy(error).or(self.condition.has_failed().then_some(Busy::StoreFailed));
        if busy.is_some() {
            return busy;
        }
        let entries: Vec<Incoming<'_>> = incoming(job).collect();
        if let Err(error) = self.attempt(&entries, None, Some(sequence)) {
            if self.busy(&error).is_some() {
                return self.busy(&error);
            }
            let why = error.to_string();
            let kept = set_aside::keep_entries(&self.journal_directory, self.journal_id, sequence, &job.entries, &why)
                .and_then(|()| self.attempt(&[], None, Some(sequence)).map(drop));
            if let Err(error) = kept {
                tracing::error!(%error, "what cannot be counted could not be set aside either: it waits in the journal");
                return Some(Busy::StoreFailed);
            }
            self.condition.set_aside(1);
        }
        self.is_loaded(job);
        self.loaded_through(Some(sequence));
        None
    }

    /// The entries of a large submission, whose rows may have been put aside.
    pub(super) fn write_large(&mut self, entries: &[StoredEntry], aside: Option<&Parts>) -> Vec<Outcome> {
        if let Some(identities) = &mut self.identities {
            for entry in entries {
                identities.note_entry(entry);
            }
        }
        let incoming: Vec<Incoming<'_>> = entries.iter().map(Incoming::of).collect();
        let error = match self.attempt(&incoming, aside, None) {
            Ok(outcomes) => return outcomes,
            Err(error) => error,
        };
        if let Some(busy) = self.busy(&error) {
            self.condition.write_failed(&error);
            tracing::error!(entries = entries.len(), error = %error, "the store cannot write");
            return vec![Outcome::Busy(busy); entries.len()];
        }
        incoming.iter().map(|entry| self.write_alone(entry, aside)).collect()
    }

    /// Loads what was answered before, so that what follows is decided against it. False where that is not possible now.
    pub(super) fn load_backlog(&mut self) -> bool {
        let (acknowledged, failures) = self.queue.acknowledged();
        while !self.queue.has_loaded(acknowledged) {
            let jobs = self.queue.take_backlog();
            if jobs.is_empty() {
                return false;
            }
            self.write(jobs);
            if self.queue.acknowledged().1 != failures {
                return false;
            }
        }
        true
    }

    /// Loads what the journal held when the store was opened.
    pub fn replay(&mut self, found: &[JournaledEntries]) -> Result<(), StoreError> {
        let incoming: Vec<Incoming<'_>> = found
            .iter()
            .flat_map(|found| &found.entries)
            .map(|entry| Incoming { entry, is_new: false, is_answered: true })
            .collect();
        let through = found.last().map(|found| found.sequence);
        let failed = match self.attempt(&incoming, None, through) {
            Ok(_) => {
                self.loaded = self.loaded.max(through.unwrap_or(0));
                return Ok(());
            }
            Err(error) => error,
        };
        if self.busy(&failed).is_some() {
            return Err(failed);
        }
        for JournaledEntries { sequence, entries } in found {
            let incoming: Vec<Incoming<'_>> =
                entries.iter().map(|entry| Incoming { entry, is_new: false, is_answered: true }).collect();
            if self.attempt(&incoming, None, Some(*sequence)).is_err() {
                // Where nothing else can be written either it is not its own fault.
                self.attempt_probe()?;
                let Err(error) = self.attempt(&incoming, None, Some(*sequence)) else {
                    self.loaded = self.loaded.max(*sequence);
                    continue;
                };
                if self.busy(&error).is_some() {
                    return Err(error);
                }
                let why = error.to_string();
                set_aside::keep_entries(&self.journal_directory, self.journal_id, *sequence, entries, &why)?;
            }
            self.loaded = self.loaded.max(*sequence);
        }
        Ok(())
    }

    /// One transaction. After an error that DuckDB cannot live with the database is opened again.
    pub(super) fn attempt(
        &mut self,
        entries: &[Incoming<'_>],
        aside: Option<&Parts>,
        through: Option<u64>,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.reopen_when_due()?;
        // What was put aside went with the connection.
        let aside = aside.filter(|aside| aside.opening == self.openings);
        if self.log_is_in_doubt && entries.iter().any(|incoming| !incoming.is_answered) {
            // An answer must not rest on a log that may be in memory alone.
            self.checkpoint();
            if self.log_is_in_doubt {
                return Err(StoreError::Unavailable);
            }
        }
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        self.condition.place.check()?;
        let quota = Quota {
            quarantine_bytes: self.quarantine_bytes,
            quarantine_max_bytes: self.settings.quarantine_max_bytes,
            holdings: &self.holdings,
            unproven: self.settings.unproven,
        };
        let written = transaction::write(conn, entries, aside, &quota, through).and_then(|written| {
            let kept = |outcome: &&Outcome| matches!(outcome, Outcome::Stored(_) | Outcome::Quarantined { .. });
            let acknowledged = written.outcomes.iter().filter(kept).count();
            let stores = written.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Stored(_)));
            self.note.committed(self.condition.place.committed(stores)?, acknowledged as u64);
            Ok(written)
        });
        match &written {
            Ok(TransactionOutcome { outcomes, held }) => {
                self.condition.write_succeeded();
                self.commits.send_modify(|count| *count += 1);
                self.sums.changed();
                let exceeded = {
                    let mut holdings = self.holdings();
                    holdings.add(held);
                    holdings.exceed(&self.settings.unproven)
                };
                let full = outcomes.contains(&Outcome::Busy(Busy::ShareFull));
                if full || exceeded {
                    self.tidy.soon();
                }
                if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Quarantined { .. })) || left(entries) {
                    self.recount();
                }
            }
            Err(error) if error.is_fatal() => self.close(),
            Err(_) => {}
        }
        written.map(|written| written.outcomes)
    }

    /// What senders hear where the machine and not the entry is at fault.
    fn busy(&self, error: &StoreError) -> Option<Busy> {
        if error.is_disk_full() {
            Some(Busy::DiskFull)
        } else if matches!(error, StoreError::Displaced(_)) {
            Some(Busy::StoreFailed)
        } else if self.database.is_none() && self.reopen.has_failed() {
            Some(if self.reopen.was_disk_full() { Busy::DiskFull } else { Busy::StoreFailed })
        } else if self.log_is_in_doubt && matches!(error, StoreError::Unavailable) {
            Some(if self.checkpoint.was_disk_full() { Busy::DiskFull } else { Busy::StoreFailed })
        } else {
            None
        }
    }

    /// What its client held in the journal it holds in the tables now.
    fn is_loaded(&self, job: &Job) {
        if job.journaled.is_none() {
            return;
        }
        let held: Vec<Held> =
            job.entries.iter().filter_map(StoredReport::of).filter_map(|stored| Held::of(&stored)).collect();
        if !held.is_empty() {
            self.holdings().not_journaled(&held);
        }
    }

    fn loaded_through(&mut self, through: Option<u64>) {
        let Some(through) = through else { return };
        self.loaded = self.loaded.max(through);
        // The log may be in no better state than a disk that failed to sync it left it in.
        if !self.log_is_in_doubt
            && let Some(segments) = &self.segments
        {
            segments.let_go(through);
        }
        self.queue.loaded(through);
    }

    pub(super) fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn incoming(job: &Job) -> impl Iterator<Item = Incoming<'_>> {
    let is_answered = job.journaled.is_some();
    let is_new = is_answered && !job.is_retry;
    job.entries.iter().map(move |entry| Incoming { entry, is_new, is_answered })
}

/// Whether entries may have left the quarantine.
fn left(entries: &[Incoming<'_>]) -> bool {
    entries.iter().any(|incoming| incoming.entry.from_quarantine.is_some())
}
