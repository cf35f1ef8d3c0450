//! Domains whose servers said nothing: they are left alone for a while, so that a thousand mails from one of them do not wait
//! for a deadline each. By organisation, so that nobody's silence keeps another's mail waiting.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::limits::DNS_SILENT_MAX;

/// The first pause; each further silence doubles it.
const PAUSE: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(super) struct SilentResolver(Mutex<HashMap<String, Quiet>>);

#[derive(Debug)]
struct Quiet {
    until: Instant,
    pause: Duration,
}

impl SilentResolver {
    /// Whether the servers of this name are left alone now.
    pub(super) fn is_silent(&self, name: &str, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(organisation(name).as_str()).is_some_and(|quiet| now < quiet.until)
    }

    pub(super) fn said_nothing(&self, name: &str, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= DNS_SILENT_MAX {
            known.retain(|_, quiet| now < quiet.until);
        }
        let name = organisation(name);
        if known.len() >= DNS_SILENT_MAX && !known.contains_key(&name) {
            return;
        }
        let quiet = known.entry(name).or_insert(Quiet { until: now, pause: PAUSE / 2 });
        quiet.pause = (quiet.pause * 2).min(PAUSE_MAX);
        quiet.until = now + quiet.pause;
    }

    pub(super) fn said_something(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&organisation(name));
    }
}

/// The registrable domain, lower case; the name itself where it has none. Of the name of an address the network that is the
/// least anybody is given a zone for, a /24 or a /48: the public suffix list would make one organisation of a /8.
fn organisation(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let labels_kept = match () {
        () if name.ends_with(".in-addr.arpa") => Some(3 + 2),
        () if name.ends_with(".ip6.arpa") => Some(12 + 2),
        () => None,
    };
    let network = labels_kept.map(|kept| match name.rmatch_indices('.').nth(kept - 1) {
        Some((dot, _)) => &name[dot + 1..],
        None => name.as_str(),
    });
    network.or_else(|| psl::domain_str(&name)).unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_organisation_is_asked_again_after_a_pause_that_grows() {
        let (silent, begun) = (SilentResolver::default(), Instant::now());
        assert!(!silent.is_silent("a._domainkey.example.net", begun));
        silent.said_nothing("a._domainkey.example.net", begun);
        assert!(silent.is_silent("B._domainkey.mail.Example.net.", begun + PAUSE / 2));
        assert!(!silent.is_silent("a._domainkey.example.org", begun), "another organisation");
        let later = begun + PAUSE;
        assert!(!silent.is_silent("a._domainkey.example.net", later));
        silent.said_nothing("a._domainkey.example.net", later);
        assert!(silent.is_silent("a._domainkey.example.net", later + PAUSE));
        silent.said_something("a._domainkey.example.net");
        assert!(!silent.is_silent("a._domainkey.example.net", later));
    }

    #[test]
    fn a_network_whose_zone_is_silent_keeps_no_other_waiting() {
        assert_eq!(organisation("7.100.51.198.in-addr.arpa."), "100.51.198.in-addr.arpa");
        assert_eq!(organisation("51.198.in-addr.arpa"), "51.198.in-addr.arpa");
        let name = crate::dns::reverse_name("2001:db8:7:8::1".parse().unwrap());
        assert_eq!(organisation(&name), "7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    }

    #[test]
    fn strangers_cannot_make_it_grow() {
        let (silent, now) = (SilentResolver::default(), Instant::now());
        for number in 0..DNS_SILENT_MAX + 10 {
            silent.said_nothing(&format!("s._domainkey.d{number}.example"), now);
        }
        assert_eq!(silent.0.lock().unwrap().len(), DNS_SILENT_MAX);
    }
}
