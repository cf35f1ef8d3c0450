//! A mail through the stages: its reports are read, then its signature is asked for, then each report is judged.
//!
//! In this order, because most of what comes to a report address is no report, and nobody's DNS is asked for spam.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    documents::{self, DocumentReading, is_something_else},
    prepared::report_bytes,
    signatures::{Asked, SignatureAssessment, Signatures},
    verdict::{Decision, Decisions, Judged, Name, Provenance},
};
use crate::{
    decode::{self, mail::ParsedMail},
    fault::{Fault, FaultCode, FaultPlace, Layer},
    limits::{Limits, MAIL_REPORTS_MAX_BYTES},
    report::{self, Deviation, Report},
    submission::{Busy, Channel, Hints, Origin, Submission, Trust},
    verify::{self, Served},
};

/// The field that says which domain the report is for, as signatures name it.
const REPORT_DOMAIN: &str = "tls-report-domain";

/// A mail whose reports are read.
pub(super) struct Opened {
    /// Without the bytes of its parts, which have been read.
    mail: ParsedMail,
    found: Vec<MailReport>,
    reached_us_at: DateTime<Utc>,
}

/// One report of a mail, or what is wrong with it.
pub(super) struct MailReport {
    /// Index of the mail it stands in: the received one, or one that was forwarded within it.
    pub message: usize,
    /// Index of its part, and of its document among those in the part.
    pub part: usize,
    pub document: usize,
    pub report: Result<Box<Report>, Fault>,
}

/// Takes a mail apart and reads the reports in it.
pub(super) fn open(submission: &Submission, admitted: bool, limits: &Limits) -> Result<Opened, Fault> {
    let mut mail = decode::mail::open(&submission.bytes, limits)?;
    let reached_us_at = reached_us_at(submission, &mail);
    let found = reports(&mail, reached_us_at, admitted, limits)?;
    mail.parts = Vec::new();
    let opened = Opened { mail, found, reached_us_at };
    if opened.weight_bytes() > MAIL_REPORTS_MAX_BYTES {
        let detail = format!("the reports of one mail take more than {MAIL_REPORTS_MAX_BYTES} bytes of memory");
        return Err(Fault::new(FaultCode::TooManyDetails, detail, FaultPlace::Whole));
    }
    Ok(opened)
}

/// The reports in the parts of a mail, in their order: what is counted as elements of its bytes. A file that nobody said was
/// a report and that is none is left out.
pub(super) fn reports(
    mail: &ParsedMail,
    reached_us_at: DateTime<Utc>,
    admitted: bool,
    limits: &Limits,
) -> Result<Vec<MailReport>, Fault> {
    let mut found = Vec::new();
    let mut strange = None;
    let reading = DocumentReading { received_at: reached_us_at, admitted, limits };
    for (index, part) in mail.parts.iter().enumerate() {
        let hints = Hints { media_type: part.media_type.clone(), ..Hints::default() };
        let mut push = |document, report: Result<Report, Fault>| {
            found.push(MailReport { message: part.message, part: index, document, report: report.map(Box::new) });
        };
        match documents::reports(&part.bytes, &hints, part.certain, reading) {
            Err(stray) if !stray.looks_like_one && is_something_else(stray.fault.code) => strange = Some(stray.fault),
            Err(stray) => push(0, Err(in_attachment(stray.fault))),
            Ok(reports) => {
                for documents::DocumentReport { document, mut report } in reports {
                    if let Ok(report) = &mut report {
                        report.deviations.merge(&part.deviations);
                    }
                    push(document, report.map_err(in_attachment));
                }
            }
        }
    }
    match (found.is_empty(), strange) {
        (true, Some(fault)) => {
            let detail = format!("an attached file is no TLS report: {}", fault.detail);
            Err(Fault::new(FaultCode::NotTlsrpt, detail, FaultPlace::Whole))
        }
        (true, None) => Err(Fault::new(FaultCode::NoReportPart, "the mail holds no report", FaultPlace::Whole)),
        (false, _) => Ok(found),
    }
}

/// An offset in an attached file says nothing about the mail, which is what is kept.
fn in_attachment(fault: Fault) -> Fault {
    match fault.place {
        FaultPlace::Byte { offset, of: Layer::Received } => {
            Fault::new(fault.code, format!("{} at byte {offset} of the attached file", fault.detail), FaultPlace::Whole)
        }
        _ => fault,
    }
}

