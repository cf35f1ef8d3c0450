//! What is to be told and has been told: a notification is put in by the transaction that writes its cause, and stays until
//! it is delivered or given up.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Connection, Row, params, types::Type};
use uuid::Uuid;

use super::rows::At;
use crate::{
    alerts::notice::{Draft, Notice, Payload},
    limits::NOTIFY_JOINED_MAX_BYTES,
    store::StoreError,
};

/// How a channel or a digest is to be used, from its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Notices an hour for one recipient; what is above waits for the end of that hour and goes out as one.
    pub per_hour_max: u32,
    pub give_up_after: TimeDelta,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    Pending,
    Delivered,
    GivenUp,
}

/// What the dispatcher has to know of an entry before it takes it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub uuid: Uuid,
    pub channel: String,
    pub recipient: String,
    pub next_attempt_at: DateTime<Utc>,
}

/// One row of `outbox`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub uuid: Uuid,
    pub channel: String,
    /// As in `Draft`.
    pub recipient: String,
    pub dedupe: String,
    pub title: String,
    pub payload: Payload,
    pub notices: u32,
    pub state: OutboxState,
    pub created_at: DateTime<Utc>,
    pub next_attempt_at: DateTime<Utc>,
    pub give_up_at: DateTime<Utc>,
    pub attempts: u32,
    pub settled_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
}

/// How much older the time of an evaluation may be than the writing of its notices.
const UNDER_WAY_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// What is held back is due within the hour, and clocks are put right by seconds.
const HELD_WITHIN: TimeDelta = TimeDelta::hours(2);

const COLUMNS: &str = "uuid, channel, recipient, dedupe, title, payload, notices, state, created_at, next_attempt_at, \
                       give_up_at, attempts, settled_at, last_error";

/// Puts a draft in. One that was put in before (same channel, recipient and dedupe key) is left as it is; notices above the
/// channel's cap join the entry that waits for the end of the hour.
pub fn put(conn: &Connection, draft: &Draft, terms: Terms, now: DateTime<Utc>) -> Result<(), StoreError> {
    if is_known(conn, draft)? {
        return Ok(());
    }
    let (count, due) = match &draft.payload {
        Payload::Email(_) => (0, now),
        Payload::Notices(notices) => {
            if let Some(held) = held(conn, draft, now)?.or(pending(conn, draft, notices, now)?) {
                return join(conn, held, draft, notices);
            }
            let is_full = put_within_an_hour(conn, draft, now)? >= u64::from(terms.per_hour_max.max(1));
            (notices.len(), if is_full { now + TimeDelta::hours(1) } else { now })
        }
    };
    conn.execute(
        &format!(
            "INSERT INTO outbox ({COLUMNS}) VALUES (?::UUID, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, 0, NULL, NULL)"
        ),
        params![
            Uuid::new_v4(),
            draft.channel,
            draft.recipient,
            draft.dedupe,
            draft.title,
            json(&draft.payload)?,
            as_count(count),
            At(now),
            At(due),
            At(due + terms.give_up_after)
        ],
    )?;
    Ok(())
}

/// Puts in drafts for a channel without a cap, those that were put in before left out: a few statements for thousands.
pub fn put_uncapped(conn: &Connection, drafts: &[Draft], terms: Terms, now: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(channel) = drafts.first().map(|draft| &draft.channel) else { return Ok(()) };
    let keys: BTreeSet<&str> = drafts.iter().map(|draft| draft.dedupe.as_str()).collect();
    let keys = keys.into_iter().collect::<Vec<_>>().join("\n");
    let mut statement = conn.prepare(
        "SELECT recipient, dedupe FROM outbox WHERE channel = ? AND dedupe IN (SELECT unnest(string_split(?, chr(10))))",
    )?;
    let known = statement.query_map(params![channel, keys], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut known: HashSet<(String, String)> = known.collect::<duckdb::Result<_>>()?;
    let mut rows = conn.appender("outbox")?;
    for draft in drafts {
        if !known.insert((draft.recipient.clone(), draft.dedupe.clone())) {
            continue;
        }
        let count = match &draft.payload {
            Payload::Email(_) => 0,
            Payload::Notices(notices) => notices.len(),
        };
        rows.append_row(params![
            Uuid::new_v4(),
            draft.channel,
            draft.recipient,
            draft.dedupe,
            draft.title,
            json(&draft.payload)?,
            as_count(count),
            "pending",
            At(now),
            At(now),
            At(now + terms.give_up_after),
            0_u32,
            None::<At>,
            None::<String>
        ])?;
    }
    Ok(rows.flush()?)
}

/// An entry that took in others has their keys as well, one a line.
fn is_known(conn: &Connection, draft: &Draft) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM outbox WHERE channel = ? AND recipient = ? \
               AND list_contains(string_split(dedupe, chr(10)), ?)";
    let known: u64 = conn.query_row(sql, params![draft.channel, draft.recipient, draft.dedupe], |row| row.get(0))?;
    Ok(known > 0)
}

