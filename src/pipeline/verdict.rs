//! What the stages say of the reports in one submission, and the entries that come of it.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Retry,
    plausible::Plausible,
    prepared::{Prepared, PreparedStep},
};
use crate::{
    fault::{Disposition, Fault, FaultCode, FaultPlace},
    report::{self, Report, identity},
    reporters,
    store::{Arrival, EntryKind, StoredEntry},
    submission::{Busy, Origin, Outcome, Submission, Trust},
    verify::Served,
};

/// What is said of one submission.
pub(super) struct Judged(pub Decisions);

pub(super) enum Decisions {
    /// One for the input as a whole.
    Whole(Box<(Decision, Provenance)>),
    /// One for each report in it, never none.
    Each(Vec<(Decision, Provenance)>),
    /// None can be given now.
    Later(Busy),
}

/// Who stands behind a report that came by mail; empty for others. In one mail others may be forwarded, each with its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Provenance {
    pub origin: Origin,
    /// Of the TLS-Report-Submitter field.
    pub submitter: Option<String>,
}

/// What is said of one report.
pub(super) enum Decision {
    Report { report: Box<Report>, trust: Trust, name: Name },
    Fault { fault: Fault, organisation: Option<String>, report_id: Option<String> },
}

/// What a report is known by. Taken before missing domains are supplied and policies of foreign ones dropped, so that
/// neither a change of the served domains nor another source turns a known report into a new one.
pub(super) struct Name {
    identity: Uuid,
    /// The identity the same report has when it comes signed, where it did not, or the other way round.
    alias: Option<Uuid>,
    content: Uuid,
}

impl Name {
    /// `signer` is the domain of a passing signature: nobody else can then give a report this name. Below a registrable
    /// domain whole companies live, so that there the name is the very domain's.
    pub(super) fn of(report: &Report, signer: Option<&str>) -> Name {
        let (contact, name) = (report.contact.as_deref(), report.organisation.as_deref());
        let claimed = identity::identity_key(contact, name);
        let contact_domain =
            contact.and_then(|contact| contact.rsplit_once('@')).and_then(|(_, host)| report::domain(host));
        let (whose, otherwise) = match signer {
            Some(signer) => (signer.to_owned(), Some(claimed)),
            None => (claimed, contact_domain),
        };
        let otherwise = otherwise.filter(|otherwise| *otherwise != whose);
        Name {
            identity: identity::identity(report, &whose),
            alias: otherwise.map(|otherwise| identity::identity(report, &otherwise)),
            content: identity::content(report),
        }
    }

    /// Digest of the content.
    pub(super) fn content(&self) -> Uuid {
        self.content
    }
}

impl Decision {
    pub(super) fn of(fault: Fault) -> Decision {
        Decision::Fault { fault, organisation: None, report_id: None }
    }

    /// The fault of a report that was read.
    pub(super) fn against(report: &Report, fault: Fault) -> Decision {
        Decision::Fault { fault, organisation: report.organisation.clone(), report_id: Some(report.report_id.clone()) }
    }

    fn trust(&self) -> Trust {
        match self {
            Decision::Report { trust, .. } => *trust,
            Decision::Fault { .. } => Trust::None,
        }
    }

    /// `origin` is what was found out about who sent it.
    fn kind(self, origin: &Origin) -> EntryKind {
        match self {
            Decision::Report { report, trust, name: Name { identity, alias, content } } => {
                let (contact, name) = (report.contact.as_deref(), report.organisation.as_deref());
                let organisation_key = reporters::key(trust, origin, contact, name);
                EntryKind::Report { report, identity, alias, content, organisation_key }
            }
            Decision::Fault { fault, organisation, report_id } => {
                EntryKind::Quarantine { fault, organisation, report_id }
            }
        }
    }

    /// The outcome of a fault whose input is not kept. Of mail more is kept: nobody hears why it was refused, as nothing
    /// is ever answered by mail.
    fn not_kept(&self, is_mail: bool) -> Option<Outcome> {
        let Decision::Fault { fault, .. } = self else { return None };
        let told_in_session = matches!(
            fault.code,
            FaultCode::ForeignDomain | FaultCode::UnknownToken | FaultCode::TooLargeWire | FaultCode::Empty
        );
        match fault.code.disposition() {
            Disposition::Refuse if !is_mail || told_in_session => Some(Outcome::Refused(fault.clone())),
            Disposition::Ignore => Some(Outcome::Ignored(fault.clone())),
            Disposition::Refuse | Disposition::Quarantine => None,
        }
    }
}

