//! Which report is which: the same report arrives twice in practice, by two `rua` URIs, by retries, by re-import.
//!
//! Both digests are stored and compared for as long as the data lives, so what goes into them never changes; golden tests
//! pin them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{
    normalise::domain::{domain, host},
    types::{Failure, Policy, PolicyDetails, PolicyResult, Report, StsMode, StsPolicy, TlsaRecord},
};
use crate::limits::ORGANISATION_KEY_MAX_BYTES;

/// Domains where anybody has a mailbox, one a line.
const FREE_MAIL: &str = include_str!("free_mail.txt");

/// The key one sending organisation's reports share, so that "Google Inc." and "google.com" are one row: the registrable
/// domain of the verified DKIM domain, else of the contact, else the folded name, else `unknown`. A contact is where to
/// write, not who sent: one with a mailbox where anybody has one says nothing.
pub fn organisation_key(dkim_domain: Option<&str>, contact: Option<&str>, name: Option<&str>) -> String {
    key(dkim_domain, contact_domain(contact).filter(|host| !is_free_mail(host)), name)
}

/// What stands for the organisation in the identity of a report that nobody signed: its key as it was made before free mail
/// was told apart, because identities never change.
pub fn identity_key(contact: Option<&str>, name: Option<&str>) -> String {
    key(None, contact_domain(contact), name)
}

fn contact_domain(contact: Option<&str>) -> Option<&str> {
    contact.and_then(|contact| contact.rsplit_once('@')).map(|(_, host)| host)
}

/// Only the very domain: below `mail.ru` a company writes in its own name.
fn is_free_mail(host: &str) -> bool {
    domain(host).is_some_and(|host| FREE_MAIL.lines().any(|free| free == host))
}

