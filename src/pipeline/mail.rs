//! A mail through the stages: its reports are read, then its signature is asked for, then each report is judged.
//!
//! In this order, because most of what comes to a report address is no report, and nobody's DNS is asked for spam.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    signatures::{Asked, Signatures, Standing},
    verdict::{Judged, Name, Verdict, Verdicts},
};
use crate::{
    decode::{self, mail::Mail},
    fault::{Fault, FaultCode, Layer, Place},
    limits::Limits,
    report::{self, Deviation, Report},
    submission::{Busy, Channel, Hints, Origin, Submission, Trust},
    verify::{self, Served},
};

/// A mail whose reports are read.
pub struct Opened {
    mail: Mail,
    found: Vec<Found>,
}

/// One report of a mail, or what is wrong with it.
struct Found {
    /// Index of the mail it stands in: the received one, or one that was forwarded within it.
    message: usize,
    report: Result<Box<Report>, Fault>,
}

/// Takes a mail apart and reads the reports in it.
pub fn open(submission: &Submission, admitted: bool, limits: &Limits) -> Result<Opened, Fault> {
    let mail = decode::mail::open(&submission.bytes, limits)?;
    let reached_us_at = reached_us_at(submission, &mail);
    let mut found = Vec::new();
    let mut strange = None;
    for part in &mail.parts {
        let hints = Hints { media_type: part.media_type.clone(), ..Hints::default() };
        let read = decode::decode(&part.bytes, &hints, limits).and_then(|document| {
            let parse = if admitted { report::parse_admitted } else { report::parse };
            let mut reports = parse(&document.json, reached_us_at, limits)?;
            for report in reports.iter_mut().flatten() {
                report.deviations.merge(&document.deviations);
                report.deviations.merge(&part.deviations);
            }
            Ok(reports)
        });
        let reports = match read {
            Ok(reports) => reports,
            Err(fault) => vec![Err(in_attachment(fault))],
        };
        for report in reports {
            match report {
                Err(fault) if !part.certain && is_no_report(fault.code) => strange = Some(fault),
                report => found.push(Found { message: part.message, report: report.map(Box::new) }),
            }
        }
    }
    match (found.is_empty(), strange) {
        (true, Some(fault)) => {
            let detail = format!("an attached file is no TLS report: {}", fault.detail);
            Err(Fault::new(FaultCode::NotTlsrpt, detail, Place::Whole))
        }
        (true, None) => Err(Fault::new(FaultCode::NoReportPart, "the mail holds no report", Place::Whole)),
        (false, _) => Ok(Opened { mail, found }),
    }
}

/// An offset in an attached file says nothing about the mail, which is what is kept.
fn in_attachment(fault: Fault) -> Fault {
    match fault.place {
        Place::Byte { offset, of: Layer::Received } => {
            Fault::new(fault.code, format!("{} at byte {offset} of the attached file", fault.detail), Place::Whole)
        }
        _ => fault,
    }
}

/// Faults of a file that nobody said was a report: it is something else.
fn is_no_report(code: FaultCode) -> bool {
    !matches!(
        code,
        FaultCode::NoDateRange
            | FaultCode::BadDate
            | FaultCode::BadDateRange
            | FaultCode::FutureDate
            | FaultCode::RangeTooLong
            | FaultCode::NoUsablePolicy
            | FaultCode::DraftFormat
            | FaultCode::DuplicateKey
    )
}

/// When the mail reached the mailbox: as the transport says, else as the receiving server wrote on top of a file.
fn reached_us_at(submission: &Submission, mail: &Mail) -> DateTime<Utc> {
    let written = mail.messages.first().and_then(|message| message.received_at);
    let written = written.filter(|at| submission.channel == Channel::Import && *at < submission.received_at);
    submission.hints.mailed_at.or(written).unwrap_or(submission.received_at)
}

impl Opened {
    /// Asks for the signatures and judges each report. `vouched`: the operator says that none is needed.
    pub async fn judge(
        self,
        submission: &Submission,
        vouched: bool,
        signatures: &Signatures,
        served: &Served,
    ) -> Judged {
        let mut standings = BTreeMap::new();
        for message in self.worth_asking(submission, served) {
            let standing = self.ask(message, submission, vouched, signatures).await;
            if matches!(standing, Standing::Later) {
                return Judged::of(Verdicts::Later(Busy::KeyLookup));
            }
            standings.insert(message, standing);
        }
        let first = self.found.first().map_or(0, |found| found.message);
        let origin = match standings.get(&first) {
            Some(Standing::Counts { origin, .. } | Standing::Kept { origin, .. }) => origin.clone(),
            _ => Origin { from_domain: self.sender(first), ..Origin::default() },
        };
        let submitter = self.mail.messages.get(first).and_then(|message| message.submitter.clone());
        let verdicts = self.verdicts(submission, &standings, served);
        Judged { verdicts, origin, submitter }
    }

    /// The mails that hold a report which may be ours.
    fn worth_asking(&self, submission: &Submission, served: &Served) -> Vec<usize> {
        let may_be_ours = |found: &&Found| {
            let report_domain = self.report_domain(found.message);
            let ours = |report: &Report| verify::may_be_ours(report, &submission.hints, served, report_domain);
            found.report.as_ref().is_ok_and(|report| ours(report))
        };
        let mut messages: Vec<usize> = self.found.iter().filter(may_be_ours).map(|found| found.message).collect();
        messages.sort_unstable();
        messages.dedup();
        messages
    }

