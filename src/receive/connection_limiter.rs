//! Who may connect: so many connections in total, so many from one client, and who gives way when all places are taken.
//!
//! Connections cost nothing to whoever opens them, so a full limiter must not mean that others are kept out. A newcomer takes the
//! place of the connection that has waited longest without a complete request, of the client that holds most; a quarter of the
//! places is kept for networks that hold none. Who sends a body at the minimum rate, or waits for the outcome of a report,
//! gives way to nobody: only where all do so is a newcomer refused.

mod inside;
mod place;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::network::PeerNetwork;
use inside::Inside;
pub use place::ConnectionSlot;

/// Holds the open connections. Memory is bounded by the connections it lets through.
#[derive(Debug)]
pub struct ConnectionLimiter {
    caps: Caps,
    inside: Mutex<Inside>,
}

#[derive(Debug, Clone, Copy)]
struct Caps {
    total: usize,
    client: usize,
    /// Of the total, for clients from networks that hold no place.
    reserved: usize,
}

/// One connection's place; dropping it frees the place.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<ConnectionLimiter>,
    id: u64,
    client: Option<PeerNetwork>,
    place: Arc<ConnectionSlot>,
    /// Somebody had to give way to this one.
    pub displaced: bool,
}

/// The cap that was reached, by connections of which none gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    Total,
    PeerNetwork,
}

impl ConnectionLimiter {
    pub fn new(total_max: usize, client_max: usize) -> Arc<ConnectionLimiter> {
        let caps = Caps { total: total_max, client: client_max, reserved: total_max / 4 };
        Arc::new(ConnectionLimiter { caps, inside: Mutex::default() })
    }

    /// Lets one connection in. A trusted proxy carries many senders, so only the total counts for it.
    pub fn enter(self: &Arc<Self>, peer: IpAddr, trusted_proxy: bool) -> Result<Permit, Full> {
        let client = (!trusted_proxy).then(|| PeerNetwork::from(peer));
        let mut inside = self.inside();
        let displaced = inside.make_room(client, None, self.caps, peer)?;
        let (id, place) = inside.add(client);
        Ok(Permit { limiter: Arc::clone(self), id, client, place, displaced })
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

impl Permit {
    /// Whom the connection counts for; `None` where only the total does.
    pub fn client(&self) -> Option<PeerNetwork> {
        self.client
    }

    /// Where the connection says what it does, and hears that it has to go.
    pub fn place(&self) -> Arc<ConnectionSlot> {
        Arc::clone(&self.place)
    }

    /// Counts for the client of this address from now on, because a trusted proxy has said whom it brings.
    pub fn stand_for(&mut self, peer: IpAddr) -> Result<(), Full> {
        if self.client.is_some() {
            return Ok(());
        }
        let client = Some(PeerNetwork::from(peer));
        let mut inside = self.limiter.inside();
        self.displaced |= inside.make_room(client, Some(self.id), self.limiter.caps, peer)?;
        inside.stand_for(self.id, client);
        self.client = client;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.inside().remove(self.id);
    }
}

#[cfg(test)]
mod tests;
