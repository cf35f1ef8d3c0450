//! Which MX hosts are ours, and whose they are: as configured, or as named by the policies that senders hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::AlertPlan;

/// MX hosts to the domains they take mail for.
#[derive(Debug, Default)]
pub struct Owners<'a> {
    /// Host name, or the part behind the `*.` of a wildcard, to the domains.
    exact: HashMap<&'a str, BTreeSet<&'a str>>,
    wild: HashMap<&'a str, BTreeSet<&'a str>>,
    domains: HashMap<&'a str, bool>,
    /// No MX host is configured at all.
    any: bool,
}

impl<'a> Owners<'a> {
    /// `seen`: by policy domain the names and wildcards in the policies that senders hold.
    pub fn new(plan: &'a AlertPlan, seen: &'a BTreeMap<String, BTreeSet<String>>) -> Owners<'a> {
        let mut owners = Owners { any: plan.mx_hosts.is_empty(), ..Owners::default() };
        owners.domains.extend(plan.domains.iter().map(|(domain, hosts)| (domain.as_str(), hosts.is_empty())));
        for (domain, hosts) in &plan.domains {
            owners.add(domain, hosts);
        }
        for host in &plan.mx_hosts {
            owners.exact.entry(host).or_default();
        }
        for (domain, names) in seen {
            owners.add(domain, names);
        }
        owners
    }

    fn add(&mut self, domain: &'a str, names: &'a BTreeSet<String>) {
        for name in names {
            match name.strip_prefix("*.") {
                Some(rest) => self.wild.entry(rest).or_default().insert(domain),
                None => self.exact.entry(name).or_default().insert(domain),
            };
        }
    }

    /// Whether a host that was found wanting at this policy domain is ours to mend.
    pub fn is_ours(&self, policy_domain: &str, host: &str) -> bool {
        // Of a domain without configured hosts every host is taken for its own.
        self.any || self.domains.get(policy_domain) == Some(&true) || self.domains_of(host).is_some()
    }

    /// The domain whose MX host this policy domain is (RFC 7672 §2.2.3). `None` where it is a domain of its own, no host of
    /// ours, or one of several domains that none of them is named after.
    pub fn domain_of(&self, policy_domain: &str) -> Option<&'a str> {
        if self.domains.contains_key(policy_domain) {
            return None;
        }
        let domains: BTreeSet<&str> =
            self.domains_of(policy_domain)?.into_iter().filter(|it| *it != policy_domain).collect();
        let mut under = domains
            .iter()
            .filter(|domain| policy_domain.strip_suffix(**domain).is_some_and(|rest| rest.ends_with('.')));
        match (domains.len(), under.next(), under.next()) {
            (1, ..) => domains.first().copied(),
            (_, Some(one), None) => Some(one),
            _ => None,
        }
    }

    pub fn is_host(&self, name: &str) -> bool {
        self.domains_of(name).is_some()
    }

    fn domains_of(&self, host: &str) -> Option<BTreeSet<&'a str>> {
        // RFC 8461 §4.1: a wildcard stands for the leftmost label and for no more.
        let wild = host.split_once('.').and_then(|(_, rest)| self.wild.get(rest));
        let exact = self.exact.get(host);
        (exact.is_some() || wild.is_some()).then(|| exact.into_iter().chain(wild).flatten().copied().collect())
    }
}

/// The names in the policies senders hold that no configured host answers to, of served domains that list hosts.
pub fn unlisted(plan: &AlertPlan, seen: &BTreeMap<String, BTreeSet<String>>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (domain, names) in seen {
        let Some(hosts) = plan.domains.get(domain).filter(|hosts| !hosts.is_empty()) else { continue };
        let is_listed = |name: &str| match name.strip_prefix("*.") {
            Some(rest) => hosts.iter().any(|host| host.split_once('.').is_some_and(|(_, it)| it == rest)),
            None => hosts.contains(name),
        };
        found.extend(names.iter().filter(|name| !is_listed(name)).map(|name| (domain.clone(), name.clone())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::AlertSettings;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn plan(domains: &[(&str, &[&str])]) -> AlertPlan {
        let domains = domains.iter().map(|(domain, hosts)| ((*domain).to_owned(), set(hosts)));
        AlertPlan::new(AlertSettings::default(), domains, &[]).unwrap()
    }

    #[test]
    fn a_host_is_ours_by_configuration_or_by_the_policy_senders_hold() {
        let plan = plan(&[("example.com", &["mx1.example.com"]), ("example.net", &[])]);
        let seen = [("example.com".to_owned(), set(&["mx2.example.com", "*.mx.example.com"]))].into();
        let owners = Owners::new(&plan, &seen);
        let ours = |host: &str| owners.is_ours("example.com", host);
        assert!(ours("mx1.example.com") && ours("mx2.example.com") && ours("a.mx.example.com"));
        assert!(!ours("mx.example.com") && !ours("a.b.mx.example.com") && !ours("mx.other.example"));
        assert!(owners.is_ours("example.net", "mx.other.example"), "a domain that lists no host");
        assert_eq!(
            unlisted(&plan, &seen),
            [
                ("example.com".to_owned(), "*.mx.example.com".to_owned()),
                ("example.com".to_owned(), "mx2.example.com".to_owned())
            ]
        );
    }

    #[test]
    fn an_mx_host_stands_for_its_domain_where_there_is_one() {
        let plan = plan(&[
            ("example.org", &["mx1.example.org", "shared.example.org"]),
            ("example.net", &["shared.example.org", "mx.hoster.example"]),
            ("example.com", &["mx.hoster.example", "example.net"]),
        ]);
        let seen = BTreeMap::new();
        let owners = Owners::new(&plan, &seen);
        assert_eq!(owners.domain_of("mx1.example.org"), Some("example.org"));
        assert_eq!(owners.domain_of("shared.example.org"), Some("example.org"), "named after it");
        assert_eq!(owners.domain_of("mx.hoster.example"), None, "of two domains");
        assert_eq!(owners.domain_of("example.net"), None, "a domain of its own");
        assert_eq!(owners.domain_of("example.org"), None);
    }
}
