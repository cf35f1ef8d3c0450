//! A Dovecot of our own: configuration, mail and sockets in a temporary directory, on a port that was free a moment ago.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::server::{program, program_missing};

/// How long Dovecot may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Others may take a free port before Dovecot does.
const ATTEMPTS: usize = 5;

pub(crate) struct Dovecot {
    directory: TempDir,
    port: u16,
    /// Who owns the mail, `uid:gid`.
    owner: String,
    child: Option<Child>,
    delivered: usize,
}

impl Dovecot {
    /// Starts one with these folders beside INBOX, or says that it is not installed. In CI it must be.
    pub(crate) fn start(folders: &[&str]) -> Option<Dovecot> {
        if program_missing("dovecot") {
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
        let mut dovecot = Dovecot { directory, port: 0, owner, child: None, delivered: 0 };
        for folder in folders.iter().chain(&[""]) {
            for part in ["new", "cur", "tmp"] {
                fs::create_dir_all(dovecot.maildir(folder).join(part)).unwrap();
            }
        }
        let mail = dovecot.path("mail");
        assert!(Command::new("chown").arg("-R").arg(&dovecot.owner).arg(mail).status().unwrap().success());
        for _ in 0..ATTEMPTS {
            dovecot.port = free_port();
            dovecot.configure(is_root, &user);
            if dovecot.launch() {
                return Some(dovecot);
            }
        }
        panic!("dovecot does not start:\n{}", fs::read_to_string(dovecot.path("log")).unwrap_or_default());
    }

    /// What tlsight is configured with to read the account, up to the folders.
    pub(crate) fn account(&self) -> String {
        let (port, ca) = (self.port, self.path("cert.pem"));
        format!(
            "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {port}\nca = {ca:?}\nuser = \"user\"\npassword = \"secret\"\n"
        )
    }

    /// Where a mail server asks whether a login is right: anybody with the password `secret`.
    pub(crate) fn auth_socket(&self) -> PathBuf {
        self.path("auth")
    }

    /// Delivers a mail to INBOX as a delivery agent does: with the line ends of the system.
    pub(crate) fn deliver(&mut self, mail: &[u8]) {
        self.delivered += 1;
        let name = format!("1800000000.M{}.host", self.delivered);
        let [temporary, new] = ["tmp", "new"].map(|part| self.maildir("").join(part).join(&name));
        fs::write(&temporary, String::from_utf8(mail.to_vec()).unwrap().replace("\r\n", "\n")).unwrap();
        let (uid, gid) = self.owner.split_once(':').unwrap();
        std::os::unix::fs::chown(&temporary, Some(uid.parse().unwrap()), Some(gid.parse().unwrap())).unwrap();
        fs::rename(temporary, new).unwrap();
    }

    /// The texts of the mails in a folder.
    pub(crate) fn mails(&self, folder: &str) -> Vec<String> {
        let parts = ["new", "cur"].map(|part| self.maildir(folder).join(part));
        let entries = parts.iter().flat_map(|part| fs::read_dir(part).unwrap());
        // A mail may move on while this looks.
        entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok()).collect()
    }

    fn maildir(&self, folder: &str) -> PathBuf {
        match folder {
            "" => self.path("mail"),
            folder => self.path("mail").join(format!(".{folder}")),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the processes and waits until they answer. False where they end instead.
    fn launch(&mut self) -> bool {
        let mut command = Command::new(program("dovecot").unwrap());
        command.arg("-F").arg("-c").arg(self.path("dovecot.conf")).process_group(0);
        let log = || fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let answers = loop {
            if child.try_wait().unwrap().is_some() {
                break false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                break true;
            }
            assert!(Instant::now() < deadline, "dovecot neither starts nor ends");
            std::thread::park_timeout(Duration::from_millis(5));
        };
        self.child = Some(child);
        answers
    }

    fn configure(&self, is_root: bool, user: &str) {
        let root = self.directory.path().display();
        let (uid, gid) = self.owner.split_once(':').unwrap();
        // Without root there is nobody else to be, and nowhere else to look from.
        let users = match is_root {
            true => String::new(),
            false => format!(
                "default_internal_user = {user}\ndefault_internal_group = {}\ndefault_login_user = {user}\n\
                 service anvil {{\n  chroot =\n}}\nservice imap-login {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n",
                output_of("id", &["-gn"])
            ),
        };
        let text = format!(
            "base_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/log\nprotocols = imap\nlisten = 127.0.0.1\n\
             first_valid_uid = 1\nfirst_valid_gid = 1\nmail_uid = {uid}\nmail_gid = {gid}\nmail_location = maildir:{root}/mail\n\
             ssl = required\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\nauth_failure_delay = 0\n\
             mailbox_idle_check_interval = 1 secs\n\
             passdb {{\n  driver = static\n  args = password=secret\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={root}\n}}\n\
             service auth {{\n  unix_listener {root}/auth {{\n    mode = 0666\n  }}\n}}\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = 0\n  }}\n  \
             inet_listener imaps {{\n    port = {}\n    ssl = yes\n  }}\n}}\n{users}",
            self.port
        );
        fs::write(self.path("dovecot.conf"), text).unwrap();
    }
}

impl Drop for Dovecot {
    /// SIGKILL for all its processes.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port()
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