    async fn ask(&self, message: usize, submission: &Submission, vouched: bool, signatures: &Signatures) -> Standing {
        let from_domain = self.sender(message);
        if let Some(judged) = submission.hints.judged.as_ref().filter(|judged| judged.has_passed()) {
            // What it covered is not kept; that it passed is what counts.
            let covers = vec!["tls-report-domain".to_owned()];
            return Standing::Counts { trust: Trust::Dkim, origin: Origin::clone(judged), covers, late: false };
        }
        if vouched {
            let origin =
                submission.hints.judged.as_deref().cloned().unwrap_or(Origin { from_domain, ..Origin::default() });
            return Standing::Counts { trust: Trust::Import, origin, covers: Vec::new(), late: false };
        }
        let raw =
            self.mail.messages.get(message).map_or(&submission.bytes[..], |found| found.raw.bytes(&submission.bytes));
        signatures
            .judge(Asked {
                message: raw,
                from_domain: from_domain.as_deref(),
                reached_us_at: reached_us_at(submission, &self.mail),
                received_at: submission.received_at,
            })
            .await
    }

    fn verdicts(self, submission: &Submission, standings: &BTreeMap<usize, Standing>, served: &Served) -> Verdicts {
        let unsigned = |found: &Found| match (&found.report, standings.get(&found.message)) {
            (Ok(report), Some(Standing::Kept { fault, .. })) => Some(Verdict::against(report, fault.clone())),
            _ => None,
        };
        // A mail that is kept for its signature is kept once, however many reports it holds.
        if self.found.iter().all(|found| unsigned(found).is_some())
            && let Some(verdict) = self.found.first().and_then(unsigned)
        {
            return Verdicts::Whole(verdict);
        }
        if self.found.len() > 1
            && submission.bytes.len().saturating_mul(self.found.len()) > super::DOCUMENT_COPIES_MAX_BYTES
        {
            return Verdicts::Whole(Verdict::of(super::too_many_copies(self.found.len())));
        }
        let Opened { mail, found } = self;
        let judge = |found: Found| match found.report {
            Err(fault) => Verdict::of(fault),
            Ok(report) => {
                let message = mail.messages.get(found.message);
                let report_domain = message.and_then(|message| message.report_domain.as_deref());
                let submitter = message.and_then(|message| message.submitter.as_deref());
                judge_report(report, standings.get(&found.message), report_domain, submitter, submission, served)
            }
        };
        Verdicts::Each(found.into_iter().map(judge).collect())
    }

    fn sender(&self, message: usize) -> Option<String> {
        self.mail.messages.get(message).and_then(|message| message.from_domain.clone())
    }

    fn report_domain(&self, message: usize) -> Option<&str> {
        self.mail.messages.get(message).and_then(|message| message.report_domain.as_deref())
    }
}

fn judge_report(
    mut report: Box<Report>,
    standing: Option<&Standing>,
    report_domain: Option<&str>,
    submitter: Option<&str>,
    submission: &Submission,
    served: &Served,
) -> Verdict {
    let (trust, signed_by) = match standing {
        Some(Standing::Kept { fault, .. }) => return Verdict::against(&report, fault.clone()),
        Some(Standing::Counts { trust, origin, covers, late }) => {
            if *late {
                report.deviations.add(Deviation::DkimLate, "");
            }
            // RFC 8460 §5.3: unsigned, the field may be anybody's.
            let signed = covers.iter().any(|name| name == "tls-report-domain");
            if let Some(domain) = report_domain.filter(|_| signed) {
                verify::supply_domain(&mut report, domain);
            }
            (*trust, origin.dkim_domain.as_deref().filter(|_| *trust == Trust::Dkim))
        }
        // None of its domains is ours, so that nobody asked; `standing` will say so.
        Some(Standing::Later) | None => (Trust::None, None),
    };
    if differs_from_contact(&report, submitter) || differs_from_contact(&report, signed_by) {
        report.deviations.add(Deviation::SubmitterMismatch, "");
    }
    let name = Name::of(&report, signed_by);
    match verify::standing(&mut report, submission.channel, &submission.hints, served) {
        Ok(by_token) => {
            let by_token = if by_token == Trust::Token { Trust::Token } else { Trust::None };
            Verdict::Report { report, trust: trust.max(by_token), name }
        }
        Err(fault) => Verdict::against(&report, fault),
    }
}

/// RFC 8460 §5.3: the submitter is the domain of `contact-info`. One organisation's domains count as one.
fn differs_from_contact(report: &Report, domain: Option<&str>) -> bool {
    let contact = report
        .contact
        .as_deref()
        .and_then(|contact| contact.rsplit_once('@'))
        .and_then(|(_, host)| report::domain(host));
    match (contact.as_deref(), domain) {
        (Some(contact), Some(domain)) => contact != domain && psl::domain_str(contact) != psl::domain_str(domain),
        _ => false,
    }
}
