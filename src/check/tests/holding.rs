//! Who holds which policy, and a population of senders that shows it.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;

use super::super::holding::*;
use crate::{report::StsMode, sts::content::PolicyContent};

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}:00Z").parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn content(mode: StsMode, max_age_s: u64, mx: &str) -> PolicyContent {
    PolicyContent { mode, max_age_s, mx: BTreeSet::from([mx.to_owned()]) }
}

fn served(content: PolicyContent, id: &str, first: &str, gone: Option<&str>) -> ServedPolicy {
    let last_seen_at = at(gone.unwrap_or("2026-11-29T12:00")) - TimeDelta::hours(1);
    ServedPolicy { content, id: Some(id.into()), first_seen_at: at(first), last_seen_at, gone_at: gone.map(at) }
}

fn seen(lines: &str) -> Option<SeenPolicy> {
    Some(SeenPolicy::of_lines(lines.split("; ")))
}

fn sighting(organisation: &str, policy: Option<SeenPolicy>, first: &str, last: &str) -> PolicySighting {
    PolicySighting {
        organisation: organisation.into(),
        organisation_name: None,
        policy,
        first_day: day(first),
        last_day: day(last),
        sessions: 10,
    }
}

const WEEK_S: u64 = 7 * 86_400;
const OLD: &str = "mode: enforce; mx: mx1.example.com; max_age: 604800";
const NEW: &str = "mode: testing; mx: mx2.example.com; max_age: 86400";

/// An enforced policy was replaced by one in testing on 20 November.
fn changed() -> Vec<ServedPolicy> {
    vec![
        served(
            content(StsMode::Enforce, WEEK_S, "mx1.example.com"),
            "one",
            "2026-10-01T00:00",
            Some("2026-11-20T10:00"),
        ),
        served(content(StsMode::Testing, 86_400, "mx2.example.com"), "two", "2026-11-20T10:00", None),
    ]
}

fn ask(served: &[ServedPolicy], sightings: &[PolicySighting], id: &str, now: &str) -> Holding {
    held(&HoldingFacts { served, sightings, id: Some(id), now: at(now) })
}

fn of_one(holding: &Holding) -> &HeldBySender {
    let [sender] = holding.senders.as_slice() else { panic!("{holding:?}") };
    let [held] = sender.held.as_slice() else { panic!("{holding:?}") };
    held
}

#[test]
fn an_old_policy_is_held_until_its_max_age_after_it_was_gone() {
    let holding = ask(&changed(), &[], "two", "2026-11-25T00:00");
    assert_eq!((holding.strictest, holding.exit_at), (Some(StsMode::Enforce), Some(at("2026-11-27T10:00"))));
    assert_eq!(holding.policies[0].until, HeldUntil::Open);
    assert_eq!(holding.policies[1].until, HeldUntil::At(at("2026-11-27T10:00")));
    let later = ask(&changed(), &[], "two", "2026-11-28T00:00");
    assert_eq!((later.strictest, later.exit_at), (Some(StsMode::Testing), Some(at("2026-11-29T00:00"))));
    let same_id = ask(&changed(), &[], "one", "2026-11-28T00:00");
    assert_eq!(same_id.policies[1].until, HeldUntil::Open, "until the id changes");
    assert_eq!((same_id.strictest, same_id.exit_at), (Some(StsMode::Enforce), Some(at("2026-12-05T00:00"))));
    let nothing = ask(&[], &[], "one", "2026-11-28T00:00");
    assert_eq!((nothing.strictest, nothing.exit_at), (None, None));
}

#[test]
fn a_policy_that_is_served_again_is_one_and_open() {
    let mut served_again = changed();
    let first = served_again[0].content.clone();
    served_again[1].gone_at = Some(at("2026-11-22T00:00"));
    served_again.push(served(first.clone(), "one", "2026-11-22T00:00", None));
    let holding = ask(&served_again, &[], "one", "2026-11-25T00:00");
    assert_eq!(holding.policies.len(), 2);
    assert_eq!((&holding.policies[0].content, holding.policies[0].until), (&first, HeldUntil::Open));
}

