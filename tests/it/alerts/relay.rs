//! A mail server of the operator: a Postfix that takes mail after STARTTLS and a login that Dovecot knows, and hands it on to a
//! smtp-sink that writes it into files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    mail::{
        dovecot::{Dovecot, free_port},
        postfix::Postfix,
    },
    server::{program, program_missing, until},
};

pub(super) struct Relay {
    postfix: Postfix,
    // These two live as long.
    _dovecot: Dovecot,
    sink: Child,
    directory: TempDir,
}

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    /// Of the envelope: `<>`, `<somebody@example.com>`.
    pub from: String,
    pub to: String,
    pub text: String,
}

impl Relay {
    /// `None` where one of the programs is missing, or only root could start it.
    pub(super) fn start() -> Option<Relay> {
        if program_missing("smtp-sink") {
            return None;
        }
        let dovecot = Dovecot::start(&[])?;
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let pair = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("cert.pem"), pair.cert.pem()).unwrap();
        fs::write(file("key.pem"), pair.signing_key.serialize_pem()).unwrap();
        fs::create_dir(file("mails")).unwrap();
        fs::set_permissions(file("mails"), fs::Permissions::from_mode(0o777)).unwrap();
        let port = free_port();
        let mut command = Command::new(program("smtp-sink").unwrap());
        command
            .args(["-u", "nobody", "-d"])
            .arg(file("mails").join("mail."))
            .arg(format!("127.0.0.1:{port}"))
            .arg("16");
        let sink = command.stdin(Stdio::null()).spawn().unwrap();
        let settings = format!(
            "smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nsmtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\n\
             smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {}\nmynetworks =\n\
             smtpd_relay_restrictions = permit_sasl_authenticated, reject\n",
            file("cert.pem").display(),
            file("key.pem").display(),
            dovecot.auth_socket().display()
        );
        let postfix = Postfix::start_with(&format!("smtp:[127.0.0.1]:{port}"), &settings);
        // From here on dropping it ends the sink.
        let Some(postfix) = postfix else {
            end(sink);
            return None;
        };
        Some(Relay { postfix, _dovecot: dovecot, sink, directory })
    }

    /// How tlsight is told to send by it.
    pub(super) fn settings(&self) -> String {
        format!(
            "[mail]\nfrom = \"tlsight@example.net\"\nrelay = \"127.0.0.1\"\nport = {}\nca = {:?}\nuser = \"tlsight\"\npassword = \"secret\"\n",
            self.postfix.smtp_port,
            self.directory.path().join("cert.pem")
        )
    }

    pub(super) fn log(&self) -> String {
        self.postfix.log()
    }

    /// Waits until so many mails for this address have arrived.
    pub(super) fn wait_for(&self, count: usize, to: &str) -> Vec<Arrived> {
        let mine =
            || -> Vec<Arrived> { self.arrived().into_iter().filter(|mail| mail.to == format!("<{to}>")).collect() };
        until(&format!("{count} mails for {to}"), || mine().len() >= count);
        mine()
    }

    /// What has arrived, in no order. A mail that is being written is not there yet.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        let entries = fs::read_dir(self.directory.path().join("mails")).unwrap();
        let texts = entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
        // Ours end with the end of a multipart.
        texts.filter(|text| text.trim_end().ends_with("--")).map(|text| Arrived::read(&text)).collect()
    }
}

impl Arrived {
    /// The sink puts the envelope before the mail.
    fn read(dump: &str) -> Arrived {
        let argument = |name: &str| {
            let line =
                dump.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {dump}"));
            line.trim().split(' ').next().unwrap_or_default().to_owned()
        };
        let text = dump.lines().skip_while(|line| line.starts_with("X-")).collect::<Vec<_>>().join("\r\n");
        Arrived { from: argument("X-Mail-Args:"), to: argument("X-Rcpt-Args:"), text }
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let (headers, _) = mailparse::parse_headers(self.text.as_bytes()).unwrap();
        mailparse::MailHeaderMap::get_first_value(headers.as_slice(), name)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.sink.kill();
        let _ = self.sink.wait();
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}
