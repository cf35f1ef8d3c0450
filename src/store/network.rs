//! Reports posted over HTTPS whose proof could not be looked up when they came, and what became of it.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, params};
use uuid::Uuid;

use super::{StoreError, rows::At};
use crate::submission::{NetworkState, Origin, Trust};

/// A stored report that is still to be proven, with what it says of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub uuid: Uuid,
    pub day: NaiveDate,
    pub peer: Option<String>,
    pub contact: Option<String>,
    pub organisation: Option<String>,
    pub trust: Trust,
}

/// What was found about one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub uuid: Uuid,
    pub day: NaiveDate,
    pub trust: Trust,
    /// Only what the address proves is taken of it.
    pub origin: Origin,
}

/// Reports that came since a time and may still be proven, at most `max` and of each address at most `of_one`. Which of many
/// changes with `salt`, so that nobody who sends many that cannot be looked up keeps others from their turn.
pub fn pending(
    conn: &Connection,
    since: DateTime<Utc>,
    salt: i64,
    of_one: usize,
    max: usize,
) -> Result<Vec<Pending>, StoreError> {
    let sql = "SELECT uuid, day, peer, contact, organisation, trust FROM report \
               WHERE network_state = 'unknown' AND received_at >= ? \
               QUALIFY row_number() OVER (PARTITION BY peer ORDER BY hash(uuid, ?), uuid) <= ? \
               ORDER BY hash(uuid, ?), uuid LIMIT ?";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map(params![At(since), salt, of_one as u64, salt, max as u64], |row| {
        Ok(Pending {
            uuid: row.get(0)?,
            day: row.get(1)?,
            peer: row.get(2)?,
            contact: row.get(3)?,
            organisation: row.get(4)?,
            trust: Trust::from_name(&row.get::<_, String>(5)?).unwrap_or(Trust::None),
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Puts down what was found, within the caller's transaction. What has been proven in the meantime stays. How many reports
/// are believed more than before.
pub fn settle(conn: &Connection, settled: &[Settled]) -> Result<usize, StoreError> {
    let mut raised = 0;
    for Settled { uuid, day, trust, origin } in settled {
        let Origin { network_state, network_domain, network_evidence, .. } = origin;
        let sql = "UPDATE report SET network_state = ?, network_domain = ?, network_evidence = ? \
                   WHERE day = ?::DATE AND uuid = ?::UUID AND network_state = 'unknown'";
        let state = network_state.map(NetworkState::as_str);
        let found = conn.execute(sql, params![state, network_domain, network_evidence, day, uuid])?;
        if found == 0 || *network_state != Some(NetworkState::Proven) {
            continue;
        }
        // Whatever ranks above stands.
        let sql = "UPDATE report SET trust = ? WHERE day = ?::DATE AND uuid = ?::UUID AND trust IN ('none', 'token')";
        if conn.execute(sql, params![trust.as_str(), day, uuid])? == 0 {
            continue;
        }
        for table in ["policy", "failure"] {
            let sql = format!("UPDATE {table} SET trust = ? WHERE day = ?::DATE AND report = ?::UUID");
            conn.execute(&sql, params![trust.as_str(), day, uuid])?;
        }
        raised += 1;
    }
    Ok(raised)
}
