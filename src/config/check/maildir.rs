//! The watched Maildirs.

use std::collections::BTreeMap;

use crate::config::{Maildir, problem::Problems};

pub(super) fn check(maildirs: &[Maildir], problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for (index, maildir) in maildirs.iter().enumerate() {
        let (path, poll_s) = (&maildir.path, maildir.poll_s);
        if path.as_os_str().is_empty() {
            problems.add(format!("`maildir[{index}].path` is missing: the directory that holds `new` and `cur`"));
        } else if let Some(first) = seen.insert(path.components().collect::<Vec<_>>(), index) {
            problems.add(format!("`maildir[{index}].path` = {} is that of maildir[{first}] as well", path.display()));
        }
        if poll_s == 0 {
            problems.add(format!("`maildir[{index}].poll_s` = 0: at least 1"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    fn problems(text: &str) -> Vec<String> {
        let checked = Config::from_text(text, &Environment::default()).expect("the types are right").check();
        checked.err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn maildirs_that_cannot_be_watched_are_told() {
        let text = "[[maildir]]\npath = \"/var/mail/a\"\npoll_s = 0\n\
                    [[maildir]]\npath = \"/var/mail//a/\"\n\
                    [[maildir]]\n\
                    [[maildir]]\npath = \"/var/mail/b\"\n";
        assert_eq!(
            problems(text),
            [
                "`maildir[0].poll_s` = 0: at least 1",
                "`maildir[1].path` = /var/mail//a/ is that of maildir[0] as well",
                "`maildir[2].path` is missing: the directory that holds `new` and `cur`",
            ]
        );
        assert_eq!(problems("[[maildir]]\npath = \"/var/mail/a\"\n"), Vec::<String>::new());
    }
}
