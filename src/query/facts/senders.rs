//! Who reports how often and how late, and when anything came last.

use duckdb::Connection;

use super::scope::{Scope, days};
use crate::{
    alerts::{
        AlertFacts,
        facts::{Arrivals, SenderRhythm},
    },
    query::{called, first, get},
    reporters::{self, KeyProof},
};

/// Fills in `senders`, `known` and `newcomers`.
pub(super) fn senders(connection: &Connection, scope: &Scope, facts: &mut AlertFacts) -> duckdb::Result<()> {
    facts.known = reporters::known().reporters().iter().map(|known| known.key.clone()).collect();
    for (sender, is_established) in scope.ask(connection, include_str!("senders.sql"), &[], &[], |row| {
        let sender = SenderRhythm {
            organisation: get(row, 0)?,
            name: called(row, 0)?,
            days: days(scope.rhythm_first, get(row, 1)?),
            lateness_s: get(row, 2)?,
        };
        Ok((sender, get::<bool>(row, 3)? || get::<bool>(row, 4)?))
    })? {
        // What the operator fed in, or trusts, is the operator's decision already; a claim is none that time could prove.
        let is_unknown = matches!(KeyProof::of(&sender.organisation), KeyProof::Signed | KeyProof::Proven);
        if is_unknown && !is_established {
            facts.newcomers.insert(sender.organisation.clone());
        }
        facts.senders.push(sender);
    }
    Ok(())
}

pub(super) fn arrivals(connection: &Connection, scope: &Scope) -> duckdb::Result<Arrivals> {
    let rows = scope.ask(connection, include_str!("arrivals.sql"), &[], &[], |row| {
        Ok(Arrivals { last_at: get(row, 0)?, days: get(row, 1)?, back_at: get(row, 2)? })
    })?;
    Ok(first(rows).unwrap_or_default())
}
