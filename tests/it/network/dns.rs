//! A name server (Knot) with zones of the test, and a resolver (Unbound) in front of it, on ports that were free a moment ago.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::server::{program, program_missing};

const PATIENCE: Duration = Duration::from_secs(60);
/// Others may take a free port before the servers do.
const ATTEMPTS: usize = 5;

/// A zone's name and its records after SOA and NS.
pub(super) type Zone<'a> = (&'a str, &'a str);

pub(super) struct Dns {
    _directory: TempDir,
    /// Of the resolver.
    pub address: SocketAddr,
    _children: [Running; 2],
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Dns {
    /// Serves the zones. Those of `lame` are delegated to a server that does not know them. `None` where a program is not
    /// installed; in CI it must be.
    pub(super) fn start(zones: &[Zone<'_>], lame: &[&str]) -> Option<Dns> {
        if program_missing("knotd") || program_missing("unbound") {
            return None;
        }
        for _ in 0..ATTEMPTS {
            let directory = tempfile::tempdir().unwrap();
            let (authority, resolver) = (free_port(), free_port());
            knot(directory.path(), authority, zones);
            let names: Vec<&str> = zones.iter().map(|(name, _)| *name).chain(lame.iter().copied()).collect();
            unbound(directory.path(), resolver, authority, &names);
            let root = directory.path();
            let knot = launch(root, "knotd", &["-c", "knot.conf"], authority);
            let unbound = launch(root, "unbound", &["-d", "-c", "unbound.conf"], resolver);
            if let (Some(knot), Some(unbound)) = (knot, unbound) {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, resolver));
                return Some(Dns { _directory: directory, address, _children: [knot, unbound] });
            }
        }
        panic!("knotd and unbound do not start");
    }
}

fn knot(root: &Path, port: u16, zones: &[Zone<'_>]) {
    fs::create_dir(root.join("run")).unwrap();
    let mut config = format!(
        "server:\n  listen: 127.0.0.1@{port}\n  rundir: {0}/run\nlog:\n  - target: stderr\n    any: warning\n\
         database:\n  storage: {0}/db\nzone:\n",
        root.display()
    );
    for (index, (name, records)) in zones.iter().enumerate() {
        let file = root.join(format!("{index}.zone"));
        let head = format!("$ORIGIN {name}\n$TTL 60\n@ SOA ns h 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n");
        fs::write(&file, head + records).unwrap();
        config += &format!(
            "  - domain: {name}\n    file: {}\n    zonefile-sync: -1\n    journal-content: none\n",
            file.display()
        );
    }
    fs::write(root.join("knot.conf"), config).unwrap();
}

fn unbound(root: &Path, port: u16, authority: u16, zones: &[&str]) {
    // It answers nothing else: no question leaves this machine.
    let mut config = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  directory: \"{0}\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  logfile: \"{0}/unbound.log\"\n  do-not-query-localhost: no\n  \
         module-config: \"iterator\"\n  do-ip6: no\n  qname-minimisation: no\n  num-threads: 1\n  local-zone: \".\" refuse\n",
        root.display()
    );
    for zone in zones {
        config += &format!("  local-zone: \"{zone}\" nodefault\n  local-zone: \"{zone}\" transparent\n");
    }
    config += "remote-control:\n  control-enable: no\n";
    for zone in zones {
        config += &format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: 127.0.0.1@{authority}\n");
    }
    fs::write(root.join("unbound.conf"), config).unwrap();
}

/// Waits until it answers. `None` where it ends instead.
fn launch(root: &Path, name: &str, arguments: &[&str], port: u16) -> Option<Running> {
    let log = || fs::File::options().create(true).append(true).open(root.join("log")).unwrap();
    let mut command = Command::new(program(name).unwrap());
    command.current_dir(root).args(arguments).stdin(Stdio::null()).stdout(log()).stderr(log());
    let mut running = Running(command.spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    loop {
        if running.0.try_wait().unwrap().is_some() {
            eprintln!("{name} ended: {}", fs::read_to_string(root.join("log")).unwrap_or_default());
            return None;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Some(running);
        }
        assert!(Instant::now() < deadline, "{name} neither starts nor ends");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Free for both protocols.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
