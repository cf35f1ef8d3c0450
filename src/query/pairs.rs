//! Which organisation's sessions with which of our domains failed, in a period and in the one before it.

use std::collections::HashMap;

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, Range, ask, called, get, sessions, shares::Sessions};

/// Pairs listed; the rest is counted.
const ROWS_MAX: i64 = 2_000;
/// Result types of one pair. Senders choose them freely.
const CAUSES_MAX: i64 = 50;

/// What became of a pair's failures from the period before to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairState {
    /// Failed sessions now, none before.
    New,
    /// Failed sessions in both.
    Ongoing,
    /// Failed sessions before, none now, and the organisation has reported on the domain since.
    Resolved,
    /// Failed sessions before, and no report of the organisation on the domain in this period: nobody knows.
    Silent,
}

/// One sending organisation and one policy domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderPair {
    /// Organisation key.
    pub organisation: String,
    /// `organization-name` as sent last.
    pub organisation_name: Option<String>,
    pub policy_domain: String,
    pub state: PairState,
    pub sessions: Sessions,
    pub before: Sessions,
    /// Failed sessions of the period that no failure detail explains.
    pub not_itemised: i64,
    /// First day with failures in the period.
    pub first_failed: Option<NaiveDate>,
    /// Last day with failures in the period or the one before.
    pub last_failed: Option<NaiveDate>,
    /// Whether the organisation reported on the domain in the period before.
    pub reported_before: bool,
    /// Most failed sessions first; at most 50.
    pub causes: Vec<PairCause>,
}

/// As the failure details claim; their sum may differ from the summary (RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCause {
    pub result_type: String,
    pub policy_type: String,
    pub mode: Option<String>,
    pub failed: i64,
    pub failed_before: i64,
}

/// How many pairs there are of each state, listed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairTotals {
    pub new: i64,
    pub ongoing: i64,
    pub resolved: i64,
    pub silent: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairs {
    /// Most failed sessions first, then most failed ones before; at most 2,000.
    pub rows: Vec<SenderPair>,
    pub totals: PairTotals,
}

impl PairState {
    pub fn as_str(self) -> &'static str {
        match self {
            PairState::New => "new",
            PairState::Ongoing => "ongoing",
            PairState::Resolved => "resolved",
            PairState::Silent => "silent",
        }
    }

    fn of(failed: i64, failed_before: i64, reported: bool) -> PairState {
        match (failed > 0, failed_before > 0) {
            (true, false) => PairState::New,
            (true, true) => PairState::Ongoing,
            (false, _) if reported => PairState::Resolved,
            (false, _) => PairState::Silent,
        }
    }
}

impl SenderPair {
    /// The name to show.
    pub fn name(&self) -> &str {
        self.organisation_name.as_deref().unwrap_or(&self.organisation)
    }
}

impl Pairs {
    pub fn in_state(&self, state: PairState) -> impl Iterator<Item = &SenderPair> {
        self.rows.iter().filter(move |pair| pair.state == state)
    }
}

impl PairTotals {
    pub fn of(&self, state: PairState) -> i64 {
        match state {
            PairState::New => self.new,
            PairState::Ongoing => self.ongoing,
            PairState::Resolved => self.resolved,
            PairState::Silent => self.silent,
        }
    }

    pub fn failing(&self) -> i64 {
        self.new.saturating_add(self.ongoing)
    }
}

/// `before` ends the day before the filter's range begins.
pub fn pairs(connection: &Connection, filter: &Filter, before: Range) -> duckdb::Result<Pairs> {
    let before_first_day = before.first();
    let more: [(&str, &dyn duckdb::ToSql); 2] = [("before_first_day", &before_first_day), ("rows_max", &ROWS_MAX)];
    let mut pairs = Pairs::default();
    for (pair, totals) in ask(connection, include_str!("pairs.sql"), Some(filter), &more, |row| {
        let (now, before) = (
            Sessions { successful: sessions(row, 2)?, failed: sessions(row, 3)? },
            Sessions { successful: sessions(row, 4)?, failed: sessions(row, 5)? },
        );
        let pair = SenderPair {
            organisation: get(row, 0)?,
            policy_domain: get(row, 1)?,
            organisation_name: called(row, 0)?,
            state: PairState::of(now.failed, before.failed, get(row, 9)?),
            sessions: now,
            before,
            not_itemised: sessions(row, 6)?,
            first_failed: get(row, 7)?,
            last_failed: get(row, 8)?,
            reported_before: get(row, 10)?,
            causes: Vec::new(),
        };
        let totals =
            PairTotals { new: get(row, 11)?, ongoing: get(row, 12)?, resolved: get(row, 13)?, silent: get(row, 14)? };
        Ok((pair, totals))
    })? {
        pairs.totals = totals;
        pairs.rows.push(pair);
    }
    if pairs.rows.is_empty() {
        return Ok(pairs);
    }
    let mut causes = causes(connection, filter, before, &pairs.rows)?;
    for pair in &mut pairs.rows {
        let key = (pair.organisation.clone(), pair.policy_domain.clone());
        pair.causes = causes.remove(&key).unwrap_or_default();
    }
    Ok(pairs)
}

type Causes = HashMap<(String, String), Vec<PairCause>>;

fn causes(connection: &Connection, filter: &Filter, before: Range, pairs: &[SenderPair]) -> duckdb::Result<Causes> {
    let before_first_day = before.first();
    let lines = |column: fn(&SenderPair) -> &str| pairs.iter().map(column).collect::<Vec<_>>().join("\n");
    let (organisations, domains) = (lines(|pair| &pair.organisation), lines(|pair| &pair.policy_domain));
    let more: [(&str, &dyn duckdb::ToSql); 4] = [
        ("before_first_day", &before_first_day),
        ("causes_max", &CAUSES_MAX),
        ("organisations", &organisations),
        ("domains", &domains),
    ];
    let mut causes = Causes::new();
    for (key, cause) in ask(connection, include_str!("pairs_causes.sql"), Some(filter), &more, |row| {
        let key: (String, String) = (get(row, 0)?, get(row, 1)?);
        let cause = PairCause {
            result_type: get(row, 2)?,
            policy_type: get(row, 3)?,
            mode: get(row, 4)?,
            failed: sessions(row, 5)?,
            failed_before: sessions(row, 6)?,
        };
        Ok((key, cause))
    })? {
        causes.entry(key).or_default().push(cause);
    }
    Ok(causes)
}
