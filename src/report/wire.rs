//! RFC 8460 §4.4 as it comes over the wire: any member may be missing, spelled otherwise or of another type. Each wire value
//! lives only until `normalise` has made a domain value of it, so that a hundred thousand failure details are never held
//! twice.

mod detail;
mod entry;
mod list;
mod names;

use super::{
    deviation::Deviation,
    json::{JsonField, JsonKind, Reader},
    notes::Notes,
    types::PolicyResult,
};
use crate::{
    fault::{Fault, FaultCode},
    limits::Limits,
};
pub(super) use detail::Detail;
pub(super) use entry::{Entry, Policy};
pub(super) use list::{List, Shape};
use names::{Spelling::*, Table, find};

/// What is carried along while a document is read: its bounds and what was used of them, and the deviations so far.
pub(super) struct WireReading<'l> {
    pub limits: &'l Limits,
    pub notes: Notes,
    policies: usize,
    details: usize,
    elements: usize,
    /// Where a member of a draft stands in place of one of the RFC.
    draft: Option<usize>,
}

/// One report with its policies done and all else as it came.
pub(super) struct Envelope<'a> {
    pub at: usize,
    /// The report as written.
    pub text: &'a str,
    pub organisation: JsonField<'a>,
    pub contact: JsonField<'a>,
    pub report_id: JsonField<'a>,
    pub range: Range<'a>,
    pub policies: Policies,
    pub draft: Option<usize>,
}

pub(super) enum Range<'a> {
    Absent,
    /// Something else than an object, at this offset.
    Wrong(usize),
    Given {
        at: usize,
        start: JsonField<'a>,
        end: JsonField<'a>,
    },
}

pub(super) enum Policies {
    /// Missing, null, or of no use, at this offset.
    Absent(usize),
    Given {
        at: usize,
        entries: usize,
        results: Vec<PolicyResult>,
    },
}

#[derive(Clone, Copy)]
enum Member {
    Organisation,
    Contact,
    ReportId,
    DateRange,
    Policies,
    Draft,
}

const MEMBERS: Table<Member> = &[
    ("organization-name", Member::Organisation, Standard),
    ("date-range", Member::DateRange, Standard),
    ("contact-info", Member::Contact, Standard),
    ("report-id", Member::ReportId, Standard),
    ("policies", Member::Policies, Standard),
    ("tls-report", Member::Policies, Alias),
    ("applied-policy", Member::Draft, Standard),
    ("report-items", Member::Draft, Standard),
];

const RANGE_MEMBERS: Table<bool> = &[("start-datetime", true, Standard), ("end-datetime", false, Standard)];

impl<'l> WireReading<'l> {
    pub(super) fn new(limits: &'l Limits) -> WireReading<'l> {
        WireReading { limits, notes: Notes::default(), policies: 0, details: 0, elements: 0, draft: None }
    }

    /// Reads one report, an object.
    pub(super) fn envelope<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Envelope<'a>, Fault> {
        let at = reader.at();
        self.draft = None;
        let mut envelope = Envelope {
            at,
            text: "",
            organisation: JsonField::absent(at),
            contact: JsonField::absent(at),
            report_id: JsonField::absent(at),
            range: Range::Absent,
            policies: Policies::Absent(at),
            draft: None,
        };
        let mut draft = None;
        reader.object(|reader, name| {
            let Some((member, exact)) = find(MEMBERS, name, &mut self.notes) else {
                return reader.skip().map(drop);
            };
            match member {
                Member::Organisation => fill(&mut envelope.organisation, exact, reader)?,
                Member::Contact => fill(&mut envelope.contact, exact, reader)?,
                Member::ReportId => fill(&mut envelope.report_id, exact, reader)?,
                Member::DateRange if exact || matches!(envelope.range, Range::Absent) => {
                    envelope.range = self.range(reader)?;
                }
                Member::Policies if exact || matches!(envelope.policies, Policies::Absent(_)) => {
                    envelope.policies = self.policies(reader)?;
                }
                Member::DateRange | Member::Policies => drop(reader.skip()?),
                Member::Draft => {
                    draft.get_or_insert(name.at);
                    reader.skip()?;
                }
            }
            Ok(())
        })?;
        envelope.text = reader.text();
        let in_place_of_policies = draft.filter(|_| matches!(envelope.policies, Policies::Absent(_)));
        envelope.draft = in_place_of_policies.or(self.draft.take());
        if let Some((count, at)) = reader.take_nuls() {
            self.notes.add_counted(Deviation::NulCharacter, count, at);
        }
        Ok(envelope)
    }

    fn range<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Range<'a>, Fault> {
        let at = reader.at();
        match reader.kind() {
            JsonKind::Object => {}
            JsonKind::Null => return reader.skip().map(|_| Range::Absent),
            _ => return reader.skip().map(|_| Range::Wrong(at)),
        }
        let (mut start, mut end) = (JsonField::absent(at), JsonField::absent(at));
        reader.object(|reader, name| match find(RANGE_MEMBERS, name, &mut self.notes) {
            Some((true, exact)) => fill(&mut start, exact, reader),
            Some((false, exact)) => fill(&mut end, exact, reader),
            None => reader.skip().map(drop),
        })?;
        Ok(Range::Given { at, start, end })
    }

    /// RFC 8460 §4: `policies` is an array also for one policy. A lone object is taken as its only element.
    fn policies(&mut self, reader: &mut Reader<'_>) -> Result<Policies, Fault> {
        let at = reader.at();
        let mut results = Vec::new();
        let mut entries = 0;
        match reader.kind() {
            JsonKind::Array => reader.array(|reader, _| {
                entries += 1;
                results.extend(self.entry(reader)?);
                Ok(())
            })?,
            JsonKind::Object => {
                self.notes.add(Deviation::PoliciesNotArray, at);
                entries += 1;
                results.extend(self.entry(reader)?);
            }
            _ => return reader.skip().map(|_| Policies::Absent(at)),
        }
        Ok(Policies::Given { at, entries, results })
    }

    fn count_policy(&mut self, reader: &Reader<'_>, at: usize) -> Result<(), Fault> {
        self.policies += 1;
        let max = self.limits.report_policies_max;
        if self.policies > max {
            let detail = format!("there are more than {max} policies, the bound is `report_policies_max`");
            return Err(reader.fault(FaultCode::TooManyPolicies, detail, at));
        }
        Ok(())
    }

    fn count_detail(&mut self, reader: &Reader<'_>, at: usize) -> Result<(), Fault> {
        self.details += 1;
        let max = self.limits.report_failure_details_max;
        if self.details > max {
            let detail =
                format!("there are more than {max} failure details, the bound is `report_failure_details_max`");
            return Err(reader.fault(FaultCode::TooManyDetails, detail, at));
        }
        Ok(())
    }
}

/// Reads a member's value. Where a member stands twice under different names, its proper name wins.
fn fill<'a>(slot: &mut JsonField<'a>, exact: bool, reader: &mut Reader<'a>) -> Result<(), Fault> {
    let field = reader.field()?;
    if exact || slot.is_absent() {
        *slot = field;
    }
    Ok(())
}
