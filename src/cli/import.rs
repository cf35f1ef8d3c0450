//! `tlsight import PATH…`.

mod pipe;
mod print;
mod progress;

use std::{io, process::ExitCode, sync::Arc};

use anyhow::Context;

use super::{
    Common, Import, interrupt,
    open::{self, Local},
};
use crate::{
    clock::Clock,
    config::{Config, Environment},
    control::ControlClient,
    import::{self, ImportRequest, ImportSink, ImportStop, ImportTally},
    store::GroupBounds,
};
pub(super) use pipe::LATER;
use print::Listing;
use progress::ImportProgress;

/// Not all of it is done: to be run again.
const NOT_DONE: u8 = 2;

pub(super) fn run(common: &Common, import: Import) -> anyhow::Result<ExitCode> {
    match import.paths.as_slice() {
        [only] if only.as_os_str() == "-" => Ok(pipe::run(common, import.trusted_input)),
        _ => run_on_files(common, ImportRequest { paths: import.paths, trusted_input: import.trusted_input }),
    }
}

fn run_on_files(common: &Common, request: ImportRequest) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let interrupted = interrupt::watch()?;
    let (mut sink, local) = open(&config)?;
    let progress = ImportProgress::start(&request.paths);
    let mut listing = if common.json { Listing::json(io::stdout()) } else { Listing::text(io::stdout()) };
    let mut tally = ImportTally::default();
    let mut printed = Ok(());
    let result = import::import(request, &mut sink, &Clock::system(), &interrupted, |item| {
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
fn open(config: &Config) -> anyhow::Result<(ImportSink, Option<Local>)> {
    if let Some(client) = connect(config)? {
        return Ok((ImportSink::Server(Box::new(client)), None));
    }
    match open::open(config, GroupBounds::ALONE) {
        Ok(local) => Ok((ImportSink::Local(Arc::clone(&local.pipeline)), Some(local))),
        // A server may have started in this very moment.
        Err(error) => match connect(config)? {
            Some(client) => Ok((ImportSink::Server(Box::new(client)), None)),
            None => Err(error.context("no server answers there that could take the files")),
        },
    }
}

fn connect(config: &Config) -> anyhow::Result<Option<ControlClient>> {
    ControlClient::connect(&config.data).context("cannot hand the files to the server")
}

fn exit_code(tally: &ImportTally, stop: Option<&ImportStop>) -> ExitCode {
    match stop {
        Some(_) => ExitCode::from(NOT_DONE),
        None if tally.deferred > 0 => ExitCode::from(NOT_DONE),
        None if tally.has_problems() => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_run_again_weighs_more_than_what_needs_a_look() {
        let code = |tally: &ImportTally, stop: Option<&ImportStop>| format!("{:?}", exit_code(tally, stop));
        let is = |code: u8| format!("{:?}", ExitCode::from(code));
        let refused = ImportTally { refused: [("empty".to_owned(), 1)].into(), ..ImportTally::default() };
        assert_eq!(code(&ImportTally { stored: 1, ignored: 1, ..ImportTally::default() }, None), is(0));
        assert_eq!(code(&refused, None), is(1));
        assert_eq!(code(&ImportTally { deferred: 1, ..refused }, None), is(2));
        assert_eq!(code(&ImportTally::default(), Some(&ImportStop::Interrupted)), is(2));
    }
}
