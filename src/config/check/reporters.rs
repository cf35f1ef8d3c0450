//! `[[reporter]]`: who a reporter is, and what proves it.

use std::collections::BTreeMap;

use super::{a_label, is_network};
use crate::{config::problem::Problems, reporters::Reporter};

/// Bytes of a name that fits into a subject and a table.
const NAME_MAX_BYTES: usize = 100;

pub(super) fn check(reporters: &[Reporter], problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for (index, reporter) in reporters.iter().enumerate() {
        let place = format!("reporter[{index}]");
        let mut add = |what: String| problems.add(format!("`{place}.{what}"));
        let Reporter { key, name, signing_domains, addresses, networks, hosts, .. } = reporter;
        match a_label(key) {
            Ok(label) if label == *key => {}
            Ok(label) => add(format!("key` = {key:?}: write it as {label:?}")),
            Err(why) => add(format!("key` = {key:?}: {why}")),
        }
        if let Some(first) = seen.insert(key.clone(), index) {
            add(format!("key` = {key:?} is that of reporter[{first}] as well"));
        }
        if name.trim().is_empty() || name.len() > NAME_MAX_BYTES {
            add(format!("name` = {name:?}: between 1 and {NAME_MAX_BYTES} bytes"));
        }
        if signing_domains.is_empty() {
            add("signing_domains` is missing: the signing domains of its mails, and those it posts for".to_owned());
        }
        for domain in signing_domains {
            match a_label(domain) {
                Ok(label) if label == *domain => {}
                Ok(label) => add(format!("signing_domains` = {domain:?}: write it as {label:?}")),
                Err(why) => add(format!("signing_domains` = {domain:?}: {why}")),
            }
        }
        for address in addresses.iter().filter(|address| !is_address(address)) {
            add(format!("addresses` = {address:?} is no mail address"));
        }
        for network in networks.iter().filter(|network| !is_network(network)) {
            add(format!("networks` = {network:?} is neither an address nor a network like 192.0.2.0/24"));
        }
        for host in hosts.iter().filter(|host| a_label(&host.replace('*', "x")).is_err()) {
            add(format!("hosts` = {host:?} is no host name, with `*` for one label"));
        }
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && a_label(domain).is_ok())
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    fn problems(text: &str) -> Vec<String> {
        let checked = Config::from_text(text, &Environment::default()).expect("the types are right").check();
        checked.err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn entries_that_cannot_be_used_are_told() {
        let whole = "[[reporter]]\nkey = \"example.org\"\nname = \"Example\"\nsigning_domains = [\"mail.example.org\"]\n\
                     addresses = [\"tlsrpt@example.org\"]\nnetworks = [\"192.0.2.0/24\"]\nhosts = [\"*.out.example.org\"]\n";
        assert_eq!(problems(whole), Vec::<String>::new());
        let text = format!(
            "{whole}[[reporter]]\nkey = \"example.org\"\n[[reporter]]\nkey = \"Example.COM\"\nname = \"x\"\nsigning_domains = [\"a b\"]\n\
             addresses = [\"nobody\"]\nnetworks = [\"192.0.2.0/33\"]\nhosts = [\"a b\"]\n"
        );
        let found = problems(&text);
        for (at, part) in [
            "`reporter[1].key` = \"example.org\" is that of reporter[0] as well",
            "`reporter[1].name` = \"\"",
            "`reporter[1].signing_domains` is missing",
            "`reporter[2].key` = \"Example.COM\": write it as \"example.com\"",
            "`reporter[2].signing_domains` = \"a b\"",
            "`reporter[2].addresses` = \"nobody\" is no mail address",
            "`reporter[2].networks` = \"192.0.2.0/33\"",
            "`reporter[2].hosts` = \"a b\"",
        ]
        .iter()
        .enumerate()
        {
            assert!(found[at].starts_with(part), "{} is not {part}", found[at]);
        }
        assert_eq!(found.len(), 8);
    }
}
