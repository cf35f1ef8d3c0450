//! The places that are taken, by whom, and who gives way to a newcomer.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{Caps, ConnectionSlot, Full};
use crate::receive::network::{Block, PeerNetwork};

/// A refusal is logged at most this often; a flood must not fill the log as well.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Inside {
    entries: HashMap<u64, Entry>,
    next: u64,
    held: HashMap<Holder, Held>,
    refused: Log,
    displaced: Log,
}

#[derive(Debug)]
struct Entry {
    /// `None` for whom only the total counts: a trusted proxy, a mail server of this machine.
    client: Option<PeerNetwork>,
    place: Arc<ConnectionSlot>,
    /// What those hold for whom it counts, the largest network first.
    holders: Vec<(Holder, Held)>,
}

/// How many places somebody holds, shared by all of them: each newcomer to a full limiter looks at every place.
type Held = Arc<AtomicUsize>;

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
    pub(super) fn open(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) fn remembers_nobody(&self) -> bool {
        self.entries.is_empty() && self.held.is_empty()
    }

    /// Sees that there is room for one more of this client, and says whether somebody had to give way. `known` is the
    /// newcomer's own entry where it has one already.
    pub(super) fn make_room(
        &mut self,
        client: Option<PeerNetwork>,
        known: Option<u64>,
        caps: Caps,
        peer: IpAddr,
    ) -> Result<bool, Full> {
        if let Some(own) = client
            && self.held(Holder::Block(own.block())) >= caps.client
        {
            return match self.displace(client, known, |other| other == client) {
                true => Ok(true),
                false => Err(self.refuse(Full::PeerNetwork, peer)),
            };
        }
        let others = self.entries.len() - usize::from(known.is_some());
        let stranger = client.is_none() || holders(client).next().is_some_and(|network| self.held(network) == 0);
        let room = if stranger { caps.total } else { caps.total - caps.reserved };
        if others < room {
            return Ok(false);
        }
        match self.displace(client, known, |_| true) {
            true => Ok(true),
            false => Err(self.refuse(Full::Total, peer)),
        }
    }

    pub(super) fn add(&mut self, client: Option<PeerNetwork>) -> (u64, Arc<ConnectionSlot>) {
        let (id, place) = (self.next, Arc::new(ConnectionSlot::new()));
        self.next += 1;
        let holders = self.count(client);
        self.entries.insert(id, Entry { client, place: Arc::clone(&place), holders });
        (id, place)
    }

    /// Gives an entry another client. One that had to give way meanwhile has none.
    pub(super) fn stand_for(&mut self, id: u64, client: Option<PeerNetwork>) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.discount(&entry.holders);
        let holders = self.count(client);
        self.entries.insert(id, Entry { client, holders, ..entry });
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.discount(&entry.holders);
        }
    }

    /// Takes the place of the one that has waited longest, of the client that holds most, among those that may be asked.
    fn displace(
        &mut self,
        newcomer: Option<PeerNetwork>,
        known: Option<u64>,
        may_be_asked: impl Fn(Option<PeerNetwork>) -> bool,
    ) -> bool {
        let now = tokio::time::Instant::now();
        let newcomer: Vec<(Holder, usize)> = holders(newcomer).map(|holder| (holder, self.held(holder))).collect();
        let candidates = self.entries.iter().filter_map(|(id, entry)| {
            let since = entry.place.waiting_since(now).filter(|_| Some(*id) != known && may_be_asked(entry.client))?;
            let weight = entry.weight_against(&newcomer)?;
            Some((weight, Reverse(since), Reverse(*id)))
        });
        let Some((_, _, Reverse(id))) = candidates.max() else { return false };
        if let Some(entry) = self.entries.remove(&id) {
            self.discount(&entry.holders);
            entry.place.take();
            let client = entry.client.map(tracing::field::debug);
            if let Some(not_logged) = self.displaced.due() {
                tracing::warn!(
                    client,
                    open = self.entries.len() + 1,
                    not_logged,
                    "a silent connection gave its place to a newcomer, because a cap of connections is reached"
                );
            }
        }
        true
    }

    fn held(&self, holder: Holder) -> usize {
        self.held.get(&holder).map_or(0, |held| held.load(Relaxed))
    }

    fn count(&mut self, client: Option<PeerNetwork>) -> Vec<(Holder, Held)> {
        let counted = holders(client).map(|holder| {
            let held = self.held.entry(holder).or_default();
            held.fetch_add(1, Relaxed);
            (holder, Arc::clone(held))
        });
        counted.collect()
    }

    fn discount(&mut self, holders: &[(Holder, Held)]) {
        for (holder, held) in holders {
            if held.fetch_sub(1, Relaxed) == 1 {
                self.held.remove(holder);
            }
        }
    }

    fn refuse(&mut self, full: Full, peer: IpAddr) -> Full {
        let setting = match full {
            Full::Total => "connections_max",
            Full::PeerNetwork => "connections_per_address_max",
        };
        if let Some(not_logged) = self.refused.due() {
            tracing::warn!(%peer, setting, open = self.entries.len(), not_logged, "a connection was refused");
        }
        full
    }
}

impl Entry {
    /// How many places its networks hold, from the largest network to the smallest. `None` where it need not give way: where the
    /// two part, the newcomer's network holds as many.
    fn weight_against(&self, newcomer: &[(Holder, usize)]) -> Option<[usize; 3]> {
        let mut weight = [0; 3];
        let mut parted = false;
        for (level, (holder, held)) in self.holders.iter().enumerate().take(weight.len()) {
            let held = held.load(Relaxed);
            if let Some((_, newcomers)) = newcomer.get(level).filter(|(other, _)| !parted && other != holder) {
                parted = true;
                if held <= *newcomers {
                    return None;
                }
            }
            weight[level] = held;
        }
        Some(weight)
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

/// Whom a connection counts for, from the largest network to the client itself.
fn holders(client: Option<PeerNetwork>) -> impl Iterator<Item = Holder> {
    let blocks = client.into_iter().flat_map(PeerNetwork::blocks).map(Holder::Block);
    client.is_none().then_some(Holder::Trusted).into_iter().chain(blocks)
}
