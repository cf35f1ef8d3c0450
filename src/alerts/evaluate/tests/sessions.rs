//! policy-fetch, certificate, dane, new-failure, failure-share.

use super::world::{World, march, noon, plan};
use crate::alerts::{AlertEvent, AlertRule};

const FETCH: &str = "sts-policy-fetch-error";

#[test]
fn an_outage_needs_a_quorum_of_organisations_or_sessions() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", FETCH, &[1], 19);
    assert_eq!(world.at(2), []);
    world.fails("example.com", "b", "sts-webpki-invalid", &[1], 1);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
    let evidence = &world.alerts[0].evidence;
    assert_eq!((evidence.failed, evidence.organisations_total, evidence.first_day), (20, 2, Some(march(1))));
    assert_eq!(evidence.result_types, [FETCH, "sts-webpki-invalid"]);

    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", FETCH, &[1], 20);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
}

#[test]
fn an_outage_is_over_when_all_who_saw_it_say_so() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", FETCH, &[1, 2], 20);
    world.fails("example.com", "b", FETCH, &[2], 5);
    world.at(3);
    world.reports("example.com", "a", &[3]);
    assert_eq!(world.at(3), []);
    world.reports("example.com", "b", &[1]);
    assert_eq!(world.at(3), [], "a report about a day before");
    world.reports("example.com", "b", &[4]);
    assert_eq!(world.at(3), [(AlertEvent::Resolved, AlertRule::PolicyFetch)]);
    let evidence = &world.alerts[0].evidence;
    assert_eq!((evidence.clear_day, evidence.last_day, evidence.failed), (Some(march(3)), Some(march(2)), 45));
}

#[test]
fn who_fell_silent_is_not_said_to_be_well() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.fails("example.com", "a", FETCH, &[1], 20);
    world.fails("example.com", "b", FETCH, &[1], 5);
    world.at(2);
    world.reports("example.com", "a", &[2, 3, 4, 5]);
    for day in 5..=15 {
        assert_eq!(world.at(day), [], "day {day}: over for one, not heard of since from the other");
    }
    assert_eq!(world.at(16), [(AlertEvent::Expired, AlertRule::PolicyFetch)]);
    let evidence = &world.alerts[0].evidence;
    assert!(evidence.unheard);
    assert_eq!((evidence.organisations_total, evidence.organisations_over), (2, 1));
    let clear: Vec<_> = evidence.organisations.iter().map(|it| (it.key.as_str(), it.clear_day)).collect();
    assert_eq!(clear, [("b", None), ("a", Some(march(2)))]);
}

#[test]
fn a_clean_day_before_the_last_failing_one_of_another_is_no_end() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.fails("example.com", "a", FETCH, &[1], 20);
    world.fails("example.com", "b", FETCH, &[1, 2, 3], 5);
    world.at(2);
    world.reports("example.com", "a", &[2]);
    for day in 3..=17 {
        assert_eq!(world.at(day), [], "day {day}");
    }
    assert_eq!(world.at(18), [(AlertEvent::Expired, AlertRule::PolicyFetch)]);
}

#[test]
fn late_reports_fire_nothing() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", FETCH, &[1], 1_000);
    assert_eq!(world.at(6), [], "of a day that is more than four days ago");
    world.reports("example.com", "a", &[2]);
    assert_eq!(world.at(3), [], "of a day before a clean one");
    world.fails("example.net", "a", FETCH, &[1], 20);
    world.at(2);
    world.reports("example.net", "a", &[2]);
    assert_eq!(world.at(3), [(AlertEvent::Resolved, AlertRule::PolicyFetch)]);
    world.fails("example.net", "b", FETCH, &[1], 500);
    assert_eq!(world.at(3), [], "of an outage that was seen to be over");
    world.fails("example.net", "c", FETCH, &[2], 500);
    assert_eq!(
        world.at(3),
        [(AlertEvent::Reopened, AlertRule::PolicyFetch)],
        "of the day that was thought to be clean"
    );
}

#[test]
fn what_comes_back_soon_goes_on_and_what_flaps_must_be_clean_for_longer() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    for (n, day) in [1, 4, 7].into_iter().enumerate() {
        world.fails("example.com", "a", FETCH, &[day], 20);
        let event = if n == 0 { AlertEvent::Fired } else { AlertEvent::Reopened };
        assert_eq!(world.at(day + 1), [(event, AlertRule::PolicyFetch)]);
        assert_eq!(world.alerts[0].times, n as u32 + 1);
        world.reports("example.com", "a", &[day + 1]);
        let resolved = [(AlertEvent::Resolved, AlertRule::PolicyFetch)];
        assert_eq!(world.at(day + 2), if n < 2 { &resolved[..] } else { &[] });
    }
    world.reports("example.com", "a", &[9]);
    assert_eq!(world.at(10), []);
    world.reports("example.com", "a", &[10]);
    assert_eq!(world.at(11), [(AlertEvent::Resolved, AlertRule::PolicyFetch)]);
    world.facts.troubles.clear();
    world.fails("example.com", "a", FETCH, &[20], 20);
    assert_eq!(world.at(21), [(AlertEvent::Fired, AlertRule::PolicyFetch)], "another alert after more than a week");
    assert_eq!(world.alerts.len(), 2);
}

