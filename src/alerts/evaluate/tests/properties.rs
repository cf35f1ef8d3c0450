//! Whatever comes: a restart at every step and the order of arrival change nothing, and old reports fire nothing.

use proptest::prelude::*;

use super::world::{World, march, noon, plan};
use crate::alerts::{
    Alert,
    AlertEvent::{Fired, Reopened, Resolved},
    AlertRule, Transition,
};

/// One report: day it is about, day it comes, domain, organisation, what fails.
type Report = (i64, i64, usize, usize, Option<usize>);

const DOMAINS: [&str; 2] = ["example.com", "example.net"];
const ORGANISATIONS: [&str; 3] = ["a", "b", "c"];
const RESULT_TYPES: [&str; 3] = ["sts-policy-fetch-error", "tlsa-invalid", "validation-failure"];

fn reports() -> impl Strategy<Value = Vec<Report>> {
    let late = prop_oneof![8 => Just(1), 1 => 2..6i64, 1 => 10..28i64];
    let report = (1..40i64, late, 0..DOMAINS.len(), 0..ORGANISATIONS.len(), prop::option::of(0..RESULT_TYPES.len()));
    let report = report.prop_map(|(day, late, domain, who, fails)| (day, day + late, domain, who, fails));
    prop::collection::vec(report, 0..150)
}

/// What a store would say of the reports that have come by this day.
fn learn(world: &mut World, reports: &[Report], today: i64) {
    world.facts.troubles.clear();
    world.facts.reported.clear();
    for (day, _, domain, who, fails) in reports.iter().filter(|report| report.1 <= today && report.0 > today - 21) {
        let (domain, who) = (DOMAINS[*domain], ORGANISATIONS[*who]);
        world.reports(domain, who, &[*day]);
        let Some(result_type) = fails.map(|at| RESULT_TYPES[at]) else { continue };
        let known = world.facts.troubles.iter_mut().find(|trouble| {
            trouble.policy_domain == domain && trouble.organisation == who && trouble.result_type == result_type
        });
        match known {
            Some(trouble) => *trouble.days.entry(march(*day)).or_default() += 7,
            None => world.fails(domain, who, result_type, &[*day], 7).unknown = true,
        }
    }
    world.facts.troubles.sort_by(|a, b| {
        (&a.policy_domain, &a.organisation, &a.result_type).cmp(&(&b.policy_domain, &b.organisation, &b.result_type))
    });
}

fn run(reports: &[Report], between: impl Fn(Vec<Alert>) -> Vec<Alert>) -> Vec<Transition> {
    let mut world = World::new(plan(|_| {}));
    let mut found = Vec::new();
    for today in 1..70 {
        learn(&mut world, reports, today);
        found.extend(world.evaluate(noon(today)).transitions);
        world.alerts = between(std::mem::take(&mut world.alerts));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_restart_at_every_step_changes_nothing(reports in reports()) {
        let restart = |alerts: Vec<Alert>| {
            let text = serde_json::to_string(&alerts).unwrap();
            serde_json::from_str::<Vec<Alert>>(&text).unwrap()
        };
        prop_assert_eq!(run(&reports, restart), run(&reports, |alerts| alerts));
    }

    #[test]
    fn the_order_of_arrival_and_of_the_standing_alerts_does_not_matter(
        (reports, shuffled) in reports().prop_flat_map(|reports| (Just(reports.clone()), Just(reports).prop_shuffle())),
    ) {
        let reversed = |alerts: Vec<Alert>| alerts.into_iter().rev().collect();
        prop_assert_eq!(run(&reports, |alerts| alerts), run(&shuffled, reversed));
    }

    #[test]
    fn nothing_fires_for_days_long_past_and_nothing_is_over_without_a_later_day(reports in reports()) {
        for transition in run(&reports, |alerts| alerts) {
            let Transition { event, alert, .. } = transition;
            let last = alert.evidence.last_day.unwrap();
            if matches!(event, Fired | Reopened) {
                prop_assert!((alert.changed_at.date_naive() - last).num_days() <= 4, "{:?}", alert);
                prop_assert!(alert.rule != AlertRule::NewFailure || alert.times == 1);
            }
            if event == Resolved {
                prop_assert!(alert.evidence.clear_day.is_some_and(|clear| clear > last), "{:?}", alert);
            }
        }
    }

    #[test]
    fn what_never_was_clean_is_never_resolved(days in prop::collection::btree_set(1..40i64, 1..20)) {
        let reports: Vec<Report> = days.iter().map(|day| (*day, day + 1, 0, 0, Some(0))).collect();
        let resolved = run(&reports, |alerts| alerts).iter().any(|it| it.event == crate::alerts::AlertEvent::Resolved);
        prop_assert!(!resolved);
    }
}
