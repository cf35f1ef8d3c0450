//! Reports posted over HTTPS whose proof could not be looked up when they came, and what became of it.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, params};
use uuid::Uuid;

use super::{day_sums, rows::At};
use crate::{
    store::StoreError,
    submission::{NetworkState, Origin, Trust},
};

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
    /// Whose rows they are from now on, where a proof makes them somebody else's.
    pub organisation_key: Option<String>,
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
            trust: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Puts down what was found, within the caller's transaction. What has been proven in the meantime stays. How many reports
/// are believed more than before.
pub fn settle(conn: &Connection, settled: &[Settled]) -> Result<usize, StoreError> {
    let mut raised = 0;
    for Settled { uuid, day, trust, origin, organisation_key } in settled {
        let Origin { network_state, network_domain, network_evidence, .. } = origin;
        let sql = "UPDATE report SET network_state = ?, network_domain = ?, network_evidence = ? \
                   WHERE day = ?::DATE AND uuid = ?::UUID AND network_state = 'unknown'";
        let state = network_state.map(NetworkState::as_str);
        let found = conn.execute(sql, params![state, network_domain, network_evidence, day, uuid])?;
        if found == 0 || *network_state != Some(NetworkState::Proven) {
            continue;
        }
        // Whatever ranks above stands.
        let set = "trust = ?, organisation_key = coalesce(?, organisation_key)";
        let sql =
            format!("UPDATE report SET {set} WHERE day = ?::DATE AND uuid = ?::UUID AND trust IN ('none', 'token')");
        if conn.execute(&sql, params![trust.as_str(), organisation_key, day, uuid])? == 0 {
            continue;
        }
        for table in ["policy", "failure"] {
            let sql = format!("UPDATE {table} SET {set} WHERE day = ?::DATE AND report = ?::UUID");
            conn.execute(&sql, params![trust.as_str(), organisation_key, day, uuid])?;
        }
        day_sums::mark(conn, [*day])?;
        raised += 1;
    }
    Ok(raised)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::{
        Arrival, Store, StoredEntry,
        fixtures::{TempStore, check_sums, entry, identity, make_sums, october, simple, temp_store},
    };

    /// A report whose proof is not known, from an address.
    fn unknown(id: &str, last: u8, trust: Trust) -> StoredEntry {
        let entry = entry(simple(id, 5), trust);
        let origin = Origin { network_state: Some(NetworkState::Unknown), ..Origin::default() };
        let peer = Some([192, 0, 2, last].into());
        let arrival = Arc::new(Arrival { origin, peer, ..Arrival::clone(&entry.arrival) });
        StoredEntry { arrival, ..entry }
    }

    fn proven(entry: &StoredEntry) -> Settled {
        Settled {
            uuid: identity(entry),
            day: october(1).date_naive(),
            trust: Trust::Network,
            origin: Origin {
                network_state: Some(NetworkState::Proven),
                network_domain: Some("example.net".into()),
                network_evidence: Some("{}".into()),
                ..Origin::default()
            },
            organisation_key: None,
        }
    }

    fn trusts(store: &Store, entry: &StoredEntry) -> Vec<String> {
        of_each_table(store, entry, "trust")
    }

    fn of_each_table(store: &Store, entry: &StoredEntry, column: &str) -> Vec<String> {
        let uuid = identity(entry);
        let sql = format!(
            "SELECT {column} FROM (SELECT 1 AS n, {column} FROM report WHERE uuid = ?::UUID \
             UNION ALL SELECT 2, {column} FROM policy WHERE report = ?::UUID \
             UNION ALL SELECT 3, {column} FROM failure WHERE report = ?::UUID) ORDER BY n"
        );
        let read = move |conn: &Connection| {
            let mut statement = conn.prepare(&sql)?;
            let rows = statement.query_map(params![uuid, uuid, uuid], |row| row.get(0))?;
            Ok(rows.collect::<duckdb::Result<Vec<String>>>()?)
        };
        store.read_blocking(read).unwrap()
    }

    #[test]
    fn one_address_cannot_take_the_turn_of_all_others() {
        let TempStore { store, directory: _directory } = temp_store();
        let mut entries: Vec<StoredEntry> = (0..50).map(|n| unknown(&format!("flood-{n}"), 1, Trust::None)).collect();
        entries.push(unknown("other", 2, Trust::Token));
        entries.push(entry(simple("not-asked", 5), Trust::None));
        store.write_blocking(entries);
        let asked = |since, salt, of_one, max| {
            store.read_blocking(move |conn| pending(conn, since, salt, of_one, max)).unwrap()
        };
        let found = asked(october(2), 1, 5, 100);
        assert_eq!(found.len(), 6);
        let other = found.iter().find(|pending| pending.peer.as_deref() == Some("192.0.2.2")).unwrap();
        assert_eq!((other.trust, other.contact.as_deref()), (Trust::Token, Some("tlsrpt@example.net")));
        assert_eq!(other.organisation.as_deref(), Some("Example Mail"));
        assert_ne!(found, asked(october(2), 2, 5, 100), "another turn, other reports");
        assert_eq!(asked(october(2), 1, 5, 3).len(), 3);
        assert_eq!(asked(october(3), 1, 5, 100), [], "too long ago");
    }

    #[test]
    fn a_later_proof_raises_what_is_believed_less_and_nothing_else() {
        let TempStore { store, directory: _directory } = temp_store();
        let (none, dkim) = (unknown("none", 1, Trust::None), unknown("dkim", 1, Trust::Dkim));
        let settled = entry(simple("settled", 5), Trust::None);
        store.write_blocking(vec![none.clone(), dkim.clone(), settled.clone()]);
        let renamed = Settled { organisation_key: Some("proven.example".into()), ..proven(&none) };
        let all = [renamed, proven(&dkim), proven(&settled)];
        make_sums(&store);
        assert_eq!(store.change_blocking(move |conn| settle(conn, &all)).unwrap(), 1);
        assert_eq!(trusts(&store, &none), ["network"; 3]);
        assert_eq!(of_each_table(&store, &none, "organisation_key"), ["proven.example"; 3]);
        assert_eq!(trusts(&store, &dkim), ["dkim"; 3]);
        assert_eq!(trusts(&store, &settled), ["none"; 3], "nobody was going to ask about it");
        let sums = check_sums(&store);
        assert_eq!((sums.pending, sums.differences), (1, vec![]), "its day has other sums now");
    }

    #[test]
    fn that_there_is_no_proof_is_put_down_and_raises_nothing() {
        let TempStore { store, directory: _directory } = temp_store();
        let none = unknown("none", 1, Trust::None);
        store.write_blocking(vec![none.clone()]);
        let origin = Origin { network_state: Some(NetworkState::NotProven), ..Origin::default() };
        let no = [Settled { trust: Trust::None, origin, ..proven(&none) }];
        assert_eq!(store.change_blocking(move |conn| settle(conn, &no)).unwrap(), 0);
        assert_eq!(trusts(&store, &none), ["none"; 3]);
        let left = store.read_blocking(|conn| pending(conn, october(1), 0, 5, 5)).unwrap();
        assert_eq!(left, []);
    }
}
