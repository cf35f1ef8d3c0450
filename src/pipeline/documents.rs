//! The reports in one body that came by itself or attached to a mail: one document, or those of a zip archive one after the
//! other. All who count reports count them here.

use chrono::{DateTime, Utc};

use crate::{
    decode::{self, Document},
    fault::{Fault, FaultCode, FaultPlace},
    limits::{Limits, REPORTS_PER_DOCUMENT_MAX},
    report::{self, Report},
    submission::Hints,
};

/// A report, or what is wrong with it.
pub(super) struct DocumentReport {
    /// Index of its document among those of the body.
    pub document: usize,
    pub report: Result<Report, Fault>,
}

/// How a body is read.
#[derive(Clone, Copy)]
pub(super) struct DocumentReading<'a> {
    pub received_at: DateTime<Utc>,
    /// The operator overrules what is wrong with a range.
    pub admitted: bool,
    pub limits: &'a Limits,
}

/// Why nothing in a body counts as a report.
pub(super) struct Stray {
    pub fault: Fault,
    /// Somebody said that it is a report, or it looks like one, however broken.
    pub looks_like_one: bool,
}

/// The reports in the body, never none. `certain` is set where somebody said that it holds reports. What is something else is
/// left out, where the body may be anything and beside reports in an archive.
pub(super) fn reports(
    bytes: &[u8],
    hints: &Hints,
    certain: bool,
    reading: DocumentReading<'_>,
) -> Result<Vec<DocumentReport>, Stray> {
    let of_whole = |fault| Stray { fault, looks_like_one: certain };
    let documents = decode::documents(bytes, hints, reading.limits).map_err(of_whole)?;
    let several = documents.len() > 1;
    let mut found: Vec<(DocumentReport, bool)> = Vec::new();
    let mut size = Size::default();
    for (index, document) in documents.into_iter().enumerate() {
        let (looks_like_one, file, reports) = match document {
            Ok(document) => (has_members_of_a_report(&document.json), document.file, parse(document, reading)),
            Err(fault) => (false, None, Err(fault)),
        };
        let reports = match reports {
            Err(fault) if !several => return Err(Stray { fault, looks_like_one: certain || looks_like_one }),
            Err(fault) => vec![Err(fault)],
            Ok(reports) => reports,
        };
        size.add(&reports, reading.limits).map_err(of_whole)?;
        for report in reports {
            let report = report.map_err(|fault| in_file(fault, file));
            let unlikely = !looks_like_one && (several || !certain);
            let stray = report.as_ref().is_err_and(|fault| unlikely && is_something_else(fault.code));
            found.push((DocumentReport { document: index, report }, stray));
        }
    }
    if found.iter().all(|(_, stray)| *stray) {
        let fault = found.into_iter().find_map(|(found, _)| found.report.err());
        return Err(of_whole(fault.unwrap_or_else(none)));
    }
    // A file that cannot be had may be a report like those beside it.
    let is_locked = |found: &DocumentReport| found.report.as_ref().is_err_and(|fault| fault.code == FaultCode::Zip);
    Ok(found.into_iter().filter(|(found, stray)| !stray || is_locked(found)).map(|(found, _)| found).collect())
}

fn none() -> Fault {
    Fault::new(FaultCode::NotAReport, "there is no report", FaultPlace::Whole)
}

/// What the reports of one body have together: the bounds on one document hold for all of them.
#[derive(Default)]
struct Size {
    reports: usize,
    policies: usize,
    details: usize,
}

impl Size {
    fn add(&mut self, reports: &[Result<Report, Fault>], limits: &Limits) -> Result<(), Fault> {
        self.reports += reports.len();
        for report in reports.iter().flatten() {
            self.policies += report.policies.len();
            self.details += report.policies.iter().map(|policy| policy.failures.len()).sum::<usize>();
        }
        let (code, what, max) = if self.reports > REPORTS_PER_DOCUMENT_MAX {
            (FaultCode::TooManyElements, "reports", REPORTS_PER_DOCUMENT_MAX)
        } else if self.policies > limits.report_policies_max {
            (FaultCode::TooManyPolicies, "policies", limits.report_policies_max)
        } else if self.details > limits.report_failure_details_max {
            (FaultCode::TooManyDetails, "failure details", limits.report_failure_details_max)
        } else {
            return Ok(());
        };
        Err(Fault::new(code, format!("the zip archive holds more than {max} {what}"), FaultPlace::Whole))
    }
}

fn parse(document: Document, reading: DocumentReading<'_>) -> Result<Vec<Result<Report, Fault>>, Fault> {
    let parse = if reading.admitted { report::parse_admitted } else { report::parse };
    let mut reports = parse(&document.json, reading.received_at, reading.limits)?;
    for report in reports.iter_mut().flatten() {
        report.deviations.merge(&document.deviations);
    }
    Ok(reports)
}

/// The place stays: it is one in the document that is shown.
fn in_file(fault: Fault, file: Option<usize>) -> Fault {
    match file {
        Some(file) => Fault { detail: format!("{}, in file {file} of the zip archive", fault.detail), ..fault },
        None => fault,
    }
}

/// Whether a text, however broken, has the names that every report has.
fn has_members_of_a_report(json: &[u8]) -> bool {
    let holds = |name: &[u8]| json.windows(name.len()).any(|window| window == name);
    holds(b"\"date-range\"") && (holds(b"\"policies\"") || holds(b"\"organization-name\""))
}

/// Faults of a file that may be anything else. Whatever was recognised as a report and then found wrong is kept.
pub(super) fn is_something_else(code: FaultCode) -> bool {
    use FaultCode::{BadEncoding, BadJson, Empty, NotAReport, NotGzip, NotJson, Zip};
    matches!(code, NotAReport | NotJson | NotGzip | Empty | Zip | BadJson | BadEncoding)
}
