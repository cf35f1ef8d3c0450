//! Time of each question the pages ask, with many policy rows in the store: the week the overview shows, out of the rows of
//! `TLSIGHT_BENCH_WEEKS` (52) weeks, and all of these; by the rows and, in the same run, with the sums of days.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench queries`. Rows: `TLSIGHT_BENCH_ROWS`
//! (1,000,000), of `TLSIGHT_BENCH_DOMAINS` (2,000) policy domains. Each question is asked five times after one that warms the page cache; the median is printed.

use std::time::{Duration, Instant};

use duckdb::Connection;
use tlsight::{
    alerts::{AlertPlan, evaluate},
    period::Period,
    query::{
        Filter, Range, breakdown, causes, choices, daily, facts,
        failures::{self, FailureOrder},
        overview::OverviewFigures,
        pairs, policies_seen, policy_fetch, quarantine, reported, reports, shares, span, trend,
        week::PeriodFigures,
    },
    store::{Store, StoreSettings, tables::day_sums},
};

const TIMES: usize = 5;

#[path = "load/rows.rs"]
mod rows;

use rows::{LAST_DAY, Shape};

type Question = Box<dyn Fn(&Connection) -> duckdb::Result<()>>;

fn main() {
    let rows = number("TLSIGHT_BENCH_ROWS", 1_000_000);
    let weeks = number("TLSIGHT_BENCH_WEEKS", 52);
    let directory = tempfile::tempdir().expect("a directory");
    // The sums of days are made between the two rounds and not by themselves.
    let settings = StoreSettings { threads: 2, sums_quiet: Duration::from_secs(86_400), ..StoreSettings::default() };
    Store::open(directory.path(), &settings).and_then(|store| store.close_blocking()).expect("the store opens");
    let shape = Shape { rows, days: weeks * 7, organisations: 400, domains: number("TLSIGHT_BENCH_DOMAINS", 2_000) };
    rows::load(directory.path(), shape).expect("the rows are written");
    let store = Store::open(directory.path(), &settings).expect("the store opens again");

    println!("{rows} policy rows over {weeks} weeks, 2 threads; median of {TIMES}, then milliseconds of processor");
    let by_rows = round(&store, weeks);
    let begun = Instant::now();
    while store.change_blocking(day_sums::make_some).expect("sums are made") > 0 {}
    println!("the sums of {} days were made in {:.1} s", weeks * 7, begun.elapsed().as_secs_f64());
    println!("{:32} {:>18} {:>18} {:>6}", "", "by rows", "with sums of days", "ratio");
    let (mut before, mut after) = (Duration::ZERO, Duration::ZERO);
    for ((name, rows, rows_cpu), (_, sums, sums_cpu)) in by_rows.into_iter().zip(round(&store, weeks)) {
        (before, after) = (before + rows, after + sums);
        let ratio = sums.as_secs_f64() / rows.as_secs_f64();
        println!("{name:32} {:8.1} ms {rows_cpu:6} {:8.1} ms {sums_cpu:6} {ratio:6.2}", ms(rows), ms(sums));
    }
    println!("{:32} {:8.1} ms {:>6} {:8.1} ms", "all", ms(before), "", ms(after));
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// Each question with its time and its processor time.
fn round(store: &Store, weeks: usize) -> Vec<(&'static str, Duration, u64)> {
    let timed = questions(weeks).into_iter().map(|(name, question)| {
        let (took, cpu) = store
            .read_blocking(|connection| {
                question(connection)?;
                let mut times = Vec::new();
                let cpu = cpu_ms();
                for _ in 0..TIMES {
                    let begun = Instant::now();
                    question(connection)?;
                    times.push(begun.elapsed());
                }
                times.sort();
                Ok((times[TIMES / 2], (cpu_ms() - cpu) / TIMES as u64))
            })
            .expect("an answer");
        (name, took, cpu)
    });
    timed.collect()
}

/// Processor time of this process so far, which other load on the machine does not change. Linux counts it in hundredths of a second.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

fn questions(weeks: usize) -> Vec<(&'static str, Question)> {
    let last = LAST_DAY.parse().expect("a date");
    let first = "2026-11-16".parse().expect("a date");
    let evaluated_at = "2026-11-23T12:00:00Z".parse().expect("a time");
    let filter = move || Filter::new(Range::new(first, last).expect("in order"));
    // Everything that is stored.
    let days = chrono::Days::new(weeks as u64 * 7 - 1);
    let long = move || Filter::new(Range::new(last - days, last).expect("in order"));
    let of_one = |filter: Filter| Filter { policy_domain: Some("domain77.example".to_owned()), ..filter };
    vec![
        ("span", Box::new(move |conn| span::span(conn, last).map(drop))),
        ("reported", Box::new(move |conn| reported::reported(conn, &filter()).map(drop))),
        ("shares", Box::new(move |conn| shares::shares(conn, &filter()).map(drop))),
        ("daily", Box::new(move |conn| daily::daily(conn, &filter()).map(drop))),
        (
            "breakdown by organisation",
            Box::new(move |conn| breakdown::breakdown(conn, &filter(), breakdown::BreakdownBy::Organisation).map(drop)),
        ),
        (
            "breakdown by policy domain",
            Box::new(move |conn| breakdown::breakdown(conn, &filter(), breakdown::BreakdownBy::PolicyDomain).map(drop)),
        ),
        ("causes", Box::new(move |conn| causes::causes(conn, &filter()).map(drop))),
        (
            "policy fetch errors",
            Box::new(move |conn| {
                let filter = filter();
                policy_fetch::policy_fetch(conn, &filter, filter.range.first(), filter.range.last()).map(drop)
            }),
        ),
        (
            "failures by MX host",
            Box::new(move |conn| {
                failures::failures(conn, &filter(), FailureOrder::ReceivingMxHostname, 10, None).map(drop)
            }),
        ),
        (
            "failures by organisation",
            Box::new(move |conn| failures::failures(conn, &filter(), FailureOrder::Organisation, 100, None).map(drop)),
        ),
        (
            "failures by result type",
            Box::new(move |conn| failures::failures(conn, &filter(), FailureOrder::ResultType, 100, None).map(drop)),
        ),
        (
            "failures by day",
            Box::new(move |conn| failures::failures(conn, &filter(), FailureOrder::Day, 100, None).map(drop)),
        ),
        ("choices", Box::new(move |conn| choices::choices(conn, &filter()).map(drop))),
        ("reports", Box::new(move |conn| reports::reports(conn, &filter(), 100, None).map(drop))),
        (
            "reports of one result type",
            Box::new(move |conn| {
                let filter = Filter { result_type: Some("certificate-expired".to_owned()), ..filter() };
                reports::reports(conn, &filter, 100, None).map(drop)
            }),
        ),
        (
            "pairs of two weeks",
            Box::new(move |conn| pairs::pairs(conn, &filter(), filter().range.previous()).map(drop)),
        ),
        (
            "policies seen in two weeks",
            Box::new(move |conn| policies_seen::policies_seen(conn, &filter(), filter().range.previous()).map(drop)),
        ),
        (
            "trend of twelve weeks",
            Box::new(move |conn| {
                let periods: Vec<Range> = week().last(12).into_iter().map(Period::range).collect();
                trend::trend(conn, &filter(), &periods).map(drop)
            }),
        ),
        (
            "the whole week",
            Box::new(move |conn| {
                PeriodFigures::ask(conn, &filter(), week(), last.succ_opt().unwrap_or(last)).map(drop)
            }),
        ),
        ("the whole overview", Box::new(move |conn| OverviewFigures::ask(conn, &filter(), last).map(drop))),
        ("… of one policy domain", Box::new(move |conn| OverviewFigures::ask(conn, &of_one(filter()), last).map(drop))),
        ("… of all weeks", Box::new(move |conn| OverviewFigures::ask(conn, &long(), last).map(drop))),
        ("… of one policy domain", Box::new(move |conn| OverviewFigures::ask(conn, &of_one(long()), last).map(drop))),
        ("  daily of all weeks", Box::new(move |conn| daily::daily(conn, &long()).map(drop))),
        (
            "  breakdown by organisation",
            Box::new(move |conn| breakdown::breakdown(conn, &long(), breakdown::BreakdownBy::Organisation).map(drop)),
        ),
        (
            "  breakdown by policy domain",
            Box::new(move |conn| breakdown::breakdown(conn, &long(), breakdown::BreakdownBy::PolicyDomain).map(drop)),
        ),
        ("  causes", Box::new(move |conn| causes::causes(conn, &long()).map(drop))),
        (
            "  policy fetch errors",
            Box::new(move |conn| policy_fetch::policy_fetch(conn, &long(), long().range.first(), last).map(drop)),
        ),
        (
            "  failures by MX host",
            Box::new(move |conn| {
                failures::failures(conn, &long(), FailureOrder::ReceivingMxHostname, 10, None).map(drop)
            }),
        ),
        ("  reported", Box::new(move |conn| reported::reported(conn, &long()).map(drop))),
        ("quarantine", Box::new(|conn| quarantine::count(conn).map(drop))),
        (
            "facts for the alerts",
            Box::new(move |conn| facts::facts(conn, evaluated_at, &AlertPlan::default()).map(drop)),
        ),
        (
            "facts and their evaluation",
            Box::new(move |conn| {
                let (facts, plan) = (facts::facts(conn, evaluated_at, &AlertPlan::default())?, AlertPlan::default());
                evaluate(&[], &facts, &plan, &[], evaluated_at);
                Ok(())
            }),
        ),
    ]
}

fn week() -> Period {
    Period::parse("2026-W47").expect("an ISO week")
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
