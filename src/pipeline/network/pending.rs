//! Reports whose proof could not be looked up when they came are looked at again while it still says who sent them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::{NetworkClaim, NetworkQuestion, Networks, deadline, note};
use crate::{
    limits::{
        NETWORK_PENDING_AT_ONCE_MAX, NETWORK_PENDING_MAX_H, NETWORK_PENDING_PER_ADDRESS_MAX, NETWORK_PROOFS_AT_ONCE_MAX,
    },
    pipeline::Pipeline,
    reporters,
    store::{
        StoreError,
        tables::network::{self, Pending, Settled},
    },
    submission::Origin,
    verify::network::Proof,
};

impl Pipeline {
    /// Looks at them once; the number that are proven now.
    pub async fn prove_pending(self: &Arc<Self>, now: DateTime<Utc>) -> Result<usize, StoreError> {
        if self.networks.resolver.is_none() {
            return Ok(0);
        }
        let since = now - TimeDelta::hours(NETWORK_PENDING_MAX_H);
        let (of_one, max) = (NETWORK_PENDING_PER_ADDRESS_MAX, NETWORK_PENDING_AT_ONCE_MAX);
        let read = move |conn: &_| network::pending(conn, since, now.timestamp(), of_one, max);
        let pending = self.store.read(read).await?;
        let mut settled = Vec::new();
        for some in pending.chunks(NETWORK_PROOFS_AT_ONCE_MAX / 2) {
            let asked = join_all(some.iter().map(|pending| self.networks.settle(pending, now))).await;
            settled.extend(asked.into_iter().flatten());
        }
        if settled.is_empty() {
            return Ok(0);
        }
        let raised = self.store.change(move |conn| network::settle(conn, &settled)).await?;
        if raised > 0 {
            tracing::info!(reports = raised, "reports were proven after they came");
        }
        Ok(raised)
    }
}

impl Networks {
    /// `None` where it is still not known.
    async fn settle(&self, pending: &Pending, now: DateTime<Utc>) -> Option<Settled> {
        let peer = pending.peer.as_deref().and_then(|peer| peer.parse().ok());
        let claim = NetworkClaim { contact: pending.contact.as_deref(), organisation: pending.organisation.as_deref() };
        let proof = match self.question(peer, claim) {
            NetworkQuestion::Nothing => return None,
            NetworkQuestion::Settled(proof) => proof,
            NetworkQuestion::Question(question) => match self.known(&question, now) {
                Some(proof) => proof,
                None => self.ask(question, now, deadline()).await,
            },
        };
        if matches!(proof, Proof::Unknown(_)) {
            return None;
        }
        let (mut trust, mut origin) = (pending.trust, Origin::default());
        note(&proof, &mut trust, &mut origin);
        let key = reporters::key(trust, &origin, pending.contact.as_deref(), pending.organisation.as_deref());
        Some(Settled { uuid: pending.uuid, day: pending.day, trust, origin, organisation_key: Some(key) })
    }
}