/// The entry that already waits because of the cap. Not one that is due so soon that it may be under way before this is
/// written, as what joined it would be taken for delivered; nor one of a time when the clock was ahead.
fn held(conn: &Connection, draft: &Draft, now: DateTime<Utc>) -> Result<Option<Sent>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE state = 'pending' AND attempts = 0 AND notices > 0 \
         AND next_attempt_at > ? AND next_attempt_at <= ? AND channel = ? AND recipient = ? ORDER BY next_attempt_at"
    );
    let (soon, latest) = (At(now + UNDER_WAY_WITHIN), At(now + HELD_WITHIN));
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![soon, latest, draft.channel, draft.recipient], read)?;
    Ok(readable(rows)?.into_iter().next())
}

/// The entry about one of the same alerts that waits after a failure. What comes later about the alert joins it, so that
/// nobody hears that something is over before they hear that it began. One that is due may be on its way already.
fn pending(
    conn: &Connection,
    draft: &Draft,
    notices: &[Notice],
    now: DateTime<Utc>,
) -> Result<Option<Sent>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE state = 'pending' AND attempts > 0 AND next_attempt_at > ? AND notices > 0 \
         AND channel = ? AND recipient = ? ORDER BY created_at, uuid"
    );
    let alerts: HashSet<Uuid> = notices.iter().flat_map(|notice| &notice.alerts).map(|about| about.alert).collect();
    let mut statement = conn.prepare(&sql)?;
    for sent in statement.query_map(params![At(now), draft.channel, draft.recipient], read)? {
        let sent = sent?;
        if let Payload::Notices(waiting) = &sent.payload
            && waiting.iter().flat_map(|notice| &notice.alerts).any(|about| alerts.contains(&about.alert))
        {
            return Ok(Some(sent));
        }
    }
    Ok(None)
}

fn join(conn: &Connection, held: Sent, draft: &Draft, more: &[Notice]) -> Result<(), StoreError> {
    let Payload::Notices(mut notices) = held.payload else { return Ok(()) };
    notices.extend(more.iter().cloned());
    // A summary tells the titles. Without the rest thousands of notices stay small.
    for notice in &mut notices {
        notice.lines.clear();
        notice.advice.clear();
    }
    // Of each the alert that names it; where even that is too much, none.
    for alerts_max in [1, 0] {
        if json(&Payload::Notices(notices.clone()))?.len() > NOTIFY_JOINED_MAX_BYTES {
            for notice in &mut notices {
                notice.more += notice.alerts.len().saturating_sub(alerts_max) as u64;
                notice.alerts.truncate(alerts_max);
            }
        }
    }
    let count = as_count(notices.len());
    let title = format!("{count} notices held back by the hourly limit");
    let dedupe = format!("{}\n{}", held.dedupe, draft.dedupe);
    let sql = "UPDATE outbox SET payload = ?, notices = ?, title = ?, dedupe = ? WHERE uuid = ?::UUID";
    conn.execute(sql, params![json(&Payload::Notices(notices))?, count, title, dedupe, held.uuid])?;
    Ok(())
}

fn put_within_an_hour(conn: &Connection, draft: &Draft, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM outbox WHERE channel = ? AND recipient = ? AND notices > 0 \
               AND created_at > ? AND created_at <= ?";
    let since = At(now - TimeDelta::hours(1));
    Ok(conn.query_row(sql, params![draft.channel, draft.recipient, since, At(now)], |row| row.get(0))?)
}

fn json(payload: &Payload) -> Result<String, StoreError> {
    let unwritable = |error| duckdb::Error::ToSqlConversionFailure(Box::new(error));
    Ok(serde_json::to_string(payload).map_err(unwritable)?)
}

fn as_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What has not been delivered yet, in the order it was put in.
pub fn waiting(conn: &Connection) -> Result<Vec<Waiting>, StoreError> {
    let sql = "SELECT uuid, channel, recipient, next_attempt_at FROM outbox WHERE state = 'pending' \
               ORDER BY created_at, rowid";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Waiting { uuid: row.get(0)?, channel: row.get(1)?, recipient: row.get(2)?, next_attempt_at: row.get(3)? })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

pub fn entry(conn: &Connection, uuid: Uuid) -> Result<Option<Sent>, StoreError> {
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS} FROM outbox WHERE uuid = ?::UUID LIMIT 1"))?;
    Ok(statement.query_map(params![uuid], read)?.next().transpose()?)
}

