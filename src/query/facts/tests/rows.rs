//! Which rows count, and what is known when, on a real store.

use std::{fs, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{post, scenario};
use crate::{
    alerts::{AlertFacts, AlertPlan, AlertRule, AlertSettings, Maintenance, evaluate, facts::Of},
    query::facts::{facts, facts_as_of},
    store::{
        Arrival, EntryKind, StoredEntry,
        fixtures::{TempStore, temp_store},
        tables::known,
    },
    submission::{Channel, Trust},
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The reports of February 2026 by a scenario of these lines.
fn february(lines: &str, change: impl Fn(&mut Arrival)) -> TempStore {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scenario");
    fs::write(&path, lines).unwrap();
    let scenario = scenario::read(path.to_str().unwrap());
    let post = post::post(&scenario, "2026-02-01".parse().unwrap(), "2026-02-28".parse().unwrap());
    let entries: Vec<StoredEntry> = post
        .into_iter()
        .map(|post::Post { mut entry, .. }| {
            let mut arrival = Arrival::clone(&entry.arrival);
            change(&mut arrival);
            entry.arrival = Arc::new(arrival);
            entry
        })
        .collect();
    let temp = temp_store();
    temp.store.write_blocking(entries);
    temp
}

fn plan(change: impl FnOnce(&mut AlertSettings), maintenance: &[Maintenance]) -> AlertPlan {
    let mut settings = AlertSettings::default();
    change(&mut settings);
    AlertPlan::new(settings, [], maintenance).unwrap()
}

fn asked(temp: &TempStore, now: &str, plan: &AlertPlan) -> AlertFacts {
    temp.store.read_blocking(|conn| Ok(facts(conn, at(now), plan)?)).unwrap()
}

fn asked_as_of(temp: &TempStore, now: &str, plan: &AlertPlan) -> AlertFacts {
    temp.store.read_blocking(|conn| Ok(facts_as_of(conn, at(now), plan)?)).unwrap()
}

fn fired(facts: &AlertFacts, plan: &AlertPlan, now: &str) -> Vec<AlertRule> {
    evaluate(&[], facts, plan, &[], at(now)).transitions.iter().map(|transition| transition.alert.rule).collect()
}

const NOW: &str = "2026-03-01T12:00:00Z";

#[test]
fn strangers_raise_no_alert_unless_they_are_believed() {
    let forged = "forge 2026-02-27..2026-02-28 example.com Google sts-policy-fetch-error 5000\n\
                  forge 2026-02-27..2026-02-28 example.com Microsoft tlsa-invalid 5000\n\
                  garbage 2026-03-01 300 none";
    let temp = february(forged, |_| {});
    let plan = plan(|_| {}, &[]);
    let facts = asked(&temp, NOW, &plan);
    assert!(facts.troubles.is_empty() && facts.intake.quarantined == 0);
    assert_eq!(fired(&facts, &plan, NOW), []);
    let believing = self::plan(|settings| settings.min_trust = Trust::None, &[]);
    let facts = asked(&temp, NOW, &believing);
    let rules = [AlertRule::PolicyFetch, AlertRule::Dane, AlertRule::Quarantine];
    let all = fired(&facts, &believing, NOW);
    assert!(rules.iter().all(|rule| all.contains(rule)), "{all:?}");
    let strict = self::plan(|_| {}, &[]);
    let temp = february("", |arrival| arrival.trust = Trust::Token);
    let facts = asked(&temp, NOW, &strict);
    assert!(facts.senders.is_empty() && facts.shares.is_empty() && facts.arrivals.last_at.is_none());
}

#[test]
fn days_under_maintenance_count_for_nothing() {
    let failing = "fail 2026-02-26..2026-02-27 example.com Google tlsa-invalid 50\n\
                   fail 2026-02-27..2026-02-27 example.net Google tlsa-invalid 50";
    let temp = february(failing, |_| {});
    let window = |domains: &[&str]| Maintenance {
        from: Some("2026-02-27T08:00:00Z".to_owned()),
        to: Some("2026-02-27T09:00:00Z".to_owned()),
        policy_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        ..Maintenance::default()
    };
    let seen = |maintenance: &[Maintenance]| {
        let facts = asked(&temp, NOW, &plan(|_| {}, maintenance));
        let days = facts.troubles.iter().map(|trouble| trouble.days.len()).collect::<Vec<_>>();
        let reported = facts.reported.values().map(|days| days.len()).max().unwrap();
        let failed = facts.shares.iter().map(|share| share.now.failed).collect::<Vec<_>>();
        (days, reported, failed)
    };
    let look_back = 21;
    assert_eq!(seen(&[]), (vec![2, 1], look_back, vec![100, 50, 0]));
    assert_eq!(seen(&[window(&["example.com"])]), (vec![1, 1], look_back, vec![50, 50, 0]));
    assert_eq!(seen(&[window(&[])]), (vec![1], look_back - 1, vec![50, 0, 0]));
}

#[test]
fn shares_are_taken_of_what_is_asked_for() {
    let temp = february("fail 2026-02-27..2026-02-28 example.com Google validation-failure 25", |_| {});
    let all = Of::ALL.map(|of| of.as_str().to_owned()).to_vec();
    let facts = asked(&temp, NOW, &plan(|settings| settings.failure_share_of = all, &[]));
    let of = |of: Of, key: &str| facts.shares.iter().find(|share| share.of == of && share.key == key).unwrap();
    // The window holds the last day of February and the two before it; Sender 49 and Sender 50 do not report on each.
    assert_eq!(
        of(Of::Organisation, "google.com").now,
        crate::alerts::facts::SessionCount { failed: 50, sessions: 950 }
    );
    assert_eq!(of(Of::Organisation, "google.com").name.as_deref(), Some("Google Inc."));
    let (domain, result_type) = (of(Of::PolicyDomain, "example.com"), of(Of::ResultType, "validation-failure"));
    assert_eq!((domain.now.failed, result_type.now.failed), (50, 50));
    assert_eq!(result_type.now.sessions, 3 * (domain.now.sessions - 50) + 50);
    assert_eq!((domain.days, domain.reported_day.to_string().as_str()), (3, "2026-02-28"));
    assert_eq!(domain.before.failed, 0);
}

#[test]
fn a_day_whose_failures_cannot_be_counted_shows_nothing_to_be_over() {
    let seen = |count: Option<i64>| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scenario");
        fs::write(&path, "fail 2026-02-27..2026-02-28 example.com Google tlsa-invalid 50").unwrap();
        let scenario = scenario::read(path.to_str().unwrap());
        let mut post = post::post(&scenario, "2026-02-27".parse().unwrap(), "2026-02-28".parse().unwrap());
        for StoredEntry { kind, .. } in post.iter_mut().map(|post| &mut post.entry) {
            let EntryKind::Report { report, .. } = kind else { panic!("a report") };
            let is_last = report.range.day().to_string() == "2026-02-28";
            for failure in report.policies.iter_mut().flat_map(|result| &mut result.failures).filter(|_| is_last) {
                failure.failed_sessions = count;
            }
        }
        let temp = temp_store();
        temp.store.write_blocking(post.into_iter().map(|post| post.entry).collect());
        let facts = asked(&temp, NOW, &plan(|_| {}, &[]));
        let reported = &facts.reported[&("example.com".to_owned(), "google.com".to_owned())];
        (facts.troubles[0].days.len(), reported.len())
    };
    assert_eq!(seen(Some(50)), (2, 2));
    assert_eq!(seen(None), (1, 1), "it failed, nobody knows how often");
    assert_eq!(seen(Some(i64::MAX)), (1, 1));
    assert_eq!(seen(Some(0)), (1, 2), "it says that nothing failed");
}

#[test]
fn a_backtest_knows_only_what_had_come() {
    let failing = "fail 2026-02-10..2026-02-11 example.com Google tlsa-invalid 50\n\
                   fail 2026-02-10..2026-02-10 example.com Microsoft tlsa-invalid 50\n\
                   late 2026-02-10..2026-02-10 Microsoft 10";
    let temp = february(failing, |_| {});
    let plan = plan(|_| {}, &[]);
    let at = |now: &str| {
        let facts = asked_as_of(&temp, now, &plan);
        facts.troubles.iter().map(|trouble| (trouble.organisation.clone(), trouble.days.len())).collect::<Vec<_>>()
    };
    let seen = |who: &str, days| (who.to_owned(), days);
    assert_eq!(at("2026-02-11T01:29:00Z"), []);
    assert_eq!(at("2026-02-11T01:30:00Z"), [seen("google.com", 1)]);
    assert_eq!(at("2026-02-20T12:00:00Z"), [seen("google.com", 2)]);
    assert_eq!(at("2026-02-22T12:00:00Z"), [seen("google.com", 2), seen("microsoft.com", 1)]);
    let facts = asked_as_of(&temp, "2026-02-11T12:00:00Z", &plan);
    assert_eq!((facts.learned_days, facts.first, facts.troubles[0].unknown), (10, false, true));
    assert_eq!(facts.arrivals.last_at.unwrap().to_string(), "2026-02-11 11:30:00 UTC");
}

#[test]
fn what_was_imported_had_come_a_day_after_its_range() {
    let imported = |arrival: &mut Arrival| {
        arrival.channel = Channel::Import;
        arrival.received_at = at("2026-06-01T00:00:00Z");
    };
    let temp = february("fail 2026-02-10..2026-02-10 example.com Google tlsa-invalid 50", imported);
    let plan = plan(|_| {}, &[]);
    assert!(asked_as_of(&temp, "2026-02-11T23:00:00Z", &plan).troubles.is_empty());
    assert_eq!(asked_as_of(&temp, "2026-02-12T00:00:00Z", &plan).troubles.len(), 1);
    let facts = asked(&temp, "2026-02-12T00:00:00Z", &plan);
    assert_eq!((facts.arrivals.last_at, facts.intake.stored), (None, 0), "the operator's files are no arrivals");
    assert!(facts.senders.iter().all(|sender| sender.lateness_s.is_none()));
    let then = asked_as_of(&temp, "2026-02-20T00:00:00Z", &plan);
    assert_eq!(then.arrivals.last_at, None, "nor in hindsight");
    assert!(then.senders.iter().all(|sender| sender.lateness_s.is_none()) && !then.senders.is_empty());
}

#[test]
fn what_is_noted_or_stored_of_earlier_days_is_no_news() {
    let failing = "fail 2026-02-01..2026-02-01 example.com Google validation-failure 50\n\
                   fail 2026-02-28..2026-02-28 example.com Google,Microsoft validation-failure 20\n\
                   fail 2026-02-28..2026-02-28 example.net Google validation-failure 20";
    let temp = february(failing, |_| {});
    let plan = plan(|_| {}, &[]);
    let facts = asked(&temp, NOW, &plan);
    assert!(facts.first && facts.troubles.iter().all(|trouble| trouble.unknown));
    assert_eq!(fired(&facts, &plan, NOW), [], "the first evaluation tells no news");

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // As after a first evaluation of the empty store.
    let known = evaluate(&[], &facts, &plan, &[], at(NOW)).known;
    let net: Vec<_> = known.into_iter().filter(|triple| triple.policy_domain == "example.net").collect();
    runtime.block_on(temp.store.change(move |conn| known::note(conn, &net, at(NOW)))).unwrap();
    let facts = asked(&temp, NOW, &plan);
    let unknown = facts.troubles.iter().filter(|trouble| trouble.unknown).map(|trouble| trouble.organisation.as_str());
    assert_eq!(unknown.collect::<Vec<_>>(), ["microsoft.com"]);
    assert_eq!(fired(&facts, &plan, NOW), [AlertRule::NewFailure]);

    let everything = plan.clone();
    runtime.block_on(temp.store.change(move |conn| known::note_all(conn, &everything, at(NOW)))).unwrap();
    let facts = asked(&temp, NOW, &plan);
    assert!(!facts.first && facts.troubles.iter().all(|trouble| !trouble.unknown));
}

#[test]
fn the_first_evaluation_of_an_empty_store_is_the_first_only_once() {
    let temp = temp_store();
    let plan = plan(|_| {}, &[]);
    assert!(asked(&temp, NOW, &plan).first);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let noted = plan.clone();
    runtime.block_on(temp.store.change(move |conn| known::note_all(conn, &noted, at(NOW)))).unwrap();
    assert!(!asked(&temp, NOW, &plan).first);
}

#[test]
fn when_everybody_came_back_is_known() {
    let temp = february("down 2026-02-10..2026-02-12", |_| {});
    let plan = plan(|_| {}, &[]);
    let arrivals = asked(&temp, NOW, &plan).arrivals;
    assert_eq!(arrivals.back_at, Some(at("2026-02-13T00:00:00Z")));
    assert_eq!((arrivals.last_at, arrivals.days), (Some(at("2026-03-01T11:30:00Z")), 14));
    let quiet = asked_as_of(&temp, "2026-02-09T12:00:00Z", &plan);
    assert_eq!(quiet.arrivals.back_at, None);
    let google = quiet.senders.iter().find(|sender| sender.organisation == "google.com").unwrap();
    assert_eq!(google.lateness_s, Some(TimeDelta::minutes(90).num_seconds()));
}

/// A store in which somebody unknown reports about so many days of February 2026, on the day after each.
fn newcomer(days: i64, key: &str) -> TempStore {
    let temp = temp_store();
    for day in (28 - days + 1)..=28 {
        let scenario = scenario::Scenario::default();
        let on: chrono::NaiveDate = format!("2026-02-{day:02}").parse().unwrap();
        let mut post = post::post(&scenario, on, on);
        let mut entry = post.remove(0).entry;
        if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
            key.clone_into(organisation_key);
        }
        temp.store.write_blocking(vec![entry]);
    }
    temp
}

