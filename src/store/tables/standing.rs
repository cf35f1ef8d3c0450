//! A report that stands in the tables: what is done to it when another copy comes.

use std::sync::Arc;

use chrono::NaiveDate;
use duckdb::{Connection, params};
use uuid::Uuid;

use super::{
    day_sums,
    quarantine::NewEntry,
    rows::{At, StoredReport},
};
use crate::{
    fault::Fault,
    store::{Arrival, StoreError},
    submission::{NetworkState, Origin, Trust},
};

/// Believes a stored report as far as a better copy of it, whose sender it then is of.
pub(in crate::store) fn raise(
    conn: &Connection,
    uuid: Uuid,
    day: NaiveDate,
    before: Trust,
    better: &StoredReport<'_>,
) -> Result<(), StoreError> {
    let (trust, key) = (better.trust.as_str(), better.organisation_key);
    let sql = "UPDATE report SET trust = ?, organisation_key = ?, from_domain = ?, dkim_verdict = ?, dkim_domain = ?, dkim_selector = ?, \
               mailed_at = ?, from_address = ?, key_secure = ?, network_state = coalesce(?, network_state), \
               network_domain = coalesce(?, network_domain), network_evidence = coalesce(?, network_evidence), \
               unproven_copy = CASE WHEN ? THEN channel ELSE unproven_copy END WHERE day = ?::DATE AND uuid = ?::UUID";
    let Origin { from_domain, from_address, dkim_verdict, dkim_domain, dkim_selector, mailed_at, .. } = better.origin;
    let Origin { key_secure, network_state, network_domain, network_evidence, .. } = better.origin;
    let (mailed_at, network_state) = (mailed_at.map(At), network_state.map(NetworkState::as_str));
    let came_unproven = !before.is_proven() && better.trust.is_proven();
    conn.execute(
        sql,
        params![
            trust,
            key,
            from_domain,
            dkim_verdict,
            dkim_domain,
            dkim_selector,
            mailed_at,
            from_address,
            key_secure,
            network_state,
            network_domain,
            network_evidence,
            came_unproven,
            day,
            uuid
        ],
    )?;
    for table in ["policy", "failure"] {
        let sql =
            format!("UPDATE {table} SET trust = ?, organisation_key = ? WHERE day = ?::DATE AND report = ?::UUID");
        conn.execute(&sql, params![trust, key, day, uuid])?;
    }
    day_sums::mark(conn, [day])
}

/// The original bytes of a stored report, ready for the quarantine.
pub(in crate::store) fn stored(
    conn: &Connection,
    identity: Uuid,
    day: NaiveDate,
    fault: Fault,
) -> Result<NewEntry, StoreError> {
    let sql = "SELECT w.bytes, r.channel, r.peer, r.source, r.received_at, r.trust, r.dkim_domain, r.submitter, \
               w.media_type, w.content_encoding, w.element, r.organisation, r.report_id, r.from_domain, r.dkim_verdict, \
               r.dkim_selector, r.mailed_at, r.from_address, r.network_state, r.network_domain, r.network_evidence, r.key_secure \
               FROM report r LEFT JOIN raw w ON w.report = r.uuid AND w.day = r.day \
               WHERE r.day = ?::DATE AND r.uuid = ?::UUID LIMIT 1";
    Ok(conn.query_row(sql, params![day, identity], |row| {
        let peer: Option<String> = row.get(2)?;
        let arrival = Arrival {
            // Retention may have removed the bytes before the report.
            bytes: row.get::<_, Option<Vec<u8>>>(0)?.unwrap_or_default(),
            channel: row.get(1)?,
            peer: peer.and_then(|peer| peer.parse().ok()),
            source: row.get(3)?,
            received_at: row.get(4)?,
            trust: row.get(5)?,
            token_domains: None,
            origin: Origin {
                from_domain: row.get(13)?,
                dkim_verdict: row.get(14)?,
                dkim_domain: row.get(6)?,
                dkim_selector: row.get(15)?,
                mailed_at: row.get(16)?,
                from_address: row.get(17)?,
                network_state: row.get(18)?,
                network_domain: row.get(19)?,
                network_evidence: row.get(20)?,
                key_secure: row.get(21)?,
            },
            submitter: row.get(7)?,
            media_type: row.get(8)?,
            content_encoding: row.get(9)?,
        };
        Ok(NewEntry {
            arrival: Arc::new(arrival),
            element: row.get(10)?,
            fault,
            report: Some(identity),
            organisation: row.get(11)?,
            report_id: row.get(12)?,
        })
    })?)
}

/// Takes it out of all tables.
pub(in crate::store) fn remove(conn: &Connection, identity: Uuid, day: NaiveDate) -> Result<(), StoreError> {
    for table in ["report", "policy", "failure", "raw", "unproven"] {
        let key = if table == "report" { "uuid" } else { "report" };
        let sql = format!("DELETE FROM {table} WHERE day = ?::DATE AND {key} = ?::UUID");
        conn.execute(&sql, params![day, identity])?;
    }
    day_sums::mark(conn, [day])
}
