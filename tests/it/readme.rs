//! The README's command blocks are what they claim: the subcommands and flags exist, the configuration parses, the files are
//! there. The two commands that build are what CI and every developer run anyway.

use std::{collections::BTreeSet, fs, path::Path};

use crate::server::tlsight;

#[test]
fn the_two_commands_stand_alone() {
    let shell = blocks("sh");
    assert_eq!(shell[0].trim(), "cargo run -- demo");
    assert_eq!(shell[1].trim(), "cargo test");
}

#[test]
fn every_tlsight_command_is_one() {
    let mut seen = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let Some((_, arguments)) = line.split_once("tlsight ") else { continue };
        let mut words = arguments.split_whitespace();
        let subcommand = words.next().expect("a subcommand");
        let deeper = if ["alerts", "config"].contains(&subcommand) { words.next() } else { None };
        let output = tlsight().arg(subcommand).args(deeper).arg("--help").output().unwrap();
        assert!(output.status.success(), "`tlsight {subcommand}` of the README does not exist");
        let help = String::from_utf8(output.stdout).unwrap();
        for flag in words.filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "`tlsight {subcommand} {flag}` of the README does not exist:\n{help}");
        }
        seen += 1;
    }
    assert!(seen >= 3, "the README shows how to run tlsight");
}

#[test]
fn configuration_blocks_are_accepted() {
    let directory = tempfile::tempdir().unwrap();
    for block in blocks("toml") {
        let file = directory.path().join("tlsight.toml");
        let (certificate, key) = (directory.path().join("c.pem"), directory.path().join("k.pem"));
        let pair = rcgen::generate_simple_self_signed(vec!["reports.example.net".to_owned()]).unwrap();
        fs::write(&certificate, pair.cert.pem()).unwrap();
        fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        // What the blocks name has to be there: beside the file, or moved to the directory.
        for secret in ["tlsight-imap-password", "tlsight-mail-password"] {
            fs::write(directory.path().join(secret), "secret\n").unwrap();
        }
        fs::write(directory.path().join("tlsight-slack-url"), "https://hooks.example.net/secret\n").unwrap();
        let maildir = directory.path().join("maildir");
        fs::create_dir_all(maildir.join("new")).unwrap();
        fs::create_dir_all(maildir.join("cur")).unwrap();
        let here = block
            .replace("/var/mail/tlsrpt", maildir.to_str().unwrap())
            .replace("/etc/letsencrypt/live/reports.example.net/fullchain.pem", certificate.to_str().unwrap())
            .replace("/etc/letsencrypt/live/reports.example.net/privkey.pem", key.to_str().unwrap());
        fs::write(&file, here).unwrap();
        let output = tlsight().args(["config", "check", "--config"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}\n{block}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn every_linked_file_exists() {
    let readme = fs::read_to_string("README.md").unwrap();
    let targets: BTreeSet<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    for target in targets.iter().filter(|target| !target.contains("://")) {
        assert!(Path::new(target).exists(), "the README links to {target}");
    }
}

/// The bodies of the README's fenced blocks in one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string("README.md").unwrap();
    let fence = format!("```{language}\n");
    readme.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

/// What a document says that a test holds has such a test.
#[test]
fn every_test_that_a_document_names_is_there() {
    let document = fs::read_to_string("docs/attacks.md").unwrap();
    let mut sources = String::new();
    for directory in ["src", "tests/it"] {
        read_sources(Path::new(directory), &mut sources);
    }
    let cells = document.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('|').nth(1));
    let named: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() >= 40, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "docs/attacks.md names the test {name}, which is not there");
    }
}

fn read_sources(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
