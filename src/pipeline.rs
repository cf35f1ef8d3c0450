//! The one entrance: decode, report, verify, store, called in this order for every transport.

mod documents;
mod mail;
pub mod network;
mod plausible;
mod prepared;
mod reread;
mod signatures;
mod stored;
mod unproven;
mod verdict;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    limits::{Limits, MAIL_WAITING_MAX_BYTES},
    store::{Store, StoreError, StoredEntry, tables::sender},
    submission::{Accept, Accepting, Busy, Channel, Outcome, Receipt, Submission, Trust},
    verify::{self, Served},
};
use documents::DocumentReading;
use mail::Opened;
use plausible::Plausible;
use prepared::Unwritten;
use unproven::{Budgets, Meter};
use verdict::{Decision, Decisions, Judged, Name, Provenance};

pub use network::{Networks, PENDING_INTERVAL};
pub use prepared::Prepared;
pub use reread::Reread;
pub use signatures::Signatures;
pub use stored::stored_document;

/// Bodies up to this size are decoded where they arrive, larger ones on a thread that may block. Compressed they are at most a
/// megabyte.
const INLINE_MAX_BYTES: usize = 4 * 1024;
/// Larger bodies than this are decoded one at a time.
const MIDDLING_MAX_BYTES: usize = 64 * 1024;
/// Bodies between the two that are decoded at the same time.
const MIDDLING_AT_ONCE: usize = 2;
/// Bytes of memory, about, above which what was read of a body must be written before the next large one is read.
const HEAVY_MIN_BYTES: usize = 8 * 1024 * 1024;

/// Each report of an array or an archive keeps the whole body as its original bytes; this bounds what one body can make of itself.
const DOCUMENT_COPIES_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The stages with what they need: the bounds, the served domains, what signatures and addresses are judged with, the store.
pub struct Pipeline {
    limits: Limits,
    served: Served,
    signatures: Signatures,
    networks: Networks,
    store: Store,
    plausible: Arc<Plausible>,
    /// Large bodies are unpacked one at a time, so that memory is bounded by one of them and not by the connections.
    large: Arc<Semaphore>,
    /// The others do not wait for them.
    middling: Arc<Semaphore>,
    /// Bytes of memory that reports may take while keys are looked up, which strangers can make slow.
    waiting: Semaphore,
    /// What each client may still send without proof.
    budgets: Budgets,
}

/// A quarantined input that the operator wants looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub entry: Uuid,
    /// Index among the reports of the bytes, where they hold several and one of them is meant.
    pub element: Option<u32>,
    /// The operator overrules what kept the report out; else it is only judged again.
    pub admit: bool,
}

/// A submission as far as it comes without asking anybody.
enum Read {
    Judged(Judged),
    Mail(Opened),
}

impl Accept for Arc<Pipeline> {
    fn accept(&self, submission: Submission) -> Accepting {
        let pipeline = Arc::clone(self);
        Box::pin(async move { pipeline.accept(submission).await })
    }
}

impl Pipeline {
    /// Reads the trusted senders from the store. Addresses prove nothing here.
    pub fn new(
        limits: Limits,
        served: Served,
        signatures: Signatures,
        store: Store,
    ) -> Result<Arc<Pipeline>, StoreError> {
        Pipeline::proving(limits, served, signatures, Networks::off(), store)
    }

