//! The log goes to standard error; standard output belongs to answers.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::LogFormat;
use crate::config::Environment;

/// The libraries tell of every thread they start.
const DEFAULT_FILTER: &str = "info,actix_server=warn,mio=warn";

pub(super) fn start(format: LogFormat, environment: &Environment) {
    let wanted = environment.get("TLSIGHT_LOG").unwrap_or(DEFAULT_FILTER);
    let (filter, problem) = match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(DEFAULT_FILTER), Some(error)),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // A second start, in a test, keeps the first.
    let _ = match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    if let Some(error) = problem {
        tracing::warn!(%error, "TLSIGHT_LOG is not a filter like `info,tlsight=debug`; logging at `{DEFAULT_FILTER}`");
    }
}