#[test]
fn a_certificate_is_judged_by_several_organisations_and_on_our_hosts() {
    let expired = "certificate-expired";
    let mut world = World::new(plan(|_| {}));
    world.plan.mx_hosts.insert("mx.example.com".to_owned());
    world.fails("example.com", "a", expired, &[1], 100).mx_host = Some("mx.example.com".to_owned());
    world.fails("example.com", "b", "certificate-host-mismatch", &[1], 100).mx_host = Some("mx.example.com".to_owned());
    for who in ["a", "b", "c"] {
        world.fails("example.com", who, expired, &[1], 100).mx_host = Some("mx.other.example".to_owned());
    }
    assert_eq!(world.at(2), []);
    world.fails("example.net", "c", expired, &[1], 1).mx_host = Some("mx.example.com".to_owned());
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Certificate)]);
    assert_eq!(world.alerts[0].subject.mx_host.as_deref(), Some("mx.example.com"));
    world.plan.mx_hosts.clear();
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Certificate)], "without configured hosts all are ours");
}

#[test]
fn dane_needs_sessions() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "tlsa-invalid", &[1], 1);
    world.fails("example.com", "b", "dane-required", &[1], 1);
    assert_eq!(world.at(2), []);
    world.fails("example.com", "b", "dnssec-invalid", &[1], 1);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Dane)]);
}

#[test]
fn news_are_told_once() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "validation-failure", &[1], 5).unknown = true;
    let evaluation = world.evaluate(noon(2));
    assert_eq!((evaluation.transitions.len(), evaluation.known.len()), (1, 1));
    world.facts.troubles[0].unknown = false;
    assert_eq!(world.at(4), [], "it is not told again");
    world.reports("example.com", "a", &[2]);
    assert_eq!(world.at(4), [(AlertEvent::Resolved, AlertRule::NewFailure)]);
    world.facts.troubles[0].days.insert(march(4), 50);
    assert_eq!(world.at(5), [], "it is known");
}

#[test]
fn what_is_too_little_to_tell_stays_unknown_and_what_is_told_otherwise_does_not() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "validation-failure", &[1], 4).unknown = true;
    world.fails("example.com", "a", FETCH, &[1], 20).unknown = true;
    world.fails("example.com", "b", FETCH, &[1], 20).unknown = true;
    let evaluation = world.evaluate(noon(2));
    let known: Vec<&str> = evaluation.known.iter().map(|triple| triple.result_type.as_str()).collect();
    assert_eq!(known, [FETCH, FETCH]);
    assert_eq!(evaluation.transitions.len(), 1);
    assert_eq!(evaluation.transitions[0].alert.rule, AlertRule::PolicyFetch);
}

#[test]
fn nothing_is_news_while_it_learns_or_when_it_came_late() {
    let unknown = |change: fn(&mut World)| {
        let mut world = World::new(plan(|_| {}));
        world.fails("example.com", "a", "validation-failure", &[1], 500).unknown = true;
        change(&mut world);
        let evaluation = world.evaluate(noon(2));
        (evaluation.transitions.len(), evaluation.known.len())
    };
    assert_eq!(unknown(|_| {}), (1, 1));
    assert_eq!(unknown(|world| world.facts.learned_days = 13), (0, 1));
    assert_eq!(unknown(|world| world.facts.first = true), (0, 1));
    assert_eq!(unknown(|world| world.plan = plan(|settings| settings.off = vec![AlertRule::NewFailure])), (0, 1));
    assert_eq!(unknown(|world| world.facts.troubles[0].days = [(march(-20), 500)].into()), (0, 1));
}

#[test]
fn a_report_that_knows_of_no_policy_does_not_show_that_it_can_be_fetched() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.fails("example.com", "a", FETCH, &[1], 400);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
    let pair = ("example.com".to_owned(), "a".to_owned());
    world.facts.reported.get_mut(&pair).unwrap().insert(march(2));
    assert_eq!(world.at(3), [], "`no-policy-found`, or DANE only");
    world.facts.reported_under_sts.get_mut(&pair).unwrap().insert(march(3));
    assert_eq!(world.at(4), [(AlertEvent::Resolved, AlertRule::PolicyFetch)]);
}

