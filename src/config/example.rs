//! `tlsight config example`: the doc comments of the configuration structs as a file to start from.

use std::fmt::Write;

use super::{
    Config, DigestConfig, Domain, Imap, Maildir, NotifyChannel,
    keys::{self, ConfigKey, ConfigSection},
};
use crate::{
    alerts::{Maintenance, Silence},
    reporters::Reporter,
};

/// Width that prose is wrapped to, in characters.
const WIDTH: usize = 100;

const HEAD: &str = "\
# The configuration of tlsight, as printed by `tlsight config example`.
# A key that is commented out shows its default, or an example where there is none. Environment variables stand over this
# file, with two underscores between section and key (TLSIGHT_PUBLIC__LISTEN=127.0.0.1:8443), and flags over both.
";

/// An example file with every key, its meaning and its default commented out.
pub fn example() -> String {
    // Serialising plain values into a table cannot fail; without defaults the examples still stand.
    let defaults = toml::Table::try_from(one_of_each()).unwrap_or_default();
    let mut text = HEAD.to_owned();
    for section in keys::sections() {
        text.push('\n');
        if !section.name.is_empty() {
            write_prose(&mut text, &section.doc);
            let header =
                if section.repeated { format!("#[[{}]]\n", section.name) } else { format!("[{}]\n", section.name) };
            text.push_str(&header);
        }
        for key in &section.keys {
            write_prose(&mut text, &key.doc);
            let _ = writeln!(text, "#{} = {}", key.name, value_of(section, key, &defaults));
        }
    }
    text
}

/// The defaults, with one element in each section that may stand several times.
fn one_of_each() -> Config {
    Config {
        domain: vec![Domain::default()],
        imap: vec![Imap::default()],
        maildir: vec![Maildir::default()],
        reporter: vec![Reporter::default()],
        silence: vec![Silence::default()],
        maintenance: vec![Maintenance::default()],
        channel: vec![NotifyChannel::default()],
        digest: vec![DigestConfig::default()],
        ..Config::default()
    }
}

fn value_of(section: &ConfigSection, key: &ConfigKey, defaults: &toml::Table) -> String {
    let table = match section.name {
        "" => Some(defaults),
        name => defaults.get(name).and_then(|section| section.get(0).unwrap_or(section).as_table()),
    };
    let default = || table.and_then(|table| table.get(key.name)).map(toml::Value::to_string);
    key.example.map(str::to_owned).or_else(default).unwrap_or_else(|| "\"\"".to_owned())
}

fn write_prose(text: &mut String, doc: &[&str]) {
    let mut line = String::from("#");
    for word in doc.iter().flat_map(|line| line.split_whitespace()) {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        let _ = writeln!(text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_committed_example_is_the_printed_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.example.toml");
        let committed = std::fs::read_to_string(path).expect("docs/config.example.toml is committed");
        assert!(committed == example(), "run `tlsight config example > docs/config.example.toml`");
    }

    #[test]
    fn the_example_as_printed_is_the_default() {
        let read = Config::from_text(&example(), &Environment::default()).expect("the example is valid");
        assert_eq!(toml::Table::try_from(read).unwrap(), toml::Table::try_from(Config::default()).unwrap());
    }

    #[test]
    fn every_key_uncommented_is_valid_and_the_default_where_there_is_one() {
        let uncommented: String = example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let read = Config::from_text(&uncommented, &Environment::default()).expect("every line is valid");
        let read = toml::Table::try_from(read).unwrap();
        let default = toml::Table::try_from(Config::default()).unwrap();
        for section in keys::sections().iter().filter(|section| !section.repeated) {
            for key in &section.keys {
                let of = |table: &toml::Table| match section.name {
                    "" => table.get(key.name).cloned(),
                    name => table[name].as_table().and_then(|table| table.get(key.name)).cloned(),
                };
                assert!(of(&read).is_some(), "{} is not in the example", section.path(key.name));
                if key.example.is_none() {
                    assert_eq!(of(&read), of(&default), "{}", section.path(key.name));
                }
            }
        }
    }
}
