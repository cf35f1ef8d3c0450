//! Who gives way when the quarantine is full: whoever holds most. Anybody can fill it, and then loses what is their own, not what
//! others sent. What the operator could admit as a report has most of the room, everything else the rest.

use std::collections::HashMap;

use duckdb::{Connection, params};
use uuid::Uuid;

use super::{
    Arrival, StoreError,
    quarantine::{Change, ENTRY_OVERHEAD_BYTES},
    sql,
};
use crate::{
    fault::FaultCode,
    limits::{QUARANTINE_KEPT_MAX_BYTES, QUARANTINE_OTHER_PART},
    submission::Party,
};

/// Whose share an entry counts in: its sender's network; without one, where it came by the operator's own mail server, the
/// domain in its From field.
pub fn party(arrival: &Arrival) -> String {
    let from = || arrival.origin.from_domain.clone().unwrap_or_default();
    arrival.peer.map_or_else(from, |peer| Party::widest(peer).to_string())
}

/// What one party holds of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    is_report: bool,
    party: String,
    bytes: u64,
}

/// Removes entries until what is about to come fits with a tenth to spare, so that this is not done at every report.
pub fn make_room(conn: &Connection, changes: &[Change], total: u64, max: u64) -> Result<(), StoreError> {
    let coming: u64 = changes
        .iter()
        .map(|change| match change {
            Change::Keep(_, kept) => {
                ENTRY_OVERHEAD_BYTES + kept.arrival.bytes.len().min(QUARANTINE_KEPT_MAX_BYTES) as u64
            }
            Change::Judge(..) | Change::Remove(_) => 0,
        })
        .sum();
    if coming == 0 || total.saturating_add(coming) <= max {
        return Ok(());
    }
    let excess = total.saturating_add(coming).saturating_sub(max / 10 * 9);
    // What is being looked at again in this transaction must not vanish under it.
    let spared: Vec<Uuid> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Judge(uuid, ..) => Some(*uuid),
            Change::Keep(..) | Change::Remove(_) => None,
        })
        .collect();
    let shares = shares(conn)?;
    let others = shares.iter().filter(|share| !share.is_report).map(|share| share.bytes).sum::<u64>();
    let others_over = others.saturating_sub(max / QUARANTINE_OTHER_PART).min(excess);
    let mut victims = Vec::new();
    let mut freed = 0;
    // The rest falls on whatever is there.
    for (is_report, bytes) in [(false, others_over), (true, excess - others_over), (false, excess)] {
        let wanted = bytes.min(excess.saturating_sub(freed));
        let of_kind: Vec<Share> = shares.iter().filter(|share| share.is_report == is_report).cloned().collect();
        let already: u64 =
            victims.iter().filter(|victim: &&Victim| victim.is_report == is_report).map(|victim| victim.bytes).sum();
        let taken = take(conn, is_report, &levelled(&of_kind, wanted + already), &spared)?;
        let new = taken.into_iter().filter(|victim| victims.iter().all(|known| known.uuid != victim.uuid));
        victims.extend(new.collect::<Vec<_>>());
        freed = victims.iter().map(|victim| victim.bytes).sum();
    }
    if !victims.is_empty() {
        let uuids = sql::uuids(victims.iter().map(|victim| &victim.uuid));
        conn.execute(&format!("DELETE FROM quarantine WHERE uuid IN ({uuids})"), [])?;
        tracing::warn!(
            entries = victims.len(),
            freed_bytes = freed,
            max_bytes = max,
            "the quarantine is full (store.quarantine_max_bytes): the oldest entries of those who hold most were removed"
        );
    }
    Ok(())
}

fn shares(conn: &Connection) -> Result<Vec<Share>, StoreError> {
    let sql = format!(
        "SELECT {is_report} AS is_report, coalesce(party, '') AS party, sum({size})::UBIGINT FROM quarantine GROUP BY ALL ORDER BY ALL",
        is_report = is_report(),
        size = size()
    );
    let mut statement = conn.prepare(&sql)?;
    let rows =
        statement.query_map([], |row| Ok(Share { is_report: row.get(0)?, party: row.get(1)?, bytes: row.get(2)? }))?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// How much each party loses so that so many bytes go in all: the largest are cut down to one level.
fn levelled(shares: &[Share], bytes: u64) -> HashMap<String, u64> {
    let mut held: Vec<u64> = shares.iter().map(|share| share.bytes).collect();
    held.sort_unstable_by(|left, right| right.cmp(left));
    let (mut sum, mut level) = (0, 0);
    for (index, bytes_of_one) in held.iter().enumerate() {
        sum += bytes_of_one;
        let number = index as u64 + 1;
        level = sum.saturating_sub(bytes) / number;
        if held.get(index + 1).is_none_or(|next| level >= *next) {
            break;
        }
    }
    let losing = shares.iter().filter(|share| bytes > 0 && share.bytes > level);
    losing.map(|share| (share.party.clone(), share.bytes - level)).collect()
}

struct Victim {
    uuid: Uuid,
    bytes: u64,
    is_report: bool,
}

/// The oldest entries of each of these parties, up to what it has to lose; of a former report these are the only bytes left, so
/// that it goes last.
fn take(
    conn: &Connection,
    is_report_wanted: bool,
    losing: &HashMap<String, u64>,
    spared: &[Uuid],
) -> Result<Vec<Victim>, StoreError> {
    if losing.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT uuid, coalesce(party, ''), ({size})::UBIGINT FROM quarantine WHERE {is_report} = ? AND coalesce(party, '') IN \
         (SELECT unnest(string_split(?, chr(10)))) ORDER BY code = 'superseded', trust <> 'none', last_received_at, uuid",
        is_report = is_report(),
        size = size()
    );
    let parties = losing.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut left = losing.clone();
    let mut victims = Vec::new();
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query(params![is_report_wanted, parties])?;
    while let Some(row) = rows.next()? {
        let (uuid, party, bytes): (Uuid, String, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(left) = left.get_mut(&party).filter(|left| **left > 0) else { continue };
        if !spared.contains(&uuid) {
            *left = left.saturating_sub(bytes);
            victims.push(Victim { uuid, bytes, is_report: is_report_wanted });
        }
    }
    Ok(victims)
}

fn is_report() -> String {
    let codes = FaultCode::ALL.iter().filter(|code| code.is_admissible());
    let codes: Vec<String> = codes.map(|code| format!("'{}'", code.as_str())).collect();
    format!("(code IN ({}))", codes.join(","))
}

fn size() -> String {
    format!("least(bytes_total, {QUARANTINE_KEPT_MAX_BYTES}) + {ENTRY_OVERHEAD_BYTES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(party: &str, bytes: u64) -> Share {
        Share { is_report: true, party: party.to_owned(), bytes }
    }

    fn losing(shares: &[Share], bytes: u64) -> Vec<(String, u64)> {
        let mut losing: Vec<_> = levelled(shares, bytes).into_iter().collect();
        losing.sort();
        losing
    }

    #[test]
    fn those_who_hold_most_are_cut_down_to_one_level() {
        let shares = [share("a", 100), share("b", 60), share("c", 10)];
        assert_eq!(losing(&shares, 0), []);
        assert_eq!(losing(&shares, 30), [("a".to_owned(), 30)]);
        assert_eq!(losing(&shares, 60), [("a".to_owned(), 50), ("b".to_owned(), 10)]);
        assert_eq!(losing(&shares, 1_000), [("a".to_owned(), 100), ("b".to_owned(), 60), ("c".to_owned(), 10)]);
        assert_eq!(losing(&[], 10), []);
    }
}
