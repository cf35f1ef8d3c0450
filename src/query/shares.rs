//! How many sessions were secure, by policy type and once over all.

use duckdb::Connection;

use super::{Filter, ask, get, sessions};

/// Sessions that met the policy, and sessions that did not (RFC 8460 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sessions {
    pub successful: i64,
    pub failed: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shares {
    /// Each session once; with a policy type in the filter, the sessions of that type.
    pub once: Sessions,
    /// Largest first.
    pub by_policy_type: Vec<(String, Sessions)>,
}

impl Sessions {
    pub fn total(self) -> i64 {
        self.successful.saturating_add(self.failed)
    }
}

pub fn shares(connection: &Connection, filter: &Filter) -> duckdb::Result<Shares> {
    let rows = ask(connection, include_str!("shares.sql"), Some(filter), &[], |row| {
        let policy_type: String = get(row, 0)?;
        let all = Sessions { successful: sessions(row, 1)?, failed: sessions(row, 2)? };
        let counted = Sessions { successful: sessions(row, 3)?, failed: sessions(row, 4)? };
        Ok((policy_type, all, counted))
    })?;
    let mut shares = Shares::default();
    for (policy_type, all, counted) in rows {
        let once = if filter.policy_type.is_some() { all } else { counted };
        shares.once.successful = shares.once.successful.saturating_add(once.successful);
        shares.once.failed = shares.once.failed.saturating_add(once.failed);
        shares.by_policy_type.push((policy_type, all));
    }
    Ok(shares)
}
