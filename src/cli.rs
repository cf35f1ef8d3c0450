//! The command line: what can be asked for, and the exit codes.

mod alerts;
mod ask;
mod check;
mod check_config;
mod check_sums;
mod demo;
mod digest;
mod healthcheck;
mod import;
mod interrupt;
mod log;
mod open;
mod ready;
mod repair;
mod reporters;
mod send_test_report;
mod serve;

use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    process::{self, ExitCode},
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::fs::Mode;

use crate::config::{self, Config, Environment, Listen, LmtpListen};

/// Receives TLS reports (RFC 8460) for your mail domains and shows who fails to deliver over TLS and why
#[derive(Debug, Parser)]
#[command(name = "tlsight", version, arg_required_else_help = true, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

const PIPE: &str = "\
With - as its only path it takes one mail or one report, as a mail server pipes it, and tells in the exit code (sysexits.h) \
what the server is to do: 0 taken care of, also when it is quarantined or no TLS report; 65 refused, nothing of it is kept; \
75 not now (wrong arguments or configuration, busy, cannot open), try again later.";

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 done, with something that needs a look (listed); 2 not done (wrong arguments or configuration, busy, \
cannot open). `tlsight import -` answers in the codes of sysexits, see its help.
Every key of the configuration can also be set in the environment: TLSIGHT_PUBLIC__LISTEN=127.0.0.1:8443.";

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Configuration file [default: $TLSIGHT_CONFIG, else /etc/tlsight.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory, instead of the configured one
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Answer in JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Form of the log on standard error
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take reports over HTTPS and by mail, and show the dashboard
    Serve(Serve),
    /// Show the dashboard with eight weeks of invented reports
    Demo(Demo),
    /// Store reports from files, mailboxes, directories or standard input
    ///
    /// Reads .json, .json.gz, mails (.eml), mbox files, Maildirs, and .zip archives of these, by their content. Nothing is
    /// moved or changed. While the server runs on the data directory, it is handed the files. What is stored already is
    /// recognised, so an import can be run again at any time.
    #[command(after_long_help = PIPE)]
    Import(Import),
    /// Recover a database that does not open, with a copy of what was found
    Repair,
    /// Look at what a domain publishes: its TLSRPT and MTA-STS records, its policy, its MX hosts
    ///
    /// Looks as a sender does, from this machine: the policy from every address of the policy host, without redirects;
    /// STARTTLS and the certificate of every MX host, without handing over mail.
    /// Needs no server and no data directory. docs/checks.md lists what is looked at.
    ///
    /// Exit codes: 0 no faults; 1 faults; 2 no faults, but not everything could be found out.
    Check(check::CheckDomain),
    /// Count the sums of all days again, of which the pages are made
    ///
    /// Exit codes: 0 every sum is that of its reports; 1 some are not (listed); 2 not counted.
    CheckSums(check_sums::CheckSums),
    /// Try rules on past data and channels on the present
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// Print the digest of a week, or send it
    ///
    /// Without --to it goes to the recipients of the configured digests about such a period; where there are none, it is
    /// printed. Sent by hand, it does not take the place of the one that goes out by itself.
    ///
    /// Exit codes: 0 printed or sent; 2 not sent to everybody.
    Digest(digest::DigestCommand),
    /// Print or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask a running server on the configured private listener whether it is well
    ///
    /// Exit codes: 0 it answers, can store and every source works; 1 it answers, but cannot store or the sources it names do
    /// not work; 2 it does not answer.
    Healthcheck,
    /// Print the known reporters, whose mail and posts have a name here
    Reporters,
    /// Send a test report the way a sender does, and tell each step
    ///
    /// Without --to it goes to every URI that the domain publishes in its TLSRPT record (RFC 8460 §3). It tells of one
    /// session that did not take place. Such reports are in no figure; the page of the sources shows the last one.
    ///
    /// Exit codes: 0 every receiver took it; 1 it arrived but a receiver refuses it or must not count it, or only some took
    /// it; 2 it could not be delivered.
    SendTestReport(send_test_report::SendTestReport),
}

