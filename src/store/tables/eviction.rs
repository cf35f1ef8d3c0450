//! Who gives way when the quarantine is full: whoever holds most. Anybody can fill it, and then loses what is their own, not what
//! others sent. What the operator could admit as a report has most of the room, everything else the rest.

use std::collections::{BinaryHeap, HashMap, HashSet};

use duckdb::{Connection, params};
use uuid::Uuid;

use super::quarantine::{ENTRY_OVERHEAD_BYTES, QuarantineChange};
use crate::{
    fault::FaultCode,
    limits::{QUARANTINE_KEPT_MAX_BYTES, QUARANTINE_OTHER_PART},
    store::{Arrival, StoreError, sql},
    submission::ClientNetwork,
};

/// Whose share an entry counts in: its sender's network; without one, where it came by the operator's own mail server, the
/// domain in its From field.
pub fn charged_to(arrival: &Arrival) -> String {
    let from = || arrival.origin.from_domain.clone().unwrap_or_default();
    arrival.peer.map_or_else(from, |peer| ClientNetwork::widest(peer).to_string())
}

/// What one client holds of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    is_report: bool,
    charged_to: String,
    bytes: u64,
}

/// Removes entries until what is about to come fits with a tenth to spare, so that this is not done at every report.
pub fn make_room(conn: &Connection, changes: &[QuarantineChange], total: u64, max: u64) -> Result<(), StoreError> {
    let coming: u64 = changes
        .iter()
        .map(|change| match change {
            QuarantineChange::Keep(_, kept) => {
                ENTRY_OVERHEAD_BYTES + kept.arrival.bytes.len().min(QUARANTINE_KEPT_MAX_BYTES) as u64
            }
            QuarantineChange::Judge(..) | QuarantineChange::Remove(_) => 0,
        })
        .sum();
    if coming == 0 || total.saturating_add(coming) <= max {
        return Ok(());
    }
    let excess = total.saturating_add(coming).saturating_sub(max / 10 * 9);
    // What is being looked at again in this transaction must not vanish under it.
    let mut spared: HashSet<Uuid> = changes
        .iter()
        .filter_map(|change| match change {
            QuarantineChange::Judge(uuid, ..) => Some(*uuid),
            QuarantineChange::Keep(..) | QuarantineChange::Remove(_) => None,
        })
        .collect();
    let shares = shares(conn)?;
    let others = shares.iter().filter(|share| !share.is_report).map(|share| share.bytes).sum::<u64>();
    let others_over = others.saturating_sub(max / QUARANTINE_OTHER_PART).min(excess);
    let mut victims = Vec::new();
    let mut freed = 0;
    // The rest falls on whatever is there.
    for (is_report, bytes) in [(false, others_over), (true, excess), (false, excess)] {
        let wanted = bytes.min(excess.saturating_sub(freed));
        let of_kind = shares.iter().filter(|share| share.is_report == is_report);
        let held = of_kind.map(|share| (share.charged_to.clone(), share.bytes)).collect();
        victims.extend(largest_first(held, candidates(conn, is_report, &shares, wanted, &spared)?, wanted));
        freed = victims.iter().map(|victim| victim.bytes).sum();
        spared.extend(victims.iter().map(|victim| victim.uuid));
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
        "SELECT {is_report} AS is_report, coalesce(charged_to, '') AS charged_to, sum({size})::UBIGINT FROM quarantine GROUP BY ALL ORDER BY ALL",
        is_report = is_report(),
        size = size()
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement
        .query_map([], |row| Ok(Share { is_report: row.get(0)?, charged_to: row.get(1)?, bytes: row.get(2)? }))?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// How much each client loses so that so many bytes go in all: the largest are cut down to one level.
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
    losing.map(|share| (share.charged_to.clone(), share.bytes - level)).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Victim {
    uuid: Uuid,
    bytes: u64,
}

/// The entries of each client that may have to go so that so many bytes go in all, the next one last: the oldest, but of a former
/// report these are the only bytes left, so that it goes last.
fn candidates(
    conn: &Connection,
    is_report_wanted: bool,
    shares: &[Share],
    bytes: u64,
    spared: &HashSet<Uuid>,
) -> Result<HashMap<String, Vec<Victim>>, StoreError> {
    let of_kind: Vec<Share> = shares.iter().filter(|share| share.is_report == is_report_wanted).cloned().collect();
    let mut left = levelled(&of_kind, bytes);
    let mut candidates: HashMap<String, Vec<Victim>> = HashMap::new();
    if left.is_empty() {
        return Ok(candidates);
    }
    let sql = format!(
        "SELECT uuid, coalesce(charged_to, ''), ({size})::UBIGINT FROM quarantine WHERE {is_report} = ? AND coalesce(charged_to, '') IN \
         (SELECT unnest(string_split(?, chr(10)))) ORDER BY code = 'superseded', trust <> 'none', last_received_at, uuid",
        is_report = is_report(),
        size = size()
    );
    let clients = left.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query(params![is_report_wanted, clients])?;
    while let Some(row) = rows.next()? {
        let (uuid, charged_to, bytes): (Uuid, String, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(left) = left.get_mut(&charged_to).filter(|left| **left > 0) else { continue };
        if !spared.contains(&uuid) {
            *left = left.saturating_sub(bytes);
            candidates.entry(charged_to).or_default().push(Victim { uuid, bytes });
        }
    }
    candidates.values_mut().for_each(|victims| victims.reverse());
    Ok(candidates)
}

/// Takes the next entry of whoever holds most, again and again, until so many bytes are free.
fn largest_first(held: HashMap<String, u64>, mut candidates: HashMap<String, Vec<Victim>>, wanted: u64) -> Vec<Victim> {
    let mut clients: BinaryHeap<(u64, String)> =
        held.into_iter().map(|(charged_to, bytes)| (bytes, charged_to)).collect();
    let (mut victims, mut freed) = (Vec::new(), 0);
    while freed < wanted
        && let Some((held, charged_to)) = clients.pop()
    {
        let Some(victim) = candidates.get_mut(&charged_to).and_then(Vec::pop) else { continue };
        freed += victim.bytes;
        clients.push((held.saturating_sub(victim.bytes), charged_to));
        victims.push(victim);
    }
    victims
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

    fn share(charged_to: &str, bytes: u64) -> Share {
        Share { is_report: true, charged_to: charged_to.to_owned(), bytes }
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

    #[test]
    fn no_more_goes_than_has_to() {
        let held: HashMap<String, u64> =
            [("a", 50), ("b", 40), ("c", 30)].map(|(charged_to, bytes)| (charged_to.to_owned(), bytes)).into();
        let entries = |number: u128, bytes: &[u64]| {
            let victims = bytes
                .iter()
                .enumerate()
                .map(|(index, bytes)| Victim { uuid: Uuid::from_u128(number + index as u128), bytes: *bytes });
            victims.collect::<Vec<_>>()
        };
        let candidates: HashMap<String, Vec<Victim>> =
            [("a", entries(0, &[30, 20])), ("b", entries(10, &[20, 20])), ("c", entries(20, &[30]))]
                .map(|(charged_to, victims)| (charged_to.to_owned(), victims))
                .into();
        let gone = |wanted| {
            let victims = largest_first(held.clone(), candidates.clone(), wanted);
            victims.iter().map(|victim| victim.uuid.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(gone(0), []);
        assert_eq!(gone(15), [1]);
        assert_eq!(gone(25), [1, 11]);
        assert_eq!(gone(1_000).len(), 5);
    }
}
