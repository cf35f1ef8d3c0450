//! What is answered at the terminal, from a real store. Sending is tested with the binary.

mod orders;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde_json::json;

use super::*;
use crate::{
    config::Environment,
    report::{DateRange, PolicyType, Report},
    store::{
        EntryKind,
        fixtures::{TempStore, accept, entry, failure, october, policy, report, temp_store},
    },
    submission::Trust,
};

/// Two organisations could not fetch the policy on 1 and 2 October; their reports came in the next night.
fn outage() -> TempStore {
    let temp = temp_store();
    accept(&temp.store, &["alpha.example", "beta.example"]);
    for (day, failed) in [(1, 30), (2, 30), (3, 0)] {
        for who in ["alpha.example", "beta.example"] {
            let mut result = policy("example.com", PolicyType::Sts, Some(1_000), Some(failed));
            if failed > 0 {
                result.failures.push(failure("sts-policy-fetch-error", Some(failed)));
            }
            let start = october(day).date_naive().and_time(NaiveTime::MIN).and_utc();
            let range = DateRange { start, end: start + TimeDelta::days(1) };
            let about = report(&format!("{who} {day}"), vec![result]);
            let mut entry = entry(Report { organisation: Some(who.to_owned()), range, ..about }, Trust::Dkim);
            if let EntryKind::Report { organisation_key, .. } = &mut entry.kind {
                who.clone_into(organisation_key);
            }
            let mut arrival = crate::store::Arrival::clone(&entry.arrival);
            arrival.received_at = start + TimeDelta::hours(26);
            entry.arrival = Arc::new(arrival);
            temp.store.write_blocking(vec![entry]);
        }
    }
    temp
}

fn admin(temp: &TempStore, text: &str) -> (AdminCommands, tokio::runtime::Runtime) {
    let file = temp.directory.path().join("tlsight.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), &Environment::default()).expect("the configuration is valid");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (clock, renderer) = (Clock::fixed(october(5)), Arc::new(DigestRenderer::new(None).unwrap()));
    let base = "https://tlsight.example.net".to_owned();
    let admin =
        AdminCommands::new(Arc::new(config), temp.store.clone(), clock, renderer, base, runtime.handle().clone());
    (admin, runtime)
}

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().expect("a time"))
}

fn order(rule: &str) -> AlertsTestOrder {
    AlertsTestOrder { rule: rule.to_owned(), at: None, from: None, to: None }
}

#[test]
fn a_rule_is_replayed_with_what_was_known_then() {
    let temp = outage();
    let (admin, _runtime) = admin(&temp, "");
    let firing = |time: &str| {
        let answer = admin.alerts_test(&AlertsTestOrder { at: at(time), ..order("policy-fetch") }).unwrap();
        answer.firing.iter().map(|it| it.sentence.clone()).collect::<Vec<_>>()
    };
    assert_eq!(firing("2026-10-02T01:00:00Z"), [""; 0], "no report has come yet");
    assert_eq!(
        firing("2026-10-02T12:00:00Z"),
        ["alpha.example and beta.example cannot fetch the MTA-STS policy of example.com since Thu 1 Oct (60 sessions)"]
    );
    assert_eq!(firing("2026-10-04T12:00:00Z"), [""; 0], "the reports of the third day are clean");

    let range =
        AlertsTestOrder { from: at("2026-10-01T00:00:00Z"), to: at("2026-10-04T12:00:00Z"), ..order("policy-fetch") };
    let answer = admin.alerts_test(&range).unwrap();
    let happened: Vec<_> =
        answer.happened.iter().map(|it| (it.at.to_rfc3339(), it.event.as_str(), it.notified)).collect();
    assert_eq!(
        happened,
        [
            ("2026-10-02T12:00:00+00:00".to_owned(), "fired", true),
            ("2026-10-04T12:00:00+00:00".to_owned(), "resolved", true)
        ]
    );
    assert!(answer.firing.is_empty());
    // Of a later range only what falls into it is told.
    let later = AlertsTestOrder { from: at("2026-10-03T00:00:00Z"), ..range };
    let answer = admin.alerts_test(&later).unwrap();
    assert_eq!(answer.happened.iter().map(|it| it.event.as_str()).collect::<Vec<_>>(), ["resolved"]);
}

