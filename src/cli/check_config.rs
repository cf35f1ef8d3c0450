//! `tlsight config check`: the values, and what they name on this machine. No listener is bound, and nobody is asked but the
//! tlsight that runs on the data directory: which MX hosts the policies name that senders hold.

mod outlook;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
};

use super::Common;
use crate::{
    alerts::hosts::unlisted,
    app::shortage,
    collect::imap,
    config::{ChannelKind, Config, ConfigError, DEFAULT_FILE, Environment, Listen, LmtpListen, Maildir},
    control::ControlClient,
    dns::Records,
    jobs::{admin, alert_evaluator, digests},
    receive::{
        certificate::Certificate,
        smtp::{self, SocketError},
    },
    store,
};
use outlook::Outlook;

/// What was found out, in the order of the file.
#[derive(Debug, Default)]
struct Findings {
    /// With one of these `serve` refuses, or a source does not work.
    problems: Vec<String>,
    /// Things that may be meant.
    notes: Vec<String>,
}

pub(super) fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let file = Config::file(common.config.as_deref(), &environment);
    let mut loaded = Config::load(common.config.as_deref(), &environment);
    if let (Ok(config), Some(data)) = (&mut loaded, &common.data) {
        config.data.clone_from(data);
    }
    let Findings { problems, notes } = match &loaded {
        Ok(config) => {
            let mut findings = Findings::of(config);
            findings.look_at_mx_hosts(config, &config.data);
            findings.notes.extend(store::open_to_others(&config.data));
            findings
        }
        Err(error) => Findings { problems: error.problems().to_vec(), notes: Vec::new() },
    };
    let valid = problems.is_empty();
    let outlook = loaded.as_ref().ok().filter(|_| valid).map(Outlook::of);
    if common.json {
        let mut answer = serde_json::json!({ "valid": valid, "file": file, "problems": problems, "notes": notes });
        if let (Some(answer), Some(serde_json::Value::Object(outlook))) =
            (answer.as_object_mut(), outlook.map(|outlook| outlook.json()))
        {
            answer.extend(outlook);
        }
        println!("{answer}");
    } else {
        if file.is_none() {
            println!("There is no file: {DEFAULT_FILE} does not exist and no other is named. These are the defaults.");
        }
        problems.iter().for_each(|problem| println!("{problem}"));
        notes.iter().for_each(|note| println!("note: {note}"));
        if let (Ok(config), Some(outlook)) = (&loaded, outlook) {
            println!("The configuration is valid{}.", domains(config));
            print!("{}", outlook.text());
        }
    }
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Findings {
    fn of(config: &Config) -> Findings {
        let mut findings = Findings::default();
        findings.problems.extend(config.check().err().iter().flat_map(ConfigError::problems).cloned());
        findings.look_at_domains(config);
        findings.look_at_certificate(config);
        findings.look_at_listeners(config);
        findings.look_at_mailboxes(config);
        findings.notes.extend(shortage(config));
        findings.look_at_proof(config);
        if let Some(Err(problem)) = config.dns.records.as_deref().map(Records::open) {
            findings.problems.push(format!("`dns.records` = {problem}"));
        }
        findings
    }

    /// A domain that nobody serves is mostly a slip of the pen, and whoever is to be told about it hears nothing.
    fn look_at_domains(&mut self, config: &Config) {
        let Ok(served) = config.served() else { return };
        if served.domains.is_empty() {
            return;
        }
        let (Ok(channels), Ok(digests)) = (config.channels(), config.digests()) else { return };
        let of_channels = channels.iter().map(|channel| ("channel", channel.name(), &channel.policy_domains));
        let of_digests = digests.iter().map(|digest| ("digest", digest.name(), &digest.policy_domains));
        for (section, name, domains) in of_channels.chain(of_digests) {
            for domain in domains.iter().filter(|domain| !served.domains.contains_key(*domain)) {
                self.notes.push(format!("{section} {name:?} is about {domain}, which is no [[domain]] here"));
            }
        }
        let by_mail = !digests.is_empty() || channels.iter().any(|channel| channel.kind == ChannelKind::Mail);
        if by_mail && config.mail.from.is_none() {
            self.notes.push("mail leaves as tlsight@ this machine's name: set `mail.from`".to_owned());
        }
        if let (Listen::At(address), None, true) =
            (config.private.listen, &config.private.url, !digests.is_empty() || !channels.is_empty())
        {
            self.notes.push(format!("links in digests and alerts lead to http://{address}: set `private.url`"));
        }
    }

    /// Who takes reports over HTTPS only hears no alert of senders who prove nothing.
    fn look_at_proof(&mut self, config: &Config) {
        let by_mail = config.smtp.listen != Listen::Off
            || config.smtp.lmtp != LmtpListen::Off
            || !config.imap.is_empty()
            || !config.maildir.is_empty();
        if by_mail || config.public.listen == Listen::Off || !digests::least(config).is_counted_by_default() {
            return;
        }
        self.notes.push(
            "reports come over HTTPS only: senders whose posting address proves nothing stand beside the figures and make no alert. \
             Take them by mail as well, which most large senders sign ([smtp], [[imap]] or [[maildir]]), or set `alerts.min_trust` = \
             \"token\" or \"none\" to count what anybody can post"
                .to_owned(),
        );
    }

    /// Without a server nothing is said of them: to open the database is not for a check.
    fn look_at_mx_hosts(&mut self, config: &Config, data: &Path) {
        let (Ok(plan), Ok(Some(mut client))) = (alert_evaluator::plan(config), ControlClient::connect(data)) else {
            return;
        };
        let Ok(Ok(seen)) = client.ask(admin::MX_SEEN, &serde_json::Value::Null) else { return };
        let Ok(seen) = serde_json::from_value::<BTreeMap<String, BTreeSet<String>>>(seen) else { return };
        for (domain, host) in unlisted(&plan, &seen) {
            self.notes.push(format!(
                "{host} is in the policy senders use for {domain} but not in your configuration (`mx` of its [[domain]])"
            ));
        }
    }

    fn look_at_certificate(&mut self, config: &Config) {
        if let (Some(certificate), Some(key)) = (&config.public.certificate, &config.public.key)
            && let Err(error) = Certificate::load(certificate, key)
        {
            self.problems.push(format!("`public.certificate` and `public.key`: {error}"));
        }
    }

    fn look_at_listeners(&mut self, config: &Config) {
        let smtp = &config.smtp;
        if !smtp.recipients.is_empty() && smtp.listen == Listen::Off && smtp.lmtp == LmtpListen::Off {
            self.notes.push("no mail listener is on: set smtp.listen or smtp.lmtp".to_owned());
        }
        let LmtpListen::Unix(path) = &smtp.lmtp else { return };
        let message = |error: &SocketError| format!("`smtp.lmtp` = unix:{}: {error}", path.display());
        match smtp::look_at_socket(path) {
            Ok(()) => {}
            // While the service does not run its directory below /run is not there.
            Err(error @ SocketError::NoDirectory(_)) if path.starts_with("/run") => self.notes.push(message(&error)),
            Err(error) => self.problems.push(message(&error)),
        }
    }

    fn look_at_mailboxes(&mut self, config: &Config) {
        for (index, account) in config.imap.iter().enumerate() {
            let blank = account.host.trim().is_empty();
            for (key, reason) in imap::check(account) {
                // A host that is missing is told as such.
                if key != "host" || !blank {
                    self.problems.push(format!("`imap[{index}].{key}` = {reason}"));
                }
            }
        }
        for (index, Maildir { path, .. }) in config.maildir.iter().enumerate() {
            if let (false, Err(reason)) = (path.as_os_str().is_empty(), look_at_maildir(path)) {
                self.problems.push(format!("`maildir[{index}].path` = {}: {reason}", path.display()));
            }
        }
    }
}

