//! The one way in: decode, report, verify, store, called in this order for every transport.

use std::{panic::AssertUnwindSafe, sync::Arc};

use uuid::Uuid;

use crate::{
    decode,
    fault::{Disposition, Fault, FaultCode, Place},
    limits::Limits,
    report::{self, Report, identity},
    store::{Arrival, Entry, Kind, Store},
    submission::{Busy, Outcome, Receipt, Submission, Trust},
    verify::{self, Served},
};

/// Bodies up to this size are decoded where they arrive, larger ones on a thread that may block.
const INLINE_MAX_BYTES: usize = 16 * 1024;

/// Each report of an array keeps the whole document as its original bytes; this bounds what one body can make of itself.
const DOCUMENT_COPIES_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The stages with what they need: the bounds, the served domains, the store.
pub struct Pipeline {
    limits: Limits,
    served: Served,
    store: Store,
    /// Large bodies are unpacked one at a time, so that memory is bounded by one of them and not by the connections.
    large: Arc<tokio::sync::Semaphore>,
}

/// A quarantined input that the operator wants looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub entry: Uuid,
    /// Index in the document, where the document is an array of reports and one of them is meant.
    pub element: Option<u32>,
    /// The operator overrules what kept the report out; else it is only judged again.
    pub admit: bool,
}

/// A submission after all stages but the last: what the writer has to do, and outcomes that need no writing.
pub struct Prepared(Vec<Step>);

enum Step {
    Done(Outcome),
    Write(Box<Entry>),
}

/// What the stages say of one report.
enum Verdict {
    Report { report: Box<Report>, trust: Trust, name: Name },
    Fault { fault: Fault, organisation: Option<String>, report_id: Option<String> },
}

/// What a report is known by. Taken before policies of foreign domains are dropped, so that a change of the served domains
/// does not turn a known report into a new one.
struct Name {
    organisation_key: String,
    identity: Uuid,
    content: Uuid,
}

