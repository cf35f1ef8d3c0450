//! Senders whose mail counts although no signature of their own domain passes: added by the operator, kept after they are
//! revoked, so that it can be seen for ever why a report was counted.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};
use uuid::Uuid;

use super::{day_sums, rows::At};
use crate::store::StoreError;

/// One row of `trusted_sender`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedSender {
    pub uuid: Uuid,
    /// Domain of the From field, A-labels.
    pub from_domain: String,
    /// The domain that must have signed; `None`: no signature is asked for.
    pub dkim_domain: Option<String>,
    pub added_at: DateTime<Utc>,
    /// `None` while it is in force.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// All senders that are or were trusted, those in force first, then by domain.
pub fn senders(conn: &Connection) -> Result<Vec<TrustedSender>, StoreError> {
    let sql = "SELECT uuid, from_domain, dkim_domain, added_at, revoked_at FROM trusted_sender \
               ORDER BY revoked_at IS NOT NULL, from_domain, added_at DESC, uuid";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(TrustedSender {
            uuid: row.get(0)?,
            from_domain: row.get(1)?,
            dkim_domain: row.get(2)?,
            added_at: row.get(3)?,
            revoked_at: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Trusts a sender from now on. One that is trusted already stays as it is.
pub fn trust(
    conn: &Connection,
    from_domain: &str,
    dkim_domain: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO trusted_sender SELECT ?::UUID, ?, ?, ?, NULL WHERE NOT EXISTS (FROM trusted_sender \
               WHERE revoked_at IS NULL AND from_domain = ? AND dkim_domain IS NOT DISTINCT FROM ?)";
    conn.execute(sql, params![Uuid::new_v4(), from_domain, dkim_domain, At(now), from_domain, dkim_domain])?;
    Ok(())
}

/// Ends the trust; reports that were counted by it stay. False where there is nothing in force under this name.
pub fn revoke(conn: &Connection, uuid: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let sql = "UPDATE trusted_sender SET revoked_at = ? WHERE uuid = ?::UUID AND revoked_at IS NULL";
    Ok(conn.execute(sql, params![At(now), uuid])? > 0)
}

/// Notes what the operator says of a signer that nobody knows; `None` takes it back.
pub fn decide(
    conn: &Connection,
    organisation_key: &str,
    accepted: Option<bool>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    conn.execute("DELETE FROM sender_decision WHERE organisation_key = ?", params![organisation_key])?;
    if let Some(accepted) = accepted {
        conn.execute("INSERT INTO sender_decision VALUES (?, ?, ?)", params![organisation_key, accepted, At(now)])?;
    }
    // Sums by policy domain say what a refused sender has a part in.
    day_sums::mark_organisation(conn, organisation_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{engine::migrate, fixtures::memory};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn trust_is_kept_once_and_revoked_for_everybody_to_see() {
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        trust(&conn, "example.net", None, at(1)).unwrap();
        trust(&conn, "example.net", None, at(2)).unwrap();
        trust(&conn, "example.net", Some("esp.example"), at(3)).unwrap();
        let all = senders(&conn).unwrap();
        assert_eq!(all.len(), 2);
        let open = all.iter().find(|sender| sender.dkim_domain.is_none()).unwrap();
        assert_eq!((open.added_at, open.revoked_at), (at(1), None));
        assert!(revoke(&conn, open.uuid, at(4)).unwrap());
        assert!(!revoke(&conn, open.uuid, at(5)).unwrap());
        trust(&conn, "example.net", None, at(6)).unwrap();
        let all = senders(&conn).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[2].revoked_at, Some(at(4)), "those in force come first");
    }
}