/// When the mail reached the mailbox: as the transport says, else as the receiving server wrote on top of a file.
fn reached_us_at(submission: &Submission, mail: &ParsedMail) -> DateTime<Utc> {
    let written = mail.messages.first().and_then(|message| message.received_at);
    let written = written.filter(|at| submission.channel == Channel::Import && *at < submission.received_at);
    submission.hints.mailed_at.or(written).unwrap_or(submission.received_at)
}

impl Opened {
    /// About the bytes of memory the reports hold while a key is looked up.
    pub(super) fn weight_bytes(&self) -> usize {
        self.found.iter().filter_map(|found| found.report.as_ref().ok()).map(|report| report_bytes(report)).sum()
    }

    /// Asks for the signatures and judges each report. `trusted_input`: the operator says that none is needed.
    pub(super) async fn judge(
        self,
        submission: &Submission,
        trusted_input: bool,
        signatures: &Signatures,
        served: &Served,
    ) -> Judged {
        let mut standings = BTreeMap::new();
        for message in self.worth_asking(served) {
            let standing = self.ask(message, submission, trusted_input, signatures).await;
            if matches!(standing, SignatureAssessment::Later) {
                return Judged(Decisions::Later(Busy::KeyLookup));
            }
            standings.insert(message, standing);
        }
        Judged(self.verdicts(submission, &standings, served))
    }

    /// The mails that hold a report which may be ours.
    fn worth_asking(&self, served: &Served) -> Vec<usize> {
        let may_be_ours =
            |found: &&MailReport| found.report.as_ref().is_ok_and(|report| verify::may_be_ours(report, served));
        let mut messages: Vec<usize> = self.found.iter().filter(may_be_ours).map(|found| found.message).collect();
        messages.sort_unstable();
        messages.dedup();
        messages
    }

    async fn ask(
        &self,
        message: usize,
        submission: &Submission,
        trusted_input: bool,
        signatures: &Signatures,
    ) -> SignatureAssessment {
        let from_domain = self.sender(message);
        let believed = vec![REPORT_DOMAIN.to_owned()];
        if let Some(judged) = self.judged_before(message, submission) {
            // What it covered is not kept; that it passed is what counts.
            let origin = Origin { from_address: self.address(message), ..judged.clone() };
            return SignatureAssessment::Counts { trust: Trust::Dkim, origin, covers: believed, late: false };
        }
        if trusted_input {
            let before = submission.hints.judged.as_deref().filter(|judged| judged.from_domain == from_domain);
            let mut origin = before.cloned().unwrap_or(Origin { from_domain, ..Origin::default() });
            origin.from_address = self.address(message);
            return SignatureAssessment::Counts { trust: Trust::Import, origin, covers: believed, late: false };
        }
        let raw =
            self.mail.messages.get(message).map_or(&submission.bytes[..], |found| found.raw.bytes(&submission.bytes));
        let mut standing = signatures
            .judge(Asked {
                message: raw,
                from_domain: from_domain.as_deref(),
                channel: submission.channel,
                as_received: message == 0,
                reached_us_at: self.reached_us_at,
                received_at: submission.received_at,
            })
            .await;
        if let SignatureAssessment::Counts { origin, .. } | SignatureAssessment::Kept { origin, .. } = &mut standing {
            origin.mailed_at = Some(self.reached_us_at);
            origin.from_address = self.address(message);
        }
        standing
    }