impl Pipeline {
    pub fn new(limits: Limits, served: Served, store: Store) -> Arc<Pipeline> {
        Arc::new(Pipeline { limits, served, store, large: Arc::new(tokio::sync::Semaphore::new(1)) })
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

    /// Takes one submission through all stages and answers after the commit that holds it.
    pub async fn accept(self: &Arc<Self>, submission: Submission) -> Receipt {
        self.accept_with(submission, None).await
    }

    /// The same for bytes that come back from the quarantine.
    pub async fn accept_again(self: &Arc<Self>, submission: Submission, retry: Retry) -> Receipt {
        self.accept_with(submission, Some(retry)).await
    }

    async fn accept_with(self: &Arc<Self>, submission: Submission, retry: Option<Retry>) -> Receipt {
        let prepared = if submission.bytes.len() <= INLINE_MAX_BYTES {
            self.prepare(submission, retry)
        } else {
            let pipeline = Arc::clone(self);
            let Ok(_alone) = Arc::clone(&self.large).acquire_owned().await else {
                return Receipt(vec![Outcome::Busy(Busy::ShuttingDown)]);
            };
            match tokio::task::spawn_blocking(move || pipeline.prepare(submission, retry)).await {
                Ok(prepared) => prepared,
                Err(_) => return Receipt(vec![Outcome::Busy(Busy::ShuttingDown)]),
            }
        };
        let (entries, unwritten) = prepared.split();
        let written = if entries.is_empty() { Vec::new() } else { self.store.write(entries).await };
        unwritten.receipt(&mut written.into_iter())
    }

    /// All stages but the last, for callers that batch. A bug in a stage costs one input its place in the figures, not the
    /// process its life.
    pub fn prepare(&self, submission: Submission, retry: Option<Retry>) -> Prepared {
        let verdicts =
            std::panic::catch_unwind(AssertUnwindSafe(|| self.judge(&submission, retry))).unwrap_or_else(|_| {
                vec![Verdict::of(Fault::new(FaultCode::Internal, "tlsight itself failed on this input", Place::Whole))]
            });
        self.enter(submission, retry, verdicts)
    }

    /// Writes many prepared submissions in one transaction; one receipt each, in their order.
    pub fn store_blocking(&self, prepared: Vec<Prepared>) -> Vec<Receipt> {
        let (entries, unwritten): (Vec<Vec<Entry>>, Vec<Unwritten>) = prepared.into_iter().map(Prepared::split).unzip();
        let entries: Vec<Entry> = entries.into_iter().flatten().collect();
        let written = if entries.is_empty() { Vec::new() } else { self.store.write_blocking(entries) };
        let mut written = written.into_iter();
        unwritten.into_iter().map(|unwritten| unwritten.receipt(&mut written)).collect()
    }

    /// decode, report, verify.
    fn judge(&self, submission: &Submission, retry: Option<Retry>) -> Vec<Verdict> {
        // Before anything is unpacked for somebody who guesses.
        if let Err(fault) = verify::check_token(&submission.hints, &self.served) {
            return vec![Verdict::of(fault)];
        }
        let document = match decode::decode(&submission.bytes, &submission.hints, &self.limits) {
            Ok(document) => document,
            Err(fault) => return vec![Verdict::of(fault)],
        };
        let admitted = retry.is_some_and(|retry| retry.admit);
        let parse = if admitted { report::parse_admitted } else { report::parse };
        let reports = match parse(&document.json, submission.received_at, &self.limits) {
            Ok(reports) => reports,
            Err(fault) => return vec![Verdict::of(fault)],
        };
        if submission.bytes.len().saturating_mul(reports.len()) > DOCUMENT_COPIES_MAX_BYTES && reports.len() > 1 {
            let detail = format!(
                "{} reports share one document that is too large for each to keep: send them one by one",
                reports.len()
            );
            return vec![Verdict::of(Fault::new(FaultCode::TooManyElements, detail, Place::Whole))];
        }
        let verdicts = reports.into_iter().map(|report| {
            let mut report = report.map_err(Verdict::of)?;
            report.deviations.merge(&document.deviations);
            let name = Name::of(&report);
            match verify::standing(&mut report, submission.channel, &submission.hints, &self.served) {
                Ok(trust) => {
                    // Who admits a report vouches for it as if they had fed it in.
                    let trust = if admitted { trust.max(Trust::Import) } else { trust };
                    Ok(Verdict::Report { report: Box::new(report), trust, name })
                }
                Err(fault) => {
                    Err(Verdict::Fault { fault, organisation: report.organisation, report_id: Some(report.report_id) })
                }
            }
        });
        verdicts.map(|verdict| verdict.unwrap_or_else(|fault| fault)).collect()
    }

    /// Verdicts to entries for the writer.
    fn enter(&self, submission: Submission, retry: Option<Retry>, verdicts: Vec<Verdict>) -> Prepared {
        let several = verdicts.len() > 1;
        let token = submission.hints.token.as_deref();
        let arrival = Arc::new(Arrival {
            token_domains: token.and_then(|token| self.served.token_domains(token)),
            bytes: submission.bytes,
            channel: submission.channel,
            peer: submission.peer,
            source: submission.hints.source,
            received_at: submission.received_at,
            trust: verdicts.first().map_or(Trust::None, Verdict::trust),
            dkim_domain: None,
            submitter: None,
            media_type: submission.hints.media_type,
            content_encoding: submission.hints.content_encoding,
        });
        let numbered = verdicts.into_iter().zip(0u32..);
        let wanted = numbered.filter(|(_, index)| retry.and_then(|r| r.element).is_none_or(|only| only == *index));
        let steps = wanted.map(|(verdict, index)| {
            if let Verdict::Fault { fault, .. } = &verdict
                && let Some(outcome) = not_kept(fault)
            {
                return Step::Done(outcome);
            }
            Step::Write(Box::new(Entry {
                arrival: trusted(&arrival, verdict.trust()),
                element: several.then_some(index),
                kind: verdict.kind(),
                from_quarantine: retry.map(|retry| retry.entry),
                replaces: retry.is_some_and(|retry| retry.admit),
            }))
        });
        Prepared(steps.collect())
    }
}

/// The outcome of a fault whose input is not kept.
fn not_kept(fault: &Fault) -> Option<Outcome> {
    match fault.code.disposition() {
        Disposition::Refuse => Some(Outcome::Refused(fault.clone())),
        Disposition::Ignore => Some(Outcome::Ignored(fault.clone())),
        Disposition::Quarantine => None,
    }
}

/// The reports of one document may be believed differently: a token vouches for some domains only.
fn trusted(arrival: &Arc<Arrival>, trust: Trust) -> Arc<Arrival> {
    if arrival.trust == trust {
        return Arc::clone(arrival);
    }
    Arc::new(Arrival { trust, ..Arrival::clone(arrival) })
}

impl Name {
    fn of(report: &Report) -> Name {
        let key = identity::organisation_key(None, report.contact.as_deref(), report.organisation.as_deref());
        Name { identity: identity::identity(report, &key), content: identity::content(report), organisation_key: key }
    }
}

impl Verdict {
    fn of(fault: Fault) -> Verdict {
        Verdict::Fault { fault, organisation: None, report_id: None }
    }

