//! The report that is sent: valid in every respect, and recognisable as a test. Pure.

use std::io::Write;

use chrono::{DateTime, Days, NaiveTime, SecondsFormat, TimeDelta, Utc};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use super::destination::MailtoAddress;
use crate::report::TEST_REPORT_ID;

/// `organization-name` of every test report.
pub const ORGANISATION: &str = "tlsight test report";

/// One test report.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The domain it speaks of.
    pub domain: String,
    /// `contact-info`; its domain is the submitter (RFC 8460 §5.3).
    pub contact: MailtoAddress,
    pub report_id: String,
    /// The UTC day before it was made, to its last second.
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub failures: bool,
    /// What makes it the only one of its kind.
    pub id: Uuid,
}

impl Sample {
    /// A report of yesterday. With `failures` it tells of one session that failed besides the one that succeeded.
    pub fn new(domain: &str, contact: &MailtoAddress, failures: bool, id: Uuid, now: DateTime<Utc>) -> Sample {
        let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
        Sample {
            domain: domain.to_owned(),
            contact: contact.clone(),
            report_id: format!("{TEST_REPORT_ID}{id}@{}", contact.domain()),
            start: midnight.checked_sub_days(Days::new(1)).unwrap_or(midnight),
            end: midnight - TimeDelta::seconds(1),
            failures,
            id,
        }
    }

    /// RFC 8460 §4.4.
    pub fn json(&self) -> Value {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut policy = json!({
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing", format!("mx: *.{}", self.domain), "max_age: 86400"],
                "policy-domain": self.domain,
                "mx-host": [format!("*.{}", self.domain)],
            },
            "summary": {
                "total-successful-session-count": 1,
                "total-failure-session-count": u8::from(self.failures),
            },
        });
        if self.failures {
            // RFC 5737: addresses that belong to nobody.
            policy["failure-details"] = json!([{
                "result-type": "validation-failure",
                "sending-mta-ip": "192.0.2.1",
                "receiving-mx-hostname": format!("mx.{}", self.domain),
                "receiving-ip": "192.0.2.2",
                "failed-session-count": 1,
                "failure-reason-code": "test report, no such session",
            }]);
        }
        json!({
            "organization-name": ORGANISATION,
            "contact-info": self.contact.to_string(),
            "report-id": self.report_id,
            "date-range": { "start-datetime": time(self.start), "end-datetime": time(self.end) },
            "policies": [policy],
        })
    }

    /// The JSON, compressed (RFC 8460 §5.2).
    pub fn gzip(&self) -> Vec<u8> {
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
        // Writing into memory cannot fail.
        let _ = encoder.write_all(self.json().to_string().as_bytes());
        encoder.finish().unwrap_or_default()
    }

    /// RFC 8460 §5.1.
    pub fn file_name(&self) -> String {
        let (begin, end) = (self.start.timestamp(), self.end.timestamp());
        format!("{}!{}!{begin}!{end}!{}.json.gz", self.contact.domain(), self.domain, self.id.simple())
    }

    /// What it holds, in one line.
    pub fn contents(&self) -> String {
        let failed = if self.failures { "1 failed (validation-failure)" } else { "none failed" };
        format!("policy sts for {}, of {} (UTC): 1 session succeeded, {failed}", self.domain, self.start.date_naive())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::Limits, report};

    fn sample(failures: bool) -> Sample {
        let contact = MailtoAddress::new("postmaster", "sender.example").unwrap();
        Sample::new("example.com", &contact, failures, Uuid::from_u128(7), "2024-03-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_report_has_no_deviations() {
        for failures in [false, true] {
            let now = "2024-03-01T08:00:00Z".parse().unwrap();
            let json = sample(failures).json().to_string();
            let mut reports = report::parse(json.as_bytes(), now, &Limits::default()).expect("a document");
            let report = reports.remove(0).expect("a report");
            assert_eq!(report.deviations.iter().map(|(code, _)| code).collect::<Vec<_>>(), []);
            assert_eq!(report.range.day().to_string(), "2024-02-29");
            assert_eq!(report.policies[0].successful, Some(1));
            assert_eq!(report.policies[0].failed, Some(i64::from(failures)));
            assert_eq!(report.policies[0].failures.len(), usize::from(failures));
        }
    }

    #[test]
    fn the_report_is_recognisable() {
        insta::assert_json_snapshot!(sample(true).json());
        assert_eq!(
            sample(false).file_name(),
            "sender.example!example.com!1709164800!1709251199!00000000000000000000000000000007.json.gz"
        );
        assert_eq!(sample(false).gzip()[..2], [0x1f, 0x8b]);
    }
}