impl Decisions {
    pub(super) fn whole(fault: Fault) -> Decisions {
        Decisions::Whole(Box::new((Decision::of(fault), Provenance::default())))
    }
}

impl Judged {
    pub(super) fn whole(fault: Fault) -> Judged {
        Judged(Decisions::whole(fault))
    }

    /// Nobody who proves nothing is believed numbers that are far beyond what is usual.
    pub(super) fn refuse_implausible(&mut self, plausible: &Plausible) {
        let Decisions::Each(verdicts) = &mut self.0 else { return };
        for (verdict, _) in verdicts {
            if let Decision::Report { report, trust, .. } = verdict
                && let Some(fault) = plausible.check(report, *trust)
            {
                *verdict = Decision::against(report, fault);
            }
        }
    }

    /// Verdicts to entries for the writer.
    pub(super) fn enter(self, submission: Submission, retry: Option<Retry>, served: &Served) -> Prepared {
        let is_mail = submission.is_mail();
        let wanted = retry.and_then(|retry| retry.element);
        let numbered: Vec<(Option<u32>, Decision, Provenance)> = match self.0 {
            Decisions::Later(busy) => return Prepared(vec![PreparedStep::Done(Outcome::Busy(busy))]),
            Decisions::Whole(whole) => {
                let (verdict, provenance) = *whole;
                vec![(wanted, verdict, provenance)]
            }
            Decisions::Each(verdicts) => {
                let several = verdicts.len() > 1;
                let number = |((verdict, provenance), index)| (several.then_some(index), verdict, provenance);
                let numbered = verdicts.into_iter().zip(0u32..).map(number);
                numbered.filter(|(element, ..)| wanted.is_none() || *element == wanted).collect()
            }
        };
        let gone =
            || Fault::new(FaultCode::NotAReport, "the report is not found in its document any more", FaultPlace::Whole);
        let numbered =
            if numbered.is_empty() { vec![(wanted, Decision::of(gone()), Provenance::default())] } else { numbered };
        let token = submission.hints.token.as_deref();
        let arrival = Arc::new(Arrival {
            token_domains: token.and_then(|token| served.token_domains(token)),
            bytes: submission.bytes,
            channel: submission.channel,
            peer: submission.peer,
            source: submission.hints.source,
            received_at: submission.received_at,
            trust: numbered.first().map_or(Trust::None, |(_, verdict, _)| verdict.trust()),
            origin: numbered.first().map(|(.., provenance)| provenance.origin.clone()).unwrap_or_default(),
            submitter: numbered.first().and_then(|(.., provenance)| provenance.submitter.clone()),
            media_type: submission.hints.media_type,
            content_encoding: submission.hints.content_encoding,
        });
        let steps = numbered.into_iter().map(|(element, verdict, provenance)| match verdict.not_kept(is_mail) {
            Some(outcome) => PreparedStep::Done(outcome),
            None => PreparedStep::Write(Box::new(StoredEntry {
                arrival: with_provenance(&arrival, verdict.trust(), provenance.clone()),
                element,
                kind: verdict.kind(&provenance.origin),
                from_quarantine: retry.map(|retry| retry.entry),
                replaces: retry.is_some_and(|retry| retry.admit),
            })),
        });
        Prepared(steps.collect())
    }
}

/// The reports of one submission may be believed differently: a token covers some domains only, a forwarded mail has a
/// signature of its own.
fn with_provenance(arrival: &Arc<Arrival>, trust: Trust, provenance: Provenance) -> Arc<Arrival> {
    let Provenance { origin, submitter } = provenance;
    if arrival.trust == trust && arrival.origin == origin && arrival.submitter == submitter {
        return Arc::clone(arrival);
    }
    Arc::new(Arrival { trust, origin, submitter, ..Arrival::clone(arrival) })
}
