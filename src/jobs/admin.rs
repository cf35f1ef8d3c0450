//! What the operator asks at the terminal. The same answers, whether the server that holds the data directory gives them over the
//! control socket or the command opens the database itself.

mod sums;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::runtime::Handle;

pub use super::backtest::{AlertsTestAnswer, AlertsTestOrder};
use super::{
    alert_evaluator, backtest,
    digests::{self, Edition},
};
use crate::{
    alerts::notice::Email,
    clock::Clock,
    config::Config,
    control::AdminHandler,
    digest::DigestRenderer,
    notify,
    period::Period,
    query,
    store::{self, Store, StoreError},
};
pub use sums::CheckSumsOrder;

/// Prints or sends the digest of one period.
pub const DIGEST: &str = "digest";

/// Which configuration the answers rest on.
pub const SETTINGS: &str = "settings";
/// Replays a rule over past data.
pub const ALERTS_TEST: &str = "alerts-test";
/// The MX hosts in the policies that senders hold, by policy domain.
pub const MX_SEEN: &str = "mx-seen";
/// Counts the sums of days again.
pub const CHECK_SUMS: &str = "check-sums";
/// Sends a test by a channel.
pub const SEND_TEST: &str = "alerts-send-test";

/// `tlsight alerts send-test`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SendTestOrder {
    pub channel: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendTestAnswer {
    /// What the other side said, for people.
    pub said: String,
}

/// `tlsight digest`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DigestOrder {
    /// Such as `2026-W47`, `2026-11` or `2026-11-22`; without it the last one that is over.
    pub period: Option<String>,
    /// Only the configured digest of this name.
    pub name: Option<String>,
    /// Whom to send it to instead of the configured recipients.
    pub to: Vec<String>,
    /// Write it and send nothing.
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestAnswer {
    pub emails: Vec<WrittenDigest>,
}

/// One digest that was written, and whether it was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WrittenDigest {
    /// As configured; `None` for one by hand.
    pub digest: Option<String>,
    pub period: String,
    pub to: Vec<String>,
    /// To whom it went.
    pub sent: Vec<String>,
    /// Why not to the others.
    pub errors: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Answers from a store.
pub struct AdminCommands {
    config: Arc<Config>,
    store: Store,
    clock: Clock,
    renderer: Arc<DigestRenderer>,
    base_url: String,
    handle: Handle,
}

impl AdminCommands {
    /// `base_url` is where the pages are. What has to wait for the network runs on the runtime of `handle`.
    pub fn new(
        config: Arc<Config>,
        store: Store,
        clock: Clock,
        renderer: Arc<DigestRenderer>,
        base_url: String,
        handle: Handle,
    ) -> AdminCommands {
        AdminCommands { config, store, clock, renderer, base_url, handle }
    }

    /// Writes the digests that are asked for, and sends them unless only their text is wanted. Blocks.
    pub fn digest(&self, order: &DigestOrder) -> anyhow::Result<DigestAnswer> {
        let period = order.period.as_deref().map(read_period).transpose()?;
        let editions = digests::editions(&self.config, order.name.as_deref(), period.map(Period::kind), &order.to)?;
        let mut emails = Vec::new();
        for edition in editions {
            if let Some(period) = period.filter(|period| period.kind() != edition.kind) {
                bail!(
                    "the digest {:?} is about a {}, not about {}",
                    edition.name.unwrap_or_default(),
                    edition.kind.as_str(),
                    period.name()
                );
            }
            emails.push(self.write(&edition, period, order.dry_run)?);
        }
        Ok(DigestAnswer { emails })
    }

    fn write(&self, edition: &Edition, period: Option<Period>, dry_run: bool) -> anyhow::Result<WrittenDigest> {
        let today = self.clock.now().date_naive();
        let period = period.unwrap_or_else(|| Period::last_complete(edition.kind, today));
        // The question's own error and that of the store are told alike.
        let written: Result<anyhow::Result<Email>, StoreError> = self
            .store
            .read_blocking(|connection| Ok(edition.email(connection, &self.renderer, &self.base_url, period, today)));
        let email = written??;
        let mut written = WrittenDigest {
            digest: edition.name.clone(),
            period: period.name(),
            to: edition.to.clone(),
            sent: Vec::new(),
            errors: Vec::new(),
            subject: email.subject.clone(),
            text: email.text.clone(),
            html: email.html.clone(),
        };
        if !dry_run {
            for address in &edition.to {
                let sent = notify::send_email(&self.config, &email, address, &self.clock);
                match self.handle.block_on(sent) {
                    Ok(_) => written.sent.push(address.clone()),
                    Err(error) => written.errors.push(format!("{address}: {error}")),
                }
            }
        }
        Ok(written)
    }

    /// Replays a rule over stored data. Blocks.
    pub fn alerts_test(&self, order: &AlertsTestOrder) -> anyhow::Result<AlertsTestAnswer> {
        let plan = alert_evaluator::plan(&self.config)?;
        backtest::backtest(&self.store, &plan, order, self.clock.now())
    }

    fn mx_seen(&self) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
        let (plan, now) = (alert_evaluator::plan(&self.config)?, self.clock.now());
        let seen = self.store.read_blocking(|connection| Ok(query::facts::mx_seen(connection, now, &plan)?));
        Ok(seen?)
    }

    /// Sends a test by a channel. Blocks until it is there.
    pub fn send_test(&self, order: &SendTestOrder) -> anyhow::Result<SendTestAnswer> {
        let sent = notify::send_test(&self.config, &self.base_url, &order.channel, &self.clock);
        match self.handle.block_on(sent) {
            Ok(said) => Ok(SendTestAnswer { said }),
            Err(error) => bail!("{error}"),
        }
    }
}

impl AdminHandler for AdminCommands {
    fn ask(&self, command: &str, body: &[u8]) -> Option<Result<Value, String>> {
        match command {
            SETTINGS => Some(Ok(Value::String(fingerprint(&self.config)))),
            DIGEST => Some(answer(body, |order| self.digest(&order))),
            ALERTS_TEST => Some(answer(body, |order| self.alerts_test(&order))),
            MX_SEEN => Some(answer(body, |()| self.mx_seen())),
            CHECK_SUMS => Some(answer(body, |order| Ok(sums::check_sums(&self.store, &order)?))),
            SEND_TEST => Some(answer(body, |order| self.send_test(&order))),
            _ => None,
        }
    }
}

/// A digest of the settings that answers rest on: whether a server was started with those that a command has read.
pub fn fingerprint(config: &Config) -> String {
    let Config { domain, alerts, silence, maintenance, channel, digest, mail, .. } = config;
    // Plain structs of text and numbers: they always have a form in JSON.
    let text = serde_json::to_vec(&(domain, alerts, silence, maintenance, channel, digest, mail)).unwrap_or_default();
    store::name(&text).to_string()
}

fn read_period(name: &str) -> anyhow::Result<Period> {
    Period::parse(name)
        .with_context(|| format!("{name:?} is no week like 2026-W47, month like 2026-11 or day like 2026-11-22"))
}

fn answer<O: DeserializeOwned, A: Serialize>(
    body: &[u8],
    give: impl FnOnce(O) -> anyhow::Result<A>,
) -> Result<Value, String> {
    let order = serde_json::from_slice(body).map_err(|error| format!("the order cannot be read: {error}"))?;
    let given = give(order).map_err(|error| format!("{error:#}"))?;
    serde_json::to_value(given).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
