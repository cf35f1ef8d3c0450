//! One element of `failure-details`.

use super::{
    WireReading, fill,
    names::{Spelling::*, Table, find},
};
use crate::{
    fault::Fault,
    report::{
        Deviation, Failure,
        json::{JsonField, JsonKind, Reader},
        normalise,
    },
};

pub(crate) struct Detail<'a> {
    pub at: usize,
    pub result_type: JsonField<'a>,
    pub sending_mta_ip: JsonField<'a>,
    pub receiving_mx_hostname: JsonField<'a>,
    pub receiving_mx_helo: JsonField<'a>,
    pub receiving_ip: JsonField<'a>,
    pub failed_sessions: JsonField<'a>,
    pub additional_information: JsonField<'a>,
    pub reason_code: JsonField<'a>,
}

#[derive(Clone, Copy)]
enum Member {
    ResultType,
    SendingMtaIp,
    ReceivingMxHostname,
    ReceivingMxHelo,
    ReceivingIp,
    FailedSessions,
    AdditionalInformation,
    ReasonCode,
    Draft,
}

const MEMBERS: Table<Member> = &[
    ("result-type", Member::ResultType, Standard),
    ("sending-mta-ip", Member::SendingMtaIp, Standard),
    ("receiving-mx-hostname", Member::ReceivingMxHostname, Standard),
    ("receiving-mx-host-name", Member::ReceivingMxHostname, Variant),
    ("receiving-mx-helo", Member::ReceivingMxHelo, Standard),
    ("receiving-ip", Member::ReceivingIp, Standard),
    ("failed-session-count", Member::FailedSessions, Standard),
    ("additional-information", Member::AdditionalInformation, Standard),
    ("additional-info-uri", Member::AdditionalInformation, Variant),
    ("failure-reason-code", Member::ReasonCode, Standard),
    ("session-count", Member::Draft, Standard),
];

impl WireReading<'_> {
    pub(super) fn failure_details(
        &mut self,
        failures: &mut Vec<Failure>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Fault> {
        let at = reader.at();
        match reader.kind() {
            JsonKind::Array => {
                failures.clear();
                reader.array(|reader, _| {
                    failures.extend(self.detail(reader)?);
                    Ok(())
                })
            }
            JsonKind::Object => {
                self.notes.add(Deviation::FailureDetailsNotArray, at);
                failures.clear();
                failures.extend(self.detail(reader)?);
                Ok(())
            }
            JsonKind::Null => reader.skip().map(drop),
            _ => {
                self.notes.add(Deviation::Type, at);
                reader.skip().map(drop)
            }
        }
    }

    fn detail(&mut self, reader: &mut Reader<'_>) -> Result<Option<Failure>, Fault> {
        let at = reader.at();
        self.count_detail(reader, at)?;
        if reader.kind() != JsonKind::Object {
            reader.skip()?;
            self.notes.add(Deviation::DetailSkipped, at);
            return Ok(None);
        }
        let mut detail = Detail {
            at,
            result_type: JsonField::absent(at),
            sending_mta_ip: JsonField::absent(at),
            receiving_mx_hostname: JsonField::absent(at),
            receiving_mx_helo: JsonField::absent(at),
            receiving_ip: JsonField::absent(at),
            failed_sessions: JsonField::absent(at),
            additional_information: JsonField::absent(at),
            reason_code: JsonField::absent(at),
        };
        let mut draft = None;
        reader.object(|reader, name| {
            let Some((member, exact)) = find(MEMBERS, name, &mut self.notes) else {
                return reader.skip().map(drop);
            };
            let slot = match member {
                Member::ResultType => &mut detail.result_type,
                Member::SendingMtaIp => &mut detail.sending_mta_ip,
                Member::ReceivingMxHostname => &mut detail.receiving_mx_hostname,
                Member::ReceivingMxHelo => &mut detail.receiving_mx_helo,
                Member::ReceivingIp => &mut detail.receiving_ip,
                Member::FailedSessions => &mut detail.failed_sessions,
                Member::AdditionalInformation => &mut detail.additional_information,
                Member::ReasonCode => &mut detail.reason_code,
                Member::Draft => {
                    draft.get_or_insert(name.at);
                    return reader.skip().map(drop);
                }
            };
            fill(slot, exact, reader)
        })?;
        if detail.failed_sessions.is_absent() {
            self.draft = self.draft.or(draft);
        }
        Ok(Some(normalise::failure(detail, &mut self.notes)))
    }
}
