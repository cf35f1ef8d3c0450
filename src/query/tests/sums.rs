//! The same answers, whether the sums of the days are made or not.

use chrono::Days;
use duckdb::Connection;

use super::{Bench, Filter, Range, day};
use crate::{
    query::{
        breakdown::{BreakdownBy, breakdown},
        causes::causes,
        choices::choices,
        coverage::coverage,
        daily::daily,
        reported::reported,
        shares::shares,
        silent::silent,
        span::span,
        trend::trend,
    },
    report::{PolicyResult, PolicyType},
    store::{
        fixtures::{self, check_sums, make_sums},
        tables::{day_sums, sender},
    },
    submission::{Trust, TrustFilter},
};

/// Ten weeks of four organisations, so that each figure differs from the next.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let organisations = [
        ("a.example", Trust::Dkim),
        ("b.example", Trust::Network),
        ("claims:c.example", Trust::None),
        ("d.example", Trust::Dkim),
    ];
    for at in 0..70u64 {
        let on = day("2026-09-14").checked_add_days(Days::new(at)).unwrap().to_string();
        for (index, (organisation, trust)) in organisations.iter().enumerate() {
            let number = i64::try_from(at).unwrap() * 7 + i64::try_from(index).unwrap();
            if number % 11 == 0 {
                continue;
            }
            bench.send(organisation, &on, *trust, policies(number));
        }
    }
    let refuse = |conn: &Connection| sender::decide(conn, "d.example", Some(false), fixtures::october(1));
    bench.temp.store.change_blocking(refuse).unwrap();
    bench
}

fn policies(number: i64) -> Vec<PolicyResult> {
    let failed = if number % 3 == 0 { number % 17 } else { 0 };
    let mut sts = super::policy("example.com", PolicyType::Sts, 100 + number, failed);
    sts.failures.push(fixtures::failure("certificate-expired", Some(failed)));
    let mut dane = super::policy("example.com", PolicyType::Tlsa, 90 + number, failed / 2);
    dane.failures
        .push(fixtures::failure(if number % 2 == 0 { "dane-required" } else { "tlsa-invalid" }, Some(failed / 2)));
    let other = super::policy("example.org", PolicyType::NoPolicyFound, number, number % 5);
    vec![sts, dane, other]
}

fn filters() -> Vec<Filter> {
    let base = |first, last| Filter { least: Trust::Import, ..Filter::new(Range::new(day(first), day(last)).unwrap()) };
    let week = base("2026-11-09", "2026-11-15");
    let long = base("2026-09-21", "2026-11-22");
    let mut filters = Vec::new();
    for filter in [week, long] {
        filters.extend([
            filter.clone(),
            Filter { trust: TrustFilter::All, ..filter.clone() },
            Filter { trust: TrustFilter::Beside, ..filter.clone() },
            Filter { policy_type: Some("sts".into()), ..filter.clone() },
            Filter { organisation: Some("b.example".into()), ..filter.clone() },
            Filter { policy_domain: Some("example.com".into()), ..filter.clone() },
            Filter { policy_domains: Some(vec!["example.org".into()]), ..filter.clone() },
            Filter { policy_domains: Some(Vec::new()), ..filter.clone() },
            Filter {
                organisation: Some("a.example".into()),
                policy_domain: Some("example.org".into()),
                policy_type: Some("no-policy-found".into()),
                ..filter.clone()
            },
            Filter { result_type: Some("dane-required".into()), ..filter.clone() },
            Filter { receiving_mx_hostname: Some("mx.example.com".into()), ..filter },
        ]);
    }
    filters
}

fn answers(bench: &Bench) -> Vec<String> {
    let ask = |filter: &Filter| {
        bench.ask(|conn| {
            let range = filter.range;
            let weeks = [range.previous().previous(), range.previous(), range];
            let before = range.previous();
            Ok([
                format!("{:#?}", reported(conn, filter)?),
                format!("{:#?}", shares(conn, filter)?),
                format!("{:#?}", daily(conn, filter)?),
                format!("{:#?}", trend(conn, filter, &weeks)?),
                format!("{:#?}", breakdown(conn, filter, BreakdownBy::Organisation)?),
                format!("{:#?}", breakdown(conn, filter, BreakdownBy::PolicyDomain)?),
                format!("{:#?}", causes(conn, filter)?),
                format!("{:#?}", coverage(conn, filter, range.last())?),
                format!("{:#?}", silent(conn, filter, [before.previous(), before.previous(), before, before])?),
                format!("{:#?}", choices(conn, filter)?),
                format!("{:#?}", span(conn, range.last())?),
            ])
        })
    };
    filters().iter().flat_map(|filter| ask(filter).map(|answer| format!("{filter:?}\n{answer}"))).collect()
}

#[test]
fn made_half_made_or_not_made_the_sums_answer_like_their_rows() {
    let bench = bench();
    let by_rows = answers(&bench);
    assert!(check_sums(&bench.temp.store).pending == 70);
    make_sums(&bench.temp.store);
    assert!(check_sums(&bench.temp.store).pending == 0);
    let compare = |how: &str| {
        for (was, is) in by_rows.iter().zip(answers(&bench)) {
            pretty_compare(how, was, &is);
        }
    };
    compare("made");
    let some = ["2026-11-11", "2026-11-15", "2026-10-02"].map(day);
    bench.temp.store.change_blocking(move |conn| day_sums::mark(conn, some)).unwrap();
    compare("three days not made");
    bench.temp.store.change_blocking(day_sums::mark_all).unwrap();
    compare("none used");
}

/// That sums were used at all: rows that are gone are still in them.
#[test]
fn what_is_made_is_read() {
    let bench = bench();
    make_sums(&bench.temp.store);
    let filter = &filters()[0];
    let ask = || bench.ask(|conn| Ok((shares(conn, filter)?, causes(conn, filter)?, reported(conn, filter)?)));
    let before = ask();
    let empty =
        |conn: &Connection| Ok(conn.execute_batch("DELETE FROM policy; DELETE FROM failure; DELETE FROM report")?);
    bench.temp.store.change_blocking(empty).unwrap();
    assert_eq!(ask(), before);
}

fn pretty_compare(how: &str, was: &str, is: &str) {
    let first = was.lines().zip(is.lines()).find(|(was, is)| was != is);
    assert!(was == is, "{how}: {first:?} in\n{was}\n-- is now\n{is}");
}
