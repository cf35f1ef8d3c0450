//! The reports of a scenario with the time each arrives.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::scenario::{Failing, Scenario};
use crate::{
    report::{DateRange, PolicyType, Report},
    store::{
        Arrival, Entry, Kind,
        fixtures::{entry, failure, garbage, policy, report},
    },
    submission::Trust,
};

pub const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];
/// Successful sessions of each report with each policy domain.
const SUCCESSFUL: i64 = 100;

/// Something that arrives.
pub struct Post {
    pub at: DateTime<Utc>,
    pub entry: Entry,
}

/// Everything that arrives, in order of arrival; of the same time in the order it was sent.
pub fn post(scenario: &Scenario, first: NaiveDate, last: NaiveDate) -> Vec<Post> {
    let mut post = Vec::new();
    for day in first.iter_days().take_while(|day| *day <= last) {
        for number in 1..=50 {
            send(scenario, number, day, first, &mut post);
        }
        for failing in scenario.forged.iter().filter(|failing| failing.days.hold(day)) {
            let who = &failing.organisations[0];
            let id = format!("forged {who} {day}");
            let report = about(who, &id, day, &DOMAINS, &[failing]);
            post.push(Post { at: start(day) + TimeDelta::hours(26), entry: made(report, who, Trust::None) });
        }
    }
    for (day, n, trust) in &scenario.garbage {
        for number in 0..*n {
            let entry = garbage(format!("garbage {number} of {day}").as_bytes(), *trust);
            post.push(Post { at: start(*day) + TimeDelta::hours(3), entry });
        }
    }
    post.retain(|post| !scenario.down.iter().any(|days| days.hold(post.at.date_naive())));
    post.sort_by_key(|post| post.at);
    for post in &mut post {
        let arrival = Arrival { received_at: post.at, ..Arrival::clone(&post.entry.arrival) };
        post.entry.arrival = Arc::new(arrival);
    }
    post
}

pub fn name(number: u64) -> String {
    match number {
        1 => "Google".to_owned(),
        2 => "Microsoft".to_owned(),
        3 => "Comcast".to_owned(),
        4 => "Web.de".to_owned(),
        10 => "Mail.ru".to_owned(),
        other => format!("Sender {other:02}"),
    }
}

fn send(scenario: &Scenario, number: u64, day: NaiveDate, first: NaiveDate, post: &mut Vec<Post>) {
    let every = match number {
        49 => 3,
        50 => 12,
        _ => 1,
    };
    let who = name(number);
    let has = |names: &Vec<String>| names.contains(&who);
    let skips = |domain: &str| {
        scenario.skipped.iter().any(|(days, skipped, names)| days.hold(day) && skipped == domain && has(names))
    };
    if (day - first).num_days() % every != 0 || skips("*") {
        return;
    }
    let domains: Vec<&str> = DOMAINS.into_iter().filter(|domain| !skips(domain)).collect();
    let failing: Vec<&Failing> =
        scenario.failing.iter().filter(|it| it.days.hold(day) && has(&it.organisations)).collect();
    let id = format!("{who} {day}");
    let entry = made(about(&who, &id, day, &domains, &failing), &who, Trust::Token);
    let late = scenario.late.iter().find(|(days, names, _)| days.hold(day) && has(names)).map_or(0, |late| late.2);
    let mut at = start(day) + TimeDelta::days(1 + late as i64) + usual(number);
    if let Some((days, _)) = scenario.reversed.iter().find(|(days, names)| days.hold(day) && has(names)) {
        at = start(days.last()) + TimeDelta::days(1) + TimeDelta::minutes(60 + days.after(day) as i64);
    }
    if scenario.twice.iter().any(|(days, names)| days.hold(day) && has(names)) {
        post.push(Post { at: at + TimeDelta::days(10), entry: entry.clone() });
    }
    if scenario.conflicts.iter().any(|(on, name)| *on == day && *name == who) {
        let other = made(about(&who, &id, day, &domains[1..], &failing), &who, Trust::Token);
        post.push(Post { at: at + TimeDelta::hours(2), entry: other });
    }
    post.push(Post { at, entry });
}

fn usual(number: u64) -> TimeDelta {
    TimeDelta::minutes((number % 12 * 60 + 30) as i64)
}

fn about(who: &str, id: &str, day: NaiveDate, domains: &[&str], failing: &[&Failing]) -> Report {
    let mut policies = Vec::new();
    for domain in domains {
        let here: Vec<&&Failing> = failing.iter().filter(|failing| failing.domain == *domain).collect();
        let failed: i64 = here.iter().map(|failing| failing.sessions).sum();
        let mut result = policy(domain, PolicyType::Sts, Some(SUCCESSFUL), Some(failed));
        for it in here {
            let mut detail = failure(&it.result_type, Some(it.sessions));
            detail.receiving_mx_hostname = it.mx_host.clone().or_else(|| Some(format!("mx1.{domain}")));
            result.failures.push(detail);
        }
        policies.push(result);
    }
    let range = DateRange { start: start(day), end: start(day) + TimeDelta::days(1) };
    Report { organisation: Some(who.to_owned()), range, ..report(id, policies) }
}

fn made(report: Report, who: &str, trust: Trust) -> Entry {
    let mut entry = entry(report, trust);
    if let Kind::Report { organisation_key, .. } = &mut entry.kind {
        *organisation_key = who.to_lowercase();
    }
    entry
}

fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}
