//! `tlsight check DOMAIN`.

mod print;

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use super::Common;
use crate::{
    check::{Finding, Severity, judge},
    clock::Clock,
    config::Environment,
    dns,
    observe::Observer,
    probe, tls,
};

/// Something could not be found out, and nothing else is wrong.
const UNKNOWN: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct CheckDomain {
    /// The policy domain
    domain: String,
    /// Look also at addresses that not everybody can reach, and take them for ones that mail servers can
    #[arg(long)]
    private: bool,
    /// Ask the policy host on this port instead of the one that senders ask
    #[arg(long, value_name = "PORT", default_value_t = 443, hide_default_value = true)]
    https_port: u16,
    /// Speak to the MX hosts on this port instead of the one that senders use
    #[arg(long, value_name = "PORT", default_value_t = 25, hide_default_value = true)]
    smtp_port: u16,
    /// Do not speak to the MX hosts
    #[arg(long, conflicts_with = "smtp_port")]
    no_smtp: bool,
}

pub(super) fn run(common: &Common, asked: &CheckDomain) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let Some(domain) = probe::domain(&asked.domain) else {
        bail!("{:?} is no domain", asked.domain);
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")?;
    let dns = &config.dns;
    let deadline = Duration::from_secs(dns.deadline_s);
    let resolver = dns::open_uncached(&dns.servers, deadline, dns.validate, dns.records.as_deref(), runtime.handle())?;
    let authorities = tls::witness::Authorities::of_system();
    let observer = Observer::new(resolver, Clock::system(), authorities, asked.private)
        .with_https_port(asked.https_port)
        .with_smtp_port((!asked.no_smtp).then_some(asked.smtp_port))
        .with_hello(probe::own_name());
    let shows_progress = !common.json && std::io::stderr().is_terminal();
    let mut tell = |what: String| {
        if shows_progress {
            eprintln!("Looking at {what} …");
        }
    };
    let observed = runtime.block_on(observer.look(&domain, &mut tell));
    let findings = judge(&observed);
    if common.json {
        println!("{}", print::as_json(&observed, &findings));
    } else {
        print!("{}", print::as_text(&observed, &findings));
    }
    Ok(ExitCode::from(exit_code(&findings)))
}

fn exit_code(findings: &[Finding]) -> u8 {
    let any = |severity| findings.iter().any(|finding| finding.severity == severity);
    match () {
        () if any(Severity::Fault) => 1,
        () if any(Severity::Unknown) => UNKNOWN,
        () => 0,
    }
}
