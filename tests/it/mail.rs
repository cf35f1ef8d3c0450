//! Reports by mail: the real binary, and the programs that mail really comes from.

mod crash;
pub(crate) mod dovecot;
mod imap;
pub(crate) mod postfix;
mod relayed;
mod reporter;
mod send_test_report;
pub(crate) mod signed;
pub(crate) mod smtp;
mod swaks;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use self::signed::Keys;
use crate::server::{Server, all_items};

/// The address of the `rua=mailto:` URI.
const RECIPIENT: &str = "tlsrpt@reports.example";
/// Both mail listeners, for anything that comes to RECIPIENT.
pub(crate) const LISTENERS: &str = r#"
[smtp]
listen = "127.0.0.1:0"
lmtp = "127.0.0.1:0"
recipients = ["tlsrpt@reports.example"]
connections_per_address_max = 64
"#;

/// A directory with what a server is started with, as often as wanted.
pub(crate) struct World {
    directory: TempDir,
    keys: Keys,
}

impl World {
    /// `settings` is TOML. The keys of what is signed here are published.
    pub(crate) fn new(settings: &str) -> World {
        let directory = tempfile::tempdir().unwrap();
        // Peers that are other users look in here.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let keys = Keys::publish(directory.path().join("records.dns"));
        let world = World { directory, keys };
        world.configure(settings);
        world
    }

    fn configure(&self, settings: &str) {
        let records = format!("[dns]\nrecords = {:?}\n", self.keys.path());
        fs::write(self.path("tlsight.toml"), records + settings).unwrap();
    }

    pub(crate) fn start(&self) -> Server {
        let configuration = self.path("tlsight.toml");
        Server::start_with(&self.path("data"), |command| command.arg("--config").arg(configuration))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// What is stored: report id, channel and trust, sorted.
fn stored(server: &Server) -> Vec<[String; 3]> {
    table(server, "/api/v1/reports?from=2026-01-01&to=2026-12-31", ["report_id", "channel", "trust"])
}

/// What is kept but not counted: report id, channel and code, sorted.
fn quarantined(server: &Server) -> Vec<[String; 3]> {
    table(server, "/api/v1/quarantine", ["report_id", "channel", "code"])
}

fn table(server: &Server, list: &str, columns: [&str; 3]) -> Vec<[String; 3]> {
    let row = |item: &Value| columns.map(|column| item[column].as_str().unwrap_or_default().to_owned());
    let mut rows: Vec<[String; 3]> = all_items(server, list).iter().map(row).collect();
    rows.sort();
    rows
}

/// The path of a socket as the ready file names it.
fn socket_path(address: &str) -> &Path {
    Path::new(address.strip_prefix("unix:").expect("a Unix socket"))
}
