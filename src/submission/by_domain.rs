//! Which domains the refused reports were about. Strangers choose the names, so only so many are kept.

use std::{cmp::Reverse, collections::BTreeMap};

/// Domains counted one by one; reports about others are only known to be there.
const DOMAINS_MAX: usize = 1_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByDomain {
    counts: BTreeMap<String, u64>,
    /// More domains than are counted.
    overflown: bool,
}

/// The first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foremost<'a> {
    /// Most reports first.
    pub domains: Vec<(&'a str, u64)>,
    /// How many domains are left out.
    pub more: usize,
    /// Whether there may be still others.
    pub overflown: bool,
}

impl ByDomain {
    /// One report that was refused for these domains.
    pub fn add(&mut self, domains: &[String]) {
        for domain in domains {
            if let Some(count) = self.counts.get_mut(domain) {
                *count += 1;
            } else if self.counts.len() < DOMAINS_MAX {
                self.counts.insert(domain.clone(), 1);
            } else {
                self.overflown = true;
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub fn foremost(&self, max: usize) -> Foremost<'_> {
        let mut domains: Vec<(&str, u64)> =
            self.counts.iter().map(|(domain, count)| (domain.as_str(), *count)).collect();
        domains.sort_by_key(|(_, count)| Reverse(*count));
        let more = domains.len().saturating_sub(max);
        domains.truncate(max);
        Foremost { domains, more, overflown: self.overflown }
    }
}

impl Foremost<'_> {
    /// ` and 12 more domains`; empty where all are named.
    pub fn rest(&self) -> String {
        match (self.more, self.overflown) {
            (0, false) => String::new(),
            (1, false) => " and one more domain".to_owned(),
            (more, false) => format!(" and {more} more domains"),
            (more, true) => format!(" and more than {more} other domains"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_cannot_make_it_grow() {
        let mut refused = ByDomain::default();
        for _ in 0..3 {
            refused.add(&["forgotten.example".to_owned()]);
        }
        refused.add(&["a.example".to_owned(), "forgotten.example".to_owned()]);
        let shown = refused.foremost(1);
        assert_eq!(
            (shown.domains.as_slice(), shown.rest().as_str()),
            (&[("forgotten.example", 4)][..], " and one more domain")
        );
        for number in 0..2_000 {
            refused.add(&[format!("{number}.example")]);
        }
        refused.add(&["forgotten.example".to_owned()]);
        let shown = refused.foremost(10);
        assert_eq!(shown.domains[0], ("forgotten.example", 5));
        assert_eq!(shown.rest(), " and more than 990 other domains");
    }
}
