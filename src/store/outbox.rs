//! What is to be told and has been told: a notification is put in by the transaction that writes its cause, and stays until
//! it is delivered or given up.

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Connection, Row, params, types::Type};
use uuid::Uuid;

use super::{StoreError, rows::At};
use crate::notice::{Draft, Notice, Payload};

/// Entries taken out for one round of delivery.
const ROUND_MAX: usize = 100;

/// How a channel is to be used, from its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Notices an hour for one recipient; what is above waits for the end of that hour and goes out as one.
    pub per_hour_max: u32,
    pub give_up_after: TimeDelta,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Delivered,
    GivenUp,
}

/// One row of `outbox`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub uuid: Uuid,
    pub channel: String,
    /// Mail address; empty for channels without.
    pub recipient: String,
    pub dedupe: String,
    pub title: String,
    pub payload: Payload,
    pub notices: u32,
    pub state: State,
    pub created_at: DateTime<Utc>,
    pub next_attempt_at: DateTime<Utc>,
    pub give_up_at: DateTime<Utc>,
    pub attempts: u32,
    pub settled_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
}

const COLUMNS: &str = "uuid, channel, recipient, dedupe, title, payload, notices, state, created_at, next_attempt_at, \
                       give_up_at, attempts, settled_at, last_error";

/// Puts a draft in. One that was put in before (same channel, recipient and dedupe key) is left as it is; notices above the
/// channel's cap join the entry that waits for the end of the hour.
pub fn put(conn: &Connection, draft: &Draft, terms: Terms, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "SELECT count(*) FROM outbox WHERE channel = ? AND recipient = ? AND dedupe = ?";
    let known: u64 = conn.query_row(sql, params![draft.channel, draft.recipient, draft.dedupe], |row| row.get(0))?;
    if known > 0 {
        return Ok(());
    }
    let due = match &draft.payload {
        Payload::Letter(_) => now,
        Payload::Notices(notices) => {
            if let Some((uuid, mut held)) = held(conn, draft, now)? {
                held.extend(notices.iter().cloned());
                return hold(conn, uuid, held);
            }
            if sent_within_an_hour(conn, draft, now)? >= u64::from(terms.per_hour_max.max(1)) {
                now + TimeDelta::hours(1)
            } else {
                now
            }
        }
    };
    let count = match &draft.payload {
        Payload::Notices(notices) => notices.len() as u32,
        Payload::Letter(_) => 0,
    };
    let payload = serde_json::to_string(&draft.payload).unwrap_or_default();
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
            payload,
            count,
            At(now),
            At(due),
            At(due + terms.give_up_after)
        ],
    )?;
    Ok(())
}

/// The entry that already waits because of the cap, with its notices.
fn held(conn: &Connection, draft: &Draft, now: DateTime<Utc>) -> Result<Option<(Uuid, Vec<Notice>)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE state = 'pending' AND attempts = 0 AND next_attempt_at > ? AND notices > 0 \
         AND channel = ? AND recipient = ? ORDER BY next_attempt_at LIMIT 1"
    );
    let mut statement = conn.prepare(&sql)?;
    let found = statement.query_map(params![At(now), draft.channel, draft.recipient], read)?.next().transpose()?;
    Ok(found.and_then(|sent| match sent.payload {
        Payload::Notices(notices) => Some((sent.uuid, notices)),
        Payload::Letter(_) => None,
    }))
}

fn hold(conn: &Connection, uuid: Uuid, notices: Vec<Notice>) -> Result<(), StoreError> {
    let count = notices.len() as u32;
    let title = format!("{count} notices held back by the hourly limit");
    let payload = serde_json::to_string(&Payload::Notices(notices)).unwrap_or_default();
    let sql = "UPDATE outbox SET payload = ?, notices = ?, title = ? WHERE uuid = ?::UUID";
    conn.execute(sql, params![payload, count, title, uuid])?;
    Ok(())
}

fn sent_within_an_hour(conn: &Connection, draft: &Draft, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM outbox WHERE channel = ? AND recipient = ? AND notices > 0 AND created_at > ?";
    let since = At(now - TimeDelta::hours(1));
    Ok(conn.query_row(sql, params![draft.channel, draft.recipient, since], |row| row.get(0))?)
}

/// What is due for delivery, oldest first.
pub fn due(conn: &Connection, now: DateTime<Utc>) -> Result<Vec<Sent>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM outbox WHERE state = 'pending' AND next_attempt_at <= ? \
         ORDER BY next_attempt_at, created_at, uuid LIMIT {ROUND_MAX}"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![At(now)], read)?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// When the next entry is due; `None` where nothing waits.
pub fn next_due_at(conn: &Connection) -> Result<Option<DateTime<Utc>>, StoreError> {
    let sql = "SELECT min(next_attempt_at) FROM outbox WHERE state = 'pending'";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
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

/// Tries what was given up again from now on. False where there is no such entry.
pub fn again(conn: &Connection, uuid: Uuid, now: DateTime<Utc>, give_up_after: TimeDelta) -> Result<bool, StoreError> {
    let sql = "UPDATE outbox SET state = 'pending', next_attempt_at = ?, give_up_at = ?, settled_at = NULL \
               WHERE uuid = ?::UUID AND state = 'given-up'";
    Ok(conn.execute(sql, params![At(now), At(now + give_up_after), uuid])? > 0)
}

/// The last entries for the page: pending ones first, then the others, newest first.
pub fn entries(conn: &Connection, rows_max: usize) -> Result<Vec<Sent>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM outbox ORDER BY state <> 'pending', created_at DESC, uuid LIMIT {rows_max}");
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Forgets what was settled before this moment. Dedupe keys are forgotten with it.
pub fn forget(conn: &Connection, before: DateTime<Utc>) -> Result<usize, StoreError> {
    Ok(conn.execute("DELETE FROM outbox WHERE state <> 'pending' AND settled_at < ?", params![At(before)])?)
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Delivered => "delivered",
            State::GivenUp => "given-up",
        }
    }

    fn from_name(name: &str) -> Option<State> {
        [State::Pending, State::Delivered, State::GivenUp].into_iter().find(|state| state.as_str() == name)
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
        state: State::from_name(&state).ok_or_else(|| unreadable(7, format!("state `{state}`").into()))?,
        created_at: row.get(8)?,
        next_attempt_at: row.get(9)?,
        give_up_at: row.get(10)?,
        attempts: row.get(11)?,
        settled_at: row.get(12)?,
        last_error: row.get(13)?,
    })
}