#[derive(Debug, Args)]
struct Listeners {
    /// Listen for reports on this address; port 0 takes a free one, "off" none
    #[arg(long, value_name = "ADDR")]
    public: Option<Listen>,
    /// Listen for the dashboard on this address; port 0 takes a free one, "off" none
    #[arg(long, value_name = "ADDR")]
    private: Option<Listen>,
    /// Take reports by SMTP on this address; port 0 takes a free one, "off" none
    #[arg(long, value_name = "ADDR")]
    smtp: Option<Listen>,
    /// Take reports by LMTP on this address or on unix:/path; port 0 takes a free one, "off" none
    #[arg(long, value_name = "ADDR")]
    lmtp: Option<LmtpListen>,
    /// Write the URLs to this file, as JSON, once everything is bound
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Let the dashboard listen beyond loopback, although there are no accounts
    #[arg(long)]
    allow_remote_private: bool,
    /// A proxy in front terminates TLS: take reports in plain HTTP beyond loopback
    #[arg(long)]
    behind_proxy: bool,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    listeners: Listeners,
    /// Read templates and static files from ./web at every request
    #[arg(long)]
    dev: bool,
}

#[derive(Debug, Args)]
struct Import {
    /// Files, directories (with all below them; links that lead out of them are skipped), or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Trust these files: mail among them needs no signature
    #[arg(long = "trusted")]
    trusted_input: bool,
}

#[derive(Debug, Args)]
struct Demo {
    #[command(flatten)]
    listeners: Listeners,
    /// Keep the data in this directory; filled if it is empty, else shown as it is
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Read templates and static files from ./web at every request
    #[arg(long)]
    dev: bool,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Print an example file with every key, its meaning and its default
    Example,
    /// Check the configuration as `serve` would use it
    Check,
}

/// Parses the arguments; prints help or what is wrong with them and exits where there is nothing to run.
pub fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| {
        // Nobody may be there to read it.
        let _ = error.print();
        process::exit(exit_code(&error, env::args_os().skip(1)))
    })
}

/// Wrong arguments of an import from a pipe are for its operator to mend; until then the mail server keeps its mail.
fn exit_code(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> i32 {
    let is_piped = arguments.skip_while(|argument| argument != "import").any(|argument| argument == "-");
    // Help and the version are errors to clap, too, and go to standard output.
    if is_piped && error.use_stderr() { i32::from(import::LATER) } else { error.exit_code() }
}

impl Arguments {
    pub fn log_format(&self) -> LogFormat {
        self.common.log_format
    }
}

/// What this process makes, it makes for its own user: reports name correspondents, and a database is made by a library that
/// asks for no mode of its own. Sockets that others may use get theirs when they are made.
pub fn keep_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Starts the log on standard error.
pub fn start_log(format: LogFormat) {
    log::start(format, &Environment::of_process());
}

/// Runs the command. An error is for the person at the terminal, exit code 2.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { command, common } = arguments;
    match command {
        Command::Serve(serve) => serve::run(&common, serve),
        Command::Demo(demo) => demo::run(&common, demo),
        Command::Import(import) => import::run(&common, import),
        Command::Repair => repair::run(&common),
        Command::Check(asked) => check::run(&common, &asked),
        Command::CheckSums(order) => check_sums::run(&common, &order),
        Command::Alerts(alerts) => alerts::run(&common, alerts),
        Command::Digest(digest) => digest::run(&common, digest),
        Command::Config(ConfigCommand::Example) => {
            print!("{}", config::example());
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Check) => check_config::run(&common),
        Command::Healthcheck => healthcheck::run(&common),
        Command::Reporters => reporters::run(&common),
        Command::SendTestReport(order) => send_test_report::run(&common, order),
    }
}

impl Common {
    /// The configuration with this command's flags over it, unchecked.
    fn config(&self, environment: &Environment) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), environment)?;
        if let Some(data) = &self.data {
            config.data = data.clone();
        }
        Ok(config)
    }
}

impl Listeners {
    fn lay_over(&self, config: &mut Config) {
        config.public.listen = self.public.unwrap_or(config.public.listen);
        config.private.listen = self.private.unwrap_or(config.private.listen);
        config.smtp.listen = self.smtp.unwrap_or(config.smtp.listen);
        config.smtp.lmtp = self.lmtp.clone().unwrap_or_else(|| config.smtp.lmtp.clone());
        config.private.allow_remote |= self.allow_remote_private;
        config.public.behind_proxy |= self.behind_proxy;
    }
}

#[cfg(test)]
mod tests;