#[test]
fn a_share_fires_above_its_limit_or_its_baseline_and_ends_below_half() {
    let rule = AlertRule::FailureShare;
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.share((49, 1_000), (0, 10_000), 1);
    assert_eq!(world.at(2), [], "five times the least baseline is five percent");
    world.share((50, 1_000), (0, 10_000), 1);
    assert_eq!(world.at(2), [(AlertEvent::Fired, rule)]);
    world.share((25, 1_000), (5_000, 10_000), 1);
    assert_eq!(world.at(2), [], "the baseline is that of the time it fired");
    world.share((1, 99), (0, 10_000), 1);
    assert_eq!(world.at(2), [], "too few sessions to tell");
    world.share((24, 1_000), (5_000, 10_000), 1);
    assert_eq!(world.at(2), [(AlertEvent::Resolved, rule)]);

    let mut world = World::new(plan(|_| {}));
    world.share((99, 1_000), (300, 10_000), 1);
    assert_eq!(world.at(2), [], "more than usual, but not five times");
    world.share((100, 1_000), (300, 10_000), 1);
    assert_eq!(world.at(2), [(AlertEvent::Fired, rule)]);
    let mut world = World::new(plan(|_| {}));
    world.share((99, 99), (0, 10_000), 1);
    assert_eq!(world.at(2), [], "too few sessions");
    world.share((60, 1_000), (0, 99), 1);
    assert_eq!(world.at(2), [], "too few before to compare with");
}

#[test]
fn a_share_is_not_told_where_its_cause_is() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.fails("example.com", "a", FETCH, &[1], 400);
    world.share((400, 1_000), (0, 10_000), 1);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::PolicyFetch)]);
    world.reports("example.com", "a", &[2]);
    assert_eq!(world.at(3), [(AlertEvent::Resolved, AlertRule::PolicyFetch)], "nor after its end");
    world.share((500, 1_000), (0, 10_000), 1);
    assert_eq!(world.at(3), [(AlertEvent::Fired, AlertRule::FailureShare)], "another hundred has another cause");
}

#[test]
fn a_share_is_not_told_where_its_cause_has_not_fired_yet() {
    let mut world = World::new(plan(|_| {}));
    // One organisation, fewer than twenty sessions: the second one's report is on its way.
    world.fails("example.com", "a", FETCH, &[1], 12);
    world.share((12, 112), (0, 10_000), 1);
    assert_eq!(world.at(2), []);
    // One organisation is not enough for the rule about certificates: the share has to tell.
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "certificate-expired", &[1], 12).mx_host = Some("mx1.example.com".to_owned());
    world.share((12, 112), (0, 10_000), 1);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::FailureShare)]);
    let evidence = &world.alerts[0].evidence;
    assert_eq!((evidence.organisations[0].key.as_str(), evidence.organisations[0].failed), ("a", 12));
    assert_eq!(evidence.result_types, ["certificate-expired"]);
}

#[test]
fn a_share_without_reports_lapses() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.share((500, 1_000), (0, 10_000), 1);
    world.at(2);
    world.facts.shares.clear();
    assert_eq!(world.at(15), []);
    assert_eq!(world.at(16), [(AlertEvent::Expired, AlertRule::FailureShare)]);
}

#[test]
fn one_organisation_cannot_drown_the_news_of_others() {
    let mut world = World::new(plan(|_| {}));
    for number in 0..250 {
        world.fails("example.com", "evil.example", &format!("made-up-{number}"), &[5], 5 + number).unknown = true;
    }
    world.fails("example.com", "google", "validation-failure", &[5], 5).unknown = true;
    world.facts.known.insert("google".to_owned());
    let found = world.evaluate(noon(6));
    assert_eq!(found.known.len(), 251, "all of it is known from now on");
    let of = |who: &str| -> Vec<i64> {
        let fired = found.transitions.iter().filter(|it| it.alert.subject.organisation.as_deref() == Some(who));
        fired.map(|it| it.alert.evidence.failed).collect()
    };
    assert_eq!(
        (of("google").len(), of("evil.example").len()),
        (1, crate::alerts::rules::new_failure::NEWS_AT_ONCE_MAX - 1),
        "known ones first"
    );
    assert_eq!(of("evil.example").into_iter().min(), Some(236), "the largest");
    let besides = found.transitions.iter().find(|it| it.alert.subject.part.is_some()).unwrap();
    assert_eq!(
        crate::alerts::sentence(&besides.alert),
        "81 more failures are new, of 1 organisation (15,795 sessions)"
    );
    assert_eq!(found.transitions.len(), crate::alerts::rules::new_failure::NEWS_AT_ONCE_MAX + 1);
    world.facts.troubles.iter_mut().for_each(|trouble| trouble.unknown = false);
    for number in 0..100 {
        world.fails("example.com", "evil.example", &format!("later-{number}"), &[5], 5_000).unknown = true;
    }
    let later = world.evaluate(noon(6)).transitions;
    assert_eq!(later.len(), crate::alerts::rules::new_failure::NEWS_AT_ONCE_MAX, "what else there is was said already");
}
