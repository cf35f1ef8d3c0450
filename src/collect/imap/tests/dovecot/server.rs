//! A Dovecot 2.3 of our own: configuration, mail and sockets in a temporary directory, on ports that were free a moment ago.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long Dovecot may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Others may take a free port before Dovecot does.
const ATTEMPTS: usize = 5;

pub(super) struct Dovecot {
    directory: TempDir,
    pub plain_port: u16,
    pub tls_port: u16,
    /// Who owns the mail, `uid:gid`.
    owner: String,
    child: Option<Child>,
    delivered: usize,
}

impl Dovecot {
    /// Starts one, or says that it is not installed. In CI it must be.
    pub(super) fn start() -> Option<Dovecot> {
        Dovecot::start_with("")
    }

    /// The same with more lines in its configuration.
    pub(super) fn start_with(more: &str) -> Option<Dovecot> {
        if program().is_none() {
            assert!(std::env::var_os("CI").is_none(), "dovecot must be installed in CI");
            eprintln!("skipped: dovecot is not installed");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        // Its processes for the network run as other users.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(directory.path().join("cert.pem"), pair.cert.pem()).unwrap();
        fs::write(directory.path().join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
        let is_root = output_of("id", &["-u"]) == "0";
        let user = if is_root { "nobody".to_owned() } else { output_of("id", &["-un"]) };
        let owner = format!("{}:{}", output_of("id", &["-u", &user]), output_of("id", &["-g", &user]));
        let (plain_port, tls_port) = (0, 0);
        let mut dovecot = Dovecot { directory, plain_port, tls_port, owner, child: None, delivered: 0 };
        dovecot.make_folder("");
        for _ in 0..ATTEMPTS {
            (dovecot.plain_port, dovecot.tls_port) = (free_port(), free_port());
            dovecot.configure(is_root, &user, more);
            if dovecot.launch() {
                return Some(dovecot);
            }
        }
        panic!("dovecot does not start:\n{}", dovecot.log());
    }

    /// SIGKILL for all its processes: connections break where they are.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again. Locks that a killed process has left behind are removed, as Dovecot itself does only after minutes.
    pub(super) fn restart(&mut self) {
        for folder in
            fs::read_dir(self.path("mail")).unwrap().map(|entry| entry.unwrap().path()).chain([self.path("mail")])
        {
            let _ = fs::remove_file(folder.join("dovecot-uidlist.lock"));
        }
        // The ports may be held for a moment: by a process that is still dying, or by the client that asks for them.
        let deadline = Instant::now() + PATIENCE;
        while !self.launch() {
            assert!(Instant::now() < deadline, "dovecot does not start again:\n{}", self.log());
        }
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.path("cert.pem")
    }

    /// Delivers a mail to INBOX as a delivery agent does.
    pub(super) fn deliver(&mut self, text: &str) {
        self.deliver_to("", text);
    }

    pub(super) fn deliver_to(&mut self, folder: &str, text: &str) {
        self.delivered += 1;
        let name = format!("1800000000.M{}.host", self.delivered);
        let (temporary, new) =
            (self.maildir(folder).join("tmp").join(&name), self.maildir(folder).join("new").join(&name));
        fs::write(&temporary, text).unwrap();
        self.own(&temporary);
        fs::rename(temporary, new).unwrap();
    }

    /// Makes a folder, by its name on the wire.
    pub(super) fn make_folder(&self, folder: &str) {
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(self.maildir(folder).join(part)).unwrap();
        }
        assert!(Command::new("chown").arg("-R").arg(&self.owner).arg(self.path("mail")).status().unwrap().success());
    }

    /// The mails of a folder with the name of their file, which holds their flags.
    pub(super) fn mails(&self, folder: &str) -> Vec<(String, String)> {
        let parts = ["new", "cur"].map(|part| self.maildir(folder).join(part));
        let entries = parts.iter().flat_map(|part| fs::read_dir(part).unwrap());
        let read = entries.filter_map(|entry| {
            let path = entry.unwrap().path();
            // A mail may move on while this looks.
            let text = fs::read_to_string(&path).ok()?;
            Some((path.file_name()?.to_str()?.to_owned(), text))
        });
        read.collect()
    }

    /// Sets the flags of all mails in INBOX, as another client would.
    pub(super) fn flag_all(&self, flags: &str) {
        let maildir = self.maildir("");
        for entry in fs::read_dir(maildir.join("new")).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{}:2,{flags}", entry.file_name().to_str().unwrap());
            fs::rename(entry.path(), maildir.join("cur").join(name)).unwrap();
        }
    }

    fn maildir(&self, folder: &str) -> PathBuf {
        match folder {
            "" => self.path("mail"),
            folder => self.path("mail").join(format!(".{folder}")),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn own(&self, path: &Path) {
        let (uid, gid) = self.owner.split_once(':').unwrap();
        std::os::unix::fs::chown(path, Some(uid.parse().unwrap()), Some(gid.parse().unwrap())).unwrap();
    }

    /// Starts the processes and waits until they answer. False where they end instead.
    fn launch(&mut self) -> bool {
        let mut command = Command::new(program().unwrap());
        command.arg("-F").arg("-c").arg(self.path("dovecot.conf")).process_group(0);
        let log = || fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let answers = loop {
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            if [self.plain_port, self.tls_port].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                break true;
            }
            assert!(Instant::now() < deadline, "dovecot neither starts nor ends");
            std::thread::park_timeout(Duration::from_millis(5));
        };
        self.child = Some(child);
        answers
    }

    fn configure(&self, is_root: bool, user: &str, more: &str) {
        let root = self.directory.path().display();
        let Dovecot { plain_port, tls_port, owner, .. } = self;
        let (uid, gid) = owner.split_once(':').unwrap();
        // Without root there is nobody else to be, and nowhere else to look from.
        let users = match is_root {
            true => String::new(),
            false => {
                let group = output_of("id", &["-gn"]);
                format!(
                    "default_internal_user = {user}\ndefault_internal_group = {group}\ndefault_login_user = {user}\n\
                     service anvil {{\n  chroot =\n}}\nservice imap-login {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n"
                )
            }
        };
        let text = format!(
            "base_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/log\nprotocols = imap\nlisten = 127.0.0.1\n\
             first_valid_uid = 1\nfirst_valid_gid = 1\nmail_uid = {uid}\nmail_gid = {gid}\nmail_location = maildir:{root}/mail\n\
             ssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\ndisable_plaintext_auth = no\n\
             auth_mechanisms = plain xoauth2\nauth_failure_delay = 0\nmailbox_idle_check_interval = 1 secs\n\
             maildir_very_dirty_syncs = no\n\
             passdb {{\n  driver = static\n  mechanisms = plain\n  args = password=secret\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={root}\n}}\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {plain_port}\n  }}\n  \
             inet_listener imaps {{\n    port = {tls_port}\n    ssl = yes\n  }}\n}}\n{users}{more}"
        );
        fs::write(self.path("dovecot.conf"), text).unwrap();
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian installs it where the paths of users do not lead.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    directories.map(|directory| directory.join("dovecot")).find(|program| program.exists())
}

fn free_port() -> u16 {
    let bound: io::Result<TcpListener> = TcpListener::bind("127.0.0.1:0");
    bound.and_then(|listener| listener.local_addr()).unwrap().port()
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
