//! What was seen of the policies of the served domains: looks, what is wrong since when, what changed, which policies were served.

mod policy;
mod read;

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, OptionalExt as _, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::rows::At;
use crate::{
    check::{
        Finding, Observed, Severity,
        history::{self, FindingChanges, KnownFinding},
        observed::Seen,
    },
    store::StoreError,
    sts::record::{self, RecordReading},
};

pub use read::{changes, days, findings, last, published, summaries};

/// Why somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookCause {
    /// It was time.
    Timer,
    /// Somebody asked on the page.
    Asked,
    /// What was found has to be confirmed.
    Retry,
}

/// One look at a domain, to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLook {
    pub observed: Observed,
    /// The worst first.
    pub findings: Vec<Finding>,
    pub cause: LookCause,
    pub took_ms: u64,
}

/// The last look at a domain.
#[derive(Debug, Clone, PartialEq)]
pub struct LastLook {
    pub looked_at: DateTime<Utc>,
    pub observed: Observed,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// The last look at each domain, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookSummary {
    pub policy_domain: String,
    pub looked_at: DateTime<Utc>,
    /// Findings that stand; one that the last look could not see still does.
    pub faults: u32,
    pub warnings: u32,
    /// What the last look could not see.
    pub unknowns: u32,
    /// Check and message of the worst that stands, a fault or a warning.
    pub worst: Option<(String, String)>,
    /// Mode of the policy that is served, where one is.
    pub mode: Option<String>,
}

/// Something that was different at the look before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChange {
    /// `id` or `mx`.
    pub fact: String,
    /// The last look with the old one, and the first with the new one.
    pub last_before_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Looks of one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookDay {
    pub day: NaiveDate,
    pub looks: u32,
    /// Looks with a fault.
    pub with_faults: u32,
    /// Looks without a fault that could not see everything.
    pub with_unknowns: u32,
}

/// A policy that was served, from the first look that saw it to the first that did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPolicy {
    pub content: crate::sts::content::PolicyContent,
    /// Of the record when the policy was last seen.
    pub id: Option<String>,
    pub text: String,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub gone_at: Option<DateTime<Utc>>,
}

impl LookCause {
    pub fn as_str(self) -> &'static str {
        match self {
            LookCause::Timer => "timer",
            LookCause::Asked => "asked",
            LookCause::Retry => "retry",
        }
    }
}

/// Keeps a look, and what it changes in what is known. To be run in a transaction.
pub fn record(conn: &Connection, look: &NewLook) -> Result<(), StoreError> {
    let (domain, now) = (look.observed.domain.as_str(), look.observed.looked_at);
    let before = last(conn, domain)?;
    if before.as_ref().is_some_and(|before| before.looked_at >= now) {
        // The clock was set back, or two looked at the same time: the later one stands.
        return Ok(());
    }
    let before_at = before.as_ref().map(|before| before.looked_at);
    let known = read::standing(conn, domain)?;
    let FindingChanges { begun, changed } = history::advance(&known, &look.findings, &look.observed, before_at);
    for finding in &changed {
        change(conn, domain, finding)?;
    }
    for finding in &begun {
        begin(conn, domain, finding)?;
    }
    if let Some(before) = &before {
        note_changes(conn, before, &look.observed)?;
    }
    policy::note(conn, &look.observed)?;
    let (observed, findings) = (json(&timeless(&look.observed)), json(&look.findings));
    let state = state(domain, &observed, &look.findings);
    let is_kept: Option<i64> = conn
        .query_row("SELECT 1 FROM look_state WHERE state = ?::UUID LIMIT 1", [state], |row| row.get(0))
        .optional()?;
    if is_kept.is_none() {
        let sql = "INSERT INTO look_state VALUES (?::UUID, ?, ?, ?, ?)";
        conn.execute(sql, params![state, domain, At(now), observed, findings])?;
    }
    let count = |severity| look.findings.iter().filter(|finding| finding.severity == severity).count() as u32;
    let sql = "INSERT INTO look VALUES (?, ?, ?, ?, ?::UUID, ?, ?, ?, ?)";
    let took_ms = i64::try_from(look.took_ms).unwrap_or(i64::MAX);
    let (faults, warnings, unknowns) = (count(Severity::Fault), count(Severity::Warning), count(Severity::Unknown));
    let row =
        params![now.date_naive(), At(now), domain, look.cause.as_str(), state, faults, warnings, unknowns, took_ms];
    conn.execute(sql, row)?;
    Ok(())
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain values become JSON")
}

