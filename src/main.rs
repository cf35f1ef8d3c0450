//! The start-up checklist.

use std::process::ExitCode;

use tlsight::cli;

/// Not done: wrong configuration, busy, cannot open. Clap uses the same for wrong arguments.
const EXIT_NOT_DONE: u8 = 2;

fn main() -> ExitCode {
    let arguments = cli::parse();
    cli::keep_private();
    cli::start_log(arguments.log_format());
    cli::run(arguments).unwrap_or_else(|error| {
        eprintln!("tlsight: {error:#}");
        ExitCode::from(EXIT_NOT_DONE)
    })
}
