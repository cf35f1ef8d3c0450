//! `tlsight serve`.

use std::process::ExitCode;

use anyhow::Context;

use super::{Common, Listeners, Serve, ready};
use crate::{
    app::{App, Options},
    config::{Config, Environment},
};

pub(super) fn run(common: &Common, serve: Serve) -> anyhow::Result<ExitCode> {
    let mut config = common.config(&Environment::of_process())?;
    serve.listeners.lay_over(&mut config);
    config.check()?;
    until_stopped(config, Options { dev: serve.dev, ..Options::default() }, &serve.listeners, |urls| {
        if common.json {
            println!("{}", serde_json::json!(urls));
        }
    })
}

/// Binds everything, tells where, and serves until a signal.
pub(super) fn until_stopped(
    config: Config,
    options: Options,
    listeners: &Listeners,
    tell: impl FnOnce(&ready::Urls),
) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(async {
        let app = App::build(config, options).await?;
        let urls = ready::Urls {
            public: app.public_url(),
            private: app.private_url(),
            smtp: app.smtp_address(),
            lmtp: app.lmtp_address(),
        };
        if let Some(path) = &listeners.ready_file {
            ready::write(path, &urls)?;
        }
        tell(&urls);
        app.run().await?;
        Ok(ExitCode::SUCCESS)
    })
}
