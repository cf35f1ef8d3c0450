//! The places that are taken, by whom, and who gives way to a newcomer.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Caps, Full, Place};
use crate::ingest::network::{Block, Party};

/// A refusal is logged at most this often; a flood must not fill the log as well.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Inside {
    entries: HashMap<u64, Entry>,
    next: u64,
    held: HashMap<Holder, usize>,
    refused: Log,
    displaced: Log,
}

#[derive(Debug)]
struct Entry {
    /// `None` for whom only the total counts: a trusted proxy, a mail server of this machine.
    party: Option<Party>,
    place: Arc<Place>,
}

/// Whose places are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Trusted,
    Block(Block),
}

/// How often something happened since it was last logged, and when that was.
#[derive(Debug, Default)]
struct Log {
    silent: u64,
    logged: Option<Instant>,
}

impl Inside {
    #[cfg(test)]
    pub fn open(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub fn remembers_nobody(&self) -> bool {
        self.entries.is_empty() && self.held.is_empty()
    }

    /// Sees that there is room for one more of this party, and says whether somebody had to give way. `known` is the
    /// newcomer's own entry where it has one already.
    pub fn make_room(
        &mut self,
        party: Option<Party>,
        known: Option<u64>,
        caps: Caps,
        peer: IpAddr,
    ) -> Result<bool, Full> {
        if let Some(own) = party
            && self.held(Holder::Block(own.block())) >= caps.party
        {
            return match self.displace(party, known, |other| other == party) {
                true => Ok(true),
                false => Err(self.refuse(Full::Party, peer)),
            };
        }
        let others = self.entries.len() - usize::from(known.is_some());
        let stranger = party.is_none() || holders(party).next().is_some_and(|network| self.held(network) == 0);
        let room = if stranger { caps.total } else { caps.total - caps.reserved };
        if others < room {
            return Ok(false);
        }
        match self.displace(party, known, |_| true) {
            true => Ok(true),
            false => Err(self.refuse(Full::Total, peer)),
        }
    }

    pub fn add(&mut self, party: Option<Party>) -> (u64, Arc<Place>) {
        let (id, place) = (self.next, Arc::new(Place::new()));
        self.next += 1;
        self.entries.insert(id, Entry { party, place: Arc::clone(&place) });
        self.count(party);
        (id, place)
    }

    /// Gives an entry another party. One that had to give way meanwhile has none.
    pub fn stand_for(&mut self, id: u64, party: Option<Party>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.party, party);
        self.discount(before);
        self.count(party);
    }

    pub fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.discount(entry.party);
        }
    }

    /// Takes the place of the one that has waited longest, of the party that holds most, among those that may be asked.
    fn displace(
        &mut self,
        newcomer: Option<Party>,
        known: Option<u64>,
        may_be_asked: impl Fn(Option<Party>) -> bool,
    ) -> bool {
        let now = tokio::time::Instant::now();
        let candidates = self.entries.iter().filter_map(|(id, entry)| {
            let since = entry.place.waiting_since(now).filter(|_| Some(*id) != known && may_be_asked(entry.party))?;
            let weight = self.weight_against(newcomer, entry.party)?;
            Some((weight, Reverse(since), Reverse(*id)))
        });
        let Some((_, _, Reverse(id))) = candidates.max() else { return false };
        if let Some(entry) = self.entries.remove(&id) {
            self.discount(entry.party);
            entry.place.take();
            let party = entry.party.map(tracing::field::debug);
            if let Some(not_logged) = self.displaced.due() {
                tracing::warn!(
                    party,
                    open = self.entries.len() + 1,
                    not_logged,
                    "connections_max is reached: a silent connection gave its place to a newcomer"
                );
            }
        }
        true
    }

    /// How many places an entry's networks hold, from the largest network to the smallest. `None` where it need not give way:
    /// where the two part, the newcomer's network holds as many.
    fn weight_against(&self, newcomer: Option<Party>, other: Option<Party>) -> Option<[usize; 3]> {
        let parted = holders(newcomer).zip(holders(other)).find(|(newcomer, other)| newcomer != other);
        if let Some((newcomer, other)) = parted
            && self.held(other) <= self.held(newcomer)
        {
            return None;
        }
        let mut weight = [0; 3];
        for (weight, holder) in weight.iter_mut().zip(holders(other)) {
            *weight = self.held(holder);
        }
        Some(weight)
    }

    fn held(&self, holder: Holder) -> usize {
        self.held.get(&holder).copied().unwrap_or(0)
    }

    fn count(&mut self, party: Option<Party>) {
        for holder in holders(party) {
            *self.held.entry(holder).or_insert(0) += 1;
        }
    }

    fn discount(&mut self, party: Option<Party>) {
        for holder in holders(party) {
            if let Some(held) = self.held.get_mut(&holder) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(&holder);
                }
            }
        }
    }

    fn refuse(&mut self, full: Full, peer: IpAddr) -> Full {
        let setting = match full {
            Full::Total => "connections_max",
            Full::Party => "connections_per_address_max",
        };
        if let Some(not_logged) = self.refused.due() {
            tracing::warn!(%peer, setting, open = self.entries.len(), not_logged, "a connection was refused");
        }
        full
    }
}

impl Log {
    /// How many were not logged, where this one may be.
    fn due(&mut self) -> Option<u64> {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            self.silent += 1;
            return None;
        }
        self.logged = Some(Instant::now());
        Some(std::mem::take(&mut self.silent))
    }
}

/// Whom a connection counts for, from the largest network to the party itself.
fn holders(party: Option<Party>) -> impl Iterator<Item = Holder> {
    let blocks = party.into_iter().flat_map(Party::blocks).map(Holder::Block);
    party.is_none().then_some(Holder::Trusted).into_iter().chain(blocks)
}
