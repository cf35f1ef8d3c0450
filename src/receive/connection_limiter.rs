//! Who may connect: so many connections in total, so many from one party, and who gives way when all places are taken.
//!
//! Connections cost nothing to whoever opens them, so a full gate must not mean that others are kept out. A newcomer takes the
//! place of the connection that has waited longest without a complete request, of the party that holds most; a quarter of the
//! places is kept for networks that hold none. Who sends a body at the minimum rate, or waits for the outcome of a report,
//! gives way to nobody: only where all do so is a newcomer refused.

mod inside;
mod place;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::network::Party;
use inside::Inside;
pub use place::Place;

/// Holds the open connections. Memory is bounded by the connections it lets through.
#[derive(Debug)]
pub struct Gate {
    caps: Caps,
    inside: Mutex<Inside>,
}

#[derive(Debug, Clone, Copy)]
struct Caps {
    total: usize,
    party: usize,
    /// Of the total, for parties from networks that hold no place.
    reserved: usize,
}

/// One connection's place; dropping it frees the place.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    id: u64,
    party: Option<Party>,
    place: Arc<Place>,
    /// Somebody had to give way to this one.
    pub displaced: bool,
}

/// The cap that was reached, by connections of which none gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    Total,
    Party,
}

impl Gate {
    pub fn new(total_max: usize, party_max: usize) -> Arc<Gate> {
        let caps = Caps { total: total_max, party: party_max, reserved: total_max / 4 };
        Arc::new(Gate { caps, inside: Mutex::default() })
    }

    /// Lets one connection in. A trusted proxy carries many senders, so only the total counts for it.
    pub fn enter(self: &Arc<Self>, peer: IpAddr, trusted_proxy: bool) -> Result<Pass, Full> {
        let party = (!trusted_proxy).then(|| Party::from(peer));
        let mut inside = self.inside();
        let displaced = inside.make_room(party, None, self.caps, peer)?;
        let (id, place) = inside.add(party);
        Ok(Pass { gate: Arc::clone(self), id, party, place, displaced })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that are open now.
    #[cfg(test)]
    pub fn open(&self) -> usize {
        self.inside().open()
    }
}

impl Pass {
    /// Whom the connection counts for; `None` where only the total does.
    pub fn party(&self) -> Option<Party> {
        self.party
    }

    /// Where the connection says what it does, and hears that it has to go.
    pub fn place(&self) -> Arc<Place> {
        Arc::clone(&self.place)
    }

    /// Counts for the party of this address from now on, because a trusted proxy has said whom it brings.
    pub fn stand_for(&mut self, peer: IpAddr) -> Result<(), Full> {
        if self.party.is_some() {
            return Ok(());
        }
        let party = Some(Party::from(peer));
        let mut inside = self.gate.inside();
        self.displaced |= inside.make_room(party, Some(self.id), self.gate.caps, peer)?;
        inside.stand_for(self.id, party);
        self.party = party;
        Ok(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.inside().remove(self.id);
    }
}

#[cfg(test)]
mod tests;
