//! One element of `policies`.

use super::{
    List, WireReading, fill,
    names::{Spelling::*, Table, find},
};
use crate::{
    fault::Fault,
    report::{
        Deviation, Failure, PolicyResult,
        json::{JsonField, JsonKind, Reader},
        normalise,
    },
};

pub(crate) struct Entry<'a> {
    pub policy: Policy<'a>,
    pub summary: Summary<'a>,
    pub failures: Vec<Failure>,
    /// Offset of `failure-details`, or of the entry.
    pub failures_at: usize,
}

pub(crate) struct Policy<'a> {
    pub at: usize,
    pub policy_type: JsonField<'a>,
    pub policy_string: List<'a>,
    pub domain: JsonField<'a>,
    pub mx_hosts: List<'a>,
}

pub(crate) struct Summary<'a> {
    /// `total-successful-session-count`
    pub successful: JsonField<'a>,
    /// `total-failure-session-count`
    pub failed: JsonField<'a>,
}

#[derive(Clone, Copy)]
enum Member {
    Policy,
    Summary,
    FailureDetails,
    /// A member of `policy` that stands one level too high.
    Flat(PolicyMember),
    Draft,
}

#[derive(Clone, Copy)]
enum PolicyMember {
    Type,
    String,
    Domain,
    MxHost,
}

const MEMBERS: Table<Member> = &[
    ("policy", Member::Policy, Standard),
    ("summary", Member::Summary, Standard),
    ("failure-details", Member::FailureDetails, Standard),
    ("policy-type", Member::Flat(PolicyMember::Type), Standard),
    ("policy-string", Member::Flat(PolicyMember::String), Standard),
    ("policy-domain", Member::Flat(PolicyMember::Domain), Standard),
    ("mx-host", Member::Flat(PolicyMember::MxHost), Standard),
    ("mx-host-pattern", Member::Flat(PolicyMember::MxHost), Variant),
    ("applied-policy", Member::Draft, Standard),
    ("report-items", Member::Draft, Standard),
];

const POLICY_MEMBERS: Table<PolicyMember> = &[
    ("policy-type", PolicyMember::Type, Standard),
    ("policy-string", PolicyMember::String, Standard),
    ("policy-domain", PolicyMember::Domain, Standard),
    ("mx-host", PolicyMember::MxHost, Standard),
    ("mx-host-pattern", PolicyMember::MxHost, Variant),
];

#[derive(Clone, Copy)]
enum SummaryMember {
    Successful,
    Failed,
    Draft,
}

const SUMMARY_MEMBERS: Table<SummaryMember> = &[
    ("total-successful-session-count", SummaryMember::Successful, Standard),
    ("total-failure-session-count", SummaryMember::Failed, Standard),
    ("success-aggregate", SummaryMember::Draft, Standard),
    ("failure-aggregate", SummaryMember::Draft, Standard),
];

impl WireReading<'_> {
    /// Reads and normalises one element; `None` where it says nothing.
    pub(super) fn entry(&mut self, reader: &mut Reader<'_>) -> Result<Option<PolicyResult>, Fault> {
        let at = reader.at();
        self.count_policy(reader, at)?;
        if reader.kind() != JsonKind::Object {
            reader.skip()?;
            self.notes.add(Deviation::PolicySkipped, at);
            return Ok(None);
        }
        let mut entry = Entry {
            policy: Policy::absent(at),
            summary: Summary { successful: JsonField::absent(at), failed: JsonField::absent(at) },
            failures: Vec::new(),
            failures_at: at,
        };
        let mut flat = Policy::absent(at);
        let (mut has_policy, mut has_flat, mut has_more, mut draft) = (false, false, false, None);
        reader.object(|reader, name| {
            let Some((member, exact)) = find(MEMBERS, name, &mut self.notes) else {
                return reader.skip().map(drop);
            };
            match member {
                Member::Policy => has_policy |= self.policy(&mut entry.policy, reader)?,
                Member::Flat(member) => {
                    has_flat = true;
                    self.policy_member(&mut flat, member, exact, reader)?;
                }
                Member::Summary => {
                    has_more = true;
                    self.summary(&mut entry.summary, reader)?;
                }
                Member::FailureDetails => {
                    has_more = true;
                    entry.failures_at = reader.at();
                    self.failure_details(&mut entry.failures, reader)?;
                }
                Member::Draft => {
                    draft.get_or_insert(name.at);
                    reader.skip()?;
                }
            }
            Ok(())
        })?;
        if !has_policy && has_flat {
            self.notes.add(Deviation::PolicyFlattened, at);
            entry.policy = flat;
        }
        if !has_policy && !has_flat {
            self.draft = self.draft.or(draft);
            if !has_more {
                self.notes.add(Deviation::PolicySkipped, at);
                return Ok(None);
            }
        }
        normalise::policy_result(entry, reader, self).map(Some)
    }

    /// Says whether it is an object.
    fn policy<'a>(&mut self, policy: &mut Policy<'a>, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        let at = reader.at();
        if !self.is_object(reader)? {
            return Ok(false);
        }
        policy.at = at;
        reader.object(|reader, name| match find(POLICY_MEMBERS, name, &mut self.notes) {
            Some((member, exact)) => self.policy_member(policy, member, exact, reader),
            None => reader.skip().map(drop),
        })?;
        Ok(true)
    }

    fn policy_member<'a>(
        &mut self,
        policy: &mut Policy<'a>,
        member: PolicyMember,
        exact: bool,
        reader: &mut Reader<'a>,
    ) -> Result<(), Fault> {
        match member {
            PolicyMember::Type => fill(&mut policy.policy_type, exact, reader),
            PolicyMember::Domain => fill(&mut policy.domain, exact, reader),
            PolicyMember::String => self.list(&mut policy.policy_string, exact, reader),
            PolicyMember::MxHost => self.list(&mut policy.mx_hosts, exact, reader),
        }
    }

    fn summary<'a>(&mut self, summary: &mut Summary<'a>, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let at = reader.at();
        if !self.is_object(reader)? {
            return Ok(());
        }
        *summary = Summary { successful: JsonField::absent(at), failed: JsonField::absent(at) };
        let mut draft = None;
        reader.object(|reader, name| match find(SUMMARY_MEMBERS, name, &mut self.notes) {
            Some((SummaryMember::Successful, exact)) => fill(&mut summary.successful, exact, reader),
            Some((SummaryMember::Failed, exact)) => fill(&mut summary.failed, exact, reader),
            Some((SummaryMember::Draft, _)) => {
                draft.get_or_insert(name.at);
                reader.skip().map(drop)
            }
            None => reader.skip().map(drop),
        })?;
        if summary.successful.is_absent() && summary.failed.is_absent() {
            self.draft = self.draft.or(draft);
        }
        Ok(())
    }

    /// Skips what is no object, and notes it unless it is null.
    fn is_object(&mut self, reader: &mut Reader<'_>) -> Result<bool, Fault> {
        let (at, kind) = (reader.at(), reader.kind());
        if kind == JsonKind::Object {
            return Ok(true);
        }
        reader.skip()?;
        if kind != JsonKind::Null {
            self.notes.add(Deviation::Type, at);
        }
        Ok(false)
    }
}

impl Policy<'_> {
    fn absent<'a>(at: usize) -> Policy<'a> {
        Policy {
            at,
            policy_type: JsonField::absent(at),
            policy_string: List::absent(at),
            domain: JsonField::absent(at),
            mx_hosts: List::absent(at),
        }
    }
}
