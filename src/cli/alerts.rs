//! `tlsight alerts …`.

use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::{Args, Subcommand};
use tokio::runtime::Builder;

use super::{Common, ask};
use crate::{
    clock::Clock,
    config::{Config, Environment},
    jobs::admin::{self, AlertsTestAnswer, AlertsTestOrder, SendTestAnswer, SendTestOrder},
    notify,
};

#[derive(Debug, Subcommand)]
pub(super) enum Alerts {
    /// Say what a rule would have told at a time, or in a range, by what was known then
    ///
    /// Replays the stored reports twice a day, from some weeks before, with the thresholds of the configuration. Nothing is
    /// stored or sent.
    ///
    /// Exit codes: 0 nothing would have fired; 1 something would; 2 not done.
    Test(Test),
    /// Send a test by a channel, at once, and say what the other side answered
    ///
    /// Exit codes: 0 it was taken; 2 it was not.
    SendTest(SendTest),
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// policy-fetch, certificate, dane, failure-share, new-failure, silent-sender, no-reports, quarantine or conflict
    #[arg(value_name = "RULE")]
    rule: String,
    /// What would have been firing at this time: 2026-11-20, or 2026-11-20T09:00:00Z [default: now]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    at: Option<String>,
    /// What would have happened from this time on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// … until this one [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SendTest {
    /// Name of a [[channel]]; without one of its own it is its kind
    #[arg(value_name = "CHANNEL")]
    channel: String,
}

pub(super) fn run(common: &Common, alerts: Alerts) -> anyhow::Result<ExitCode> {
    match alerts {
        Alerts::Test(test) => run_test(common, &test),
        Alerts::SendTest(test) => send_test(common, test),
    }
}

fn run_test(common: &Common, test: &Test) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let time = |text: &Option<String>| text.as_deref().map(read_time).transpose();
    let order =
        AlertsTestOrder { rule: test.rule.clone(), at: time(&test.at)?, from: time(&test.from)?, to: time(&test.to)? };
    let answer: AlertsTestAnswer = ask::ask(config, admin::ALERTS_TEST, &order)?;
    if common.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        print!("{}", words(&answer, order.from.is_some()));
    }
    let is_quiet = answer.firing.is_empty() && (order.from.is_none() || answer.happened.is_empty());
    Ok(if is_quiet { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn send_test(common: &Common, test: SendTest) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let order = SendTestOrder { channel: test.channel };
    // The server sends as itself, with the files that only it may read.
    let answer = match ask::ask_server(&config, admin::SEND_TEST, &order)? {
        Some(answer) => answer,
        None => send_by_itself(&config, &order)?,
    };
    if common.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        println!("{}", answer.said);
    }
    Ok(ExitCode::SUCCESS)
}

/// Without a database, which a first try of the configuration has not got yet.
fn send_by_itself(config: &Config, order: &SendTestOrder) -> anyhow::Result<SendTestAnswer> {
    config.check()?;
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    let (base_url, clock) = (ask::base_url(config), Clock::system());
    let sent = notify::send_test(config, &base_url, &order.channel, &clock);
    let said = runtime.block_on(sent).map_err(|error| anyhow!(error))?;
    Ok(SendTestAnswer { said })
}

/// A day is meant as its noon, when the reports about the day before have come.
fn read_time(text: &str) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return day.and_hms_opt(12, 0, 0).map(|noon| noon.and_utc()).context("a day without noon");
    }
    match text.parse::<DateTime<Utc>>() {
        // Beyond these no calendar arithmetic is safe.
        Ok(at) if at.timestamp().abs() < TimeDelta::days(100_000).num_seconds() => Ok(at),
        _ => bail!("{text:?} is no time like 2026-11-20 or 2026-11-20T09:00:00Z"),
    }
}

fn words(answer: &AlertsTestAnswer, is_range: bool) -> String {
    let mut text = String::new();
    if is_range {
        for moment in &answer.happened {
            let pending = if moment.notified { "" } else { " (not notified)" };
            text.push_str(&format!(
                "{} {:<9} {}{pending}\n",
                moment.at.format("%Y-%m-%d %H:%M"),
                moment.event,
                moment.sentence
            ));
        }
        if answer.happened.is_empty() {
            text.push_str("Nothing would have happened.\n");
        }
    } else {
        for firing in &answer.firing {
            text.push_str(&format!("firing since {}: {}\n", firing.since.format("%Y-%m-%d"), firing.sentence));
        }
        if answer.firing.is_empty() {
            text.push_str("Nothing would have been firing.\n");
        }
    }
    text.push_str(&format!(
        "{}, evaluated {} times: every twelve hours, from 45 days before. What began and ended in between is not seen.\n",
        answer.rule, answer.evaluations
    ));
    text
}
