//! Which policies changed, as senders saw them.

mod compare;

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, Range, ask, called, get, lines};

/// Rows of domain, policy, organisation and period that are compared; domains beyond them are left out.
const ROWS_MAX: i64 = 20_000;

/// One policy of one domain that is not what it was in the period before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    pub policy_domain: String,
    pub policy_type: String,
    pub kind: ChangeKind,
    /// Policies seen in this period and by nobody in the one before.
    pub new: Vec<PolicySeen>,
    /// Policies seen in the period before and by nobody in this one.
    pub vanished: Vec<PolicySeen>,
    /// What `new` has that `vanished` has not, and the other way round.
    pub differences: Vec<Difference>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The policy string is another.
    Changed,
    /// The domain was seen before, but without a policy of this type.
    Appeared,
    /// The domain is seen, but no longer with a policy of this type.
    Vanished,
}

/// One policy string and who saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySeen {
    /// Elements in normal form: lower case, single blanks, sorted, each once. Empty for `no-policy-found`, and where the sender gave none.
    pub policy_string: Vec<String>,
    /// Key and name.
    pub organisations: Vec<(String, Option<String>)>,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
}

/// One element of a policy string that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A field that a policy has once, such as `mode` or `max_age` (RFC 8461 §3.2).
    Field {
        name: String,
        before: String,
        now: String,
    },
    Added(String),
    Removed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChanges {
    /// By domain and policy type.
    pub rows: Vec<PolicyChange>,
    /// Whether all domains were looked at.
    pub complete: bool,
}

impl ChangeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Changed => "changed",
            ChangeKind::Appeared => "appeared",
            ChangeKind::Vanished => "vanished",
        }
    }
}

/// `before` ends the day before the filter's range begins. Only an organisation that reported on the domain in both periods can
/// see a change: what a new sender sees may have been there all the time.
pub fn policies_seen(connection: &Connection, filter: &Filter, before: Range) -> duckdb::Result<PolicyChanges> {
    let before_first_day = before.first();
    let more: [(&str, &dyn duckdb::ToSql); 2] = [("before_first_day", &before_first_day), ("rows_max", &ROWS_MAX)];
    let mut sightings = ask(connection, include_str!("policies_seen.sql"), Some(filter), &more, |row| {
        Ok(compare::Sighting {
            policy_domain: get(row, 0)?,
            policy_type: get(row, 1)?,
            policy_string: lines(row, 2)?,
            now: get(row, 3)?,
            organisation: get(row, 4)?,
            organisation_name: called(row, 4)?,
            first_day: get(row, 5)?,
            last_day: get(row, 6)?,
        })
    })?;
    let complete = (sightings.len() as i64) < ROWS_MAX;
    if !complete && let Some(cut) = sightings.last().map(|last| last.policy_domain.clone()) {
        // The rows of the last domain may be only half of them.
        sightings.retain(|sighting| sighting.policy_domain != cut);
    }
    Ok(PolicyChanges { rows: compare::changes(&sightings, filter.policy_type.is_none()), complete })
}
