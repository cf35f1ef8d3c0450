//! The store and the pipeline of a command that works on the data directory itself.

use std::sync::Arc;

use anyhow::Context;

use crate::{app, config::Config, pipeline::Pipeline, store::Store};

/// Opens the store, creating the data directory where there is none.
pub fn store(config: &Config) -> anyhow::Result<Store> {
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot create the data directory {}", config.data.display()))?;
    Store::open(&config.data, &app::settings(&config.store))
        .with_context(|| format!("cannot open the database in {}", config.data.display()))
}

pub fn pipeline(config: &Config, store: &Store) -> anyhow::Result<Arc<Pipeline>> {
    Ok(Pipeline::new(config.limits.clone(), config.served()?, store.clone()))
}

/// Checkpoints and closes, so that the next to open finds no write-ahead log.
pub fn close(store: &Store) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(store.close()).context("cannot close the database")
}
