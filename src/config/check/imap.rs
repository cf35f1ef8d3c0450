//! Whether the mailboxes can be read as they are configured. Neither the files nor the servers are looked at.

use std::collections::BTreeSet;

use super::{Problems, is_loopback};
use crate::config::{ClientTls, Config, Imap};

impl Config {
    pub(super) fn check_imap(&self, problems: &mut Problems) {
        let mut names = BTreeSet::new();
        for (index, account) in self.imap.iter().enumerate() {
            let place = format!("imap[{index}]");
            if !account.name.trim().is_empty() && !names.insert(account.name.trim()) {
                problems.add(format!("`{place}.name` = {:?}: stands twice", account.name));
            }
            let mut add = |problem: String| problems.add(format!("`{place}.{problem}"));
            check_texts(account, &mut add);
            check_secret(account, &place, &mut add);
            check_folders(account, &mut add);
            if account.tls == ClientTls::Off && !is_loopback(&account.host) {
                add(format!(
                    "tls` = \"off\" would send the password to {:?} for everybody to read: only to 127.0.0.1, ::1 or \
                     localhost",
                    account.host
                ));
            }
            if account.port == Some(0) {
                add("port` = 0: at least 1".to_owned());
            }
            if account.poll_s == 0 {
                add("poll_s` = 0: at least 1".to_owned());
            }
        }
    }
}

fn check_texts(account: &Imap, add: &mut impl FnMut(String)) {
    for (key, value) in [("name", &account.name), ("host", &account.host), ("user", &account.user)] {
        if value.trim().is_empty() {
            add(format!("{key}` is missing"));
        } else if value.chars().any(char::is_control) {
            add(format!("{key}` = {value:?}: holds control characters"));
        }
    }
}

fn check_secret(account: &Imap, place: &str, add: &mut impl FnMut(String)) {
    let set = [
        ("password", account.password.is_some()),
        ("password_file", account.password_file.is_some()),
        ("token_file", account.token_file.is_some()),
        ("token_command", !account.token_command.is_empty()),
    ];
    let set: Vec<&str> = set.iter().filter(|(_, set)| *set).map(|(key, _)| *key).collect();
    match set.as_slice() {
        [_] => {}
        [] => add("password` is missing: set it, or `password_file`, `token_file` or `token_command`".to_owned()),
        [all @ .., last] => {
            let all = all.join(&format!("`, `{place}."));
            let number = if set.len() == 2 { "both" } else { "all" };
            add(format!("{all}` and `{place}.{last}` are {number} set: keep one"));
        }
    }
    // RFC 3501 §4.3: a quoted string holds neither line ends nor NUL. The secret itself is not repeated.
    if account.password.as_ref().is_some_and(|secret| secret.is_empty() || secret.contains(['\r', '\n', '\0'])) {
        add("password` is empty or holds a line end or a NUL".to_owned());
    }
    if account.token_command.first().is_some_and(String::is_empty) {
        add("token_command` begins with an empty word: the program comes first".to_owned());
    }
}

fn check_folders(account: &Imap, add: &mut impl FnMut(String)) {
    let targets = [("done", &account.done), ("ignored", &account.ignored), ("failed", &account.failed)];
    let targets = targets.into_iter().filter_map(|(key, folder)| Some((key, folder.as_deref()?)));
    for (key, folder) in [("folder", account.folder.as_str())].into_iter().chain(targets) {
        if folder.is_empty() || folder.chars().any(char::is_control) {
            add(format!("{key}` = {folder:?}: this is no folder name"));
        } else if key != "folder" && is_same_folder(folder, &account.folder) {
            add(format!("{key}` = {folder:?}: mails would come back to the folder they are read from"));
        }
    }
    if account.delete && account.done.is_some() {
        add("delete` and `done` are both set: mails whose reports are stored are either deleted or moved".to_owned());
    }
}

/// RFC 3501 §5.1: INBOX in any case is one folder, the case of other names counts.
fn is_same_folder(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    const GOOD: &str = "[[imap]]\nname = \"a\"\nhost = \"imap.example\"\nuser = \"u\"\n";

    fn problems(text: &str) -> Vec<String> {
        let config = Config::from_text(text, &Environment::default()).expect("the types are right");
        config.check().err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn one_way_to_log_in_is_enough() {
        let secrets =
            ["password = \"p\"", "password_file = \"/p\"", "token_file = \"/t\"", "token_command = [\"/t\", \"x\"]"];
        for secret in secrets {
            assert_eq!(problems(&format!("{GOOD}{secret}\n")), [""; 0], "{secret}");
        }
        let none = "`imap[0].password` is missing: set it, or `password_file`, `token_file` or `token_command`";
        assert_eq!(problems(GOOD), [none]);
        let two = problems(&format!("{GOOD}password = \"p\"\ntoken_file = \"/t\"\n"));
        assert_eq!(two, ["`imap[0].password` and `imap[0].token_file` are both set: keep one"]);
        let three = problems(&format!("{GOOD}password = \"p\"\npassword_file = \"/p\"\ntoken_file = \"/t\"\n"));
        let all = "`imap[0].password`, `imap[0].password_file` and `imap[0].token_file` are all set: keep one";
        assert_eq!(three, [all]);
        let broken = problems(&format!("{GOOD}password = \"se\\ncret\"\n"));
        assert_eq!(broken, ["`imap[0].password` is empty or holds a line end or a NUL"]);
        assert_eq!(problems(&format!("{GOOD}token_command = [\"\"]\n")).len(), 1);
    }

    #[test]
    fn everything_is_told_at_once() {
        let text = "[[imap]]\nname = \"a\"\nhost = \"h\"\nuser = \"u\"\npassword = \"p\"\n\
                    [[imap]]\nname = \"a\"\nhost = \" \"\nuser = \"u\\u0000\"\npassword = \"p\"\nport = 0\npoll_s = 0\n\
                    folder = \"inbox\"\ndone = \"INBOX\"\nfailed = \"\"\ndelete = true\n";
        assert_eq!(
            problems(text),
            [
                "`imap[1].name` = \"a\": stands twice",
                "`imap[1].host` is missing",
                "`imap[1].user` = \"u\\0\": holds control characters",
                "`imap[1].done` = \"INBOX\": mails would come back to the folder they are read from",
                "`imap[1].failed` = \"\": this is no folder name",
                "`imap[1].delete` and `done` are both set: mails whose reports are stored are either deleted or moved",
                "`imap[1].port` = 0: at least 1",
                "`imap[1].poll_s` = 0: at least 1",
            ]
        );
    }

    #[test]
    fn passwords_go_unencrypted_to_this_machine_only() {
        let with = |host: &str| {
            problems(&format!(
                "[[imap]]\nname = \"a\"\nhost = \"{host}\"\nuser = \"u\"\npassword = \"p\"\ntls = \"off\"\n"
            ))
        };
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"] {
            assert_eq!(with(host), [""; 0], "{host}");
        }
        for host in ["imap.example", "192.0.2.1", "localhost.example", "127.0.0.1.example"] {
            assert!(with(host)[0].starts_with("`imap[0].tls` = \"off\" would send the password"), "{host}");
        }
    }
}
