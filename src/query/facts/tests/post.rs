//! The reports of a scenario with the time each arrives.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::scenario::{Failing, Scenario};
use crate::{
    report::{DateRange, PolicyType, Report},
    store::{
        Arrival, EntryKind, StoredEntry,
        fixtures::{entry, failure, garbage, policy, report},
    },
    submission::Trust,
};

pub(super) const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];
/// Successful sessions of each report with each policy domain.
const SUCCESSFUL: i64 = 100;

/// Something that arrives.
pub(super) struct Post {
    pub at: DateTime<Utc>,
    pub entry: StoredEntry,
}

/// Everything that arrives, in order of arrival; of the same time in the order it was sent.
pub(super) fn post(scenario: &Scenario, first: NaiveDate, last: NaiveDate) -> Vec<Post> {
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
    arrive(scenario, post)
}

/// What arrives while this server takes anything, in order of arrival.
pub(super) fn arrive(scenario: &Scenario, mut post: Vec<Post>) -> Vec<Post> {
    post.retain(|post| !scenario.down.iter().any(|days| days.hold(post.at.date_naive())));
    post.sort_by_key(|post| post.at);
    for post in &mut post {
        let arrival = Arrival { received_at: post.at, ..Arrival::clone(&post.entry.arrival) };
        post.entry.arrival = Arc::new(arrival);
    }
    post
}

/// Everybody who may forge: with the open URL, the token of the DNS, a signing domain of their own, a mailbox at a provider that signs
/// its users' mail, and the From domain of a sender that is trusted without a signature. Each says every day, in Google's name and
/// about that very day, that all is well a thousand million times; and, as far as nobody should hear of it, that everything fails.
pub(super) fn forgers(first: NaiveDate, last: NaiveDate) -> Vec<Post> {
    const WELL: i64 = 1_000_000_000;
    let clean = [
        ("claimed:google.com", Trust::None),
        ("claimed:google.com", Trust::Token),
        ("claimed:mail.ru", Trust::Token),
        ("noreply@evil.example", Trust::Dkim),
        ("anybody@mail.ru", Trust::Dkim),
        ("trusted:small.example", Trust::Import),
    ];
    let failing = [("claimed:google.com", Trust::None), ("claimed:bank.example", Trust::Token)];
    let mut post = Vec::new();
    for (number, day) in first.iter_days().take_while(|day| *day <= last).enumerate() {
        let mut send = |key: &str, trust: Trust, id: String, minutes: i64, fails: bool| {
            let mut report = forged(&id, day, fails, WELL);
            report.contact = Some("smtp-tls-reporting@google.com".to_owned());
            let mut entry = entry(report, trust);
            if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
                *organisation_key = key.to_owned();
            }
            post.push(Post { at: start(day) + TimeDelta::minutes(minutes), entry });
        };
        for (key, trust) in clean {
            send(key, trust, format!("well {key} {trust:?} {day}"), 10, false);
        }
        for (key, trust) in failing {
            send(key, trust, format!("bad {key} {day}"), 11, true);
        }
        // Under the name of Google's own report, before it comes and after.
        send("claimed:google.com", Trust::None, format!("Google {day}"), 24 * 60 + 20, number % 2 == 0);
        send("noreply@evil.example", Trust::Dkim, format!("Google {day}"), 24 * 60 + 21, false);
        send("claimed:google.com", Trust::Token, format!("Google {day}"), 25 * 60 + 50, true);
        // Five free names that nobody knows, for six days each time, so that nobody ever does.
        if number % 70 < 6 {
            for name in 0..5 {
                send(&format!("a@a{name}.duckdns.org"), Trust::Dkim, format!("new {name} {day}"), 12, true);
            }
        }
    }
    post
}

fn forged(id: &str, day: NaiveDate, fails: bool, sessions: i64) -> Report {
    let policies = DOMAINS.iter().map(|domain| {
        let types = ["sts-policy-fetch-error", "tlsa-invalid", "certificate-expired", "made-up-today"];
        let failed = if fails { 5_000 * types.len() as i64 } else { 0 };
        let mut result = policy(domain, PolicyType::Sts, Some(if fails { 0 } else { sessions }), Some(failed));
        for result_type in types.into_iter().filter(|_| fails) {
            let mut detail = failure(result_type, Some(5_000));
            detail.receiving_mx_hostname = Some("mx1.example.com".to_owned());
            result.failures.push(detail);
        }
        result
    });
    let range = DateRange { start: start(day), end: start(day) + TimeDelta::days(1) };
    Report { organisation: Some("Google Inc.".to_owned()), range, ..report(id, policies.collect()) }
}

pub(super) fn name(number: u64) -> String {
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
    let entry = made(about(&who, &id, day, &domains, &failing), &who, Trust::Dkim);
    let late = scenario.late.iter().find(|(days, names, _)| days.hold(day) && has(names)).map_or(0, |late| late.2);
    let mut at = start(day) + TimeDelta::days(1 + late as i64) + usual(number);
    if let Some((days, _)) = scenario.reversed.iter().find(|(days, names)| days.hold(day) && has(names)) {
        at = start(days.last()) + TimeDelta::days(1) + TimeDelta::minutes(60 + days.after(day) as i64);
    }
    if scenario.twice.iter().any(|(days, names)| days.hold(day) && has(names)) {
        post.push(Post { at: at + TimeDelta::days(10), entry: entry.clone() });
    }
    if scenario.conflicts.iter().any(|(on, name)| *on == day && *name == who) {
        let other = made(about(&who, &id, day, &domains[1..], &failing), &who, Trust::Dkim);
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

fn made(report: Report, who: &str, trust: Trust) -> StoredEntry {
    let mut entry = entry(report, trust);
    if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
        *organisation_key = match (trust, who) {
            (Trust::None, _) => format!("claimed:{}", who.to_lowercase()),
            (_, "Google" | "Microsoft") => format!("{}.com", who.to_lowercase()),
            _ => who.to_lowercase(),
        };
    }
    entry
}

fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}
