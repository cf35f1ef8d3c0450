//! Proofs that were looked up a short while ago.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use super::Question;
use crate::{
    limits::{NETWORK_NOT_PROVEN_TTL_S, NETWORK_PROOFS_KNOWN_MAX, NETWORK_PROVEN_TTL_S, NETWORK_UNKNOWN_TTL_S},
    verify::network::Proof,
};

/// Two memories: whoever asks for what cannot be proven displaces only what was not proven.
#[derive(Debug, Default)]
pub(super) struct Known {
    proven: Shelf,
    other: Shelf,
}

/// The oldest give way where it is full.
#[derive(Debug, Default)]
struct Shelf {
    held: HashMap<Question, Held>,
    order: VecDeque<Question>,
}

#[derive(Debug)]
struct Held {
    proof: Proof,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Known {
    pub(super) fn find(&self, question: &Question, now: DateTime<Utc>) -> Option<Proof> {
        let held = [&self.proven, &self.other].map(|shelf| shelf.held.get(question));
        // A clock that was set back makes nothing last longer.
        let mut fresh = held.into_iter().flatten().filter(|held| (held.from..held.until).contains(&now));
        fresh.next().map(|held| held.proof.clone())
    }

    pub(super) fn keep(&mut self, question: Question, proof: Proof, now: DateTime<Utc>) {
        let (shelf, ttl_s) = match &proof {
            Proof::Proven(_) => (&mut self.proven, NETWORK_PROVEN_TTL_S),
            Proof::NotProven(_) => (&mut self.other, NETWORK_NOT_PROVEN_TTL_S),
            Proof::Unknown(_) => (&mut self.other, NETWORK_UNKNOWN_TTL_S),
        };
        let held = Held { proof, from: now, until: now + TimeDelta::seconds(ttl_s) };
        if shelf.held.insert(question.clone(), held).is_none() {
            shelf.order.push_back(question);
        }
        while shelf.held.len() > NETWORK_PROOFS_KNOWN_MAX {
            let Some(oldest) = shelf.order.pop_front() else { break };
            shelf.held.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::verify::network::NetworkEvidence;

    fn question(number: u32) -> Question {
        Question { address: IpAddr::V4(Ipv4Addr::from_bits(number)), domains: vec!["example.net".to_owned()] }
    }

    fn proven() -> Proof {
        Proof::Proven(NetworkEvidence {
            address: "198.51.100.7".parse().unwrap(),
            domain: "example.net".to_owned(),
            reverse_names: Vec::new(),
            confirmed: None,
            permitted_by: String::new(),
            secure: false,
            looked_up_at: at(0),
        })
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn what_is_known_is_forgotten_the_sooner_the_less_it_says() {
        let mut known = Known::default();
        let proofs = [
            (proven(), NETWORK_PROVEN_TTL_S),
            (Proof::NotProven(String::new()), NETWORK_NOT_PROVEN_TTL_S),
            (Proof::Unknown(String::new()), NETWORK_UNKNOWN_TTL_S),
        ];
        for (number, (proof, ttl_s)) in (0..).zip(proofs) {
            known.keep(question(number), proof.clone(), at(0));
            assert_eq!(known.find(&question(number), at(ttl_s - 1)), Some(proof));
            assert_eq!(known.find(&question(number), at(ttl_s)), None);
            assert_eq!(known.find(&question(number), at(-1)), None);
        }
    }

    #[test]
    fn what_was_not_proven_displaces_no_proof() {
        let mut known = Known::default();
        known.keep(question(0), proven(), at(0));
        let flood = u32::try_from(3 * NETWORK_PROOFS_KNOWN_MAX).unwrap();
        for number in 1..=flood {
            known.keep(question(number), Proof::NotProven(String::new()), at(0));
        }
        assert_eq!(known.find(&question(0), at(1)), Some(proven()));
        assert_eq!(known.find(&question(1), at(1)), None);
        assert!(known.find(&question(flood), at(1)).is_some());
        assert_eq!(
            (known.other.held.len(), known.other.order.len()),
            (NETWORK_PROOFS_KNOWN_MAX, NETWORK_PROOFS_KNOWN_MAX)
        );
    }
}