#[test]
fn what_a_sender_holds_is_told_by_what_it_last_reported() {
    let now = "2026-11-25T00:00";
    let drift = |sightings: &[PolicySighting]| {
        let holding = ask(&changed(), sightings, "two", now);
        let held = of_one(&holding);
        (held.drift, held.until)
    };
    let until = |text: &str| Some(HeldUntil::At(at(text)));
    let old = |first, last| sighting("google", seen(OLD), first, last);
    let new = |first, last| sighting("google", seen(NEW), first, last);
    assert_eq!(
        drift(&[old("2026-11-01", "2026-11-20"), new("2026-11-21", "2026-11-24")]),
        (Drift::Current, Some(HeldUntil::Open))
    );
    assert_eq!(drift(&[old("2026-11-01", "2026-11-20")]), (Drift::TooEarlyToTell, until("2026-11-27T10:00")));
    assert_eq!(drift(&[old("2026-11-01", "2026-11-18")]), (Drift::TooEarlyToTell, until("2026-11-26T00:00")));
    assert_eq!(drift(&[old("2026-11-01", "2026-11-22")]), (Drift::Stale, until("2026-11-27T10:00")));
    let strange =
        sighting("google", seen("mode: enforce; mx: mx3.example.com; max_age: 86400"), "2026-11-22", "2026-11-23");
    assert_eq!(drift(&[strange]), (Drift::Unexplained, until("2026-11-25T00:00")));
    assert_eq!(
        drift(&[old("2026-11-01", "2026-11-22"), sighting("google", None, "2026-11-23", "2026-11-24")]),
        (Drift::NoLonger, None)
    );
    assert_eq!(drift(&[sighting("google", None, "2026-11-23", "2026-11-24")]), (Drift::Never, None));
    // Of what a sender leaves out, everything is possible.
    let only_mode = sighting("google", seen("mode: testing"), "2026-11-22", "2026-11-24");
    assert_eq!(drift(&[only_mode]), (Drift::Current, Some(HeldUntil::Open)));
    let empty = PolicySighting { sessions: 0, ..new("2026-11-21", "2026-11-24") };
    assert!(ask(&changed(), &[empty], "two", now).senders.is_empty(), "without sessions nothing was applied");
}

#[test]
fn machines_of_one_sender_may_differ() {
    let sightings = [
        sighting("google", seen(OLD), "2026-11-01", "2026-11-23"),
        sighting("google", seen(NEW), "2026-11-21", "2026-11-23"),
        sighting("google", None, "2026-11-21", "2026-11-23"),
    ];
    let holding = ask(&changed(), &sightings, "two", "2026-11-25T00:00");
    let drifts: Vec<Drift> = holding.senders[0].held.iter().map(|held| held.drift).collect();
    assert_eq!(drifts, [Drift::Stale, Drift::Current]);
}

#[test]
fn what_only_reports_tell_of_is_an_estimate() {
    let before =
        sighting("google", seen("mode: enforce; mx: mx0.example.com; max_age: 604800"), "2026-09-01", "2026-09-28");
    let holding = ask(&changed(), std::slice::from_ref(&before), "two", "2026-10-02T00:00");
    let estimated = holding.policies.iter().find(|policy| policy.is_estimated).unwrap();
    assert_eq!(estimated.until, HeldUntil::At(at("2026-10-06T00:00")));
    assert_eq!(of_one(&holding).drift, Drift::TooEarlyToTell);
    let alone = ask(&[], &[before], "two", "2026-10-02T00:00");
    assert_eq!((alone.strictest, of_one(&alone).drift), (Some(StsMode::Enforce), Drift::NotCompared));
}

#[test]
fn a_short_max_age_counts_as_a_day_and_a_long_one_as_a_year() {
    assert_eq!(held_for(0), TimeDelta::days(1));
    assert_eq!(held_for(3_599), TimeDelta::days(1));
    assert_eq!(held_for(3_600), TimeDelta::hours(1));
    assert_eq!(held_for(u64::MAX), TimeDelta::seconds(31_557_600));
}

