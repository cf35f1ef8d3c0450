//! What it costs to be told: one evaluation of all alerts after a batch of reports, and one weekly digest, with many policy rows
//! in the store; beside them, as a floor, DuckDB summing up the same days with nothing else to do.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench alerts`. Rows: `TLSIGHT_BENCH_ROWS`
//! (1,000,000) over a year, `TLSIGHT_BENCH_DOMAINS` (5,000) policy domains. Each is done five times; the median is printed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tlsight::{
    clock::Clock,
    config::Config,
    digest::DigestRenderer,
    health::HealthRegistry,
    jobs::{alert_evaluator::AlertEvaluator, digests::Edition},
    period::{Period, PeriodKind},
    store::{Store, StoreError, StoreSettings},
    submission::{Channel, Hints, Submission, Trust},
};

#[path = "load/mod.rs"]
mod load;
#[path = "load/rows.rs"]
mod rows;

use rows::Shape;

const TIMES: usize = 5;
/// Reports of the batch before each evaluation.
const BATCH: u64 = 64;

fn main() {
    let shape = Shape {
        rows: number("TLSIGHT_BENCH_ROWS", 1_000_000),
        days: 364,
        organisations: 400,
        domains: number("TLSIGHT_BENCH_DOMAINS", 5_000),
    };
    let directory = tempfile::tempdir().expect("a directory");
    let settings = StoreSettings { threads: 2, ..StoreSettings::default() };
    Store::open(directory.path(), &settings).and_then(|store| store.close_blocking()).expect("the store opens");
    rows::load(directory.path(), shape).expect("the rows are written");
    let store = Store::open(directory.path(), &settings).expect("the store opens again");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");

    println!("{} policy rows, {} policy domains, 2 threads; median of {TIMES}", shape.rows, shape.domains);
    let config = Config { data: directory.path().to_owned(), ..Config::default() };
    let clock = Clock::fixed("2026-11-23T12:00:00Z".parse().expect("a time"));
    let (health, poke) = (HealthRegistry::default(), Arc::default());
    let rounds =
        AlertEvaluator::new(&config, store.clone(), clock.clone(), health, poke).expect("the defaults are valid");
    // The first one finds everything that is wrong, and writes it.
    let first = runtime.block_on(rounds.evaluate()).expect("an evaluation");
    println!("{:44} {:>9}", "alerts that fire", first.transitions.len());
    let pipeline = runtime.block_on(async {
        let signatures = tlsight::app::signatures(&config, &tokio::runtime::Handle::current()).expect("a resolver");
        let served = config.served().expect("no domains");
        tlsight::pipeline::Pipeline::new(config.limits.clone(), served, signatures, store.clone()).expect("a pipeline")
    });
    let mut number = 0;
    let evaluation = median(|| {
        let batch: Vec<_> = (number..number + BATCH)
            .map(|number| {
                let submission = Submission {
                    bytes: load::report(number),
                    channel: Channel::Import,
                    peer: None,
                    received_at: clock.now(),
                    hints: Hints::default(),
                };
                pipeline.prepare(submission, None)
            })
            .collect();
        number += BATCH;
        pipeline.store_blocking(batch);
        let begun = Instant::now();
        runtime.block_on(rounds.evaluate()).expect("an evaluation");
        begun.elapsed()
    });
    let sixty_days = median(|| sum(&store, "2026-09-24"));
    report("evaluation after a batch of 64 reports", evaluation, "summing up sixty days", sixty_days);

    let renderer = DigestRenderer::new(None).expect("the templates");
    let edition = Edition::by_hand(PeriodKind::Week, Vec::new(), Trust::Import);
    let period = Period::parse("2026-W47").expect("an ISO week");
    let digest = median(|| {
        let begun = Instant::now();
        let email = store.read_blocking(|conn| {
            Ok(edition.email(conn, &renderer, "https://tlsight.example", period, "2026-11-23".parse().expect("a date")))
        });
        let email = email.expect("an answer").expect("an email");
        assert!(!email.pictures.is_empty());
        begun.elapsed()
    });
    let twelve_weeks = median(|| sum(&store, "2026-08-31"));
    report("weekly digest, with its pictures", digest, "summing up twelve weeks", twelve_weeks);
}

/// What DuckDB alone needs to look at the sessions since a day, domain by domain.
fn sum(store: &Store, since: &str) -> Duration {
    let begun = Instant::now();
    let sql = format!(
        "SELECT count(*), sum(failed) FROM (SELECT policy_domain, organisation_key, sum(failed) AS failed, sum(successful) \
         FROM policy WHERE day >= '{since}'::DATE GROUP BY ALL)"
    );
    let counted: Result<i64, StoreError> = store.read_blocking(|conn| Ok(conn.query_row(&sql, [], |row| row.get(0))?));
    assert!(counted.expect("an answer") > 0);
    begun.elapsed()
}

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..TIMES).map(|_| measure()).collect();
    times.sort_unstable();
    times[TIMES / 2]
}

fn report(what: &str, took: Duration, floor: &str, floor_took: Duration) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!("{what:44} {:9.1} ms", ms(took));
    println!("{floor:44} {:9.1} ms   ratio {:.1}", ms(floor_took), ms(took) / ms(floor_took));
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
