//! A Postfix of our own that hands everything on to one next hop: configuration, queue and sockets in a temporary directory.

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::dovecot::free_port;
use crate::server::{program, program_missing};

/// How long Postfix may take to start or to stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Others may take a free port before Postfix does.
const ATTEMPTS: usize = 5;

pub(crate) struct Postfix {
    directory: TempDir,
    pub smtp_port: u16,
    child: Option<Child>,
}

impl Postfix {
    /// Starts one with a transport such as `smtp:[127.0.0.1]:2525`, or says why not. Only root may start it.
    pub(crate) fn start(next_hop: &str) -> Option<Postfix> {
        Postfix::start_with(next_hop, "mynetworks = 127.0.0.0/8\n")
    }

    /// The same with more lines of `main.cf`, which say who may send.
    pub(crate) fn start_with(next_hop: &str, settings: &str) -> Option<Postfix> {
        if program_missing("postfix") {
            return None;
        }
        if String::from_utf8_lossy(&Command::new("id").arg("-u").output().unwrap().stdout).trim() != "0" {
            assert!(std::env::var_os("CI").is_none(), "CI must run as root");
            eprintln!("skipped: only root can start postfix");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        // Its processes run as another user.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut postfix = Postfix { directory, smtp_port: 0, child: None };
        for part in ["etc", "queue", "data"] {
            fs::create_dir(postfix.path(part)).unwrap();
        }
        let data = postfix.path("data");
        assert!(Command::new("chown").arg("postfix").arg(data).status().unwrap().success());
        for _ in 0..ATTEMPTS {
            postfix.smtp_port = free_port();
            postfix.configure(next_hop, settings);
            if postfix.launch() {
                return Some(postfix);
            }
        }
        panic!("postfix does not start:\n{}", postfix.log());
    }

    /// Hands in a mail as a program on the same machine does.
    pub(crate) fn sendmail(&self, to: &str, mail: &[u8]) {
        let mut command = self.command("sendmail", "-C");
        command.args(["-i", "-f", "tls@sender.example", to]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().expect("it was asked for").write_all(mail).unwrap();
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// What is in the queue, a line of JSON for each mail.
    pub(crate) fn queue(&self) -> String {
        let Output { status, stdout, stderr } = self.command("postqueue", "-c").arg("-j").output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Tries now what waits in the queue.
    pub(crate) fn flush(&self) {
        assert!(self.command("postqueue", "-c").arg("-f").status().unwrap().success());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn command(&self, name: &str, flag: &str) -> Command {
        let mut command = Command::new(program(name).unwrap_or_else(|| panic!("{name} comes with postfix")));
        command.arg(flag).arg(self.path("etc"));
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the processes and waits until they answer. False where they end instead.
    fn launch(&mut self) -> bool {
        let mut command = self.command("postfix", "-c");
        command.arg("start-fg").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let answers = loop {
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            if TcpStream::connect(("127.0.0.1", self.smtp_port)).is_ok() {
                break true;
            }
            assert!(Instant::now() < deadline, "postfix neither starts nor ends:\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(5));
        };
        self.child = Some(child);
        answers
    }

    fn configure(&self, next_hop: &str, settings: &str) {
        let root = self.directory.path().display();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\n\
             maillog_file_prefixes = {root}\nmaillog_file = {root}/log\nmyhostname = relay.example\nmydestination =\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nalias_maps =\n\
             alias_database =\ndefault_transport = {next_hop}\nbiff = no\n{settings}"
        );
        let mut master = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.smtp_port);
        for service in ["pickup", "cleanup", "qmgr", "rewrite", "bounce", "defer", "trace", "verify", "flush"] {
            let (privacy, process) = match service {
                "rewrite" => ("-", "trivial-rewrite"),
                "defer" | "trace" => ("-", "bounce"),
                "bounce" | "verify" => ("-", service),
                service => ("n", service),
            };
            writeln!(master, "{service} unix {privacy} - n - {} {process}", at_most(service)).unwrap();
        }
        for service in ["proxymap", "smtp", "lmtp", "error", "anvil", "scache"] {
            writeln!(master, "{service} unix - - n - {} {service}", at_most(service)).unwrap();
        }
        master.push_str(
            "tlsmgr unix - - n - 1 tlsmgr\nretry unix - - n - - error\nshowq unix n - n - - showq\npostlog unix-dgram n - n - 1 postlogd\n",
        );
        fs::write(self.path("etc").join("main.cf"), main).unwrap();
        fs::write(self.path("etc").join("master.cf"), master).unwrap();
    }
}

/// How many of a service there may be, as in the `master.cf` that Postfix comes with.
fn at_most(service: &str) -> &'static str {
    match service {
        "pickup" | "qmgr" | "verify" | "anvil" | "scache" => "1",
        "rewrite" | "proxymap" | "smtp" | "lmtp" | "error" => "-",
        _ => "0",
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = self.command("postfix", "-c").arg("abort").stderr(Stdio::null()).status();
        let _ = child.kill();
        let _ = child.wait();
    }
}
