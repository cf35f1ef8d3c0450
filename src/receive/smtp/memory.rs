//! The memory for the messages of one listener: so much for all its senders together, less for one client of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

use crate::{
    limits::SMTP_SMALL_MAIL_MAX_BYTES,
    receive::{
        memory::{MemoryShare, memory},
        network::PeerNetwork,
    },
};

/// What one listener has.
pub(super) struct MessageMemory {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    client_max_bytes: usize,
    /// What a client has left, for as long as it is connected or a message of it waits for its outcome.
    clients: Mutex<HashMap<PeerNetwork, Weak<Semaphore>>>,
}

/// What one message holds of it.
pub(super) struct Reservation {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// Of the one or, since it is large, of the other.
    of_all: MemoryShare,
    is_large: bool,
    of_client: Option<MemoryShare>,
}

impl MessageMemory {
    /// For small messages and for large ones, so that these take nothing from those; of both together one client has its part.
    pub(super) fn new(small_bytes: usize, large_bytes: usize, client_max_bytes: usize) -> MessageMemory {
        let (small, large) = (memory(small_bytes), memory(large_bytes));
        MessageMemory { small, large, client_max_bytes, clients: Mutex::default() }
    }

    /// Nothing yet. Without a client only the total counts.
    pub(super) fn reservation(&self, client: Option<PeerNetwork>) -> Reservation {
        let of_client = client.map(|client| MemoryShare::none(&self.of_client(client)));
        let (small, large) = (Arc::clone(&self.small), Arc::clone(&self.large));
        Reservation { of_all: MemoryShare::none(&small), small, large, is_large: false, of_client }
    }

    fn of_client(&self, client: PeerNetwork) -> Arc<Semaphore> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = clients.get(&client).and_then(Weak::upgrade) {
            return left;
        }
        clients.retain(|_, left| left.strong_count() > 0);
        let left = memory(self.client_max_bytes);
        clients.insert(client, Arc::downgrade(&left));
        left
    }
}

impl Reservation {
    /// Bytes that are set aside.
    pub(super) fn bytes(&self) -> usize {
        self.of_all.bytes()
    }

    /// Sets so many bytes aside in all, or leaves it at what there is.
    pub(super) fn grow(&mut self, bytes: usize) {
        let allowed = self.of_client.as_mut().is_none_or(|share| share.grow(bytes).is_some());
        if !allowed {
            return;
        }
        if bytes > SMTP_SMALL_MAIL_MAX_BYTES && !self.is_large {
            let mut share = MemoryShare::none(&self.large);
            if share.grow(bytes).is_some() {
                (self.of_all, self.is_large) = (share, true);
            }
            return;
        }
        let _ = self.of_all.grow(bytes);
    }

    /// Takes everything out, for a message that goes its way.
    pub(super) fn take(&mut self) -> Reservation {
        let of_all = std::mem::replace(&mut self.of_all, MemoryShare::none(&self.small));
        let is_large = std::mem::take(&mut self.is_large);
        let (small, large) = (Arc::clone(&self.small), Arc::clone(&self.large));
        Reservation { small, large, of_all, is_large, of_client: self.of_client.as_mut().map(MemoryShare::take) }
    }

    /// Gives everything back.
    pub(super) fn clear(&mut self) {
        (self.of_all, self.is_large) = (MemoryShare::none(&self.small), false);
        self.of_client.iter_mut().for_each(MemoryShare::clear);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(text: &str) -> Option<PeerNetwork> {
        Some(PeerNetwork::from(text.parse::<IpAddr>().unwrap()))
    }

    #[test]
    fn one_client_leaves_others_their_part() {
        let memory = MessageMemory::new(10 * 1024, 10 * 1024, 4 * 1024);
        let mut first = memory.reservation(client("2001:db8::1"));
        first.grow(3 * 1024);
        assert_eq!(first.bytes(), 3 * 1024);
        let mut second = memory.reservation(client("2001:db8::2"));
        second.grow(2 * 1024);
        assert_eq!(second.bytes(), 0, "one /64 is one client");
        let mut other = memory.reservation(client("192.0.2.1"));
        other.grow(4 * 1024);
        assert_eq!(other.bytes(), 4 * 1024);
        let mut exempt = memory.reservation(None);
        exempt.grow(4 * 1024);
        assert_eq!(exempt.bytes(), 0, "the total counts for everybody");
        exempt.grow(3 * 1024);
        assert_eq!(exempt.bytes(), 3 * 1024);
    }

    #[test]
    fn a_message_on_its_way_counts_after_its_sender_has_left() {
        let memory = MessageMemory::new(10 * 1024, 10 * 1024, 4 * 1024);
        let mut connection = memory.reservation(client("192.0.2.1"));
        connection.grow(4 * 1024);
        let message = connection.take();
        assert_eq!((connection.bytes(), message.bytes()), (0, 4 * 1024));
        drop(connection);
        let mut again = memory.reservation(client("192.0.2.1"));
        again.grow(1024);
        assert_eq!(again.bytes(), 0);
        drop(message);
        again.grow(1024);
        assert_eq!(again.bytes(), 1024);
        drop(again);
        memory.reservation(client("192.0.2.2"));
        assert_eq!(memory.clients.lock().unwrap().len(), 1, "nothing is remembered of who has left");
    }

    #[test]
    fn large_messages_take_nothing_from_small_ones() {
        const MIB: usize = 1024 * 1024;
        let memory = MessageMemory::new(MIB, 2 * MIB, 10 * MIB);
        let mut first = memory.reservation(None);
        first.grow(200 * 1024);
        first.grow(2 * MIB);
        assert_eq!(first.bytes(), 2 * MIB);
        let mut second = memory.reservation(None);
        second.grow(200 * 1024);
        second.grow(MIB);
        assert_eq!(second.bytes(), 200 * 1024, "there is no more for large ones");
        let small: Vec<Reservation> = (0..4)
            .map(|_| {
                let mut reservation = memory.reservation(None);
                reservation.grow(200 * 1024);
                reservation
            })
            .collect();
        assert!(small.iter().all(|reservation| reservation.bytes() == 200 * 1024));
        let on_its_way = first.take();
        first.grow(200 * 1024);
        assert_eq!((first.bytes(), on_its_way.bytes()), (0, 2 * MIB), "the small ones have all of theirs");
        drop((on_its_way, second, small));
        first.grow(MIB);
        assert_eq!(first.bytes(), MIB);
        first.clear();
        assert_eq!((first.bytes(), memory.large.available_permits()), (0, 2 * 1024));
    }
}
