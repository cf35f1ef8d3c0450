//! `tlsight demo`.

use std::{net::Ipv4Addr, path::Path, process::ExitCode};

use anyhow::Context;
use chrono::{Days, NaiveDate};

use super::{Common, Demo, Listeners, open, ready, serve};
use crate::{
    app::Options,
    clock::Clock,
    config::{Config, Environment, Listen},
    demo::{self, DemoDirectory},
    jobs::alert_evaluator,
    store::GroupBounds,
};

pub(super) fn run(common: &Common, demo: Demo) -> anyhow::Result<ExitCode> {
    let keep = demo.keep.or_else(|| common.data.clone());
    let kept = keep.is_some();
    let place = DemoDirectory::open(keep).context("cannot create the directory for the demo's data")?;
    let config = config(common, place.path(), &demo.listeners)?;
    if place.wants_filling().context("cannot read the demo's directory")? {
        fill(&config, place.path())?;
    }
    let tell = |urls: &ready::Urls| {
        if common.json {
            println!("{}", serde_json::json!(urls));
        } else {
            print!("{}", welcome(urls, kept.then_some(place.path()), Clock::system().now().date_naive()));
        }
    };
    serve::until_stopped(config, Options { dev: demo.dev, demo: true, ..Options::default() }, &demo.listeners, tell)
}

/// Nothing of the machine's own configuration but what the flags say: a demo must not need, or touch, a real set-up.
fn config(common: &Common, data: &Path, listeners: &Listeners) -> anyhow::Result<Config> {
    let mut config = match &common.config {
        Some(file) => Config::load(Some(file), &Environment::default())?,
        None => Config::default(),
    };
    config.data = data.to_owned();
    let any_port = Listen::At((Ipv4Addr::LOCALHOST, 0).into());
    (config.public.listen, config.private.listen, config.smtp.listen) = (any_port, any_port, any_port);
    listeners.lay_over(&mut config);
    demo::configure(&mut config);
    config.check()?;
    Ok(config)
}

fn fill(config: &Config, place: &Path) -> anyhow::Result<()> {
    eprintln!("Inventing eight weeks of reports …");
    let local = open::open(config, GroupBounds::SHARED)?;
    let filled = demo::fill(place, &local.pipeline, &alert_evaluator::plan(config)?, Clock::system().now());
    local.close()?;
    let filled = filled.context("cannot fill the demo's directory")?;
    tracing::info!(
        stored = filled.stored,
        duplicate = filled.duplicate,
        quarantined = filled.quarantined,
        refused = filled.refused,
        "the demo's reports are stored"
    );
    Ok(())
}

fn welcome(urls: &ready::Urls, kept: Option<&Path>, today: NaiveDate) -> String {
    let url = |url: &Option<String>| url.clone().unwrap_or_else(|| "off".to_owned());
    let data = match kept {
        Some(path) => format!("The data stays in {}.", path.display()),
        None => "The data is removed at the end; `--keep DIR` keeps it.".to_owned(),
    };
    format!(
        "\
Dashboard    {}
Reports to   {}/v1/tlsrpt
Mail to      {} ({})

Everything is invented. Worth a look:
{}
A mail of your own, unsigned, so that it waits in the quarantine until you admit it:
  tlsight send-test-report example.com --to mailto:{} --relay {}

{data} Ctrl-C stops.
",
        url(&urls.private),
        url(&urls.public),
        demo::RECIPIENT,
        urls.smtp.as_ref().map_or_else(|| "off".to_owned(), |address| format!("SMTP on {address}")),
        stories(urls.private.as_deref(), today),
        demo::RECIPIENT,
        url(&urls.smtp),
    )
}

/// What the demo tells, each with the page that shows it.
fn stories(pages: Option<&str>, today: NaiveDate) -> String {
    let day = |ago: u64| today - Days::new(ago);
    let told = [
        (
            "Google, Microsoft and Mail.ru could not fetch the MTA-STS policy of example.com for three days.",
            format!("/?policy_domain=example.com&from={}&to={}", day(14), day(1)),
        ),
        (
            "mail.bluefjord.example still uses a policy of example.net that names an MX host of the past.",
            "/?policy_domain=example.net&organisation=bluefjord.example".to_owned(),
        ),
        ("A new sender, Northwind Mail, has appeared.", "/show?q=Northwind".to_owned()),
        (
            "The certificate of mx2.example.net was expired for five days three weeks ago.",
            format!("/failures?by=result_type&policy_domain=example.net&from={}&to={}", day(28), day(14)),
        ),
        (
            "The TLSA records of example.org did not match for two days the week before last.",
            format!("/failures?by=result_type&from={}&to={}&policy_type=tlsa", day(21), day(7)),
        ),
        (
            "Microsoft reports every session twice, under sts and tlsa: it counts once.",
            "/reports?organisation=microsoft.com".to_owned(),
        ),
        ("The quarantine holds reports that cannot be counted.", "/quarantine".to_owned()),
    ];
    let line = |(story, path): (&str, String)| match pages {
        Some(pages) => format!("  {story}\n    {pages}{path}\n"),
        None => format!("  {story}\n"),
    };
    told.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_welcome_is_calm() {
        let urls = ready::Urls {
            public: Some("http://127.0.0.1:40001".to_owned()),
            private: Some("http://127.0.0.1:40002".to_owned()),
            smtp: Some("127.0.0.1:40003".to_owned()),
            lmtp: None,
        };
        insta::assert_snapshot!(welcome(&urls, None, "2026-11-29".parse().unwrap()));
    }
}
