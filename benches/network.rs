//! What a proof that is remembered adds to a report that is posted, beside reading that report, which nobody can leave out.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench network`. Rounds of each run:
//! `TLSIGHT_BENCH_ROUNDS` (200,000). A proof that is looked up takes what the DNS takes: here its own part, over a file of records.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tlsight::{
    dns::Records,
    limits::Limits,
    pipeline::Networks,
    report::{self, Report},
    verify::network::{Proof, ProofRules, prove},
};

const RECORDS: &str = "7.100.51.198.in-addr.arpa PTR mail.sender.example\nmail.sender.example A 198.51.100.7\n\
    sender.example TXT v=spf1 include:spf.sender.example -all\nspf.sender.example TXT v=spf1 ip4:198.51.100.0/24 -all\n";
const JSON: &str = r#"{"organization-name":"Sender Inc.","date-range":{"start-datetime":"2026-10-01T00:00:00Z","end-datetime":"2026-10-01T23:59:59Z"},"contact-info":"smtp-tls-reporting@sender.example","report-id":"2026-10-01T00:00:00Z_example.com","policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: mx1.example.com","mx: mx2.example.com","max_age: 604800"],"policy-domain":"example.com","mx-host":["mx1.example.com","mx2.example.com"]},"summary":{"total-successful-session-count":100,"total-failure-session-count":0}}]}"#;

fn main() {
    let rounds = std::env::var("TLSIGHT_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let now: DateTime<Utc> = "2026-10-02T06:00:00Z".parse().expect("a moment");
    let records = Arc::new(Records::parse(RECORDS).expect("records"));
    let networks = Networks::new(Arc::clone(&records) as _, &[]).expect("no proxies");
    let (address, domains) = ("198.51.100.7".parse().expect("an address"), ["sender.example".to_owned()]);
    let report = read(now);
    runtime.block_on(async {
        let proof = networks.judge(Some(address), &report, now).await;
        assert!(matches!(proof, Some(Proof::Proven(_))), "{proof:?}");
    });

    let floor = each(rounds, || drop(black_box(read(black_box(now)))));
    let remembered = each(rounds, || {
        drop(black_box(runtime.block_on(networks.judge(black_box(Some(address)), &report, now))));
    });
    let rules = ProofRules::default();
    let looked_up = each(rounds / 10, || {
        drop(black_box(runtime.block_on(prove(address, &domains, &rules, records.as_ref(), now))));
    });
    println!("reading the report    {floor:>9.2?}");
    println!("a remembered proof    {remembered:>9.2?}   ratio {:.2}", remembered.as_secs_f64() / floor.as_secs_f64());
    println!("a proof of 4 answers  {looked_up:>9.2?}   ratio {:.2}", looked_up.as_secs_f64() / floor.as_secs_f64());
}

fn read(now: DateTime<Utc>) -> Report {
    let mut reports = report::parse(JSON.as_bytes(), now, &Limits::default()).expect("a report");
    reports.remove(0).expect("a report")
}

/// The mean of one round.
fn each(rounds: u32, mut round: impl FnMut()) -> Duration {
    let begun = Instant::now();
    (0..rounds).for_each(|_| round());
    begun.elapsed() / rounds
}
