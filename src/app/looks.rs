//! The looks at what the served domains publish, as configured.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::Options;
use crate::{
    config::{Config, Dns},
    dns,
    jobs::policy_looks::PolicyLooks,
    observe::Observer,
    probe,
    store::Store,
    tls::witness::Authorities,
    web::LookNow,
};

/// Looks for somebody who asks on a page.
pub(super) struct Looker(pub(super) Arc<PolicyLooks>);

impl LookNow for Looker {
    fn look_now(&self, policy_domain: String) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move { self.0.look_now(&policy_domain).await })
    }
}

/// `None` where nobody is to be looked at: it is turned off, no domain is served, or all of it is invented.
pub(super) fn looks(config: &Config, store: &Store, options: &Options) -> anyhow::Result<Option<Arc<PolicyLooks>>> {
    let (checks, domains) = (&config.check, config.served()?.domains);
    if !checks.enabled || options.demo || domains.is_empty() {
        return Ok(None);
    }
    let Dns { servers, validate, records, deadline_s } = &config.dns;
    let deadline = Duration::from_secs(*deadline_s);
    let resolver = dns::open_uncached(servers, deadline, *validate, records.as_deref(), &Handle::current())?;
    let hello = checks.hostname.clone().unwrap_or_else(probe::own_name);
    let observer = Observer::new(resolver, options.clock.clone(), Authorities::of_system(), checks.allow_private)
        .with_https_port(checks.https_port)
        .with_smtp_port(checks.smtp.then_some(checks.smtp_port))
        .with_hello(hello);
    let every = Duration::from_secs(checks.every_min * 60);
    let domains = domains.into_keys().collect();
    Ok(Some(Arc::new(PolicyLooks::new(store.clone(), options.clock.clone(), observer, domains, every))))
}