    fn trust(&self) -> Trust {
        match self {
            Verdict::Report { trust, .. } => *trust,
            Verdict::Fault { .. } => Trust::None,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Verdict::Report { report, name: Name { organisation_key, identity, content }, .. } => {
                Kind::Report { report, identity, content, organisation_key }
            }
            Verdict::Fault { fault, organisation, report_id } => Kind::Quarantine { fault, organisation, report_id },
        }
    }
}

/// What a report takes in memory: its lists and texts, each text with its `String`.
fn report_bytes(report: &Report) -> usize {
    let texts = |texts: &[String]| texts.iter().map(|text| size_of::<String>() + text.len()).sum::<usize>();
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let policy = |policy: &report::PolicyResult| {
        let details = policy.failures.iter().map(|failure| {
            size_of::<report::Failure>()
                + failure.result_type.len()
                + text(&failure.receiving_mx_hostname)
                + text(&failure.receiving_mx_helo)
                + text(&failure.additional_information)
                + text(&failure.reason_code)
        });
        // What the policy string says is held once more, taken apart.
        size_of::<report::PolicyResult>()
            + 2 * texts(&policy.policy.policy_string)
            + texts(&policy.policy.mx_hosts)
            + details.sum::<usize>()
    };
    size_of::<Report>() + report.policies.iter().map(policy).sum::<usize>()
}

/// The outcomes of one submission with gaps where the writer's belong.
struct Unwritten(Vec<Option<Outcome>>);

impl Prepared {
    /// About the bytes of memory it holds, for callers that gather many and must not hold too much.
    pub fn weight_bytes(&self) -> usize {
        let entries = self.0.iter().filter_map(|step| match step {
            Step::Write(entry) => Some(entry),
            Step::Done(_) => None,
        });
        // The bytes of a document with several reports are shared, so that they count once.
        let bytes = entries.clone().map(|entry| entry.arrival.bytes.len()).max().unwrap_or(0);
        let reports = entries.filter_map(|entry| match &entry.kind {
            Kind::Report { report, .. } => Some(report_bytes(report)),
            Kind::Quarantine { .. } => None,
        });
        size_of::<Prepared>() + bytes + reports.sum::<usize>()
    }

    fn split(self) -> (Vec<Entry>, Unwritten) {
        let mut entries = Vec::new();
        let outcomes = self.0.into_iter().map(|step| match step {
            Step::Done(outcome) => Some(outcome),
            Step::Write(entry) => {
                entries.push(*entry);
                None
            }
        });
        let unwritten = Unwritten(outcomes.collect());
        (entries, unwritten)
    }
}

impl Unwritten {
    fn receipt(self, written: &mut impl Iterator<Item = Outcome>) -> Receipt {
        let next =
            |gap: Option<Outcome>| gap.unwrap_or_else(|| written.next().unwrap_or(Outcome::Busy(Busy::StoreFailed)));
        Receipt(self.0.into_iter().map(next).collect())
    }
}

#[cfg(test)]
mod tests;
