//! The documents' command blocks are what they claim: the subcommands and flags exist, the configuration parses, the files are
//! there. The commands that build are what CI and every developer run anyway.

use std::{collections::BTreeSet, fs, path::Path};

use crate::server::tlsight;

/// Those that show commands or configuration. `docs/notifications.md` has a test of its own.
const WITH_BLOCKS: [&str; 3] = ["README.md", "docs/mail.md", "docs/operating.md"];

/// All that a newcomer is led to.
const LINKED: [&str; 16] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/alerts.md",
    "docs/api.md",
    "docs/attacks.md",
    "docs/deviations.md",
    "docs/figures.md",
    "docs/mail.md",
    "docs/network.md",
    "docs/notifications.md",
    "docs/operating.md",
    "docs/senders.md",
    "docs/strangers.md",
];

#[test]
fn the_two_commands_stand_alone() {
    let shell = blocks("README.md", "sh");
    assert_eq!(shell[0].trim(), "cargo run -- demo");
    assert_eq!(shell[1].trim(), "cargo test");
}

#[test]
fn every_tlsight_command_is_one() {
    let mut seen = 0;
    for line in all_blocks("sh").iter().flat_map(|block| block.lines()) {
        let Some((_, arguments)) = line.split_once("tlsight ") else { continue };
        let mut words = arguments.split_whitespace();
        let subcommand = words.next().expect("a subcommand");
        let deeper = if ["alerts", "config"].contains(&subcommand) { words.next() } else { None };
        let output = tlsight().arg(subcommand).args(deeper).arg("--help").output().unwrap();
        assert!(output.status.success(), "`tlsight {subcommand}` of the documents does not exist");
        let help = String::from_utf8(output.stdout).unwrap();
        for flag in words.filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "`tlsight {subcommand} {flag}` of the documents does not exist:\n{help}");
        }
        seen += 1;
    }
    assert!(seen >= 10, "the documents show how to run tlsight");
}

#[test]
fn configuration_blocks_are_accepted() {
    let directory = tempfile::tempdir().unwrap();
    for block in all_blocks("toml") {
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
    for document in LINKED {
        let text = fs::read_to_string(document).unwrap();
        let directory = Path::new(document).parent().unwrap();
        let targets: BTreeSet<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
        for target in targets.iter().filter(|target| !target.contains("://")) {
            assert!(directory.join(target).exists(), "{document} links to {target}");
        }
    }
}

/// A file that moves is moved in the documents as well. What is written like `<kind>` stands for any name.
#[test]
fn every_path_that_a_document_names_exists() {
    for document in LINKED {
        let text = fs::read_to_string(document).unwrap();
        for path in text.split('`').skip(1).step_by(2).filter(|path| !path.contains(['<', ' ', '\n'])) {
            if ["src/", "tests/", "web/", "fuzz/", "fixtures/"].iter().any(|root| path.starts_with(root)) {
                assert!(Path::new(path).exists(), "{document} names {path}");
            }
        }
    }
}

/// The bodies of a document's fenced blocks in one language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

fn all_blocks(language: &str) -> Vec<String> {
    WITH_BLOCKS.iter().flat_map(|document| blocks(document, language)).collect()
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