    /// The verdict that was stored with these bytes, where it can only be this mail's: with a forwarded mail in it nobody
    /// knows whose it was.
    fn judged_before<'a>(&self, message: usize, submission: &'a Submission) -> Option<&'a Origin> {
        let judged = submission.hints.judged.as_deref().filter(|judged| judged.has_passed())?;
        let alone = self.found.iter().all(|found| found.message == message);
        (alone && judged.from_domain == self.sender(message)).then_some(judged)
    }

    fn verdicts(
        self,
        submission: &Submission,
        standings: &BTreeMap<usize, SignatureAssessment>,
        served: &Served,
    ) -> Decisions {
        let unsigned = |found: &MailReport| match (&found.report, standings.get(&found.message)) {
            (Ok(report), Some(SignatureAssessment::Kept { fault, .. })) => {
                Some(Decision::against(report, fault.clone()))
            }
            _ => None,
        };
        let first = self.found.first();
        let alone = self.found.iter().all(|found| Some(found.message) == first.map(|first| first.message));
        // A mail that is kept for its signature is kept once, however many reports it holds.
        if alone
            && self.found.iter().all(|found| unsigned(found).is_some())
            && let Some((found, verdict)) = first.and_then(|first| Some((first, unsigned(first)?)))
        {
            return Decisions::Whole(Box::new((verdict, self.provenance(found.message, standings))));
        }
        if self.found.len() > 1
            && submission.bytes.len().saturating_mul(self.found.len()) > super::DOCUMENT_COPIES_MAX_BYTES
        {
            return Decisions::whole(super::too_many_copies(self.found.len()));
        }
        let provenances: BTreeMap<usize, Provenance> =
            self.found.iter().map(|found| (found.message, self.provenance(found.message, standings))).collect();
        let Opened { mail, found, .. } = self;
        let judge = |found: MailReport| {
            let provenance = provenances.get(&found.message).cloned().unwrap_or_default();
            let verdict = match found.report {
                Err(fault) => Decision::of(fault),
                Ok(report) => {
                    let message = mail.messages.get(found.message);
                    let report_domain = message.and_then(|message| message.report_domain.as_deref());
                    let submitter = provenance.submitter.as_deref();
                    judge_report(report, standings.get(&found.message), report_domain, submitter, submission, served)
                }
            };
            (verdict, provenance)
        };
        Decisions::Each(found.into_iter().map(judge).collect())
    }

    /// Who stands behind the reports in one of the mails.
    fn provenance(&self, message: usize, standings: &BTreeMap<usize, SignatureAssessment>) -> Provenance {
        let origin = match standings.get(&message) {
            Some(SignatureAssessment::Counts { origin, .. } | SignatureAssessment::Kept { origin, .. }) => {
                origin.clone()
            }
            _ => Origin { from_domain: self.sender(message), from_address: self.address(message), ..Origin::default() },
        };
        let submitter = self.mail.messages.get(message).and_then(|message| message.submitter.clone());
        Provenance { origin, submitter }
    }

    fn address(&self, message: usize) -> Option<String> {
        self.mail.messages.get(message).and_then(|message| message.from_address.clone())
    }

    fn sender(&self, message: usize) -> Option<String> {
        self.mail.messages.get(message).and_then(|message| message.from_domain.clone())
    }
}

fn judge_report(
    mut report: Box<Report>,
    standing: Option<&SignatureAssessment>,
    report_domain: Option<&str>,
    submitter: Option<&str>,
    submission: &Submission,
    served: &Served,
) -> Decision {
    let mut field = None;
    let (trust, signed_by) = match standing {
        Some(SignatureAssessment::Kept { fault, .. }) => return Decision::against(&report, fault.clone()),
        Some(SignatureAssessment::Counts { trust, origin, covers, late }) => {
            if *late {
                report.deviations.add(Deviation::DkimLate, "");
            }
            // RFC 8460 §5.3: unsigned, the field may be anybody's.
            field = report_domain.filter(|_| covers.iter().any(|name| name == REPORT_DOMAIN));
            (*trust, origin.dkim_domain.as_deref().filter(|_| *trust == Trust::Dkim))
        }
        // None of its domains is ours, so that nobody asked; `standing` will say so.
        Some(SignatureAssessment::Later) | None => (Trust::None, None),
    };
    if differs_from_contact(&report, submitter) || differs_from_contact(&report, signed_by) {
        report.deviations.add(Deviation::SubmitterMismatch, "");
    }
    let name = Name::of(&report, signed_by);
    match verify::standing(&mut report, submission.channel, &submission.hints, field, served) {
        Ok(by_token) => {
            let by_token = if by_token == Trust::Token { Trust::Token } else { Trust::None };
            let trust = trust.max(by_token);
            Decision::Report { report, trust, name }
        }
        Err(fault) => Decision::against(&report, fault),
    }
}

/// RFC 8460 §5.3: the submitter is the domain of `contact-info`. One organisation's domains count as one.
pub(super) fn differs_from_contact(report: &Report, domain: Option<&str>) -> bool {
    let contact = report.contact.as_deref().and_then(|contact| contact.rsplit_once('@'));
    let contact = contact.and_then(|(_, host)| report::domain(host));
    match (contact.as_deref(), domain) {
        (Some(contact), Some(domain)) => contact != domain && psl::domain_str(contact) != psl::domain_str(domain),
        _ => false,
    }
}