    /// The same for where reports are posted, whose addresses may prove whom they come from.
    pub fn proving(
        limits: Limits,
        served: Served,
        signatures: Signatures,
        networks: Networks,
        store: Store,
    ) -> Result<Arc<Pipeline>, StoreError> {
        signatures.trust(store.read_blocking(sender::senders)?);
        let (large, middling) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(MIDDLING_AT_ONCE)));
        let (waiting, plausible) = (Semaphore::new(MAIL_WAITING_MAX_BYTES), Arc::default());
        let budgets = Budgets::new(&limits);
        Ok(Arc::new(Pipeline {
            limits,
            served,
            signatures,
            networks,
            store,
            plausible,
            large,
            middling,
            waiting,
            budgets,
        }))
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn served(&self) -> &Served {
        &self.served
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// To be called when the trusted senders have changed.
    pub async fn reload_senders(&self) -> Result<(), StoreError> {
        self.signatures.trust(self.store.read(sender::senders).await?);
        Ok(())
    }

    /// Takes one submission through all stages and answers after the commit that holds it.
    pub async fn accept(self: &Arc<Self>, submission: Submission) -> Receipt {
        self.accept_with(submission, None).await
    }

    /// The same for bytes that come back from the quarantine.
    pub async fn accept_again(self: &Arc<Self>, submission: Submission, retry: Retry) -> Receipt {
        self.accept_with(submission, Some(retry)).await
    }

    async fn accept_with(self: &Arc<Self>, submission: Submission, retry: Option<Retry>) -> Receipt {
        if submission.channel == Channel::Https {
            self.plausible.look(&self.store, submission.received_at).await;
        }
        let mut alone = None;
        let (read, submission) = if submission.bytes.len() <= INLINE_MAX_BYTES {
            (self.read(&submission, retry), submission)
        } else {
            let pipeline = Arc::clone(self);
            let lane = if submission.bytes.len() <= MIDDLING_MAX_BYTES { &self.middling } else { &self.large };
            alone = Arc::clone(lane).acquire_owned().await.ok();
            let read = tokio::task::spawn_blocking(move || (pipeline.read(&submission, retry), submission));
            match read.await {
                Ok(read) => read,
                Err(_) => return Receipt::new(vec![Outcome::Busy(Busy::ShuttingDown)]),
            }
        };
        let weight = match &read {
            Read::Mail(opened) => u32::try_from(opened.weight_bytes()).unwrap_or(u32::MAX),
            Read::Judged(_) => 0,
        };
        // Only then the next large one is read.
        let _room = self.waiting.acquire_many(weight).await;
        // Whose key is looked up has its room.
        let alone = alone.filter(|_| matches!(read, Read::Judged(_)));
        let mut judged = self.judge(read, &submission, retry).await;
        if submission.channel == Channel::Https {
            self.prove(&mut judged, &submission, retry).await;
            judged.refuse_implausible(&self.plausible);
        }
        let judged = judged.within(&self.limits);
        let meter = Meter::of(&submission);
        let prepared = judged.enter(submission, retry, &self.served);
        if retry.is_none()
            && let Err(busy) = self.budgets.charge(&prepared, &meter)
        {
            return prepared.put_off(busy);
        }
        let _alone = alone.filter(|_| prepared.weight_bytes() > HEAVY_MIN_BYTES);
        let (entries, unwritten) = prepared.split();
        let written = if entries.is_empty() { Vec::new() } else { self.store.write(entries).await };
        unwritten.receipt(&mut written.into_iter())
    }

    /// All stages but the last, for callers that batch. Waits on the calling thread while a key is looked up, so that it must
    /// not be an async one.
    pub fn prepare(&self, submission: Submission, retry: Option<Retry>) -> Prepared {
        let mut judged = match self.read(&submission, retry) {
            Read::Judged(judged) => judged,
            mail => wait_for(self.judge(mail, &submission, retry)),
        };
        if submission.channel == Channel::Https {
            judged.prove_as_before(&submission);
        }
        judged.within(&self.limits).enter(submission, retry, &self.served)
    }

    /// Writes many prepared submissions in one transaction; one receipt each, in their order.
    pub fn store_blocking(&self, prepared: Vec<Prepared>) -> Vec<Receipt> {
        let (entries, unwritten): (Vec<Vec<StoredEntry>>, Vec<Unwritten>) =
            prepared.into_iter().map(Prepared::split).unzip();
        let entries: Vec<StoredEntry> = entries.into_iter().flatten().collect();
        let written = if entries.is_empty() { Vec::new() } else { self.store.write_blocking(entries) };
        let mut written = written.into_iter();
        unwritten.into_iter().map(|unwritten| unwritten.receipt(&mut written)).collect()
    }

    /// decode and report, and verify where nobody has to be asked. A bug in a stage costs one input its place in the
    /// figures, not the process its life.
    fn read(&self, submission: &Submission, retry: Option<Retry>) -> Read {
        let read = AssertUnwindSafe(|| {
            // Before anything is unpacked for somebody who guesses.
            if let Err(fault) = verify::check_token(&submission.hints, &self.served) {
                return Read::Judged(Judged::whole(fault));
            }
            if !submission.is_mail() {
                return Read::Judged(Judged(self.judge_document(submission, retry)));
            }
            match mail::open(submission, retry.is_some_and(|retry| retry.admit), &self.limits) {
                Ok(opened) => Read::Mail(opened),
                Err(fault) => Read::Judged(Judged::whole(fault)),
            }
        });
        std::panic::catch_unwind(read).unwrap_or_else(|_| Read::Judged(Judged::whole(internal())))
    }

    async fn judge(&self, read: Read, submission: &Submission, retry: Option<Retry>) -> Judged {
        match read {
            Read::Judged(judged) => judged,
            Read::Mail(opened) => {
                let trusted_input = submission.hints.trusted_input || retry.is_some_and(|retry| retry.admit);
                let judging = opened.judge(submission, trusted_input, &self.signatures, &self.served);
                let judged = AssertUnwindSafe(judging).catch_unwind().await;
                judged.unwrap_or_else(|_| Judged::whole(internal()))
            }
        }
    }

    /// A body that came by itself: nobody signs those.
    fn judge_document(&self, submission: &Submission, retry: Option<Retry>) -> Decisions {
        let admitted = retry.is_some_and(|retry| retry.admit);
        let reading = DocumentReading { received_at: submission.received_at, admitted, limits: &self.limits };
        let reports = match documents::reports(&submission.bytes, &submission.hints, true, reading) {
            Ok(reports) => reports,
            Err(stray) => return Decisions::whole(stray.fault),
        };
        if submission.bytes.len().saturating_mul(reports.len()) > DOCUMENT_COPIES_MAX_BYTES && reports.len() > 1 {
            return Decisions::whole(too_many_copies(reports.len()));
        }
        let verdicts = reports.into_iter().map(|found| {
            let mut report = match found.report {
                Ok(report) => report,
                Err(fault) => return Decision::of(fault),
            };
            let name = Name::of(&report, None);
            match verify::standing(&mut report, submission.channel, &submission.hints, None, &self.served) {
                Ok(trust) => {
                    // Who admits a report trusts it as if they had imported it.
                    let trust = if admitted { trust.max(Trust::Import) } else { trust };
                    Decision::Report { report: Box::new(report), trust, name }
                }
                Err(fault) => Decision::against(&report, fault),
            }
        });
        Decisions::Each(verdicts.map(|verdict| (verdict, Provenance::default())).collect())
    }
}

/// Look-ups run on the resolver's own runtime, so that nothing here but the thread has to wait for them.
fn wait_for(judging: impl Future<Output = Judged>) -> Judged {
    match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(judging),
        // Out of file descriptors: the next moment may be better.
        Err(_) => Judged(Decisions::Later(Busy::StoreFailed)),
    }
}

fn too_many_copies(reports: usize) -> Fault {
    let detail =
        format!("{reports} reports share one document that is too large for each to keep: send them one by one");
    Fault::new(FaultCode::TooManyElements, detail, FaultPlace::Whole)
}

fn internal() -> Fault {
    Fault::new(FaultCode::Internal, "tlsight itself failed on this input", FaultPlace::Whole)
}

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
mod tests;
