//! A simulated year on a real store, evaluated twice a day: exactly the transitions of a file written by hand.

use std::{fmt::Write, fs};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{
    post::{self, Post},
    scenario::{self, Scenario},
};
use crate::{
    alerts::{
        Alert, AlertEvent, AlertFacts, AlertPlan, AlertRule, AlertSettings, Evaluation, Mute, Transition, evaluate,
        facts::SourceHealth, replay::replay,
    },
    clock::Clock,
    query::facts::{facts, facts_as_of},
    store::{
        Store,
        fixtures::temp_store,
        tables::{alert, known},
    },
};

const STEP: TimeDelta = TimeDelta::hours(12);

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn plan(scenario: &Scenario) -> AlertPlan {
    let settings = AlertSettings { remind_after_h: 72, ..AlertSettings::default() };
    let mx_hosts = ["mx1", "mx2"].map(|host| format!("{host}.example.com"));
    AlertPlan::new(settings, [("example.com".to_owned(), mx_hosts.into())], &scenario.maintenance).unwrap()
}

#[test]
fn a_year_gives_exactly_the_expected_transitions() {
    let scenario = scenario::read("fixtures/alerts/year.scenario");
    gives_what_is_expected(&scenario, post::post(&scenario, day("2026-01-01"), day("2026-12-30")));
}

#[test]
fn no_forger_changes_anything_of_it() {
    let scenario = scenario::read("fixtures/alerts/year.scenario");
    let (first, last) = (day("2026-01-01"), day("2026-12-30"));
    let all = post::post(&scenario, first, last).into_iter().chain(post::forgers(first, last)).collect();
    gives_what_is_expected(&scenario, post::arrive(&scenario, all));
}

fn gives_what_is_expected(scenario: &Scenario, post: Vec<Post>) {
    let plan = plan(scenario);
    let mut post = post.into_iter().peekable();
    let temp = temp_store();
    let clock = Clock::fixed(at("2026-01-02T06:00:00Z"));
    let mut got = String::new();
    while clock.now() < at("2027-01-01T00:00:00Z") {
        let now = clock.now();
        let mut arrived = Vec::new();
        while let Some(Post { entry, .. }) = post.next_if(|post| post.at <= now) {
            arrived.push(entry);
        }
        temp.store.write_blocking(arrived);
        acknowledge(&temp.store, scenario, now);
        for transition in evaluate_and_record(&temp.store, scenario, &plan, now) {
            writeln!(got, "{}", line(&transition, now)).unwrap();
        }
        clock.set(now + STEP);
    }
    let expected = fs::read_to_string("fixtures/alerts/year.expected").unwrap();
    if got != expected {
        let differing: Vec<String> = similar(&expected, &got);
        panic!("other transitions than in fixtures/alerts/year.expected:\n{}", differing.join("\n"));
    }
    // What the rule would have said, asked in hindsight, is what it said.
    let (from, to) = (at("2026-03-01T06:00:00Z"), at("2026-04-30T18:00:00Z"));
    let replayed = temp
        .store
        .read_blocking(|conn| {
            Ok(replay(AlertRule::PolicyFetch, from, to, STEP, &plan, |at| facts_as_of(conn, at, &plan))?)
        })
        .unwrap();
    let replayed: Vec<String> =
        replayed.iter().map(|transition| line(transition, transition.alert.changed_at)).collect();
    let said = expected.lines().filter(|line| ("2026-03".."2026-05").contains(line) && !line.contains(" reminded "));
    assert_eq!(replayed, said.collect::<Vec<_>>());
}

/// The lines that only one of two texts has.
fn similar(expected: &str, got: &str) -> Vec<String> {
    let missing = expected.lines().filter(|line| !got.lines().any(|other| other == *line));
    let surplus = got.lines().filter(|line| !expected.lines().any(|other| other == *line));
    missing.map(|line| format!("- {line}")).chain(surplus.map(|line| format!("+ {line}"))).collect()
}

