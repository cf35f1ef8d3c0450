//! How the share of secure sessions moved over several periods, by policy type and once over all.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use duckdb::Connection;

use super::{Filter, Range, ask, get, sessions, shares::Sessions};

/// Policy types with a row of their own.
const POLICY_TYPES_MAX: i64 = 6;

/// One number for each period, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeriodTrend {
    /// Each session once; with a policy type in the filter, the sessions of that type.
    pub once: Vec<Sessions>,
    /// Most sessions first; at most six types.
    pub by_policy_type: Vec<(String, Vec<Sessions>)>,
}

/// `periods` touch each other, the oldest first; the filter's own range is not looked at.
pub fn trend(connection: &Connection, filter: &Filter, periods: &[Range]) -> duckdb::Result<PeriodTrend> {
    let (Some(oldest), Some(newest)) = (periods.first(), periods.last()) else { return Ok(PeriodTrend::default()) };
    let oldest_first_day = oldest.first();
    let more: [(&str, &dyn duckdb::ToSql); 2] =
        [("oldest_first_day", &oldest_first_day), ("policy_types_max", &POLICY_TYPES_MAX)];
    let filter = filter.with_range(*newest);
    let rows = ask(connection, include_str!("trend.sql"), Some(&filter), &more, |row| {
        let all = Sessions { successful: sessions(row, 2)?, failed: sessions(row, 3)? };
        let counted = Sessions { successful: sessions(row, 4)?, failed: sessions(row, 5)? };
        Ok((get::<String>(row, 0)?, get::<NaiveDate>(row, 1)?, all, counted))
    })?;
    let nothing = vec![Sessions::default(); periods.len()];
    let mut trend = PeriodTrend { once: nothing.clone(), by_policy_type: Vec::new() };
    let mut types: BTreeMap<String, Vec<Sessions>> = BTreeMap::new();
    for (policy_type, day, all, counted) in rows {
        let at = periods.partition_point(|period| period.last() < day);
        let (Some(once), false) = (trend.once.get_mut(at), policy_type.is_empty()) else {
            if let Some(once) = trend.once.get_mut(at) {
                add(once, counted);
            }
            continue;
        };
        add(once, counted);
        add(&mut types.entry(policy_type).or_insert_with(|| nothing.clone())[at], all);
    }
    trend.by_policy_type = types.into_iter().collect();
    let total = |row: &[Sessions]| row.iter().fold(0, |sum: i64, sessions| sum.saturating_add(sessions.total()));
    trend.by_policy_type.sort_by_key(|(_, row)| std::cmp::Reverse(total(row)));
    Ok(trend)
}

fn add(sum: &mut Sessions, more: Sessions) {
    sum.successful = sum.successful.saturating_add(more.successful);
    sum.failed = sum.failed.saturating_add(more.failed);
}
