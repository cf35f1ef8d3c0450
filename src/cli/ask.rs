//! Commands that ask: the server where one holds the data directory, else the database itself. The user does not notice.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, anyhow, ensure};
use serde::{Serialize, de::DeserializeOwned};

use super::open;
use crate::{
    clock::Clock,
    config::{Config, Listen},
    control::{AdminHandler, ControlClient},
    digest::DigestRenderer,
    jobs::admin::{self, AdminCommands},
    notify, store,
    store::GroupBounds,
};

/// Sends the order to whoever can answer it.
pub(super) fn ask<O: Serialize, A: DeserializeOwned>(config: Config, command: &str, order: &O) -> anyhow::Result<A> {
    match ask_server(&config, command, order)? {
        Some(answer) => Ok(answer),
        None => read(by_itself(config, command, &serde_json::to_value(order)?)?),
    }
}

/// Sends the order to the server; `None` where none holds the data directory.
pub(super) fn ask_server<O: Serialize, A: DeserializeOwned>(
    config: &Config,
    command: &str,
    order: &O,
) -> anyhow::Result<Option<A>> {
    let Some(mut client) = connect(config)? else { return Ok(None) };
    let theirs = client.ask(admin::SETTINGS, &serde_json::Value::Null).context("cannot ask the server")?;
    if theirs.is_ok_and(|theirs| theirs != admin::fingerprint(config)) {
        eprintln!(
            "The running server answers, and it was started with other settings than those read here: restart it to use these."
        );
    }
    read(client.ask(command, &serde_json::to_value(order)?).context("cannot ask the server")?).map(Some)
}

/// Where the links in what this process sends lead.
pub(super) fn base_url(config: &Config) -> String {
    notify::base_url(config, address(config))
}

fn read<A: DeserializeOwned>(answered: Result<serde_json::Value, String>) -> anyhow::Result<A> {
    let value = answered.map_err(|error| anyhow!(error))?;
    serde_json::from_value(value).context("the answer cannot be read")
}

fn by_itself(
    config: Config,
    command: &str,
    order: &serde_json::Value,
) -> anyhow::Result<Result<serde_json::Value, String>> {
    config.check()?;
    // All of these ask about what is stored: an empty database, left in a mistyped directory, would answer "nothing".
    ensure!(
        store::is_there(&config.data),
        "there is no database in {}: either it is not the data directory, or the server has never run",
        config.data.display()
    );
    let local = match open::open(&config, GroupBounds::SHARED) {
        Ok(local) => local,
        // A server may have started in this very moment.
        Err(error) => match connect(&config)? {
            Some(mut client) => return client.ask(command, order).context("cannot ask the server"),
            None => return Err(error),
        },
    };
    let base_url = base_url(&config);
    let store = local.pipeline.store().clone();
    let renderer = Arc::new(DigestRenderer::new(None).context("the embedded templates")?);
    let admin = AdminCommands::new(Arc::new(config), store, Clock::system(), renderer, base_url, local.handle());
    let answered = admin.ask(command, order.to_string().as_bytes());
    drop(admin);
    local.close()?;
    Ok(answered.unwrap_or_else(|| Err(format!("unknown command {command:?}"))))
}

/// Where the server's pages will be, if its port is fixed.
fn address(config: &Config) -> Option<SocketAddr> {
    match config.private.listen {
        Listen::At(address) if address.port() != 0 => Some(address),
        Listen::At(_) | Listen::Off => None,
    }
}

fn connect(config: &Config) -> anyhow::Result<Option<ControlClient>> {
    ControlClient::connect(&config.data).context("cannot ask the server")
}