fn evaluate_and_record(store: &Store, scenario: &Scenario, plan: &AlertPlan, now: DateTime<Utc>) -> Vec<Transition> {
    let (standing, mut facts): (Vec<Alert>, AlertFacts) =
        store.read_blocking(|conn| Ok((alert::standing(conn, now)?, facts(conn, now, plan)?))).unwrap();
    look_at_the_machine(&mut facts, scenario, now);
    let set = scenario.silences.iter().filter(|(from, _)| *from <= now);
    let mutes: Vec<Mute> = set.map(|(_, mute)| mute.clone()).collect();
    let Evaluation { transitions, known, refreshed, first } = evaluate(&standing, &facts, plan, &mutes, now);
    let (recorded, plan) = (transitions.clone(), plan.clone());
    if first || !known.is_empty() || !recorded.is_empty() || !refreshed.is_empty() {
        change(store, move |conn| {
            if first {
                known::note_all(conn, &plan, now)?;
            }
            known::note(conn, &known, now)?;
            alert::record(conn, &recorded, now)?;
            alert::refresh(conn, &refreshed)
        });
    }
    transitions
}

fn look_at_the_machine(facts: &mut AlertFacts, scenario: &Scenario, now: DateTime<Utc>) {
    let failing = scenario.parts.iter().find(|(from, to, _)| *from <= now && now < *to);
    facts.parts = Some(vec![SourceHealth {
        name: "imap reports".to_owned(),
        well: failing.is_none(),
        failing_since: failing.map(|(from, ..)| *from),
        later_at: None,
        words: "the password is wrong".to_owned(),
    }]);
    let disk = scenario.disk.iter().find(|(from, to, _)| *from <= now && now < *to);
    facts.disk_free_bytes = Some(disk.map_or(5_000, |(.., mib)| *mib) * 1024 * 1024);
}

fn acknowledge(store: &Store, scenario: &Scenario, now: DateTime<Utc>) {
    for (_, rule) in scenario.acknowledged.iter().filter(|(at, _)| now - STEP < *at && *at <= now) {
        let rule = *rule;
        change(store, move |conn| {
            for standing in alert::standing(conn, now)?.iter().filter(|alert| alert.is_firing() && alert.rule == rule) {
                alert::acknowledge(conn, standing.uuid, "seen", now)?;
            }
            Ok(())
        });
    }
}

fn change(
    store: &Store,
    change: impl FnOnce(&duckdb::Connection) -> Result<(), crate::store::StoreError> + Send + 'static,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.change(change)).unwrap();
}

/// `2026-03-04 06:00 fired policy-fetch example.com since 2026-03-03 (Google, Microsoft)`
fn line(transition: &Transition, now: DateTime<Utc>) -> String {
    let Alert { rule, subject, since, evidence, .. } = &transition.alert;
    let mut line = format!("{} {} {}", now.format("%Y-%m-%d %H:%M"), transition.event.as_str(), rule.as_str());
    let parts = [&subject.policy_domain, &subject.organisation, &subject.result_type, &subject.mx_host, &subject.part];
    for part in parts.into_iter().flatten() {
        write!(line, " {part}").unwrap();
    }
    write!(line, " since {}", since.format("%Y-%m-%d")).unwrap();
    if let Some(clear) = evidence.clear_day.filter(|_| transition.event == AlertEvent::Resolved) {
        write!(line, " clear {clear}").unwrap();
    }
    let names: Vec<&str> = evidence.organisations.iter().map(|affected| affected.name.as_str()).collect();
    if !names.is_empty() {
        write!(line, " ({})", names.join(", ")).unwrap();
    }
    match (&transition.muted, transition.notified) {
        (Some(muted), _) => write!(line, " not notified: {muted}").unwrap(),
        (None, false) => line.push_str(" not notified"),
        (None, true) => {}
    }
    line
}
