//! `tlsight import PATH…`.

mod print;
mod progress;

use std::{io, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;

use super::{
    Common, interrupt,
    open::{self, Local},
};
use crate::{
    clock::Clock,
    config::{Config, Environment},
    ingest::{
        control::Client,
        import::{self, Sink, Stop, Tally},
    },
};
use print::Listing;
use progress::Progress;

pub fn run(common: &Common, paths: Vec<PathBuf>) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let interrupted = interrupt::watch()?;
    let (mut sink, local) = open(&config)?;
    let progress = Progress::start(&paths);
    let mut listing = if common.json { Listing::json(io::stdout()) } else { Listing::text(io::stdout()) };
    let mut tally = Tally::default();
    let mut printed = Ok(());
    let result = import::import(paths, &mut sink, &Clock::system(), &interrupted, |item| {
        tally.add(item);
        progress.advance(&tally);
        if printed.is_ok() {
            printed = progress.aside(|| listing.item(item));
        }
    });
    progress.finish();
    printed.and_then(|()| listing.finish(&tally, result.as_ref().err())).context("cannot write the answer")?;
    if let Some(local) = local {
        local.close()?;
    }
    Ok(exit_code(&tally, result.as_ref().err()))
}

/// The server where one holds the data directory, else the database itself.
fn open(config: &Config) -> anyhow::Result<(Sink, Option<Local>)> {
    if let Some(client) = connect(config)? {
        return Ok((Sink::Server(Box::new(client)), None));
    }
    match open::open(config) {
        Ok(local) => Ok((Sink::Local(Arc::clone(&local.pipeline)), Some(local))),
        // A server may have started in this very moment.
        Err(error) => match connect(config)? {
            Some(client) => Ok((Sink::Server(Box::new(client)), None)),
            None => Err(error.context("no server answers there that could take the files")),
        },
    }
}

fn connect(config: &Config) -> anyhow::Result<Option<Client>> {
    Client::connect(&config.data).context("cannot hand the files to the server")
}

fn exit_code(tally: &Tally, stop: Option<&Stop>) -> ExitCode {
    match stop {
        Some(_) => ExitCode::from(2),
        None if tally.has_problems() => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    }
}
