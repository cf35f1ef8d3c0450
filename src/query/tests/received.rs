use super::{Bench, Filter, clean, day, filter};
use crate::{
    query::{coverage::coverage, quarantine},
    store::fixtures::garbage,
    submission::Trust,
};

#[test]
fn a_day_is_held_against_those_who_report_daily() {
    let mut bench = Bench::new();
    for on in 8..=22 {
        let on = format!("2026-11-{on:02}");
        bench.send("a.example", &on, Trust::Token, vec![clean(1)]);
        if on != "2026-11-22" {
            bench.send("late.example", &on, Trust::Token, vec![clean(1)]);
        }
        if on.ends_with('5') {
            bench.send("seldom.example", &on, Trust::Token, vec![clean(1)]);
        }
    }
    let told = bench.ask(|connection| coverage(connection, &filter(), day("2026-11-22")));
    assert_eq!((told.usual, told.reported), (2, 1));
    assert_eq!(told.missing, [("late.example".to_owned(), Some("late.example Inc.".to_owned()))]);
    let before = bench.ask(|connection| coverage(connection, &filter(), day("2026-11-21")));
    assert_eq!((before.usual, before.reported, before.missing.len()), (2, 2, 0));
    let elsewhere = Filter { policy_domains: Some(vec!["example.org".into()]), ..filter() };
    assert_eq!(bench.ask(|connection| coverage(connection, &elsewhere, day("2026-11-22"))).usual, 0);
}

#[test]
fn quarantined_input_is_counted_by_its_arrival() {
    let bench = Bench::new();
    bench.temp.store.write_blocking(vec![garbage(b"one", Trust::None), garbage(b"two", Trust::Token)]);
    // Both came on 2 October, as the fixture says.
    let october = Filter::new(crate::query::Range::new(day("2026-10-02"), day("2026-10-02")).unwrap());
    let codes = bench.ask(|connection| quarantine::codes(connection, &october));
    assert_eq!((codes.total, codes.codes), (2, vec![("not-a-report".to_owned(), 2)]));
    let trusted = Filter { trust: Some("trusted".into()), ..october.clone() };
    assert_eq!(bench.ask(|connection| quarantine::codes(connection, &trusted)).total, 1);
    assert_eq!(bench.ask(|connection| quarantine::codes(connection, &filter())).total, 0);
}
