//! What somebody who proves little, or has only just come, can and cannot do.

use super::world::{World, march, noon, plan};
use crate::alerts::{
    AlertEvent, AlertRule,
    facts::{SessionCount, Worst},
};

#[test]
fn newcomers_add_to_what_fires_and_make_nothing_fire() {
    let fetch = "sts-policy-fetch-error";
    let mut world = World::new(plan(|_| {}));
    for who in ["a@one.example", "a@two.example", "a@three.example"] {
        world.fails("example.com", who, fetch, &[5], 5_000);
        world.facts.newcomers.insert(who.to_owned());
    }
    assert_eq!(world.at(6), [], "whatever they say");
    world.fails("example.com", "google.com", fetch, &[5], 4);
    assert_eq!(world.at(6), [(AlertEvent::Fired, AlertRule::PolicyFetch)], "all of them together are one more");
}

#[test]
fn newcomers_have_no_more_sessions_than_the_others() {
    let mut world = World::new(plan(|settings| settings.policy_fetch_organisations_min = 9));
    world.fails("example.com", "a@new.example", "sts-policy-fetch-error", &[5], 5_000);
    world.facts.newcomers.insert("a@new.example".to_owned());
    world.fails("example.com", "google.com", "sts-policy-fetch-error", &[5], 9);
    assert_eq!(world.at(6), [], "nine and nine are not twenty");
    world.fails("example.com", "google.com", "sts-policy-fetch-error", &[6], 2);
    assert_eq!(world.at(7), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
}

#[test]
fn names_below_one_suffix_that_anybody_gets_are_one_organisation() {
    let mut world = World::new(plan(|settings| settings.policy_fetch_sessions_min = 1_000));
    for name in 0..5 {
        world.fails("example.com", &format!("a@a{name}.duckdns.org"), "sts-policy-fetch-error", &[5], 5);
    }
    assert_eq!(world.at(6), []);
    world.fails("example.com", "a@other.example", "sts-policy-fetch-error", &[5], 5);
    assert_eq!(world.at(6), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
    for (key, owner) in [
        ("a@a1.duckdns.org", "duckdns.org"),
        ("duckdns.org", "duckdns.org"),
        ("a@x.s3.amazonaws.com", "amazonaws.com"),
        ("a@b.blogspot.co.uk", "blogspot.co.uk"),
        ("tlsrpt@mx.example.co.uk/example.co.uk", "example.co.uk"),
        ("google.com", "google.com"),
        ("claimed:alpha mail", "claimed:alpha mail"),
    ] {
        assert_eq!(crate::alerts::rules::failing_senders::owner(key), owner, "{key}");
    }
}

#[test]
fn what_is_only_claimed_to_be_over_is_a_note() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "google.com", "sts-policy-fetch-error", &[5], 500);
    assert_eq!(world.at(6), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
    world.facts.claimed_clear.insert("example.com".to_owned(), march(6));
    let found = world.evaluate(noon(7));
    assert_eq!(found.refreshed.len() + found.transitions.len(), 1);
    let alert = found.refreshed.first().or(found.transitions.first().map(|it| &it.alert)).unwrap();
    assert!(alert.is_firing());
    assert_eq!(alert.evidence.claimed_clear_day, Some(march(6)));
}

#[test]
fn one_whose_own_sessions_fail_is_enough_whoever_else_reports_how_much() {
    let mut world = World::new(plan(|_| {}));
    world.share((90, 100_000), (0, 100_000), 5);
    let worst =
        |failed| Some(Worst { organisation: "google.com".to_owned(), now: SessionCount { failed, sessions: 100 } });
    world.facts.shares[0].worst = worst(9);
    assert_eq!(world.at(6), []);
    world.facts.shares[0].worst = worst(90);
    assert_eq!(world.at(6), [(AlertEvent::Fired, AlertRule::FailureShare)]);
    world.facts.shares[0].worst = worst(6);
    assert!(!world.at(7).contains(&(AlertEvent::Resolved, AlertRule::FailureShare)), "not below half of it");
    world.facts.shares[0].worst = worst(1);
    assert_eq!(world.at(8), [(AlertEvent::Resolved, AlertRule::FailureShare)]);
}