#[test]
fn a_signer_nobody_knows_is_new_until_it_has_reported_for_a_week_or_is_accepted() {
    let plan = plan(|_| {}, &[]);
    let is_new = |temp: &TempStore, key: &str| asked(temp, NOW, &plan).newcomers.contains(key);
    let key = "tlsrpt@new.example";
    assert!(is_new(&newcomer(6, key), key));
    assert!(!is_new(&newcomer(7, key), key));
    let temp = newcomer(2, key);
    assert!(is_new(&temp, key));
    crate::store::fixtures::accept(&temp.store, &["tlsrpt@new.example"]);
    assert!(!is_new(&temp, key));
    for known in ["google.com", "imported:new.example", "trusted:new.example", "claimed:new.example"] {
        assert!(!is_new(&newcomer(2, known), known), "{known}");
    }
}

#[test]
fn who_is_refused_counts_for_nothing() {
    let temp = february("fail 2026-02-27..2026-02-28 example.com Google tlsa-invalid 50", |_| {});
    let plan = plan(|_| {}, &[]);
    assert_eq!(asked(&temp, NOW, &plan).troubles.len(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refuse =
        |conn: &duckdb::Connection| crate::store::tables::sender::decide(conn, "google.com", Some(false), at(NOW));
    runtime.block_on(temp.store.change(refuse)).unwrap();
    assert!(asked(&temp, NOW, &plan).troubles.is_empty());
}

#[test]
fn nobody_s_number_outweighs_all_others() {
    let temp = february("fail 2026-02-27..2026-02-28 example.com Google tlsa-invalid 50", |_| {});
    let plan = plan(|_| {}, &[]);
    let of_domain = |temp: &TempStore| {
        let facts = asked(temp, NOW, &plan);
        facts.shares.into_iter().find(|share| share.key == "example.com").unwrap()
    };
    let before = of_domain(&temp);
    // Somebody who has reported for weeks, and somebody new, say that all is well a thousand million times.
    let days: Vec<chrono::NaiveDate> = (1..=28).map(|day| format!("2026-02-{day:02}").parse().unwrap()).collect();
    let flood = |key: &str, days: &[chrono::NaiveDate]| {
        for on in days {
            let mut post = post::forgers(*on, *on);
            let mut entry = post.remove(0).entry;
            if let EntryKind::Report { organisation_key, report, identity, .. } = &mut entry.kind {
                key.clone_into(organisation_key);
                report.report_id = format!("{key} {on}");
                *identity = uuid::Uuid::new_v4();
            }
            let arrival = Arrival {
                trust: Trust::Dkim,
                received_at: on.and_hms_opt(0, 0, 0).unwrap().and_utc() + TimeDelta::hours(26),
                ..Arrival::clone(&entry.arrival)
            };
            entry.arrival = Arc::new(arrival);
            temp.store.write_blocking(vec![entry]);
        }
    };
    flood("a@old.example", &days);
    flood("a@new.example", &days[26..]);
    let after = of_domain(&temp);
    assert_eq!(after.now.failed, before.now.failed);
    assert!(after.now.sessions <= 4 * before.now.sessions, "{after:?}, {before:?}");
    let worst = after.worst.expect("Google has sessions enough");
    assert_eq!((worst.organisation.as_str(), worst.now.failed), ("google.com", 100));
}
