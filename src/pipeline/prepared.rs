//! A submission after all stages but the last, and the receipt it becomes.

use super::unproven;
use crate::{
    report::{self, Deviation, Report},
    store::{EntryKind, StoredEntry},
    submission::{Busy, Outcome, Receipt, SubmissionNotes},
};

/// What the writer has to do, and outcomes that need no writing.
pub struct Prepared(pub(super) Vec<PreparedStep>);

pub(super) enum PreparedStep {
    Done(Outcome),
    Write(Box<StoredEntry>),
}

/// The outcomes of one submission with gaps where the writer's belong.
pub(super) struct Unwritten(Vec<Option<Outcome>>, SubmissionNotes);

impl Prepared {
    /// About the bytes of memory it holds, for callers that gather many and must not hold too much.
    pub fn weight_bytes(&self) -> usize {
        let entries = self.0.iter().filter_map(|step| match step {
            PreparedStep::Write(entry) => Some(entry),
            PreparedStep::Done(_) => None,
        });
        // The bytes of a document with several reports are shared, so that they count once.
        let bytes = entries.clone().map(|entry| entry.arrival.bytes.len()).max().unwrap_or(0);
        let reports = entries.filter_map(|entry| match &entry.kind {
            EntryKind::Report { report, .. } => Some(report_bytes(report)),
            EntryKind::Quarantine { .. } => None,
        });
        size_of::<Prepared>() + bytes + reports.sum::<usize>()
    }

    /// Rows that would be written of what nobody proved; `None` where there is nothing of that kind.
    pub(super) fn unproven_rows(&self) -> Option<usize> {
        let rows = self.0.iter().filter_map(|step| match step {
            PreparedStep::Write(entry) if !entry.arrival.trust.is_counted_by_default() => Some(match &entry.kind {
                EntryKind::Report { report, .. } => unproven::rows(report),
                EntryKind::Quarantine { .. } => 1,
            }),
            PreparedStep::Write(_) | PreparedStep::Done(_) => None,
        });
        rows.reduce(|sum, rows| sum + rows)
    }

    /// The receipt of what is not to be written now.
    pub(super) fn put_off(self, busy: Busy) -> Receipt {
        let outcomes = self.0.into_iter().map(|step| match step {
            PreparedStep::Done(outcome) => outcome,
            PreparedStep::Write(_) => Outcome::Busy(busy),
        });
        Receipt::new(outcomes.collect())
    }

    pub(super) fn split(self) -> (Vec<StoredEntry>, Unwritten) {
        let (mut entries, mut notes) = (Vec::new(), SubmissionNotes::default());
        let outcomes = self.0.into_iter().map(|step| match step {
            PreparedStep::Done(outcome) => Some(outcome),
            PreparedStep::Write(entry) => {
                if let EntryKind::Report { report, .. } = &entry.kind {
                    notes.token_of_other_domain |= report.deviations.contains(Deviation::TokenOtherDomain);
                }
                entries.push(*entry);
                None
            }
        });
        let outcomes = outcomes.collect();
        (entries, Unwritten(outcomes, notes))
    }
}

impl Unwritten {
    pub(super) fn receipt(self, written: &mut impl Iterator<Item = Outcome>) -> Receipt {
        let next =
            |gap: Option<Outcome>| gap.unwrap_or_else(|| written.next().unwrap_or(Outcome::Busy(Busy::StoreFailed)));
        Receipt(self.0.into_iter().map(next).collect(), self.1)
    }
}

/// What a report takes in memory: its lists and texts, each text with its `String`.
pub(super) fn report_bytes(report: &Report) -> usize {
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

#[cfg(test)]
impl Prepared {
    /// The same as if it had come in mail of this address that this domain signed.
    pub fn signed_by(mut self, domain: &str, address: String) -> Prepared {
        use crate::{
            reporters,
            store::EntryKind,
            submission::{Origin, SignatureVerdict, Trust},
        };
        for step in &mut self.0 {
            let PreparedStep::Write(entry) = step else { continue };
            let origin = Origin {
                from_domain: address.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
                from_address: Some(address.clone()),
                dkim_verdict: Some(SignatureVerdict::Pass),
                dkim_domain: Some(domain.to_owned()),
                ..Origin::default()
            };
            if let EntryKind::Report { report, organisation_key, .. } = &mut entry.kind {
                *organisation_key =
                    reporters::key(Trust::Dkim, &origin, report.contact.as_deref(), report.organisation.as_deref());
            }
            let arrival =
                crate::store::Arrival { trust: Trust::Dkim, origin, ..crate::store::Arrival::clone(&entry.arrival) };
            entry.arrival = std::sync::Arc::new(arrival);
        }
        self
    }
}