/// Removes looks before this time, and what was seen only in them. How many looks.
pub fn forget(conn: &Connection, before: DateTime<Utc>) -> Result<usize, StoreError> {
    let removed = conn.execute("DELETE FROM look WHERE looked_at < ?", [At(before)])?;
    if removed > 0 {
        conn.execute("DELETE FROM look_state WHERE state NOT IN (SELECT state FROM look)", [])?;
    }
    conn.execute("DELETE FROM look_finding WHERE ended_at < ?", [At(before)])?;
    conn.execute("DELETE FROM look_change WHERE changed_at < ?", [At(before)])?;
    Ok(removed)
}

/// Without what is different at every look: when, how long it took, how long certificates still last.
fn timeless(observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    observed.looked_at = DateTime::UNIX_EPOCH;
    observed.forget_times();
    observed
}

/// The name of what was seen. Messages may count days, and are not part of it.
fn state(domain: &str, observed: &str, findings: &[Finding]) -> Uuid {
    let mut digest = Sha256::new();
    digest.update(format!("{domain}\n{observed}\n"));
    for finding in findings {
        let part = finding.part.as_deref().unwrap_or_default();
        digest.update(format!("{} {} {part}\n", finding.check.id(), finding.severity.as_str()));
    }
    let mut name = [0; 16];
    name.copy_from_slice(&digest.finalize()[..16]);
    Uuid::from_bytes(name)
}

fn begin(conn: &Connection, domain: &str, finding: &KnownFinding) -> Result<(), StoreError> {
    let KnownFinding { check, part, severity, effect, message, remedy, .. } = finding;
    let sql = "INSERT INTO look_finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)";
    let times = (finding.last_before_at.map(At), At(finding.began_at));
    let (severity, effect) = (severity.as_str(), effect.as_str());
    conn.execute(sql, params![domain, check.id(), part, severity, effect, message, remedy, times.0, times.1])?;
    Ok(())
}

fn change(conn: &Connection, domain: &str, finding: &KnownFinding) -> Result<(), StoreError> {
    let KnownFinding { check, part, severity, effect, message, remedy, confirmed_at, good_at, ended_at, .. } = finding;
    let sql = "UPDATE look_finding SET severity = ?, effect = ?, message = ?, remedy = ?, confirmed_at = ?, good_at = ?, ended_at = ? \
               WHERE policy_domain = ? AND check_id = ? AND part = ? AND ended_at IS NULL";
    let (severity, effect) = (severity.as_str(), effect.as_str());
    let times = (confirmed_at.map(At), good_at.map(At), ended_at.map(At));
    let row = params![severity, effect, message, remedy, times.0, times.1, times.2, domain, check.id(), part];
    conn.execute(sql, row)?;
    Ok(())
}

/// What of the facts is another than at the look before. What one of the two could not see has not changed.
fn note_changes(conn: &Connection, before: &LastLook, now: &Observed) -> Result<(), StoreError> {
    let id = |observed: &Observed| known(&observed.sts.records, |records| id_of(observed, records));
    let mx = |observed: &Observed| known(&observed.mx, |hosts| Some(hosts.join(" ")));
    for (fact, old, new) in [("id", id(&before.observed), id(now)), ("mx", mx(&before.observed), mx(now))] {
        if let (Some(old), Some(new)) = (old, new)
            && old != new
        {
            let sql = "INSERT INTO look_change VALUES (?, ?, ?, ?, ?, ?)";
            conn.execute(sql, params![now.domain, fact, At(before.looked_at), At(now.looked_at), old, new])?;
        }
    }
    Ok(())
}

/// `None` where it is not known; otherwise what there is.
fn known<T>(seen: &Seen<T>, read: impl Fn(&T) -> Option<String>) -> Option<Option<String>> {
    match seen {
        Seen::Found(value) => Some(read(value)),
        Seen::Nothing => Some(None),
        Seen::Unknown(_) => None,
    }
}

/// The `id` of the one record that counts.
fn id_of(observed: &Observed, records: &[Vec<Vec<u8>>]) -> Option<String> {
    let RecordReading::One(record) = record::read(observed.sts.kind, records) else { return None };
    record.fields.into_iter().find_map(|(name, value)| (name == "id").then_some(value))
}

#[cfg(test)]
mod tests;
