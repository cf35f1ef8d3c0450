use super::{Bench, Filter, clean, day, filter};
use crate::{
    fault::FaultCode,
    query::{
        coverage::coverage,
        quarantine::{self, Narrowed},
    },
    store::fixtures::garbage,
    submission::{Trust, TrustFilter},
};

#[test]
fn a_day_is_held_against_those_who_reported_daily_before() {
    let mut bench = Bench::new();
    let first = day("2026-10-12");
    for on in first.iter_days().take_while(|on| *on <= day("2026-11-22")) {
        let send = |bench: &mut Bench, organisation: &str| {
            bench.send(organisation, &on.to_string(), Trust::Dkim, vec![clean(1)]);
        };
        send(&mut bench, "a.example");
        // Silent for five days, then for a week.
        if on <= day("2026-11-17") {
            send(&mut bench, "stopped.example");
        }
        if on.to_string().ends_with('5') {
            send(&mut bench, "seldom.example");
        }
    }
    let shown = bench.ask(|connection| coverage(connection, &filter(), day("2026-11-22")));
    assert_eq!((shown.usual, shown.reported), (2, 1));
    assert_eq!((shown.missing[0].name(), shown.missing[0].last_day), ("stopped.example", day("2026-11-17")));
    let before = bench.ask(|connection| coverage(connection, &filter(), day("2026-11-16")));
    assert_eq!((before.usual, before.reported, before.missing.len()), (2, 2, 0));
    let elsewhere = Filter { policy_domains: Some(vec!["example.org".into()]), ..filter() };
    assert_eq!(bench.ask(|connection| coverage(connection, &elsewhere, day("2026-11-22"))).usual, 0);
    // Four days tell nothing yet, nine do.
    assert_eq!(bench.ask(|connection| coverage(connection, &filter(), day("2026-10-22"))).usual, 0);
    assert_eq!(bench.ask(|connection| coverage(connection, &filter(), day("2026-10-27"))).usual, 2);
}

#[test]
fn quarantined_input_is_counted_by_its_arrival() {
    let bench = Bench::new();
    bench.temp.store.write_blocking(vec![garbage(b"one", Trust::None), garbage(b"two", Trust::Dkim)]);
    // Both came on 2 October, as the fixture says.
    let october = crate::query::Range::new(day("2026-10-02"), day("2026-10-02")).unwrap();
    let codes = bench.ask(|connection| quarantine::codes(connection, october));
    assert_eq!((codes.total, codes.codes), (2, vec![(FaultCode::NotAReport, 2)]));
    assert_eq!(bench.ask(|connection| quarantine::codes(connection, filter().range)).total, 0);
}

#[test]
fn quarantined_input_is_found_by_its_trust() {
    let bench = Bench::new();
    bench.temp.store.write_blocking(vec![garbage(b"one", Trust::None), garbage(b"two", Trust::Dkim)]);
    let found = |trust| {
        let narrowed = Narrowed { from: None, to: None, trust, least: Trust::Import, organisation: None, code: None };
        bench.ask(move |connection| quarantine::quarantine(connection, &narrowed, 10, None)).total
    };
    assert_eq!(found(None), 2);
    for (trust, expected) in [
        (TrustFilter::Trusted, 1),
        (TrustFilter::Claimed, 1),
        (TrustFilter::Beside, 1),
        (TrustFilter::All, 2),
        (TrustFilter::Exactly(Trust::Dkim), 1),
        (TrustFilter::Exactly(Trust::Token), 0),
    ] {
        assert_eq!(found(Some(trust)), expected, "{trust:?}");
    }
}
