//! `tlsight send-test-report DOMAIN`.

mod print;

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use uuid::Uuid;

use super::Common;
use crate::{
    clock::Clock,
    config::{Config, Environment},
    dns,
    probe::{self, MailtoAddress, Order, Probe, ProbeFate, ProbeVerdict, Relay, Sample, Signer},
};
use print::ProbeOutput;

#[derive(Debug, Args)]
pub(super) struct SendTestReport {
    /// The domain the report speaks of
    domain: String,
    /// Send it to this https: or mailto: URI instead of those the domain publishes; may be repeated
    #[arg(long, value_name = "URI")]
    to: Vec<String>,
    /// Hand mail to this server instead of the MX hosts
    #[arg(long, value_name = "HOST:PORT")]
    relay: Option<Relay>,
    /// Author of the report and of the mail [default: postmaster@ this machine's domain, else DOMAIN]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<MailtoAddress>,
    /// Sign mail with this private key: PEM, RSA or Ed25519
    #[arg(long, value_name = "FILE", requires = "dkim_selector")]
    dkim_key: Option<PathBuf>,
    /// The name that the public key is published under: NAME._domainkey.D
    #[arg(long, value_name = "NAME", requires = "dkim_key")]
    dkim_selector: Option<String>,
    /// The domain that signs [default: that of the author]
    #[arg(long, value_name = "D", requires = "dkim_key")]
    dkim_domain: Option<String>,
    /// Do not look at the certificates of HTTPS servers, as some senders do not, and take http: URIs beyond this machine
    #[arg(long)]
    insecure: bool,
    /// Report one session that succeeded under an MTA-STS policy: the default
    #[arg(long)]
    sts: bool,
    /// Report one session more, which failed
    #[arg(long, conflicts_with = "sts")]
    failures: bool,
}

pub(super) fn run(common: &Common, asked: SendTestReport) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let failures = asked.failures && !asked.sts;
    let order = order(asked)?;
    let clock = Clock::system();
    let sample = Sample::new(&order.domain, &order.from, failures, Uuid::new_v4(), clock.now());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")?;
    let probe = probe(&config, clock, runtime.handle())?;
    let mut shown = if common.json { ProbeOutput::json(io::stdout()) } else { ProbeOutput::text(io::stdout()) };
    let mut printed = shown.begin(&sample);
    let verdicts = runtime.block_on(probe.deliver(&order, &sample, &mut |event| {
        if printed.is_ok() {
            printed = shown.event(&event);
        }
    }));
    let code = exit_code(&verdicts);
    printed.and_then(|()| shown.finish(code)).context("cannot write what happened")?;
    Ok(ExitCode::from(code))
}

fn probe(config: &Config, clock: Clock, handle: &tokio::runtime::Handle) -> anyhow::Result<Probe> {
    let dns = &config.dns;
    let deadline = Duration::from_secs(dns.deadline_s);
    let resolver = dns::open(&dns.servers, deadline, dns.validate, dns.records.as_deref(), handle)?;
    Ok(Probe::new(resolver, clock))
}

fn order(asked: SendTestReport) -> anyhow::Result<Order> {
    let Some(domain) = probe::domain(&asked.domain) else {
        bail!("{:?} is no domain", asked.domain);
    };
    let from = match (asked.from, &asked.dkim_domain) {
        (Some(from), _) => from,
        // Who signs for a domain speaks for it.
        (None, Some(dkim_domain)) => MailtoAddress::new("postmaster", dkim_domain).context("--dkim-domain")?,
        (None, None) => probe::default_from(&domain)?,
    };
    let signer = match (&asked.dkim_key, &asked.dkim_selector) {
        (Some(file), Some(selector)) => {
            let pem = std::fs::read(file).with_context(|| format!("cannot read the key {}", file.display()))?;
            let dkim_domain = asked.dkim_domain.as_deref().unwrap_or(from.domain());
            let signer = Signer::new(&pem, dkim_domain, selector);
            Some(signer.with_context(|| format!("cannot sign with the key {}", file.display()))?)
        }
        _ => None,
    };
    Ok(Order { domain, from, to: asked.to, relay: asked.relay, signer, insecure: asked.insecure })
}