#[test]
fn nothing_is_stored_by_a_replay_and_thresholds_are_those_of_the_file() {
    let temp = outage();
    let (admin, _runtime) =
        admin(&temp, "[alerts]\npolicy_fetch_organisations_min = 3\npolicy_fetch_sessions_min = 1000\n");
    let answer =
        admin.alerts_test(&AlertsTestOrder { at: at("2026-10-02T12:00:00Z"), ..order("policy-fetch") }).unwrap();
    assert!(answer.firing.is_empty() && answer.evaluations > 80, "{answer:?}");
    let standing = temp.store.read_blocking(|conn| crate::store::tables::alert::alerts(conn, 10)).unwrap();
    assert!(standing.is_empty());
}

#[test]
fn what_cannot_be_replayed_is_told() {
    let temp = temp_store();
    let (admin, _runtime) = admin(&temp, "[alerts]\noff = [\"dane\"]\n");
    let shown = |order: AlertsTestOrder| admin.alerts_test(&order).unwrap_err().to_string();
    assert!(shown(order("policy_fetch")).starts_with("no rule \"policy_fetch\"; there are policy-fetch, certificate"));
    assert_eq!(shown(order("disk")), "the rule disk looks at the machine, of whose past nothing is stored");
    assert_eq!(shown(order("dane")), "the rule dane is switched off in `alerts.off`");
    let range = |from: &str, to: &str| AlertsTestOrder { from: at(from), to: at(to), ..order("conflict") };
    assert_eq!(shown(range("2026-10-02T00:00:00Z", "2026-10-01T00:00:00Z")), "the range ends before it begins");
    assert!(shown(range("1996-10-02T00:00:00Z", "2026-10-01T00:00:00Z")).starts_with("a range of at most "));
}

#[test]
fn a_digest_is_about_what_was_asked_for() {
    let temp = outage();
    let text = "[[digest]]\nto = [\"a@example.net\"]\n[[digest]]\nname = \"daily\"\ncadence = \"daily\"\nto = [\"b@example.net\"]\n";
    let (admin, _runtime) = admin(&temp, text);
    let dry = |order: DigestOrder| admin.digest(&DigestOrder { dry_run: true, ..order });
    let answer = dry(DigestOrder::default()).unwrap();
    let [weekly] = answer.emails.as_slice() else { panic!("{answer:?}") };
    // On Monday 5 October the last week that is over is that of the outage.
    assert_eq!(
        (weekly.digest.as_deref(), weekly.period.as_str(), &weekly.to),
        (Some("weekly"), "2026-W40", &vec!["a@example.net".to_owned()])
    );
    assert!(weekly.sent.is_empty() && weekly.text.contains("example.com"), "{}", weekly.text);

    let daily = dry(DigestOrder { period: Some("2026-10-02".to_owned()), ..DigestOrder::default() }).unwrap();
    assert_eq!((daily.emails[0].digest.as_deref(), daily.emails[0].to[0].as_str()), (Some("daily"), "b@example.net"));
    let monthly = dry(DigestOrder { period: Some("2026-09".to_owned()), ..DigestOrder::default() }).unwrap();
    assert_eq!((&monthly.emails[0].digest, monthly.emails[0].to.len()), (&None, 0), "none is configured for a month");

    let shown = |order: DigestOrder| dry(order).unwrap_err().to_string();
    let named = |name: &str| DigestOrder { name: Some(name.to_owned()), ..DigestOrder::default() };
    assert_eq!(shown(named("x")), "no digest \"x\" is configured; there are weekly, daily");
    assert_eq!(
        shown(DigestOrder { period: Some("2026-W40".to_owned()), ..named("daily") }),
        "the digest \"daily\" is about a day, not about 2026-W40"
    );
    let wrong = DigestOrder { period: Some("2026-W54".to_owned()), ..DigestOrder::default() };
    assert!(shown(wrong).starts_with("\"2026-W54\" is no week like 2026-W47"));
}

#[test]
fn commands_of_other_versions_are_answered() {
    let temp = temp_store();
    let (admin, _runtime) = admin(&temp, "");
    assert!(admin.ask("make-coffee", b"{}").is_none());
    let shown = admin.ask(DIGEST, b"{}").expect("it is known").unwrap_err();
    assert!(shown.starts_with("the order cannot be read: "), "{shown}");
    let shown = admin.ask(SEND_TEST, json!({ "channel": "operators" }).to_string().as_bytes());
    assert_eq!(shown, Some(Err("no [[channel]] is configured".to_owned())));
}