/// A change of the policy: minutes since the one before, mode, and max_age.
fn changes() -> impl Strategy<Value = Vec<(i64, StsMode, u64)>> {
    let mode = prop_oneof![Just(StsMode::Enforce), Just(StsMode::Testing), Just(StsMode::None)];
    let max_age_s = prop_oneof![0_u64..7_200, 3_600_u64..2_000_000, 20_000_000_u64..40_000_000];
    prop::collection::vec((61_i64..60 * 24 * 40, mode, max_age_s), 1..20)
}

const YEAR_MIN: i64 = 365 * 24 * 60;

/// What looks at every full hour of a year see; a policy stands for longer than an hour.
fn looked_at(truth: &[(i64, PolicyContent)], until_min: i64) -> Vec<ServedPolicy> {
    let start = at("2026-01-01T00:00");
    let mut served: Vec<ServedPolicy> = Vec::new();
    for hour in 0..=until_min / 60 {
        let (now, minute) = (start + TimeDelta::hours(hour), hour * 60);
        let Some((_, content)) = truth.iter().rev().find(|(since, _)| *since <= minute) else { continue };
        match served.last_mut() {
            Some(last) if last.content == *content => last.last_seen_at = now,
            last => {
                if let Some(last) = last {
                    last.gone_at = Some(now);
                }
                let (content, id) = (content.clone(), Some(content.name().to_string()));
                served.push(ServedPolicy { content, id, first_seen_at: now, last_seen_at: now, gone_at: None });
            }
        }
    }
    served
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_longer_max_age_is_never_held_shorter(shorter in 3_600_u64..40_000_000, more in 0_u64..40_000_000) {
        prop_assert!(held_for(shorter) <= held_for(shorter + more));
    }

    #[test]
    fn nobody_holds_a_policy_longer_than_is_said(
        changes in changes(),
        fetches in prop::collection::vec(0..YEAR_MIN, 1..60),
        asked_min in prop::collection::vec(60..YEAR_MIN, 1..12),
    ) {
        let start = at("2026-01-01T00:00");
        let mut minute = 0;
        let mut truth: Vec<(i64, PolicyContent)> = vec![(0, content(StsMode::Testing, WEEK_S, "mx1.example.com"))];
        for (after, mode, max_age_s) in changes {
            minute += after;
            truth.push((minute, content(mode, max_age_s, "mx1.example.com")));
        }
        for asked_min in asked_min {
            let now = start + TimeDelta::minutes(asked_min);
            let served = looked_at(&truth, asked_min);
            // The id is that of what is served now.
            let published = truth.iter().rev().find(|(since, _)| *since <= asked_min).map(|(_, content)| content.name().to_string());
            let holding = held(&HoldingFacts { served: &served, sightings: &[], id: published.as_deref(), now });
            // Every fetch is a sender of its own that never fetches again.
            for fetched_min in fetches.iter().filter(|fetched| **fetched <= asked_min) {
                let (since, cached) = truth.iter().rev().find(|(since, _)| since <= fetched_min).unwrap();
                let ends = start + TimeDelta::minutes(*fetched_min) + held_for(cached.max_age_s);
                // What the next look will see first is not known yet.
                let is_known = since.div_euclid(60) < asked_min.div_euclid(60);
                if ends <= now || !is_known {
                    continue;
                }
                prop_assert!(holding.strictest.is_some_and(|strictest| strictest <= cached.mode));
                let policy = holding.policies.iter().find(|policy| policy.content == *cached).unwrap();
                if let HeldUntil::At(until) = policy.until {
                    prop_assert!(until >= ends, "{cached} is held until {ends}, not {until}");
                }
                prop_assert!(cached.mode == StsMode::None || holding.exit_at.is_some_and(|exit_at| exit_at >= ends));
            }
        }
    }
}