pub fn delivered(conn: &Connection, uuid: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET state = 'delivered', attempts = attempts + 1, settled_at = ?, last_error = NULL \
               WHERE uuid = ?::UUID AND state = 'pending'";
    conn.execute(sql, params![At(now), uuid])?;
    Ok(())
}

/// Notes a failed attempt: it is tried again at `again_at`, or given up where that lies beyond its time.
pub fn failed(
    conn: &Connection,
    uuid: Uuid,
    error: &str,
    again_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET attempts = attempts + 1, last_error = ?, next_attempt_at = ?, \
               state = CASE WHEN ? > give_up_at THEN 'given-up' ELSE 'pending' END, \
               settled_at = CASE WHEN ? > give_up_at THEN ? ELSE NULL END WHERE uuid = ?::UUID AND state = 'pending'";
    conn.execute(sql, params![error, At(again_at), At(again_at), At(again_at), At(now), uuid])?;
    Ok(())
}

/// Gives up what cannot ever be delivered.
pub fn give_up(conn: &Connection, uuid: Uuid, reason: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET state = 'given-up', settled_at = ?, last_error = ? \
               WHERE uuid = ?::UUID AND state = 'pending'";
    conn.execute(sql, params![At(now), reason, uuid])?;
    Ok(())
}

/// Tries at once what was given up or failed so far: what was given up as long as a new one, the rest until its own time is over.
/// What the hourly limit holds back was never tried and goes on waiting. False where there is no such entry, or it is due already.
pub fn again(conn: &Connection, uuid: Uuid, now: DateTime<Utc>, give_up_after: TimeDelta) -> Result<bool, StoreError> {
    let sql = "UPDATE outbox SET state = 'pending', next_attempt_at = ?, settled_at = NULL, \
               give_up_at = CASE state WHEN 'given-up' THEN ? ELSE give_up_at END WHERE uuid = ?::UUID \
               AND (state = 'given-up' OR state = 'pending' AND attempts > 0 AND next_attempt_at > ?)";
    Ok(conn.execute(sql, params![At(now), At(now + give_up_after), uuid, At(now)])? > 0)
}

/// How many there are.
pub fn total(conn: &Connection) -> Result<u64, StoreError> {
    Ok(conn.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?)
}

/// The last entries for the page: pending ones first, then the others, newest first.
pub fn entries(conn: &Connection, rows_max: usize) -> Result<Vec<Sent>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM outbox ORDER BY state <> 'pending', created_at DESC, uuid LIMIT {rows_max}");
    let mut statement = conn.prepare(&sql)?;
    readable(statement.query_map([], read)?)
}

/// One entry that cannot be read must not keep others from being put in or shown. Who delivers gives it up.
fn readable(rows: impl Iterator<Item = duckdb::Result<Sent>>) -> Result<Vec<Sent>, StoreError> {
    let mut entries = Vec::new();
    for row in rows {
        match row {
            Ok(entry) => entries.push(entry),
            Err(duckdb::Error::FromSqlConversionFailure(_, _, error)) => {
                tracing::warn!(%error, "an entry of the outbox cannot be read and is left out");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(entries)
}

/// Forgets what was settled before this moment. Dedupe keys are forgotten with it.
pub fn forget(conn: &Connection, before: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(conn.execute("DELETE FROM outbox WHERE state <> 'pending' AND settled_at < ?", params![At(before)])?)
}

impl OutboxState {
    pub fn as_str(self) -> &'static str {
        match self {
            OutboxState::Pending => "pending",
            OutboxState::Delivered => "delivered",
            OutboxState::GivenUp => "given-up",
        }
    }

    fn from_name(name: &str) -> Option<OutboxState> {
        [OutboxState::Pending, OutboxState::Delivered, OutboxState::GivenUp]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

fn read(row: &Row<'_>) -> duckdb::Result<Sent> {
    let (payload, state): (String, String) = (row.get(5)?, row.get(7)?);
    let unreadable = |column, error| duckdb::Error::FromSqlConversionFailure(column, Type::Text, error);
    Ok(Sent {
        uuid: row.get(0)?,
        channel: row.get(1)?,
        recipient: row.get(2)?,
        dedupe: row.get(3)?,
        title: row.get(4)?,
        payload: serde_json::from_str(&payload).map_err(|error| unreadable(5, Box::new(error)))?,
        notices: row.get(6)?,
        state: OutboxState::from_name(&state).ok_or_else(|| unreadable(7, format!("state `{state}`").into()))?,
        created_at: row.get(8)?,
        next_attempt_at: row.get(9)?,
        give_up_at: row.get(10)?,
        attempts: row.get(11)?,
        settled_at: row.get(12)?,
        last_error: row.get(13)?,
    })
}

#[cfg(test)]
mod tests;
