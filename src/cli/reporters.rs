//! `tlsight reporters`: who is known, and by what.

use std::process::ExitCode;

use super::Common;
use crate::{
    config::{Config, Environment},
    reporters::{Registry, Reporter},
};

pub(super) fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    config.check()?;
    let registry = config.registry();
    if common.json {
        let items: Vec<_> = registry.reporters().iter().map(|reporter| item(reporter, &config)).collect();
        println!("{}", serde_json::json!({ "total": items.len(), "items": items }));
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", text(&registry, &config));
    Ok(ExitCode::SUCCESS)
}

fn text(registry: &Registry, config: &Config) -> String {
    let mut text = String::from(
        "A report is a known reporter's where one of its domains signed it and it is from one of its addresses,\n\
         or where it was posted from one of its networks.\n",
    );
    for reporter in registry.reporters() {
        let list = |items: &[String], none: &str| if items.is_empty() { none.to_owned() } else { items.join(", ") };
        let below = if reporter.subdomains { " and all below" } else { "" };
        let by_dns = if reporter.by_dns { ", or where the DNS proves the posting address" } else { "" };
        text.push_str(&format!(
            "\n{}  {}{}\n  signed by  {}{below}\n  from       {}\n  posts      {}{by_dns}\n",
            reporter.key,
            reporter.name,
            if is_own(reporter, config) { "  (your configuration)" } else { "" },
            list(&reporter.signing_domains, "nobody"),
            list(&reporter.addresses, "every address of its domains"),
            list(&reporter.networks, "proves nothing"),
        ));
    }
    text
}

fn is_own(reporter: &Reporter, config: &Config) -> bool {
    config.reporter.iter().any(|own| own.key == reporter.key)
}

fn item(reporter: &Reporter, config: &Config) -> serde_json::Value {
    serde_json::json!({
        "key": reporter.key,
        "name": reporter.name,
        "signing_domains": reporter.signing_domains,
        "subdomains": reporter.subdomains,
        "addresses": reporter.addresses,
        "networks": reporter.networks,
        "hosts": reporter.hosts,
        "by_dns": reporter.by_dns,
        "from": if is_own(reporter, config) { "configuration" } else { "shipped" },
    })
}
