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
    control::Client,
    import::{self, Request, Sink, Stop, Tally},
};
pub use pipe::LATER;
use print::Listing;
use progress::Progress;

/// Not all of it is done: to be run again.
const NOT_DONE: u8 = 2;

pub fn run(common: &Common, import: Import) -> anyhow::Result<ExitCode> {
    match import.paths.as_slice() {
        [only] if only.as_os_str() == "-" => Ok(pipe::run(common, import.trusted_input)),
        _ => run_on_files(common, Request { paths: import.paths, trusted_input: import.trusted_input }),
    }
}

fn run_on_files(common: &Common, request: Request) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let interrupted = interrupt::watch()?;
    let (mut sink, local) = open(&config)?;
    let progress = Progress::start(&request.paths);
    let mut listing = if common.json { Listing::json(io::stdout()) } else { Listing::text(io::stdout()) };
    let mut tally = Tally::default();
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
        let code = |tally: &Tally, stop: Option<&Stop>| format!("{:?}", exit_code(tally, stop));
        let is = |code: u8| format!("{:?}", ExitCode::from(code));
        let refused = Tally { refused: [("empty".to_owned(), 1)].into(), ..Tally::default() };
        assert_eq!(code(&Tally { stored: 1, ignored: 1, ..Tally::default() }, None), is(0));
        assert_eq!(code(&refused, None), is(1));
        assert_eq!(code(&Tally { deferred: 1, ..refused }, None), is(2));
        assert_eq!(code(&Tally::default(), Some(&Stop::Interrupted)), is(2));
    }
}
