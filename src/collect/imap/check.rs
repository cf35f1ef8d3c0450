//! Whether an account has on this machine what it is read with. No server is asked.

use super::{connect, login};
use crate::{
    config::Imap,
    tls::{self, AuthoritiesError},
};

/// What is wrong, each with the key of `[[imap]]` that it is about. The files that are named are read.
pub fn check(account: &Imap) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if let Err(reason) = connect::server_name(&account.host) {
        wrong.push(("host", reason));
    }
    if let Some(Err(AuthoritiesError { path, reason })) = account.ca.as_deref().map(tls::read_authorities) {
        wrong.push(("ca", format!("{}: {reason}", path.display())));
    }
    for (key, path) in [("password_file", &account.password_file), ("token_file", &account.token_file)] {
        let Some(path) = path else { continue };
        let reason = match login::read_file(path) {
            Ok(text) if text.trim().is_empty() => "it is empty".to_owned(),
            Ok(text) if key == "token_file" && !login::is_token(text.trim()) => "it is not one token".to_owned(),
            Ok(_) => continue,
            Err(reason) => format!("cannot be read: {reason}"),
        };
        wrong.push((key, format!("{}: {reason}", path.display())));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_files_of_an_account_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let host = "imap.example".to_owned();
        let pair = rcgen::generate_simple_self_signed(vec![host.clone()]).unwrap();
        fs::write(path("ca.pem"), pair.cert.pem()).unwrap();
        fs::write(path("secret"), "secret\n").unwrap();
        fs::write(path("words"), "two words\n").unwrap();
        fs::write(path("empty"), "\n").unwrap();
        let good = Imap { host, ca: Some(path("ca.pem")), password_file: Some(path("secret")), ..Imap::default() };
        assert_eq!(check(&good), []);
        let shown = |account: Imap| {
            let of_directory = format!("{}/", directory.path().display());
            let shown = |(key, reason): (&str, String)| format!("{key} {}", reason.replace(&of_directory, ""));
            check(&account).into_iter().map(shown).collect::<Vec<_>>()
        };
        let bad = Imap {
            host: "a b".to_owned(),
            ca: Some(path("secret")),
            password_file: Some(path("empty")),
            token_file: Some(path("words")),
            ..good.clone()
        };
        assert_eq!(
            shown(bad),
            [
                "host \"a b\" is neither a host name nor an address",
                "ca secret: there is no certificate in it",
                "password_file empty: it is empty",
                "token_file words: it is not one token",
            ]
        );
        let missing = Imap { password_file: Some(path("missing")), ..good };
        assert_eq!(shown(missing), ["password_file missing: cannot be read: No such file or directory (os error 2)"]);
    }
}
