//! An operator is told: the running binary with a webhook and a mail server that were not written for it.

mod commands;
mod hook;
mod outage;
mod relay;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use chrono::{Days, NaiveDate};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tempfile::TempDir;
use tlsight::clock::Clock;

use crate::{
    http::{Answer, Client},
    server::{Server, tlsight},
};

const TOKEN: &str = "0123456789abcdef";

/// A directory with what a server is started with, as often as wanted.
pub(crate) struct World {
    directory: TempDir,
}

impl World {
    /// `settings` is TOML: whom to tell.
    pub(crate) fn new(settings: &str) -> World {
        let world = World { directory: tempfile::tempdir().unwrap() };
        let text = format!(
            "[[domain]]\nname = \"example.com\"\ntoken = \"{TOKEN}\"\n\
             [private]\nurl = \"https://tlsight.example.net\"\n[alerts]\nmin_trust = \"token\"\ndisk_free_min_bytes = 0\n{settings}"
        );
        fs::write(world.configuration(), text).unwrap();
        world
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("tlsight.toml")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn start(&self) -> Server {
        Server::start_with(&self.data(), |command| command.arg("--config").arg(self.configuration()))
    }

    /// Runs a command with the same configuration. Its exit code, and what it printed on both.
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command: Command = tlsight();
        command.args(arguments).arg("--config").arg(self.configuration()).arg("--data").arg(self.data());
        command.env("TLSIGHT_LOG", "warn");
        let Output { status, stdout, stderr } = command.stderr(Stdio::piped()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().expect("it ends by itself"), said: text(stdout), complained: text(stderr) }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Ran {
    code: i32,
    said: String,
    complained: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.said).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// So many UTC days ago.
pub(crate) fn days_ago(days: u64) -> NaiveDate {
    Clock::system().now().date_naive() - Days::new(days)
}

/// One organisation's report of a day, to the URL with the token. `failed` sessions could not fetch the policy.
pub(crate) fn post(server: &Server, organisation: &str, day: NaiveDate, failed: u32) {
    let details = match failed {
        0 => String::new(),
        failed => format!(r#"{{"result-type":"sts-policy-fetch-error","failed-session-count":{failed}}}"#),
    };
    let json = format!(
        r#"{{"organization-name":"{organisation}","contact-info":"tls@{organisation}","report-id":"{day}@{organisation}",
        "date-range":{{"start-datetime":"{day}T00:00:00Z","end-datetime":"{day}T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: mx.example.com",
        "max_age: 604800"],"policy-domain":"example.com","mx-host":["mx.example.com"]}},
        "summary":{{"total-successful-session-count":1000,"total-failure-session-count":{failed}}},
        "failure-details":[{details}]}}]}}"#
    );
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json.as_bytes()).unwrap();
    let path = format!("/v1/tlsrpt/{TOKEN}");
    let answer = Client::connect(server.public).post(&path, "application/tlsrpt+gzip", &gzip.finish().unwrap());
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// A form of a page, as a browser on that page sends it.
fn submit(server: &Server, path: &str, form: &str) -> Answer {
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Sec-Fetch-Site", "same-origin")];
    Client::connect(server.private).request("POST", path, &headers, form.as_bytes()).unwrap()
}
