//! `tlsight digest`.

use std::process::ExitCode;

use clap::Args;

use super::{Common, ask};
use crate::{
    config::Environment,
    jobs::admin::{self, DigestAnswer, DigestOrder, WrittenDigest},
};

/// Something could not be sent.
const NOT_SENT: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct DigestCommand {
    /// The ISO week it is about, such as 2026-W47 [default: the last one that is over]
    #[arg(long, value_name = "WEEK", group = "period")]
    week: Option<String>,
    /// The month it is about, such as 2026-11
    #[arg(long, value_name = "MONTH", group = "period")]
    month: Option<String>,
    /// The day it is about, such as 2026-11-22
    #[arg(long, value_name = "DAY", group = "period")]
    day: Option<String>,
    /// Only the configured digest of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Send it to this address instead of the configured recipients; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Print it and send nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(common: &Common, digest: DigestCommand) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let (dry_run, has_digests) = (digest.dry_run, !config.digest.is_empty());
    let order = DigestOrder {
        period: digest.week.or(digest.month).or(digest.day),
        name: digest.name,
        to: digest.to,
        dry_run: digest.dry_run,
    };
    let answer: DigestAnswer = ask::ask(config, admin::DIGEST, &order)?;
    if common.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        if has_digests && !digest_configured(&answer) && !dry_run {
            eprintln!("No such digest is configured: printed only. --to ADDRESS sends it.");
        }
        answer.emails.iter().for_each(print);
    }
    let failed = answer.emails.iter().any(|email| !email.errors.is_empty());
    Ok(if failed { ExitCode::from(NOT_SENT) } else { ExitCode::SUCCESS })
}

/// Whether it was somebody's to have.
fn digest_configured(answer: &DigestAnswer) -> bool {
    answer.emails.iter().any(|email| email.digest.is_some() || !email.to.is_empty())
}

/// The email where it went to nobody, else where it went.
fn print(written: &WrittenDigest) {
    if written.sent.is_empty() && written.errors.is_empty() {
        println!("Subject: {}\n", written.subject);
        print!("{}", written.text);
    }
    for address in &written.sent {
        println!("sent to {address}: {}", written.subject);
    }
    for error in &written.errors {
        eprintln!("not sent to {error}");
    }
}
