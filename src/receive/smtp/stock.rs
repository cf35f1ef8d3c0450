//! The memory for the messages of one listener: so much for all its senders together, less for one party of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

use crate::{
    limits::SMTP_SMALL_MAIL_MAX_BYTES,
    receive::{
        memory::{Share, memory},
        network::Party,
    },
};

/// What one listener has.
pub struct Stock {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    party_max_bytes: usize,
    /// What a party has left, for as long as it is connected or a message of it waits for its outcome.
    parties: Mutex<HashMap<Party, Weak<Semaphore>>>,
}

/// What one message holds of it.
pub struct Portion {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// Of the one or, since it is large, of the other.
    of_all: Share,
    is_large: bool,
    of_party: Option<Share>,
}

impl Stock {
    /// For small messages and for large ones, so that these take nothing from those; of both together one party has its part.
    pub fn new(small_bytes: usize, large_bytes: usize, party_max_bytes: usize) -> Stock {
        let (small, large) = (memory(small_bytes), memory(large_bytes));
        Stock { small, large, party_max_bytes, parties: Mutex::default() }
    }

    /// Nothing yet. Without a party only the total counts.
    pub fn portion(&self, party: Option<Party>) -> Portion {
        let of_party = party.map(|party| Share::none(&self.of_party(party)));
        let (small, large) = (Arc::clone(&self.small), Arc::clone(&self.large));
        Portion { of_all: Share::none(&small), small, large, is_large: false, of_party }
    }

    fn of_party(&self, party: Party) -> Arc<Semaphore> {
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = parties.get(&party).and_then(Weak::upgrade) {
            return left;
        }
        parties.retain(|_, left| left.strong_count() > 0);
        let left = memory(self.party_max_bytes);
        parties.insert(party, Arc::downgrade(&left));
        left
    }
}

impl Portion {
    /// Bytes that are set aside.
    pub fn bytes(&self) -> usize {
        self.of_all.bytes()
    }

    /// Sets so many bytes aside in all, or leaves it at what there is.
    pub fn grow(&mut self, bytes: usize) {
        let allowed = self.of_party.as_mut().is_none_or(|share| share.grow(bytes).is_some());
        if !allowed {
            return;
        }
        if bytes > SMTP_SMALL_MAIL_MAX_BYTES && !self.is_large {
            let mut share = Share::none(&self.large);
            if share.grow(bytes).is_some() {
                (self.of_all, self.is_large) = (share, true);
            }
            return;
        }
        let _ = self.of_all.grow(bytes);
    }

    /// Takes everything out, for a message that goes its way.
    pub fn take(&mut self) -> Portion {
        let of_all = std::mem::replace(&mut self.of_all, Share::none(&self.small));
        let is_large = std::mem::take(&mut self.is_large);
        let (small, large) = (Arc::clone(&self.small), Arc::clone(&self.large));
        Portion { small, large, of_all, is_large, of_party: self.of_party.as_mut().map(Share::take) }
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        (self.of_all, self.is_large) = (Share::none(&self.small), false);
        self.of_party.iter_mut().for_each(Share::clear);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn party(text: &str) -> Option<Party> {
        Some(Party::from(text.parse::<IpAddr>().unwrap()))
    }

    #[test]
    fn one_party_leaves_others_their_part() {
        let stock = Stock::new(10 * 1024, 10 * 1024, 4 * 1024);
        let mut first = stock.portion(party("2001:db8::1"));
        first.grow(3 * 1024);
        assert_eq!(first.bytes(), 3 * 1024);
        let mut second = stock.portion(party("2001:db8::2"));
        second.grow(2 * 1024);
        assert_eq!(second.bytes(), 0, "one /64 is one party");
        let mut other = stock.portion(party("192.0.2.1"));
        other.grow(4 * 1024);
        assert_eq!(other.bytes(), 4 * 1024);
        let mut exempt = stock.portion(None);
        exempt.grow(4 * 1024);
        assert_eq!(exempt.bytes(), 0, "the total counts for everybody");
        exempt.grow(3 * 1024);
        assert_eq!(exempt.bytes(), 3 * 1024);
    }

    #[test]
    fn a_message_on_its_way_counts_after_its_sender_has_left() {
        let stock = Stock::new(10 * 1024, 10 * 1024, 4 * 1024);
        let mut connection = stock.portion(party("192.0.2.1"));
        connection.grow(4 * 1024);
        let message = connection.take();
        assert_eq!((connection.bytes(), message.bytes()), (0, 4 * 1024));
        drop(connection);
        let mut again = stock.portion(party("192.0.2.1"));
        again.grow(1024);
        assert_eq!(again.bytes(), 0);
        drop(message);
        again.grow(1024);
        assert_eq!(again.bytes(), 1024);
        drop(again);
        stock.portion(party("192.0.2.2"));
        assert_eq!(stock.parties.lock().unwrap().len(), 1, "nothing is remembered of who has left");
    }

    #[test]
    fn large_messages_take_nothing_from_small_ones() {
        const MIB: usize = 1024 * 1024;
        let stock = Stock::new(MIB, 2 * MIB, 10 * MIB);
        let mut first = stock.portion(None);
        first.grow(200 * 1024);
        first.grow(2 * MIB);
        assert_eq!(first.bytes(), 2 * MIB);
        let mut second = stock.portion(None);
        second.grow(200 * 1024);
        second.grow(MIB);
        assert_eq!(second.bytes(), 200 * 1024, "there is no more for large ones");
        let small: Vec<Portion> = (0..4)
            .map(|_| {
                let mut portion = stock.portion(None);
                portion.grow(200 * 1024);
                portion
            })
            .collect();
        assert!(small.iter().all(|portion| portion.bytes() == 200 * 1024));
        let on_its_way = first.take();
        first.grow(200 * 1024);
        assert_eq!((first.bytes(), on_its_way.bytes()), (0, 2 * MIB), "the small ones have all of theirs");
        drop((on_its_way, second, small));
        first.grow(MIB);
        assert_eq!(first.bytes(), MIB);
        first.clear();
        assert_eq!((first.bytes(), stock.large.available_permits()), (0, 2 * 1024));
    }
}
