//! Plain reports in any number, to measure with.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use std::fmt::Write;

use super::{Generated, gzip};
use crate::{demo::random::Random, submission::Channel};

/// How many, of what shape.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub reports: u64,
    pub organisations: u64,
    pub domains: u64,
    pub first_day: NaiveDate,
    pub days: u64,
    /// Policies in one report, each of another domain.
    pub policies_per_report: u64,
    /// Percent of the policies with one to three failure details.
    pub failing_percent: u64,
    pub gzip: bool,
}

const RESULT_TYPES: [&str; 6] = [
    "starttls-not-supported",
    "certificate-expired",
    "certificate-host-mismatch",
    "validation-failure",
    "sts-policy-fetch-error",
    "tlsa-invalid",
];

impl Scale {
    /// The report with this index. No two have the same identity.
    pub(super) fn report(&self, seed: u64, index: u64) -> Generated {
        let mut random = Random::derived(seed, &[index]);
        let organisation = random.below(self.organisations);
        let first_domain = random.below(self.domains);
        let day = self.first_day + Days::new(random.below(self.days));
        let mut json = String::with_capacity(256 + 512 * self.policies_per_report as usize);
        let _ = write!(
            json,
            r#"{{"organization-name":"Organisation {organisation}","date-range":{{"start-datetime":"{day}T00:00:00Z","end-datetime":"{day}T23:59:59Z"}},"contact-info":"tlsrpt@o{organisation}.example","report-id":"{index}@o{organisation}.example","policies":["#
        );
        for position in 0..self.policies_per_report {
            let domain = (first_domain + position) % self.domains.max(1);
            json.push_str(if position == 0 { "" } else { "," });
            self.push_policy(&mut json, domain, &mut random);
        }
        json.push_str("]}");
        let file_name = format!("o{organisation}.example!d{first_domain}.example!{index}.json");
        Generated {
            bytes: if self.gzip { gzip(json.as_bytes(), &file_name) } else { json.into_bytes() },
            media_type: Some(if self.gzip { "application/tlsrpt+gzip" } else { "application/tlsrpt+json" }),
            received_at: (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
                + TimeDelta::seconds(random.below(36_000) as i64),
            organisation: format!("Organisation {organisation}"),
            domain: format!("d{first_domain}.example"),
            day,
            channel: Channel::Https,
            token: None,
            proven: None,
            envelope: None,
            file_name: if self.gzip { file_name + ".gz" } else { file_name },
        }
    }

    fn push_policy(&self, json: &mut String, domain: u64, random: &mut Random) {
        let successful = random.between(1, 500);
        let failing = random.chance(self.failing_percent);
        let counts: Vec<u64> =
            (0..if failing { random.between(1, 3) } else { 0 }).map(|_| random.between(1, 20)).collect();
        let failed: u64 = counts.iter().sum();
        let _ = write!(
            json,
            r#"{{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: *.d{domain}.example","max_age: 604800"],"policy-domain":"d{domain}.example","mx-host":["*.d{domain}.example"]}},"summary":{{"total-successful-session-count":{successful},"total-failure-session-count":{failed}}}"#
        );
        for (index, count) in counts.iter().enumerate() {
            let result_type = random.pick(&RESULT_TYPES).copied().unwrap_or_default();
            let host = random.between(1, 254);
            json.push_str(if index == 0 { r#","failure-details":["# } else { "," });
            let _ = write!(
                json,
                r#"{{"result-type":"{result_type}","sending-mta-ip":"198.51.100.{host}","receiving-mx-hostname":"mx.d{domain}.example","receiving-ip":"203.0.113.{host}","failed-session-count":{count}}}"#
            );
        }
        json.push_str(if counts.is_empty() { "}" } else { "]}" });
    }
}