/// Whether mail can be found there, and moved on.
fn look_at_maildir(path: &Path) -> Result<(), String> {
    let is_directory = |path: &Path| path.metadata().map(|found| found.is_dir()).map_err(|error| error.to_string());
    if !is_directory(path)? {
        return Err("this is no directory".to_owned());
    }
    match ["new", "cur"].iter().find(|name| !is_directory(&path.join(name)).unwrap_or(false)) {
        Some(missing) => Err(format!("this is no Maildir: there is no directory `{missing}` in it")),
        None => Ok(()),
    }
}

fn domains(config: &Config) -> String {
    match config.domain.len() {
        0 => ": no domain is configured, so reports for every domain are taken".to_owned(),
        1 => " for one domain".to_owned(),
        several => format!(" for {several} domains"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is found in a file with this text, with the directory it lies in left out.
    fn findings(directory: &Path, text: &str) -> (Vec<String>, Vec<String>) {
        let file = directory.join("t.toml");
        let of_directory = directory.display().to_string();
        fs::write(&file, text.replace("DIR", &of_directory)).unwrap();
        let Findings { problems, notes } = Findings::of(&Config::load(Some(&file), &Environment::default()).unwrap());
        let short = |found: Vec<String>| found.iter().map(|text| text.replace(&of_directory, "DIR")).collect();
        (short(problems), short(notes))
    }

    const TEXT: &str = "[public]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
                        [smtp]\nlmtp = \"unix:DIR/run/lmtp\"\nrecipients = [\"a@x.example\"]\n\
                        [[imap]]\nname = \"a\"\nhost = \"h\"\nuser = \"u\"\nca = \"ca.pem\"\npassword_file = \"secret\"\n\
                        [[maildir]]\npath = \"DIR/mail\"\n[dns]\nrecords = \"DIR/records\"\n";

    #[test]
    fn what_is_missing_is_told_all_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let gone = "No such file or directory (os error 2)";
        let (problems, notes) = findings(directory.path(), TEXT);
        assert_eq!(
            problems,
            [
                format!("`public.certificate` and `public.key`: cannot read the certificate file DIR/cert.pem: {gone}"),
                "`smtp.lmtp` = unix:DIR/run/lmtp: the directory DIR/run does not exist".to_owned(),
                format!("`imap[0].ca` = DIR/ca.pem: {gone}"),
                format!("`imap[0].password_file` = DIR/secret: cannot be read: {gone}"),
                format!("`maildir[0].path` = DIR/mail: {gone}"),
                format!("`dns.records` = DIR/records: {gone}"),
            ]
        );
        assert_eq!(notes, [""; 0]);
    }

    #[test]
    fn what_is_there_but_of_no_use_is_told_and_what_is_good_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let pair = rcgen::generate_simple_self_signed(vec!["x.example".to_owned()]).unwrap();
        write("cert.pem", &pair.cert.pem());
        write("key.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem());
        write("ca.pem", "no certificate");
        write("secret", "secret\n");
        write("records", "x.example SRV 192.0.2.1\n");
        fs::create_dir_all(directory.path().join("run/lmtp")).unwrap();
        fs::create_dir_all(directory.path().join("mail/new")).unwrap();
        let (problems, _) = findings(directory.path(), TEXT);
        let words = [
            "`public.certificate` and `public.key`: the certificate DIR/cert.pem and the key DIR/key.pem cannot be used",
            "`smtp.lmtp` = unix:DIR/run/lmtp: DIR/run/lmtp is in the way and is not a socket",
            "`imap[0].ca` = DIR/ca.pem: there is no certificate in it",
            "`maildir[0].path` = DIR/mail: this is no Maildir: there is no directory `cur` in it",
            "`dns.records` = DIR/records: line 1: \"SRV\" is none of TXT, MX, A, AAAA, PTR, CNAME and SERVFAIL",
        ];
        assert_eq!(problems.len(), words.len(), "{problems:#?}");
        for (problem, words) in problems.iter().zip(words) {
            assert!(problem.starts_with(words), "{problem}");
        }

        write("key.pem", &pair.signing_key.serialize_pem());
        write("ca.pem", &pair.cert.pem());
        write("records", "x.example MX 10 mx.x.example\n");
        fs::remove_dir(directory.path().join("run/lmtp")).unwrap();
        fs::create_dir_all(directory.path().join("mail/cur")).unwrap();
        assert_eq!(findings(directory.path(), TEXT), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_may_be_meant_is_a_note() {
        let directory = tempfile::tempdir().unwrap();
        let (problems, notes) = findings(directory.path(), "[smtp]\nrecipients = [\"a@x.example\"]\n");
        assert_eq!((problems, notes[0].as_str()), (vec![], "no mail listener is on: set smtp.listen or smtp.lmtp"));
        assert!(notes[1].starts_with("reports come over HTTPS only: ") && notes.len() == 2, "{notes:?}");
        for counted in
            ["[alerts]\nmin_trust = \"none\"\n", "[smtp]\nlisten = \"127.0.0.1:0\"\n", "[public]\nlisten = \"off\"\n"]
        {
            let (_, notes) = findings(directory.path(), counted);
            assert!(!notes.iter().any(|note| note.contains("over HTTPS only")), "{counted}: {notes:?}");
        }
        let text = "[smtp]\nlisten = \"127.0.0.1:0\"\nrecipients = [\"a@x.example\"]\n[[domain]]\nname = \"example.com\"\n\
                    [[channel]]\npolicy_domains = [\"exmaple.com\", \"Example.com\"]\nto = [\"a@example.com\"]\n";
        let (problems, notes) = findings(directory.path(), text);
        let message = [
            "channel \"mail\" is about exmaple.com, which is no [[domain]] here",
            "mail leaves as tlsight@ this machine's name: set `mail.from`",
            "links in digests and alerts lead to http://127.0.0.1:8080: set `private.url`",
        ];
        assert_eq!((problems, notes), (vec![], message.map(str::to_owned).to_vec()));
        let text = "[smtp]\nlmtp = \"unix:/run/no-such-service/lmtp\"\nrecipients = [\"a@x.example\"]\n";
        let (problems, notes) = findings(directory.path(), text);
        let note = "`smtp.lmtp` = unix:/run/no-such-service/lmtp: the directory /run/no-such-service does not exist \
                    (systemd: RuntimeDirectory=no-such-service)";
        assert_eq!((problems, notes.join("\n").as_str()), (vec![], note));
        let long = format!("[smtp]\nlmtp = \"unix:/run/{}/lmtp\"\nrecipients = [\"a@x.example\"]\n", "x".repeat(200));
        assert!(findings(directory.path(), &long).0[0].contains("the path has 210 bytes, a socket's may have 101"));
    }
}
