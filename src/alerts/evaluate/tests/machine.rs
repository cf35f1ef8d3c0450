//! quarantine, conflict, source, disk.

use chrono::TimeDelta;

use super::world::{World, noon, plan};
use crate::alerts::{
    AlertEvent, AlertRule, Transition,
    facts::{Intake, SourceHealth},
    sentence,
    words::notices,
};

#[test]
fn quarantine_needs_a_share_and_a_number() {
    let mut world = World::new(plan(|settings| settings.remind_after_h = 0));
    let intake = |quarantined, stored| Intake { quarantined, stored, ..Intake::default() };
    world.facts.intake = intake(9, 0);
    assert_eq!(world.at(1), []);
    world.facts.intake = intake(10, 41);
    assert_eq!(world.at(1), []);
    world.facts.intake = intake(10, 40);
    assert_eq!(world.at(1), [(AlertEvent::Fired, AlertRule::Quarantine)]);
    world.facts.intake = intake(5, 45);
    assert_eq!(world.at(1), [], "half of it is still there");
    world.facts.intake = intake(4, 1);
    assert_eq!(world.at(1), [(AlertEvent::Resolved, AlertRule::Quarantine)]);
}

#[test]
fn a_conflict_fires_for_a_day() {
    let mut world = World::new(plan(|_| {}));
    world.facts.intake = Intake {
        conflicts: 1,
        conflict_at: Some(noon(1)),
        conflict_organisations: vec!["A".to_owned()],
        ..Intake::default()
    };
    assert_eq!(world.at(1), [(AlertEvent::Fired, AlertRule::Conflict)]);
    world.facts.intake = Intake::default();
    let found = world.evaluate(noon(2)).transitions;
    assert_eq!((found[0].event, found[0].alert.evidence.organisations[0].name.as_str()), (AlertEvent::Resolved, "A"));
}

#[test]
fn a_way_in_may_fail_for_a_while_and_is_not_forgotten_over_a_restart() {
    let mut world = World::new(plan(|_| {}));
    let part = |minutes: i64| SourceHealth {
        name: "smtp".to_owned(),
        failing_since: Some(noon(1) - TimeDelta::minutes(minutes)),
        words: "the address is in use".to_owned(),
        ..SourceHealth::default()
    };
    world.facts.parts = Some(vec![part(14)]);
    assert_eq!(world.at(1), []);
    world.facts.parts = Some(vec![part(15)]);
    assert_eq!(world.at(1), [(AlertEvent::Fired, AlertRule::Source)]);
    assert_eq!(world.alerts[0].evidence.detail.as_deref(), Some("the address is in use"));
    let starting = SourceHealth { name: "smtp".to_owned(), ..SourceHealth::default() };
    for parts in [None, Some(Vec::new()), Some(vec![starting.clone()]), Some(vec![part(1)])] {
        world.facts.parts = parts;
        assert_eq!(world.at(1), []);
    }
    world.facts.parts = Some(vec![SourceHealth { well: true, ..starting.clone() }]);
    assert_eq!(world.at(1), [(AlertEvent::Resolved, AlertRule::Source)]);

    world.facts.parts = Some(vec![SourceHealth { well: true, later_at: Some(noon(2)), ..starting.clone() }]);
    assert_eq!(world.at(2), [(AlertEvent::Reopened, AlertRule::Source)], "it turns senders away");
    world.facts.parts = Some(vec![SourceHealth { name: "lmtp".to_owned(), well: true, ..SourceHealth::default() }]);
    assert_eq!(world.at(2), [(AlertEvent::Expired, AlertRule::Source)], "it is not configured any more");
}

#[test]
fn the_disk_needs_a_tenth_more_to_be_well() {
    let mut world = World::new(plan(|settings| settings.disk_free_min_bytes = 1_000));
    for (free, expected) in
        [(1_000, None), (999, Some(AlertEvent::Fired)), (1_099, None), (1_100, Some(AlertEvent::Resolved))]
    {
        world.facts.disk_free_bytes = Some(free);
        let found: Vec<AlertEvent> = world.at(1).iter().map(|(event, _)| *event).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{free}");
    }
}

#[test]
fn that_something_acknowledged_cannot_be_counted_fires_until_it_is_taken_in() {
    let mut world = World::new(plan(|settings| settings.disk_free_min_bytes = 0));
    (world.facts.disk_free_bytes, world.facts.set_aside) = (Some(1 << 40), 2);
    assert_eq!(world.at(1), [(AlertEvent::Fired, AlertRule::Disk)]);
    assert_eq!(sentence(&world.alerts[0]), "Reports that were acknowledged cannot be counted");
    let fired = Transition { event: AlertEvent::Fired, alert: world.alerts[0].clone(), notified: true, muted: None };
    let [notice] = &notices(&[fired], noon(1))[..] else { panic!("one notice") };
    assert!(notice.lines.iter().any(|line| line.contains("2 submissions were acknowledged")), "{:?}", notice.lines);
    assert!(notice.advice.contains(&"tlsight repair".to_owned()), "{:?}", notice.advice);
    world.facts.set_aside = 0;
    assert_eq!(world.at(1), [(AlertEvent::Resolved, AlertRule::Disk)]);
}

#[test]
fn that_nothing_can_be_stored_fires_whatever_is_free() {
    let mut world = World::new(plan(|settings| settings.disk_free_min_bytes = 0));
    world.facts.disk_free_bytes = Some(1 << 40);
    world.facts.store_trouble = Some("the data directory /data is gone".to_owned());
    assert_eq!(world.at(1), [(AlertEvent::Fired, AlertRule::Disk)]);
    assert_eq!(sentence(&world.alerts[0]), "Nothing can be stored");
    (world.facts.store_trouble, world.facts.disk_free_bytes) = (None, None);
    assert_eq!(world.at(1), [], "nothing is known of the disk");
    world.facts.disk_free_bytes = Some(1 << 40);
    assert_eq!(world.at(1), [(AlertEvent::Resolved, AlertRule::Disk)]);
    let over = sentence(&world.alerts[0]);
    assert!(over.starts_with("Reports can be stored again"), "{over}");
}
