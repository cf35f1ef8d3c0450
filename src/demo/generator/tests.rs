use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use serde_json::Value;

use super::*;

fn to() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 9, 1).unwrap()
}

fn eight_weeks(seed: u64) -> Vec<Generated> {
    Generator::new(seed).days(to() - Days::new(55), to()).collect()
}

#[expect(clippy::disallowed_methods, reason = "what we compressed ourselves is no bomb")]
fn json_of(report: &Generated) -> Option<Value> {
    let mut json = Vec::new();
    match report.bytes.starts_with(b"\x1f\x8b") {
        true => flate2::read::GzDecoder::new(&report.bytes[..]).read_to_end(&mut json).map(drop).ok()?,
        false => json = report.bytes.clone(),
    }
    serde_json::from_slice(&json).ok()
}

/// Failed sessions by (organisation, domain, result type, days before the last).
fn failures(reports: &[Generated]) -> BTreeMap<(String, String, String), BTreeMap<i64, u64>> {
    let mut found: BTreeMap<_, BTreeMap<i64, u64>> = BTreeMap::new();
    for report in reports {
        let Some(json) = json_of(report) else { continue };
        for policy in json["policies"].as_array().into_iter().flatten() {
            for detail in policy["failure-details"].as_array().into_iter().flatten() {
                let result_type = detail["result-type"].as_str().unwrap_or_default().to_owned();
                let key = (report.organisation.clone(), report.domain.clone(), result_type);
                let count = detail["failed-session-count"].as_u64().unwrap_or_default();
                *found.entry(key).or_default().entry((to() - report.day).num_days()).or_default() += count;
            }
        }
    }
    found
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let digest = |seed| {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        eight_weeks(seed).iter().for_each(|report| digest.update(&report.bytes));
        digest.finalize()
    };
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

#[test]
fn the_volume_is_lifelike() {
    let reports = eight_weeks(7);
    assert!((1_800..3_500).contains(&reports.len()), "{} reports", reports.len());
    for domain in ["example.com", "example.net", "example.org"] {
        assert!(reports.iter().any(|report| report.domain == domain));
    }
    assert!(reports.iter().all(|report| report.received_at.date_naive() > report.day));
    let mut sums = (0, 0);
    for report in reports.iter().filter(|report| report.organisation == "Google Inc." && report.domain == "example.com")
    {
        let json = json_of(report).expect("Google's reports are whole");
        let sessions = json["policies"][0]["summary"]["total-successful-session-count"].as_u64().unwrap();
        match chrono::Datelike::weekday(&report.day).num_days_from_monday() {
            5 | 6 => sums.0 += sessions,
            _ => sums.1 += sessions,
        }
    }
    assert!(sums.0 * 5 < sums.1 * 2, "weekends are quieter: {sums:?}");
}

#[test]
fn the_stories_are_told() {
    let reports = eight_weeks(7);
    let failures = failures(&reports);
    let days = |organisation: &str, domain: &str, result_type: &str| -> BTreeSet<i64> {
        let key = (organisation.to_owned(), domain.to_owned(), result_type.to_owned());
        failures.get(&key).map(|days| days.keys().copied().collect()).unwrap_or_default()
    };
    for organisation in ["Google Inc.", "Microsoft Corporation", "Mail.ru"] {
        assert_eq!(
            days(organisation, "example.com", "sts-policy-fetch-error"),
            BTreeSet::from([1, 2, 3]),
            "{organisation}"
        );
    }
    assert_eq!(days("Google Inc.", "example.net", "certificate-expired"), BTreeSet::from([19, 20, 21, 22, 23]));
    assert_eq!(days("Microsoft Corporation", "example.org", "tlsa-invalid"), BTreeSet::from([11, 12]));
    assert_eq!(days("GMX", "example.org", "tlsa-invalid"), BTreeSet::from([11, 12]));
    let stale = days("mail.bluefjord.example", "example.net", "certificate-host-mismatch");
    assert!(stale.len() > 20 && stale.last() <= Some(&36) && stale.first() <= Some(&2), "{stale:?}");
    let trickle = days("Halon-Relay", "example.com", "starttls-not-supported");
    assert!((5..35).contains(&trickle.len()), "{trickle:?}");
    let first = reports.iter().filter(|report| report.organisation == "Northwind Mail").map(|report| report.day).min();
    assert_eq!(first, Some(to() - Days::new(9)), "the newcomer");
}

#[test]
fn the_senders_write_as_they_do() {
    let reports = eight_weeks(7);
    let of = |organisation: &str, domain: &str| {
        let report = reports.iter().find(|report| report.organisation == organisation && report.domain == domain);
        json_of(report.expect("sends")).expect("whole")
    };
    let microsoft = of("Microsoft Corporation", "example.com");
    let policies = microsoft["policies"].as_array().unwrap();
    assert_eq!(
        (&policies[0]["policy"]["policy-type"], &policies[1]["policy"]["policy-type"]),
        (&"sts".into(), &"tlsa".into())
    );
    assert_eq!(
        policies[0]["summary"]["total-successful-session-count"],
        policies[1]["summary"]["total-successful-session-count"]
    );
    assert!(policies[0]["policy"].get("mx-host").is_none());
    let nested = policies[1]["policy"]["policy-string"][0].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(nested).expect("JSON in a string").len(), 2);

    let mail_ru = of("Mail.ru", "example.com");
    assert!(mail_ru["date-range"]["end-datetime"].as_str().unwrap().ends_with("T00:00:00Z"));
    assert!(mail_ru["contact-info"].as_str().unwrap().ends_with("@corp.mail.ru"));
    assert!(of("mail.bluefjord.example", "example.com")["contact-info"].is_null());
    let gmx = of("GMX", "example.com");
    assert_eq!(gmx["policies"][0]["policy"]["policy-domain"], "mx1.example.com");
    assert_eq!(of("mail.lantern.example", "example.com")["policies"][0]["failure-details"], serde_json::json!([]));
    let halon = reports.iter().find(|report| report.organisation == "Halon-Relay").unwrap();
    assert!(halon.bytes.starts_with(b"{") && halon.media_type == Some("application/tlsrpt+json;"));
}

#[test]
fn some_come_twice_and_some_are_faulty() {
    let reports = eight_weeks(7);
    let distinct: BTreeSet<_> = reports.iter().map(|report| &report.bytes).collect();
    let twice = reports.len() - distinct.len();
    assert!((10..120).contains(&twice), "{twice} duplicates");
    assert_eq!(reports.iter().filter(|report| json_of(report).is_none()).count(), 2);
}

#[test]
fn a_scaled_report_is_made_without_those_before_it() {
    let scale = Scale {
        reports: 500,
        organisations: 20,
        domains: 30,
        first_day: to(),
        days: 40,
        policies_per_report: 3,
        failing_percent: 50,
        gzip: true,
    };
    let generator = Generator::new(3);
    let all: Vec<_> = generator.scale(scale).collect();
    assert_eq!(all.len(), 500);
    assert_eq!(all[321].bytes, generator.scaled(&scale, 321).bytes);
    let mut ids = BTreeSet::new();
    for report in &all {
        let json = json_of(report).expect("whole");
        assert_eq!(json["policies"].as_array().map(Vec::len), Some(3));
        assert!(ids.insert(json["report-id"].to_string()), "each has its own id");
    }
    let plain = generator.scaled(&Scale { gzip: false, ..scale }, 321);
    assert_eq!(json_of(&plain), json_of(&all[321]));
}
