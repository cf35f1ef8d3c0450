//! The week page and its JSON, of weeks as they come.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::{Running, empty, filled};
use crate::submission::{Channel, Hints, Submission};

/// What one organisation says about example.com on one day.
pub(crate) struct Told<'a> {
    pub(crate) organisation: &'a str,
    pub(crate) day: &'a str,
    pub(crate) policy_type: &'a str,
    pub(crate) successful: i64,
    pub(crate) failed: i64,
    pub(crate) result_type: &'a str,
}

impl<'a> Told<'a> {
    pub(crate) fn clean(organisation: &'a str, day: &'a str) -> Told<'a> {
        Told { organisation, day, policy_type: "sts", successful: 100, failed: 0, result_type: "" }
    }

    pub(crate) fn failing(organisation: &'a str, day: &'a str, result_type: &'a str, failed: i64) -> Told<'a> {
        Told { failed, result_type, ..Told::clean(organisation, day) }
    }

    pub(crate) fn json(&self) -> Value {
        let details = if self.result_type.is_empty() {
            json!([])
        } else {
            json!([{ "result-type": self.result_type, "failed-session-count": self.failed, "receiving-mx-hostname": "mx1.example.com" }])
        };
        let string = match self.policy_type {
            "sts" => json!(["version: STSv1", "mode: enforce", "mx: mx1.example.com", "max_age: 604800"]),
            _ => json!(["3 1 1 abcd"]),
        };
        json!({
            "organization-name": self.organisation,
            "contact-info": format!("tlsrpt@{}", self.organisation),
            "report-id": format!("{}.{}.{}", self.day, self.policy_type, self.organisation),
            "date-range": {"start-datetime": format!("{}T00:00:00Z", self.day), "end-datetime": format!("{}T23:59:59Z", self.day)},
            "policies": [{
                "policy": {"policy-type": self.policy_type, "policy-domain": "example.com", "policy-string": string, "mx-host": ["mx1.example.com"]},
                "summary": {"total-successful-session-count": self.successful, "total-failure-session-count": self.failed},
                "failure-details": details,
            }],
        })
    }
}

pub(crate) fn tell(running: &Running, shown: &[Told<'_>]) {
    tell_documents(running, shown.iter().map(|shown| (shown.day, shown.json())));
}

/// Stores a report for each day and document.
pub(crate) fn tell_documents<'a>(running: &Running, shown: impl Iterator<Item = (&'a str, Value)>) {
    let prepared = shown.map(|(day, document)| {
        let day: NaiveDate = day.parse().expect("a date");
        let submission = Submission {
            bytes: document.to_string().into_bytes(),
            channel: Channel::Import,
            peer: None,
            received_at: day.and_hms_opt(0, 0, 0).expect("midnight").and_utc() + chrono::Duration::hours(30),
            hints: Hints::default(),
        };
        running.pipeline.prepare(submission, None)
    });
    let prepared = prepared.collect();
    for receipt in running.pipeline.store_blocking(prepared) {
        assert!(matches!(receipt.overall(), crate::submission::Outcome::Stored(_)), "{receipt:?}");
    }
}

pub(crate) fn days(first: &str, count: u64) -> Vec<String> {
    let first: NaiveDate = first.parse().expect("a date");
    (0..count).map(|ahead| first.checked_add_days(Days::new(ahead)).expect("in range").to_string()).collect()
}

/// What stands on the page, a line for each line of the template that says something.
fn text(page: &str) -> String {
    let main = &page[page.find("<main").expect("a main part")..page.find("</main>").expect("its end")];
    let main = main.replace("<td", " | <td").replace("</div><div>", "; ").replace("<th", " | <th");
    let mut text = String::new();
    let mut rest = main.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if tag.starts_with("svg") && !tag.contains("spark") {
            text.push_str("[chart]");
            rest = rest.split_once("</svg>").expect("a picture ends").1;
        }
    }
    let lines: Vec<&str> =
        text.lines().map(|line| line.trim().trim_start_matches("| ")).filter(|line| !line.is_empty()).collect();
    lines.join("\n").replace('\u{a0}', " ")
}

fn snapshot(name: &str, running: &Running, week: &str) {
    insta::assert_snapshot!(format!("{name}_page"), text(&running.page(&format!("/weeks/{week}"))));
    insta::assert_json_snapshot!(format!("{name}_json"), running.json(&format!("/api/v1/weeks/{week}")));
}

pub(crate) fn first() -> Running {
    let running = empty();
    for day in days("2026-11-18", 5) {
        tell(
            &running,
            &[
                Told::clean("google.com", &day),
                Told { policy_type: "tlsa", ..Told::clean("gmx.net", &day) },
                Told::failing("comcast.net", &day, "starttls-not-supported", 3),
            ],
        );
    }
    running
}

#[test]
fn first_week_ever() {
    snapshot("first_week", &first(), "2026-W47");
}

pub(crate) fn quiet() -> Running {
    let running = empty();
    for day in days("2026-11-02", 21) {
        tell(&running, &[Told::clean("google.com", &day), Told::clean("comcast.net", &day)]);
    }
    running
}

#[test]
fn quiet_week() {
    snapshot("quiet_week", &quiet(), "2026-W47");
}

#[test]
fn bad_week() {
    snapshot("bad_week", filled(), "2026-W47");
}

