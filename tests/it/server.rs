//! The real binary on free ports with a data directory of its own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::http::{Answer, Client};

/// How long a started or stopping process may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    process: Process,
    pub public: SocketAddr,
    pub private: SocketAddr,
    /// Where the configuration asks for them.
    pub smtp: Option<SocketAddr>,
    /// `HOST:PORT` or `unix:/path`.
    pub lmtp: Option<String>,
}

/// `tlsight` with the arguments of every test: no configuration file of the machine, quiet logs.
pub(crate) fn tlsight() -> Command {
    on_its_own(Command::new(env!("CARGO_BIN_EXE_tlsight")))
}

/// The same under a limit of the shell's `ulimit`, which is given the arguments.
pub(crate) fn tlsight_under(limit: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit $0 && exec \"$@\"", limit, env!("CARGO_BIN_EXE_tlsight")]);
    on_its_own(command)
}

fn on_its_own(mut command: Command) -> Command {
    command.env_clear();
    for kept in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

impl Server {
    pub(crate) fn start(data: &Path) -> Server {
        Server::start_with(data, |command| command)
    }

    /// Starts `serve` on loopback and waits until everything is bound.
    pub(crate) fn start_with(data: &Path, adjust: impl FnOnce(&mut Command) -> &mut Command) -> Server {
        Server::start_command(tlsight(), data, adjust)
    }

    /// The same with a command made by [`tlsight`] or [`tlsight_under`].
    pub(crate) fn start_command(
        mut command: Command,
        data: &Path,
        adjust: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Server {
        let ready = data.with_extension("ready.json");
        let _ = fs::remove_file(&ready);
        command.arg("serve").arg("--data").arg(data).args(["--public", "127.0.0.1:0", "--private", "127.0.0.1:0"]);
        command.arg("--ready-file").arg(&ready).stdout(Stdio::null()).env("TLSIGHT_LOG", "warn");
        // The tests are one address, and in a hurry.
        command.env("TLSIGHT_PUBLIC__REQUESTS_PER_MINUTE_MAX", "1000000000");
        // What the DNS of the machine says of loopback is no concern of theirs.
        command.env("TLSIGHT_NETWORK_PROOF__ENABLED", "false");
        command.env("TLSIGHT_LIMITS__UNPROVEN_ROWS_PER_MINUTE_MAX", "0");
        command.env("TLSIGHT_LIMITS__UNPROVEN_BYTES_PER_DAY_MAX", "0");
        let mut process = Process(adjust(&mut command).spawn().expect("the binary starts"));
        let addresses = wait_for_file(&ready, &mut process.0);
        Server {
            process,
            public: address(&addresses, "public"),
            private: address(&addresses, "private"),
            smtp: addresses["smtp"].as_str().map(|address| address.parse().expect("a socket address")),
            lmtp: addresses["lmtp"].as_str().map(str::to_owned),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Client::connect(self.private).get(path)
    }

    pub(crate) fn post(&self, body: &[u8]) -> Answer {
        Client::connect(self.public).post("/v1/tlsrpt", "application/tlsrpt+gzip", body)
    }

    /// The most memory the process ever held.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux tells the peak");
        let kibibytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
        kibibytes * 1024
    }

    /// The files the process has open now.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.0.id())).unwrap().count()
    }

    /// The files the process may have open.
    pub(crate) fn files_max(&self) -> u64 {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.process.0.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("Linux tells the limit");
        line.split_whitespace().nth(3).and_then(|number| number.parse().ok()).expect("a number")
    }

    /// SIGKILL: the process has no chance to say goodbye.
    pub(crate) fn kill(mut self) {
        self.process.0.kill().expect("the process is ours");
        self.process.0.wait().expect("it was started by us");
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.process.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not stop");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// A child that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `tlsight demo` until it is dropped.
pub(crate) struct Demo {
    child: Child,
    pub private: String,
    _directory: tempfile::TempDir,
}

impl Demo {
    pub(crate) fn start() -> Demo {
        let directory = tempfile::tempdir().unwrap();
        let ready = directory.path().join("ready.json");
        let mut command = tlsight();
        command.arg("demo").arg("--ready-file").arg(&ready).stdout(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let addresses = wait_for_file(&ready, &mut child);
        let private = addresses["private"].as_str().expect("a private listener").to_owned();
        Demo { child, private, _directory: directory }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Whether a program this test needs is absent. CI installs them all, so there it is a failure.
pub(crate) fn program_missing(name: &str) -> bool {
    let found = program(name).is_some();
    assert!(found || std::env::var_os("CI").is_none(), "{name} must be installed in CI");
    if !found {
        eprintln!("skipped: {name} is not installed");
    }
    !found
}

/// Where a program is. Debian installs those of administrators where the paths of users do not lead.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    directories.map(|directory| directory.join(name)).find(|program| program.exists())
}

/// Waits until it is so, on a machine that may be busy.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The ids of all reports the server knows, each as often as it is there.
pub(crate) fn all_report_ids(server: &Server) -> Vec<String> {
    let id = |item: &Value| item["report_id"].as_str().expect("report_id").to_owned();
    all_items(server, "/api/v1/reports?from=2026-01-01&to=2026-12-31").iter().map(id).collect()
}

/// What a list of the API holds, over all its pages.
pub(crate) fn all_items(server: &Server, list: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut client = Client::connect(server.private);
    let mut cursor = String::new();
    let separator = if list.contains('?') { '&' } else { '?' };
    loop {
        let answer = client.get(&format!("{list}{separator}limit=500{cursor}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

fn wait_for_file(path: &PathBuf, child: &mut Child) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(text) = fs::read_to_string(path) {
            return serde_json::from_str(&text).expect("the ready file holds JSON");
        }
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the server ended before it was ready: {status}");
        }
        assert!(Instant::now() < deadline, "the server is not ready");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn address(addresses: &Value, name: &str) -> SocketAddr {
    let url = addresses[name].as_str().unwrap_or_else(|| panic!("no {name} in {addresses}"));
    let (_, address) = url.split_once("://").expect("a URL");
    address.trim_end_matches('/').parse().expect("a socket address")
}
