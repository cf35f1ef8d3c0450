//! Arrivals that end in the quarantine, so that the demo has something in it.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

use super::{Generated, gzip};
use crate::submission::Channel;

/// What arrives about this day, by its distance from the last one.
pub(super) fn arrivals(day: NaiveDate, to: NaiveDate) -> Vec<Generated> {
    let at = |hours: i64| (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(hours);
    let arrival = |organisation: &str, bytes: Vec<u8>, hours: i64| Generated {
        bytes,
        media_type: Some("application/tlsrpt+gzip"),
        received_at: at(hours),
        organisation: organisation.to_owned(),
        domain: "example.net".to_owned(),
        day,
        channel: Channel::Https,
        token: None,
        proven: None,
        envelope: None,
        file_name: format!("fault!example.net!{day}.json.gz"),
    };
    let gzipped = |json: String| gzip(json.as_bytes(), "report.json");
    match (to - day).num_days() {
        20 => {
            let json = report("Willow Post", "w-20", day, day, 12);
            let cut = json.len() * 2 / 3;
            vec![arrival("Willow Post", gzipped(json[..cut].to_owned()), 2)]
        }
        13 => {
            let mut bytes = gzipped(report("Willow Post", "w-13", day, day, 9));
            bytes.truncate(bytes.len() / 2);
            vec![arrival("Willow Post", bytes, 3)]
        }
        8 => vec![arrival("Larch Systems", gzipped(report("Larch Systems", "l-8", day, day - Days::new(1), 5)), 1)],
        // Anybody can post to a `rua`: the same report again with other figures.
        5 => vec![
            arrival("Alder Hosting", gzipped(report("Alder Hosting", "a-5", day, day, 31)), 1),
            arrival("Alder Hosting", gzipped(report("Alder Hosting", "a-5", day, day, 3_100)), 4),
        ],
        2 => vec![arrival("Larch Systems", gzipped("{\"status\":\"ok\",\"data\":[]}".to_owned()), 1)],
        _ => Vec::new(),
    }
}

fn report(organisation: &str, id: &str, first: NaiveDate, last: NaiveDate, sessions: u32) -> String {
    let contact = format!("tlsrpt@{}.example", organisation.to_ascii_lowercase().replace(' ', "-"));
    format!(
        r#"{{"organization-name":"{organisation}","date-range":{{"start-datetime":"{first}T00:00:00Z","end-datetime":"{last}T23:59:59Z"}},"contact-info":"{contact}","report-id":"{id}","policies":[{{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: mx1.example.net","mx: mx2.example.net","max_age: 1209600"],"policy-domain":"example.net","mx-host":["mx1.example.net","mx2.example.net"]}},"summary":{{"total-successful-session-count":{sessions},"total-failure-session-count":0}}}}]}}"#
    )
}
