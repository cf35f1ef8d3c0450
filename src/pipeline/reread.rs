//! Stored reports read again from their original bytes, where a newer version reads or counts in another way.

use super::{
    documents::{self, DocumentReading},
    mail::{self, differs_from_contact},
    verdict::Name,
};
use crate::{
    decode,
    limits::Limits,
    report::{Deviation, Report},
    reporters,
    store::{self, Renewed, SenderKey, StoredReportBytes},
    submission::{self, Channel, Hints, Trust},
    verify::{self, Served},
};

/// Reads a stored report as it would be taken today. Nobody is asked: what was found out about its signature stands.
#[derive(Debug)]
pub struct Reread {
    pub limits: Limits,
    pub served: Served,
}

impl store::Reread for Reread {
    fn reread(&self, stored: &StoredReportBytes) -> Option<Renewed> {
        let arrival = &stored.arrival;
        let Read { mut report, field, from_address } = self.read(stored)?;
        if arrival.channel == Channel::Import {
            report.deviations.remove(Deviation::Late);
        }
        if stored.had_deviation(Deviation::DkimLate) {
            report.deviations.add(Deviation::DkimLate, "");
        }
        let signed_by = arrival.origin.dkim_domain.as_deref().filter(|_| arrival.trust == Trust::Dkim);
        if arrival.origin.from_domain.is_some()
            && (differs_from_contact(&report, arrival.submitter.as_deref()) || differs_from_contact(&report, signed_by))
        {
            report.deviations.add(Deviation::SubmitterMismatch, "");
        }
        let content = Name::of(&report, signed_by).content();
        // The token is not kept, but what it supplied was stored.
        let token_domains = Some(stored.policy_domains.as_slice())
            .filter(|domains| arrival.trust == Trust::Token && domains.len() == 1 && self.serves(domains));
        verify::renew(&mut report, field.as_deref(), token_domains, &stored.policy_domains, &self.served);
        Some(Renewed { report, content, from_address })
    }

    fn sender_key(&self, stored: &StoredReportBytes) -> Option<SenderKey> {
        let arrival = &stored.arrival;
        let mut origin = arrival.origin.clone();
        if origin.from_address.is_none() && arrival.trust == Trust::Dkim && origin.has_passed() {
            origin.from_address = self.read(stored).and_then(|read| read.from_address);
        }
        let key = reporters::key(arrival.trust, &origin, stored.contact.as_deref(), stored.organisation.as_deref());
        Some(SenderKey { key, from_address: origin.from_address })
    }

    fn keys_made_by(&self) -> String {
        reporters::known().fingerprint()
    }
}

/// A report, and what the mail's TLS-Report-Domain says where it is believed.
struct Read {
    report: Report,
    field: Option<String>,
    /// Of the mail it came in.
    from_address: Option<String>,
}

impl Reread {
    fn serves(&self, domains: &[String]) -> bool {
        domains.iter().all(|domain| self.served.domains.contains_key(domain))
    }

    fn read(&self, stored: &StoredReportBytes) -> Option<Read> {
        let arrival = &stored.arrival;
        let received_at = arrival.origin.mailed_at.unwrap_or(arrival.received_at);
        let element = stored.element.unwrap_or(0) as usize;
        if submission::is_mail(arrival.channel, arrival.media_type.as_deref()) {
            let mail = decode::mail::open(&arrival.bytes, &self.limits).ok()?;
            let found = mail::reports(&mail, received_at, true, &self.limits).ok()?.into_iter().nth(element)?;
            let believed = arrival.origin.has_passed() || arrival.trust == Trust::Import;
            let message = mail.messages.get(found.message)?;
            let field = message.report_domain.clone().filter(|_| believed);
            let from_address = message.from_address.clone();
            return Some(Read { report: *found.report.ok()?, field, from_address });
        }
        let hints = Hints {
            media_type: arrival.media_type.clone(),
            content_encoding: arrival.content_encoding.clone(),
            ..Hints::default()
        };
        let reading = DocumentReading { received_at, admitted: true, limits: &self.limits };
        let found = documents::reports(&arrival.bytes, &hints, true, reading).ok()?.into_iter().nth(element)?;
        Some(Read { report: found.report.ok()?, field: None, from_address: None })
    }
}