/// The worst of several is not the whole truth: some may have taken it.
fn exit_code(verdicts: &[ProbeVerdict]) -> u8 {
    let all = |fate| verdicts.iter().all(|verdict| verdict.fate == fate);
    match () {
        () if all(ProbeFate::NotDelivered) => 2,
        () if all(ProbeFate::Taken) => 0,
        () => 1,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Arguments, Command};

    fn asked(arguments: &[&str]) -> Result<SendTestReport, String> {
        let arguments = ["tlsight", "send-test-report"].iter().chain(arguments);
        match Arguments::try_parse_from(arguments).map_err(|error| error.to_string())?.command {
            Command::SendTestReport(asked) => Ok(asked),
            _ => panic!("a test report was asked for"),
        }
    }

    fn refused(arguments: &[&str]) -> String {
        let order = asked(arguments).and_then(|asked| order(asked).map_err(|error| format!("{error:#}")));
        order.err().expect("it cannot be used")
    }

    #[test]
    fn the_order_is_what_was_asked_for() {
        let asked = asked(&[
            "Example.COM.",
            "--to",
            "https://a.example/r",
            "--to=mailto:b@a.example",
            "--relay=[::1]:2525",
            "--from=Ops@sender.example",
            "--insecure",
        ]);
        let order = order(asked.unwrap()).unwrap();
        assert_eq!(order.domain, "example.com");
        assert_eq!(order.to, ["https://a.example/r", "mailto:b@a.example"]);
        assert_eq!(order.relay, Some(Relay { host: "::1".to_owned(), port: 2525 }));
        assert_eq!(order.from.to_string(), "Ops@sender.example");
        assert!(order.insecure && order.signer.is_none());
    }

    #[test]
    fn who_signs_is_the_author() {
        let key = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/keys/test-ed25519.pem");
        let signed = ["example.com", "--dkim-key", key, "--dkim-selector", "s1", "--dkim-domain", "sender.example"];
        let order = order(asked(&signed).unwrap()).unwrap();
        assert_eq!(order.from.to_string(), "postmaster@sender.example");
        assert_eq!(order.signer.unwrap().record_name(), "s1._domainkey.sender.example");
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        for (arguments, shown) in [
            (&["no domain"][..], "is no domain"),
            (&["example.com", "--relay", "mail.example"], "is not of the form HOST:PORT"),
            (&["example.com", "--relay", "::1:25"], "is not of the form HOST:PORT"),
            (&["example.com", "--from", "postmaster"], "is not one mail address"),
            (&["example.com", "--dkim-key", "k"], "--dkim-selector <NAME>"),
            (
                &["example.com", "--dkim-key", "/nonexistent", "--dkim-selector", "s"],
                "cannot read the key /nonexistent",
            ),
            (&["example.com", "--dkim-key", "Cargo.toml", "--dkim-selector", "s"], "no private key in PEM"),
            (&["example.com", "--sts", "--failures"], "cannot be used with"),
        ] {
            let error = refused(arguments);
            assert!(error.contains(shown), "{error}");
        }
    }

    #[test]
    fn the_exit_code_sums_up() {
        use ProbeFate::*;
        for (fates, code) in [
            (&[Taken][..], 0),
            (&[Taken, Taken], 0),
            (&[NotCounted], 1),
            (&[Taken, NotDelivered], 1),
            (&[NotCounted, NotDelivered], 1),
            (&[NotDelivered], 2),
            (&[NotDelivered, NotDelivered], 2),
        ] {
            let verdicts: Vec<ProbeVerdict> = fates.iter().map(|fate| ProbeVerdict::new(*fate, "", "")).collect();
            assert_eq!(exit_code(&verdicts), code, "{fates:?}");
        }
    }
}
