//! Who may connect: so many connections in total, so many from one party.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::network::Party;

/// A refusal is logged at most this often; a flood must not fill the log as well.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Counts the open connections. Memory is bounded by the connections it lets through.
#[derive(Debug)]
pub struct Gate {
    total_max: usize,
    party_max: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    by_party: HashMap<Party, usize>,
    /// Refusals since the last one that was logged, and when that was.
    silent: u64,
    logged: Option<Instant>,
}

/// One connection's place; dropping it frees the place.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    party: Option<Party>,
}

/// The cap that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    Total,
    Party,
}

impl Gate {
    pub fn new(total_max: usize, party_max: usize) -> Arc<Gate> {
        Arc::new(Gate { total_max, party_max, inside: Mutex::default() })
    }

    /// Lets one connection in. A trusted proxy carries many senders, so only the total counts for it.
    pub fn enter(self: &Arc<Self>, peer: IpAddr, trusted_proxy: bool) -> Result<Pass, Full> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.total >= self.total_max {
            return Err(inside.refuse(Full::Total, peer));
        }
        let party = if trusted_proxy { None } else { Some(inside.count(peer, self.party_max)?) };
        inside.total += 1;
        Ok(Pass { gate: Arc::clone(self), party })
    }

    /// Connections that are open now.
    #[cfg(test)]
    pub fn open(&self) -> usize {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Pass {
    /// Whom the connection counts for; `None` where only the total does.
    pub fn party(&self) -> Option<Party> {
        self.party
    }

    /// Counts for the party of this address from now on, because a trusted proxy has said whom it brings.
    pub fn stand_for(&mut self, peer: IpAddr) -> Result<(), Full> {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if self.party.is_none() {
            self.party = Some(inside.count(peer, self.gate.party_max)?);
        }
        Ok(())
    }
}

impl Inside {
    /// Counts one more connection of a party.
    fn count(&mut self, peer: IpAddr, party_max: usize) -> Result<Party, Full> {
        let party = Party::from(peer);
        let open = self.by_party.get(&party).copied().unwrap_or(0);
        if open >= party_max {
            return Err(self.refuse(Full::Party, peer));
        }
        self.by_party.insert(party, open + 1);
        Ok(party)
    }

    fn refuse(&mut self, full: Full, peer: IpAddr) -> Full {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            self.silent += 1;
            return full;
        }
        let setting = match full {
            Full::Total => "connections_max",
            Full::Party => "connections_per_address_max",
        };
        tracing::warn!(%peer, setting, open = self.total, not_logged = self.silent, "a connection was refused");
        self.silent = 0;
        self.logged = Some(Instant::now());
        full
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total -= 1;
        if let Some(party) = self.party
            && let Some(open) = inside.by_party.get_mut(&party)
        {
            *open -= 1;
            if *open == 0 {
                inside.by_party.remove(&party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_caps_hold_and_places_come_back() {
        let gate = Gate::new(3, 2);
        let first = gate.enter(ip("2001:db8::1"), false).unwrap();
        let _second = gate.enter(ip("2001:db8::2"), false).unwrap();
        assert_eq!(gate.enter(ip("2001:db8::3"), false).unwrap_err(), Full::Party, "one /64 is one party");
        let third = gate.enter(ip("192.0.2.1"), false).unwrap();
        assert_eq!(gate.enter(ip("192.0.2.2"), false).unwrap_err(), Full::Total);
        drop(first);
        drop(third);
        assert_eq!(gate.open(), 1);
        let _again = gate.enter(ip("2001:db8::3"), false).unwrap();
    }

    #[test]
    fn a_trusted_proxy_counts_in_total_only() {
        let gate = Gate::new(3, 1);
        let proxy = ip("192.0.2.1");
        let _passes =
            [gate.enter(proxy, true).unwrap(), gate.enter(proxy, true).unwrap(), gate.enter(proxy, true).unwrap()];
        assert_eq!(gate.enter(proxy, true).unwrap_err(), Full::Total);
    }

    #[test]
    fn who_comes_through_a_proxy_counts_once_it_is_known() {
        let gate = Gate::new(3, 1);
        let mut passes = [gate.enter(ip("192.0.2.1"), true).unwrap(), gate.enter(ip("192.0.2.1"), true).unwrap()];
        passes[0].stand_for(ip("203.0.113.9")).unwrap();
        assert_eq!(passes[1].stand_for(ip("203.0.113.9")), Err(Full::Party));
        passes[1].stand_for(ip("203.0.113.10")).unwrap();
        drop(passes);
        assert!(gate.open() == 0 && gate.inside.lock().unwrap().by_party.is_empty());
    }

    #[test]
    fn nothing_is_remembered_of_who_has_left() {
        let gate = Gate::new(10, 1);
        for last in 1..=9 {
            drop(gate.enter(ip(&format!("192.0.2.{last}")), false).unwrap());
        }
        assert!(gate.inside.lock().unwrap().by_party.is_empty());
    }
}
