//! `tlsight` with a data directory of its own, until it is dropped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::http::{Client, Result};

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Result<Scratch> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("recount-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub struct Server {
    child: Child,
    pub public: String,
    pub private: String,
    scratch: Scratch,
    binary: PathBuf,
}

/// Without a configuration file of the machine, quiet.
fn command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    command.env_clear();
    for kept in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
        .env("TLSIGHT_LOG", "error")
        .env("TLSIGHT_PUBLIC__REQUESTS_PER_MINUTE_MAX", "1000000000")
        .env("TLSIGHT_LIMITS__UNPROVEN_ROWS_PER_MINUTE_MAX", "0")
        .env("TLSIGHT_LIMITS__UNPROVEN_BYTES_PER_DAY_MAX", "0")
        .env("TLSIGHT_STORE__UNPROVEN_KEEP_DAYS", "0")
        // What the DNS of the machine says of loopback is no concern of theirs.
        .env("TLSIGHT_NETWORK_PROOF__ENABLED", "false")
        .stdin(Stdio::null());
    command
}

impl Server {
    pub fn demo(binary: &Path) -> Result<Server> {
        let scratch = Scratch::new()?;
        let mut demo = command(binary);
        demo.arg("demo").arg("--keep").arg(scratch.0.join("data"));
        Server::start(binary, demo, scratch)
    }

    /// Imports each of the directories in turn, then serves.
    pub fn with(binary: &Path, inputs: &[&Path]) -> Result<Server> {
        let scratch = Scratch::new()?;
        for input in inputs {
            let mut import = command(binary);
            import.args(["import", "--trusted", "--json", "--data"]).arg(scratch.0.join("data")).arg(input);
            let output = import.output().map_err(|error| format!("import: {error}"))?;
            // 1 says that something was quarantined or refused.
            if !matches!(output.status.code(), Some(0 | 1)) {
                return Err(format!("import of {}: {}", input.display(), String::from_utf8_lossy(&output.stderr)));
            }
        }
        let mut serve = command(binary);
        serve.arg("serve").arg("--data").arg(scratch.0.join("data"));
        Server::start(binary, serve, scratch)
    }

    fn start(binary: &Path, mut serve: Command, scratch: Scratch) -> Result<Server> {
        let ready = scratch.0.join("ready.json");
        serve.args(["--public", "127.0.0.1:0", "--private", "127.0.0.1:0", "--ready-file"]).arg(&ready);
        let mut child =
            serve.stdout(Stdio::null()).spawn().map_err(|error| format!("{}: {error}", binary.display()))?;
        let deadline = Instant::now() + PATIENCE;
        let addresses = loop {
            if let Some(addresses) =
                fs::read_to_string(&ready).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok())
            {
                break addresses;
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("the server ended before it was ready: {status}"));
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                return Err("the server is not ready".to_owned());
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        let at = |name: &str| addresses[name].as_str().unwrap_or_default().to_owned();
        Ok(Server { child, public: at("public"), private: at("private"), scratch, binary: binary.to_owned() })
    }

    pub fn client(&self) -> Client {
        Client::new(&self.private)
    }

    /// Has the sums of all days made and counted again by the server itself. How many days it were.
    pub fn make_sums(&self) -> Result<u64> {
        let mut check = command(&self.binary);
        check.args(["check-sums", "--rebuild", "--json", "--data"]).arg(self.scratch.0.join("data"));
        let output = check.output().map_err(|error| format!("check-sums: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(format!("check-sums: {said}{}", String::from_utf8_lossy(&output.stderr)));
        }
        let found: Value = serde_json::from_str(&said).map_err(|error| format!("check-sums: {error}"))?;
        found["days"].as_u64().ok_or_else(|| format!("check-sums: {said}"))
    }

    /// What `tlsight digest --dry-run` prints about a week.
    pub fn digest(&self, week: &str) -> Result<String> {
        let mut digest = command(&self.binary);
        digest.args(["digest", "--dry-run", "--week", week, "--data"]).arg(self.scratch.0.join("data"));
        let output = digest.output().map_err(|error| format!("digest: {error}"))?;
        if !output.status.success() {
            return Err(format!("digest of {week}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
