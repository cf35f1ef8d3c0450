//! What the alerts are judged by: failures with their clean days, shares, rhythms of senders, what came in.
//!
//! Each question reads at most sixty days of one table, and sums up before it hands out rows.

mod hosts;
mod intake;
mod scope;
mod senders;
mod shares;
mod troubles;

use chrono::{DateTime, Utc};
use duckdb::Connection;

use crate::alerts::{
    AlertFacts, AlertPlan,
    rules::{CERTIFICATE, DANE},
};
pub use hosts::mx_seen;
use scope::Scope;

/// What is known now. `parts` and `disk_free_bytes` are for the caller to fill in.
pub fn facts(connection: &Connection, now: DateTime<Utc>, plan: &AlertPlan) -> duckdb::Result<AlertFacts> {
    gather(connection, &Scope::new(now, plan, false), plan)
}

/// What was known at that moment, by when each report came in; of one that was imported, by when it would have come. Failures
/// are news where none was reported before.
pub fn facts_as_of(connection: &Connection, at: DateTime<Utc>, plan: &AlertPlan) -> duckdb::Result<AlertFacts> {
    gather(connection, &Scope::new(at, plan, true), plan)
}

fn gather(connection: &Connection, scope: &Scope, plan: &AlertPlan) -> duckdb::Result<AlertFacts> {
    let mut facts = AlertFacts {
        arrivals: senders::arrivals(connection, scope)?,
        intake: intake::intake(connection, scope)?,
        ..AlertFacts::default()
    };
    senders::senders(connection, scope, &mut facts)?;
    facts.shares = shares::shares(connection, scope, plan, &facts)?;
    troubles::troubles(connection, scope, &mut facts)?;
    if facts.troubles.iter().any(|trouble| is_about_a_host(&trouble.result_type)) {
        facts.mx_seen = hosts::seen(connection, scope, plan)?;
    }
    Ok(facts)
}

/// Whose MX host it is decides how such a trouble is told.
fn is_about_a_host(result_type: &str) -> bool {
    CERTIFICATE.contains(&result_type) || DANE.contains(&result_type)
}

#[cfg(test)]
mod tests;
