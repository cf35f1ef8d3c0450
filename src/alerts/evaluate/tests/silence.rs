//! silent-sender and no-reports; reminders, silences, acknowledgements.

use chrono::TimeDelta;

use super::world::{World, march, noon, plan};
use crate::alerts::{AlertEvent, AlertRule, AlertStatus, Mute, facts::Arrivals};

fn hour(n: i64, hour: i64) -> chrono::DateTime<chrono::Utc> {
    noon(n) + TimeDelta::hours(hour - 12)
}

#[test]
fn a_sender_is_silent_by_its_own_rhythm() {
    let mut world = World::new(plan(|_| {}));
    world.sender("daily", 1..=20);
    world.sender("weekdays", (-10..=18).filter(|n: &i64| n.rem_euclid(7) < 5));
    // The report about day 21 is due on day 22 at 06:00, and has 28 hours.
    assert_eq!(world.evaluate(hour(23, 10)).transitions, []);
    world.sender("weekdays", (-10..=21).filter(|n: &i64| n.rem_euclid(7) < 5));
    let found = world.evaluate(hour(23, 11)).transitions;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].alert.subject.organisation.as_deref(), Some("daily"));
    assert_eq!(found[0].alert.since, hour(21, 0));
    world.sender("daily", (1..=20).chain([23]));
    let found = world.evaluate(hour(24, 10)).transitions;
    assert_eq!(
        (found.len(), found[0].event, found[0].alert.evidence.clear_day),
        (1, AlertEvent::Resolved, Some(march(23)))
    );
}

#[test]
fn a_late_report_does_not_end_a_silence_that_goes_on() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.sender("daily", 1..=20);
    world.at(24);
    world.sender("daily", 1..=21);
    assert_eq!(world.at(26), []);
    assert_eq!(world.alerts[0].status, AlertStatus::Firing);
}

#[test]
fn who_has_no_rhythm_or_left_long_ago_is_not_missed() {
    let mut world = World::new(plan(|_| {}));
    world.sender("new", 12..=20);
    world.sender("now and then", (0..12).map(|n| n * 9 - 90));
    world.sender("left", -40..-10);
    assert_eq!(world.at(30), []);
    world.sender("imported", 1..=20);
    world.facts.senders.last_mut().unwrap().lateness_s = None;
    assert_eq!(world.at(30), []);
}

#[test]
fn a_silent_sender_is_given_up_after_a_month() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.sender("daily", 1..=20);
    world.at(24);
    assert_eq!(world.at(50), []);
    assert_eq!(world.at(51), [(AlertEvent::Expired, AlertRule::SilentSender)]);
    assert_eq!(world.at(52), []);
}

#[test]
fn reports_that_are_missing_for_longer_than_is_looked_back_lapse() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    world.facts.arrivals = Arrivals { last_at: Some(hour(1, 6)), days: 14, back_at: None };
    assert_eq!(world.at(4), [(AlertEvent::Fired, AlertRule::NoReports)]);
    world.facts.arrivals = Arrivals::default();
    assert_eq!(world.at(62), [(AlertEvent::Expired, AlertRule::NoReports)]);
    assert_eq!(world.at(63), []);
}

#[test]
fn where_nobody_reports_that_is_the_one_thing_told() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    for who in ["a", "b", "c"] {
        world.sender(who, 1..=20);
    }
    world.facts.arrivals = Arrivals { last_at: Some(hour(21, 6)), days: 14, back_at: None };
    for (day, at) in [(23, 0), (23, 6)] {
        assert_eq!(world.evaluate(hour(day, at)).transitions, []);
    }
    assert_eq!(world.at(23), [(AlertEvent::Fired, AlertRule::NoReports)]);
    assert_eq!(world.at(26), []);
    world.facts.arrivals = Arrivals { last_at: Some(hour(27, 6)), days: 10, back_at: Some(hour(27, 6)) };
    world.sender("a", (1..=20).chain([26]));
    assert_eq!(world.at(27), [(AlertEvent::Resolved, AlertRule::NoReports)]);
    world.facts.arrivals.last_at = Some(hour(28, 6));
    assert_eq!(world.at(28), [], "the others need a while to come back");
    world.facts.arrivals.last_at = Some(hour(30, 6));
    world.sender("a", (1..=20).chain(26..=29));
    assert_eq!(world.at(30).len(), 2, "but not for ever");
}

#[test]
fn where_reports_were_never_regular_none_are_missed() {
    let mut world = World::new(plan(|_| {}));
    world.facts.arrivals = Arrivals { last_at: Some(noon(1)), days: 6, back_at: None };
    assert_eq!(world.at(10), []);
    world.facts.arrivals.days = 7;
    assert_eq!(world.at(10), [(AlertEvent::Fired, AlertRule::NoReports)]);
}

#[test]
fn what_lasts_is_told_again_until_it_is_acknowledged() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "tlsa-invalid", &[1], 5);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Dane)]);
    assert_eq!(world.evaluate(hour(3, 11)).transitions, []);
    assert_eq!(world.at(3), [(AlertEvent::Reminded, AlertRule::Dane)]);
    world.alerts[0].acknowledged_at = Some(noon(3));
    assert_eq!(world.at(5), []);
}

#[test]
fn what_is_silenced_is_recorded_and_told_when_the_silence_ends() {
    let mut world = World::new(plan(|_| {}));
    world.mutes = vec![Mute {
        until: noon(4),
        reason: "rollover".to_owned(),
        rule: None,
        policy_domain: Some("example.com".to_owned()),
        organisation: None,
        result_type: None,
    }];
    world.fails("example.com", "a", "tlsa-invalid", &[1], 5);
    world.fails("example.net", "a", "tlsa-invalid", &[1], 5);
    let found = world.evaluate(noon(2)).transitions;
    let shown: Vec<_> = found.iter().map(|it| (it.notified, it.muted.as_deref())).collect();
    assert_eq!(shown, [(false, Some("silenced until 2026-03-04 12:00 UTC: rollover")), (true, None)]);
    assert_eq!(found[0].alert.notified_at, None);
    world.facts.troubles.truncate(1);
    world.alerts.truncate(1);
    assert_eq!(world.at(3), []);
    let reminded = world.evaluate(noon(4)).transitions;
    assert_eq!(
        (reminded[0].event, reminded[0].notified, reminded[0].alert.notified_at),
        (AlertEvent::Reminded, true, Some(noon(4)))
    );
}

#[test]
fn the_end_of_what_nobody_was_told_is_not_told() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "tlsa-invalid", &[1], 5);
    world.at(2);
    world.alerts[0].notified_at = None;
    world.reports("example.com", "a", &[2]);
    let found = world.evaluate(noon(3)).transitions;
    assert_eq!((found[0].event, found[0].notified, found[0].muted.as_deref()), (AlertEvent::Resolved, false, None));
}

#[test]
fn a_rule_that_is_switched_off_ends_its_alerts_quietly() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", "tlsa-invalid", &[1], 5);
    world.at(2);
    world.plan = plan(|settings| settings.off = vec![AlertRule::Dane]);
    let found = world.evaluate(noon(3)).transitions;
    assert_eq!((found.len(), found[0].event, found[0].notified), (1, AlertEvent::Expired, false));
    assert_eq!(world.at(4), []);
}
