//! How the channels deliver, as the outbox knows.

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::{ask, get};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    pub channel: String,
    pub pending: i64,
    pub given_up: i64,
    pub delivered_at: Option<DateTime<Utc>>,
    pub given_up_at: Option<DateTime<Utc>>,
    /// When the oldest of those that failed and are tried again was put in.
    pub failing_since: Option<DateTime<Utc>>,
    /// Of the last one that is not delivered.
    pub last_error: Option<String>,
}

/// One row for each channel the outbox holds something of, by name.
pub fn channels(connection: &Connection) -> duckdb::Result<Vec<Delivery>> {
    ask(connection, include_str!("channels.sql"), None, &[], |row| {
        Ok(Delivery {
            channel: get(row, 0)?,
            pending: get(row, 1)?,
            given_up: get(row, 2)?,
            delivered_at: get(row, 3)?,
            given_up_at: get(row, 4)?,
            failing_since: get(row, 5)?,
            last_error: get(row, 6)?,
        })
    })
}

impl Delivery {
    /// Whether the last that was tried did not arrive.
    pub fn is_failing(&self) -> bool {
        self.failing_since.is_some() || self.given_up_at > self.delivered_at
    }
}