fn key(dkim_domain: Option<&str>, contact_domain: Option<&str>, name: Option<&str>) -> String {
    [dkim_domain, contact_domain, name.filter(|name| name.contains('.'))]
        .into_iter()
        .flatten()
        .find_map(registrable)
        .or_else(|| name.and_then(folded))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The report's identity: a 128-bit digest over length-prefixed (organisation key, report-id, range start, range end,
/// sorted policy domains). To be taken of what the document says, before anything is supplied or dropped: then it is the
/// same on every source.
pub fn identity(report: &Report, organisation_key: &str) -> Uuid {
    let mut fields = Fields::new("tlsight report identity 1");
    fields.text(organisation_key);
    fields.text(&report.report_id);
    fields.time(report.range.start);
    fields.time(report.range.end);
    let domains: BTreeSet<&str> = report.policies.iter().filter_map(|result| result.policy.domain.as_deref()).collect();
    fields.list(domains.iter(), |fields, domain| fields.text(domain));
    fields.finish()
}

/// Digest of the normalised content: the same identity with another one is a conflict. Deviations are left out, because
/// the same content may come with and without them, for example by another way of compression. A policy without a domain
/// counts with that of the first that has one, and the greeting of an MX host in its normal form, as both once were read.
pub fn content(report: &Report) -> Uuid {
    let mut fields = Fields::new("tlsight report content 1");
    fields.optional(report.organisation.as_deref());
    fields.optional(report.contact.as_deref());
    fields.text(&report.report_id);
    fields.time(report.range.start);
    fields.time(report.range.end);
    let sibling = report.policies.iter().find_map(|result| result.policy.domain.as_deref());
    fields.list(&report.policies, |fields, result| fields.result(result, sibling));
    fields.finish()
}

fn registrable(name: &str) -> Option<String> {
    let name = domain(name)?;
    psl::domain_str(&name).map(str::to_owned)
}

fn folded(name: &str) -> Option<String> {
    let mut key = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    key.truncate(key.floor_char_boundary(ORGANISATION_KEY_MAX_BYTES));
    (!key.is_empty()).then_some(key)
}

/// A digest over fields that cannot run into each other: each text has its length before it, each list its number of
/// elements, each optional value whether it is there.
struct Fields(Sha256);

impl Fields {
    fn new(purpose: &str) -> Fields {
        let mut fields = Fields(Sha256::new());
        fields.text(purpose);
        fields
    }

    /// 128 bits in the form of a UUID of our own making (RFC 9562 §5.8).
    fn finish(self) -> Uuid {
        let digest = self.0.finalize();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = of_digest);
        Builder::from_custom_bytes(bytes).into_uuid()
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        self.0.update(text);
    }

    fn time(&mut self, time: DateTime<Utc>) {
        self.number(time.timestamp_micros());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.number(i64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn count(&mut self, count: Option<i64>) {
        self.number(i64::from(count.is_some()));
        self.number(count.unwrap_or_default());
    }

    fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        each: impl Fn(&mut Fields, T),
    ) {
        let items = items.into_iter();
        self.number(items.len() as i64);
        items.for_each(|item| each(self, item));
    }

    fn result(&mut self, result: &PolicyResult, sibling: Option<&str>) {
        self.policy(&result.policy, sibling);
        self.count(result.successful);
        self.count(result.failed);
        self.list(&result.failures, Fields::failure);
    }

    fn policy(&mut self, policy: &Policy, sibling: Option<&str>) {
        self.text(policy.policy_type.as_str());
        self.optional(policy.domain.as_deref().or(sibling));
        self.list(&policy.policy_string, |fields, line| fields.text(line));
        self.list(&policy.mx_hosts, |fields, host| fields.text(host));
        match &policy.details {
            PolicyDetails::Unknown => self.number(0),
            PolicyDetails::Sts(sts) => {
                self.number(1);
                self.sts(sts);
            }
            PolicyDetails::Tlsa(records) => {
                self.number(2);
                self.list(records, Fields::tlsa);
            }
        }
    }

    fn sts(&mut self, sts: &StsPolicy) {
        self.optional(sts.version.as_deref());
        self.optional(sts.mode.map(StsMode::as_str));
        self.list(&sts.mx, |fields, host| fields.text(host));
        self.count(sts.max_age.map(i64::from));
    }

    fn tlsa(&mut self, record: &TlsaRecord) {
        self.number(record.usage.into());
        self.number(record.selector.into());
        self.number(record.matching.into());
        self.text(&record.data);
    }

    fn failure(&mut self, failure: &Failure) {
        self.text(&failure.result_type);
        self.optional(failure.sending_mta_ip.to_text().as_deref());
        self.optional(failure.receiving_mx_hostname.as_deref());
        self.optional(failure.receiving_mx_helo.as_deref().map(host).as_deref());
        self.optional(failure.receiving_ip.to_text().as_deref());
        self.count(failure.failed_sessions);
        self.optional(failure.additional_information.as_deref());
        self.optional(failure.reason_code.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::Limits, report::parse};

    const GOLDEN: &str = include_str!("../../fixtures/reports/handmade/everything.json");

    fn read(json: &str) -> Report {
        let received_at = "2024-03-02T04:00:00Z".parse().unwrap();
        parse(json.as_bytes(), received_at, &Limits::default()).unwrap().remove(0).unwrap()
    }

    #[test]
    fn organisations_share_a_key() {
        let key = organisation_key;
        assert_eq!(key(Some("mail.google.com"), Some("a@example.com"), Some("X")), "google.com");
        assert_eq!(key(None, Some("smtp-tls-reporting@google.com"), Some("Google Inc.")), "google.com");
        assert_eq!(key(None, Some("a@mx.example.co.uk"), None), "example.co.uk");
        assert_eq!(key(None, None, Some("google.com")), "google.com");
        assert_eq!(key(None, Some("postmaster@localhost"), Some("  Company-X\t Ltd. ")), "company-x ltd.");
        assert_eq!(key(None, Some("a@192.0.2.1"), None), "unknown");
        assert_eq!(key(None, None, Some(" ")), "unknown");
        assert_eq!(key(None, None, Some(&"é".repeat(1_000))).len(), 254);
    }

    #[test]
    fn a_mailbox_that_anybody_has_makes_nobody_an_organisation() {
        let key = |contact, name| organisation_key(None, Some(contact), Some(name));
        assert_eq!(key("alpha@gmail.com", "Alpha Mail"), "alpha mail");
        assert_eq!(key("beta@GMail.com.", "Beta Mail"), "beta mail");
        assert_eq!(key("x@web.de", "mail.alpha.example"), "alpha.example");
        assert_eq!(organisation_key(None, Some("x@qq.com"), None), "unknown");
        assert_eq!(key("tls@corp.mail.ru", "Mail.ru"), "mail.ru", "not the free service");
        assert_eq!(organisation_key(Some("gmail.com"), Some("x@gmail.com"), None), "gmail.com", "it signed");
        assert_eq!(
            identity_key(Some("alpha@gmail.com"), Some("Alpha Mail")),
            "gmail.com",
            "as stored identities have it"
        );
        for free in FREE_MAIL.lines() {
            assert_eq!(domain(free).as_deref(), Some(free), "never met otherwise");
        }
    }

    #[test]
    fn how_a_policy_s_domain_is_found_and_a_greeting_kept_changes_no_digest() {
        let nameless = GOLDEN.replacen("\"policy-domain\": \"example.net\"", "\"policy-domain\": null", 1);
        let (mut filled, plain) = (read(&nameless), read(&nameless));
        let first = plain.policies.iter().find_map(|result| result.policy.domain.clone());
        for result in &mut filled.policies {
            result.policy.domain = result.policy.domain.take().or(first.clone());
        }
        assert_ne!(filled, plain);
        assert_eq!(content(&filled), content(&plain));
        assert_eq!(identity(&filled, "example.com"), identity(&plain, "example.com"));
        let mut shouted = plain.clone();
        for failure in shouted.policies.iter_mut().flat_map(|result| &mut result.failures) {
            failure.receiving_mx_helo = failure.receiving_mx_helo.as_ref().map(|helo| helo.to_uppercase());
        }
        assert_ne!(shouted, plain);
        assert_eq!(content(&shouted), content(&plain));
    }

    #[test]
    fn the_digests_are_the_same_for_ever() {
        let report = read(GOLDEN);
        assert_eq!(identity(&report, "example.com").to_string(), "7fe7ad86-fbdd-8263-afdc-28da6b6b17d2");
        assert_eq!(content(&report).to_string(), "54a4738d-fbc9-8cc7-bee1-0a2cfcf5db88");
    }

    #[test]
    fn the_identity_is_the_sender_s_not_the_content_s() {
        let report = read(GOLDEN);
        let changed = read(&GOLDEN.replace("\"failed-session-count\": 7", "\"failed-session-count\": 8"));
        assert_ne!(report, changed);
        assert_eq!(identity(&report, "example.com"), identity(&changed, "example.com"));
        assert_ne!(content(&report), content(&changed));
        assert_ne!(identity(&report, "example.com"), identity(&report, "example.net"));
        for (from, to) in [
            ("2024-03-01T00:00:00Z_example.net", "2024-03-01T00:00:00Z_example.ne"),
            ("2024-03-01T23:59:59Z", "2024-03-01T23:59:58Z"),
            ("\"policy-domain\": \"example.net\"", "\"policy-domain\": \"example.org\""),
        ] {
            let other = read(&GOLDEN.replace(from, to));
            assert_ne!(identity(&other, "example.com"), identity(&report, "example.com"), "{from}");
        }
    }

    #[test]
    fn every_field_but_the_deviations_is_content() {
        let report = read(GOLDEN);
        let mut others = vec![report.clone(); 12];
        others[0].organisation = None;
        others[1].contact = Some(String::new());
        others[2].policies[1].policy.mx_hosts.clear();
        others[3].policies[0].policy.policy_string.pop();
        others[4].policies[0].policy.details = PolicyDetails::Unknown;
        others[5].policies[0].successful = None;
        others[6].policies[0].failed = Some(0);
        others[7].policies[0].failures[0].reason_code = None;
        others[8].policies[0].failures[0].additional_information = None;
        others[9].policies[0].failures[0].receiving_mx_helo = None;
        others[10].policies.reverse();
        others[11].policies[0].failures.clear();
        for (index, other) in others.iter().enumerate() {
            assert_ne!(content(other), content(&report), "{index}");
        }
        let mut noted = report.clone();
        noted.deviations.add(crate::report::Deviation::Bom, "");
        assert_eq!(content(&noted), content(&report));
    }
}
