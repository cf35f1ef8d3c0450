//! Counts every figure of tlsight a second time, from the raw reports, by docs/figures.md; it shares no line with the
//! server. `recount --tlsight PATH [--only fixtures|demo|quarter|metamorphic] [--seed N]`.

mod answers;
mod bars;
mod compare;
mod count;
mod coverage;
mod failures;
mod filter;
mod generate;
mod groups;
mod http;
mod model;
mod names;
mod outages;
mod overview;
mod pages;
mod parse;
mod plan;
mod random;
mod read;
mod server;
mod suites;
mod week;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use suites::SUITES;

const USAGE: &str = "usage: recount --tlsight PATH [--only fixtures|demo|quarter|metamorphic] [--seed N]";

struct Arguments {
    tlsight: PathBuf,
    only: Option<String>,
    seed: u64,
}

fn arguments() -> Option<Arguments> {
    let (mut tlsight, mut only, mut seed) = (None, None, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--tlsight" => tlsight = Some(PathBuf::from(value)),
            "--only" if SUITES.iter().any(|(name, _)| *name == value) => only = Some(value),
            "--seed" => seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(Arguments { tlsight: tlsight?, only, seed })
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut wrong = false;
    for (name, suite) in SUITES {
        if arguments.only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let started = Instant::now();
        match suite(&arguments.tlsight, arguments.seed) {
            Ok(tally) => {
                for difference in &tally.told {
                    println!("{name}: {difference}");
                }
                let seconds = started.elapsed().as_secs_f64();
                println!("{name}: {} figures agree, {} differ, {seconds:.1} s", tally.agree, tally.differ);
                wrong |= tally.differ > 0;
            }
            Err(error) => {
                println!("{name}: {error}");
                wrong = true;
            }
        }
    }
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
