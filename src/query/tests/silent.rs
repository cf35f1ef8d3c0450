use super::{Bench, Filter, Range, clean, day, filter};
use crate::{
    query::silent::{SilentSenders, silent},
    submission::{Trust, TrustFilter},
};

fn ask(bench: &Bench, filter: &Filter) -> SilentSenders {
    let mut before = [filter.range.previous(); 4];
    for at in (0..3).rev() {
        before[at] = before[at + 1].previous();
    }
    bench.ask(|connection| silent(connection, filter, before))
}

#[test]
fn who_reported_in_three_of_four_weeks_and_not_in_this_one_is_missed() {
    let mut bench = Bench::new();
    for week in ["2026-10-19", "2026-10-26", "2026-11-02", "2026-11-09"] {
        let monday = day(week);
        bench.send("regular.example", week, Trust::Dkim, vec![clean(1)]);
        bench.send("regular.example", &monday.succ_opt().unwrap().to_string(), Trust::Dkim, vec![clean(1)]);
        bench.send("here.example", week, Trust::Dkim, vec![clean(1)]);
        if week != "2026-10-26" {
            bench.send("three.example", week, Trust::Dkim, vec![clean(1)]);
        }
        if week > "2026-11-01" {
            bench.send("twice.example", week, Trust::Dkim, vec![clean(1)]);
        }
    }
    bench.send("here.example", "2026-11-22", Trust::Dkim, vec![clean(1)]);
    let shown = ask(&bench, &filter());
    let names: Vec<&str> = shown.rows.iter().map(|missing| missing.organisation.as_str()).collect();
    assert_eq!((names.as_slice(), shown.total), (["regular.example", "three.example"].as_slice(), 2));
    assert_eq!((shown.rows[0].name(), shown.rows[0].last_day), ("regular.example", day("2026-11-10")));
    assert_eq!((shown.rows[0].days_a_week, shown.rows[1].days_a_week), (2.0, 0.75));
    let next = Range::new(day("2026-11-23"), day("2026-11-29")).unwrap();
    assert_eq!(ask(&bench, &filter().with_range(next)).rows.len(), 2, "three of the four are still there");
    assert_eq!(
        ask(&bench, &Filter { trust: TrustFilter::Exactly(Trust::Network), ..filter() }),
        SilentSenders::default()
    );
}
