//! Small reports as large senders write them, all different, made as fast as they can be posted.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// A gzipped report of one `sts` policy; every seventh has failures.
pub(crate) fn report(number: u64) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(700), Compression::fast());
    gzip.write_all(json(number).as_bytes()).expect("a vector takes everything");
    gzip.finish().expect("a vector takes everything")
}

fn json(number: u64) -> String {
    let (day, sender) = (1 + number % 28, number % 50);
    let failed = if number.is_multiple_of(7) { 1 + number % 9 } else { 0 };
    let details = if failed == 0 {
        String::new()
    } else {
        format!(
            r#","failure-details":[{{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.{sender}","receiving-mx-hostname":"mx1.example.com","receiving-ip":"198.51.100.9","failed-session-count":{failed}}}]"#
        )
    };
    format!(
        r#"{{"organization-name":"Sender {sender} Inc.","date-range":{{"start-datetime":"2026-10-{day:02}T00:00:00Z","end-datetime":"2026-10-{day:02}T23:59:59Z"}},"contact-info":"smtp-tls-reporting@sender{sender}.example","report-id":"2026-10-{day:02}T00:00:00Z_example.com_{number}","policies":[{{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: mx1.example.com","mx: mx2.example.com","max_age: 604800"],"policy-domain":"example.com","mx-host":["mx1.example.com","mx2.example.com"]}},"summary":{{"total-successful-session-count":{},"total-failure-session-count":{failed}}}{details}}}]}}"#,
        100 + number % 900
    )
}
