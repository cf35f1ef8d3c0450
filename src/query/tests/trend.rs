use super::{Bench, Filter, Range, clean, day, failing, filter, policy};
use crate::{
    query::{
        shares::Sessions,
        trend::{PeriodTrend, trend},
    },
    report::PolicyType,
    submission::{Trust, TrustFilter},
};

fn ask(bench: &Bench, filter: &Filter) -> PeriodTrend {
    let periods: Vec<Range> =
        [("2026-11-02", "2026-11-08"), ("2026-11-09", "2026-11-15"), ("2026-11-16", "2026-11-22")]
            .into_iter()
            .map(|(first, last)| Range::new(day(first), day(last)).unwrap())
            .collect();
    bench.ask(|connection| trend(connection, filter, &periods))
}

fn shown(row: &[Sessions]) -> Vec<(i64, i64)> {
    row.iter().map(|sessions| (sessions.successful, sessions.failed)).collect()
}

#[test]
fn each_period_has_its_sum() {
    let mut bench = Bench::new();
    bench.send("a.example", "2026-11-01", Trust::Dkim, vec![clean(1_000)]);
    bench.send("a.example", "2026-11-02", Trust::Dkim, vec![clean(10)]);
    bench.send("a.example", "2026-11-08", Trust::Dkim, vec![failing(5, "certificate-expired", 2)]);
    bench.send(
        "microsoft.com",
        "2026-11-16",
        Trust::Dkim,
        vec![clean(20), policy("example.com", PolicyType::Tlsa, 20, 0)],
    );
    bench.send("a.example", "2026-11-22", Trust::None, vec![clean(1)]);
    bench.send("a.example", "2026-11-23", Trust::Dkim, vec![clean(1_000)]);
    let all = ask(&bench, &filter());
    assert_eq!(shown(&all.once), [(15, 2), (0, 0), (21, 0)]);
    let types: Vec<&str> = all.by_policy_type.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(types, ["sts", "tlsa"]);
    assert_eq!(shown(&all.by_policy_type[0].1), [(15, 2), (0, 0), (21, 0)]);
    assert_eq!(shown(&all.by_policy_type[1].1), [(0, 0), (0, 0), (20, 0)]);
    assert_eq!(
        shown(&ask(&bench, &Filter { policy_type: Some("tlsa".into()), ..filter() }).once),
        [(0, 0), (0, 0), (20, 0)]
    );
    assert_eq!(shown(&ask(&bench, &Filter { trust: TrustFilter::Trusted, ..filter() }).once)[2], (20, 0));
}

#[test]
fn policy_types_nobody_knows_do_not_grow_the_answer() {
    let mut bench = Bench::new();
    let names = (0..20).map(|at| policy("example.com", PolicyType::Other(format!("t{at:02}")), 1, 0)).collect();
    bench.send("a.example", "2026-11-17", Trust::Dkim, names);
    bench.send("a.example", "2026-11-18", Trust::Dkim, vec![clean(9)]);
    let all = ask(&bench, &filter());
    assert_eq!(all.by_policy_type.len(), 6);
    assert_eq!(all.by_policy_type[0].0, "sts");
    assert_eq!(all.once[2].total(), 10);
    assert_eq!(bench.ask(|connection| trend(connection, &filter(), &[])), PeriodTrend::default());
}
