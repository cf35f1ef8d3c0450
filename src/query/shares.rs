//! How many sessions were secure, by policy type and once over all.

use duckdb::Connection;

use super::{Filter, ask, get, sessions};

/// Sessions that met the policy, and sessions that did not (RFC 8460 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sessions {
    pub successful: i64,
    pub failed: i64,
}

/// Policy types told apart.
const POLICY_TYPES_MAX: i64 = 50;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionShares {
    /// Each session once; with a policy type in the filter, the sessions of that type.
    pub once: Sessions,
    /// Largest first; at most 50.
    pub by_policy_type: Vec<(String, Sessions)>,
    /// How many there are, listed or not.
    pub policy_types_total: i64,
}

impl Sessions {
    pub fn total(self) -> i64 {
        self.successful.saturating_add(self.failed)
    }
}

pub fn shares(connection: &Connection, filter: &Filter) -> duckdb::Result<SessionShares> {
    let most: [(&str, &dyn duckdb::ToSql); 1] = [("rows_max", &POLICY_TYPES_MAX)];
    let rows = ask(connection, include_str!("shares.sql"), Some(filter), &most, |row| {
        let of_type = Sessions { successful: sessions(row, 1)?, failed: sessions(row, 2)? };
        let once = Sessions { successful: sessions(row, 3)?, failed: sessions(row, 4)? };
        Ok((get::<String>(row, 0)?, of_type, once, get::<i64>(row, 5)?))
    })?;
    let mut shares = SessionShares::default();
    for (policy_type, of_type, once, total) in rows {
        (shares.once, shares.policy_types_total) = (once, total);
        shares.by_policy_type.push((policy_type, of_type));
    }
    Ok(shares)
}