pub(crate) fn recovery() -> Running {
    let running = empty();
    for (at, day) in days("2026-10-19", 35).iter().enumerate() {
        let is_before = (21..28).contains(&at);
        let mut shown = vec![
            if is_before {
                Told::failing("google.com", day, "certificate-expired", 40)
            } else {
                Told::clean("google.com", day)
            },
            // The policy could not be fetched until Tuesday.
            if (21..30).contains(&at) {
                Told { successful: 0, ..Told::failing("microsoft.com", day, "sts-policy-fetch-error", 60) }
            } else {
                Told::clean("microsoft.com", day)
            },
            if (26..28).contains(&at) {
                Told::failing("corp.mail.ru", day, "sts-webpki-invalid", 9)
            } else {
                Told::clean("corp.mail.ru", day)
            },
        ];
        if at < 28 {
            shown.push(if is_before {
                Told::failing("silent.example", day, "validation-failure", 2)
            } else {
                Told::clean("silent.example", day)
            });
        }
        tell(&running, &shown);
    }
    running
}

#[test]
fn week_of_recovery() {
    snapshot("week_of_recovery", &recovery(), "2026-W47");
}

pub(crate) fn in_week_53() -> Running {
    let running = empty();
    for day in days("2020-12-21", 21) {
        tell(
            &running,
            &[if day == "2021-01-01" {
                Told::failing("google.com", &day, "certificate-expired", 7)
            } else {
                Told::clean("google.com", &day)
            }],
        );
    }
    running
}

#[test]
fn week_53() {
    snapshot("week_53", &in_week_53(), "2020-W53");
}

pub(crate) fn two_hundred() -> Running {
    let running = empty();
    let names: Vec<String> = (0..200).map(|at| format!("sender-{at:03}.example")).collect();
    let shown: Vec<Told<'_>> = names
        .iter()
        .enumerate()
        .flat_map(|(at, name)| {
            let now = Told::failing(name, "2026-11-17", "certificate-expired", 1 + at as i64);
            let before = if at % 2 == 0 {
                Told::failing(name, "2026-11-10", "certificate-expired", 5)
            } else {
                Told::clean(name, "2026-11-10")
            };
            [now, before]
        })
        .collect();
    tell(&running, &shown);
    running
}

#[test]
fn two_hundred_failing_organisations() {
    let running = two_hundred();
    let page = running.page("/weeks/2026-W47");
    insta::assert_snapshot!("two_hundred_page", text(&page));
    assert_eq!(page.matches("<details><summary>85 more").count(), 2, "a hundred each, fifteen of them before the fold");
    assert!(page.len() < 400_000, "{} bytes", page.len());
    let figures = running.json("/api/v1/weeks/2026-W47");
    assert_eq!(
        (&figures["failures"]["new"]["total"], &figures["failures"]["ongoing"]["total"]),
        (&json!(100), &json!(100))
    );
}

#[test]
fn figures_lead_to_the_reports_behind_them() {
    let running = filled();
    let page = running.page("/weeks/2026-W47");
    let mut followed = 0;
    for link in page.split("<a class=\"hot\" href=\"").skip(1) {
        let (address, rest) = link.split_once('"').expect("an address");
        let shown: i64 = rest.split(['>', '<']).nth(1).expect("its text").replace(',', "").parse().expect("a number");
        let query = address.strip_prefix("/reports?").expect("a list of reports").replace("&amp;", "&");
        let reports = running.json(&format!("/api/v1/reports?{query}&limit=1000"));
        assert_eq!(super::sum(super::items(&reports), "failed"), shown, "{address}");
        followed += 1;
    }
    assert!(followed > 4, "{followed}");
}

#[test]
fn weeks_lead_to_each_other() {
    let running = filled();
    let answer = running.get("/weeks?policy_domain=example.com");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/weeks/2026-W47?policy_domain=example.com")));
    let page = running.page("/weeks/2026-W47?policy_domain=example.com");
    assert!(page.contains("href=\"/weeks/2026-W46?policy_domain=example.com\" rel=\"prev\""), "{page}");
    assert!(page.contains("href=\"/weeks/2026-W48?policy_domain=example.com\" rel=\"next\""), "{page}");
    let running_week = running.page("/weeks/2026-W48");
    assert!(
        running_week.contains("still running") && running_week.contains("The week runs until Sun 29 Nov"),
        "{running_week}"
    );
    assert!(!running_week.contains("rel=\"next\"") && !running_week.contains("Fell silent"));
    assert!(running.page("/weeks/2026-W49").contains("Week 49, 30 Nov – 6 Dec 2026 has not begun."));
    let without = running.page("/weeks/2026-W01?trust=trusted");
    assert!(without.contains("No report covers Week 1"), "{without}");
    let newest = "<a href=\"/weeks/2026-W47?trust=trusted\">Week 47, 16–22 Nov 2026</a></p>";
    assert!(without.contains(newest), "the week that has the newest reports: {without}");
    assert!(empty().page("/weeks/2026-W47").contains("No report has arrived yet."));
}

#[test]
fn an_unknown_week_is_said_so() {
    let running = filled();
    for (path, status) in [
        ("2026-W54", 404),
        ("2026-11", 404),
        ("now", 404),
        ("2026-W47?from=2026-11-16", 400),
        ("2026-W47?colour=red", 400),
    ] {
        assert_eq!(running.get(&format!("/weeks/{path}")).status, status, "{path}");
        let answer = running.get(&format!("/api/v1/weeks/{path}"));
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
}
