//! The store and the pipeline of a command that works on the data directory itself.

use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::{Handle, Runtime};

use crate::{
    app,
    config::Config,
    pipeline::Pipeline,
    store::{GroupBounds, Store, StoreSettings},
};

/// A pipeline of this process.
pub(super) struct Local {
    pub pipeline: Arc<Pipeline>,
    /// Where keys are looked up: it must live as long as the pipeline is used.
    runtime: Runtime,
}

/// Opens the store, creating the data directory where there is none, and puts the stages before it.
pub(super) fn open(config: &Config, groups: GroupBounds) -> anyhow::Result<Local> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let signatures = app::signatures(config, runtime.handle())?;
    // Whoever runs a command waits for all of it: nothing has to be acknowledged before it is counted.
    let settings = StoreSettings { groups, journal: None, ..app::settings(config)? };
    let store = Store::open(&config.data, &settings)
        .with_context(|| format!("cannot open the database in {}", config.data.display()))?;
    let pipeline = Pipeline::new(config.limits.clone(), config.served()?, signatures, store)?;
    Ok(Local { pipeline, runtime })
}

impl Local {
    /// Of the runtime on which to wait for the network.
    pub(super) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    /// Checkpoints and closes, so that the next to open finds no write-ahead log.
    pub(super) fn close(self) -> anyhow::Result<()> {
        self.runtime.block_on(self.pipeline.store().close()).context("cannot close the database")
    }
}
