//! Who fails, and whether that is new: sessions by sending organisation or by policy domain, with their course over several periods.

use chrono::{Datelike, Days, NaiveDate};
use duckdb::Connection;

use super::{Filter, Range, ask_with, called, get, sessions, shares::Sessions};
use crate::day_range::PERIODS;

/// Rows of one breakdown; the rest is counted, not listed.
const ROWS_MAX: i64 = 200;
/// Longer ranges are looked at by themselves, week by week; shorter ones beside those before them.
const SHORT_DAYS_MAX: i64 = 13;
/// Days at the end of a long range that are held against the rest of it.
const RECENT_DAYS: u64 = 7;
/// ISO weeks shown of a long range, the last ones.
const WEEKS_MAX: usize = 26;

/// `organization-name` as sent: of the most trusted report, of several the latest.
const NAMES: &str = "SELECT organisation_key AS key,
         arg_max(organisation, (list_position(['none', 'token', 'import', 'network', 'dkim'], trust), day, organisation)) AS organisation
  FROM {{rows}}
  WHERE organisation IS NOT NULL AND organisation_key IN (SELECT key FROM listed)
  GROUP BY key";
const NO_NAMES: &str = "SELECT NULL::VARCHAR AS key, NULL::VARCHAR AS organisation WHERE false";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakdownBy {
    Organisation,
    PolicyDomain,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breakdown {
    /// Most failed sessions first; at most 200.
    pub rows: Vec<BreakdownPart>,
    /// How many there are, listed or not.
    pub total: i64,
    /// How many reported in the range, listed or not.
    pub reporting: i64,
    /// How many had failed sessions in the period, listed or not.
    pub failing: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakdownPart {
    by: BreakdownBy,
    pub key: String,
    /// What the key is called where that is not the key itself; means nothing for a policy domain.
    pub organisation: Option<String>,
    /// `organization-name` as sent: of the most trusted report, of several the latest.
    pub says: Option<String>,
    pub sessions: Sessions,
    pub before: Sessions,
    /// Failed sessions of each of `periods`, oldest first.
    pub periods: Vec<i64>,
    /// Failed sessions at the end of a long range; of a short one all of them.
    pub failed_recently: i64,
    /// Whether sessions failed in one of the periods before the one before.
    pub failed_earlier: bool,
    /// First day with failures in the range.
    pub first_failed: Option<NaiveDate>,
    /// First day with failures at its end.
    pub first_failed_recently: Option<NaiveDate>,
    /// Last day with failures in the range or the one before.
    pub last_failed: Option<NaiveDate>,
    /// Whether it reported in the range at all.
    pub reported: bool,
}

impl BreakdownPart {
    /// Whether its key is an organisation's.
    pub fn is_organisation(&self) -> bool {
        self.by == BreakdownBy::Organisation
    }
}

/// Whether a range is held against the one before it, or by its end against the rest of it.
pub fn is_long(range: Range) -> bool {
    range.days() > SHORT_DAYS_MAX
}

/// First day of what counts as now.
pub fn recent_first_day(range: Range) -> NaiveDate {
    match is_long(range) {
        true => range.last().checked_sub_days(Days::new(RECENT_DAYS - 1)).unwrap_or(range.first()),
        false => range.first(),
    }
}

/// The periods whose failed sessions are shown beside each other, oldest first: the range and seven of its length before it, or the ISO
/// weeks of a long one as far as they lie in it.
pub fn periods(range: Range) -> Vec<Range> {
    if !is_long(range) {
        let mut periods = vec![range];
        while periods.len() < PERIODS {
            periods.push(periods[periods.len() - 1].previous());
        }
        periods.reverse();
        return periods;
    }
    let mut weeks = Vec::new();
    let mut last = range.last();
    while last >= range.first() && weeks.len() < WEEKS_MAX {
        let monday = last.checked_sub_days(Days::new(last.weekday().num_days_from_monday().into())).unwrap_or(last);
        weeks.extend(Range::new(monday.max(range.first()), last));
        let Some(before) = monday.pred_opt() else { break };
        last = before;
    }
    weeks.reverse();
    weeks
}

pub fn breakdown(connection: &Connection, filter: &Filter, by: BreakdownBy) -> duckdb::Result<Breakdown> {
    let (key, table, names) = match by {
        BreakdownBy::Organisation => ("organisation_key", "organisation", NAMES),
        BreakdownBy::PolicyDomain => ("policy_domain", "policy_domain", NO_NAMES),
    };
    let rows = format!("{{{{sums {table} $previous_first_day $last_day}}}}");
    let older_rows = format!("{{{{sums {table} $oldest_period_day $last_day}}}}");
    let periods = periods(filter.range);
    let sums = periods.iter().map(|period| {
        format!(
            "coalesce(sum(failed) FILTER (day BETWEEN '{}'::DATE AND '{}'::DATE), 0)",
            period.first(),
            period.last()
        )
    });
    let sums = format!("concat_ws(' ', {})", sums.collect::<Vec<_>>().join(", "));
    let put_in = [
        ("key", key),
        ("names", names),
        ("rows", rows.as_str()),
        ("older_rows", older_rows.as_str()),
        ("periods", sums.as_str()),
    ];
    let oldest = periods.iter().map(|period| period.first()).min().unwrap_or(filter.range.first());
    let oldest = oldest.min(filter.range.previous().first());
    let recent = recent_first_day(filter.range);
    let more: [(&str, &dyn duckdb::ToSql); 3] =
        [("rows_max", &ROWS_MAX), ("oldest_period_day", &oldest), ("recent_first_day", &recent)];
    let rows = ask_with(connection, include_str!("breakdown.sql"), &put_in, Some(filter), &more, |row| {
        let part = BreakdownPart {
            by,
            key: get(row, 0)?,
            organisation: if by == BreakdownBy::Organisation { called(row, 0)? } else { None },
            says: if by == BreakdownBy::Organisation { get(row, 1)? } else { None },
            sessions: Sessions { successful: sessions(row, 2)?, failed: sessions(row, 3)? },
            before: Sessions { successful: sessions(row, 4)?, failed: sessions(row, 5)? },
            failed_recently: sessions(row, 6)?,
            failed_earlier: get(row, 7)?,
            first_failed: get(row, 8)?,
            last_failed: get(row, 9)?,
            first_failed_recently: get(row, 10)?,
            reported: get(row, 11)?,
            periods: get::<Option<String>>(row, 12)?.map_or_else(|| vec![0; periods.len()], |text| numbers(&text)),
        };
        Ok((part, [get::<i64>(row, 13)?, get(row, 14)?, get(row, 15)?]))
    })?;
    let [total, reporting, failing] = rows.first().map_or([0; 3], |(_, counts)| *counts);
    Ok(Breakdown { rows: rows.into_iter().map(|(part, _)| part).collect(), total, reporting, failing })
}

/// Sums that do not fit stay at the largest number.
fn numbers(text: &str) -> Vec<i64> {
    text.split(' ').map(|number| number.parse().unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> Range {
        Range::new(first.parse().expect("a date"), last.parse().expect("a date")).expect("in order")
    }

    #[test]
    fn a_week_stands_beside_the_seven_before_it() {
        let periods = periods(range("2026-11-16", "2026-11-22"));
        assert_eq!(periods.len(), PERIODS);
        assert_eq!((periods[0], periods[7]), (range("2026-09-28", "2026-10-04"), range("2026-11-16", "2026-11-22")));
        assert_eq!(recent_first_day(range("2026-11-16", "2026-11-22")), "2026-11-16".parse().expect("a date"));
    }

    #[test]
    fn a_long_range_is_its_own_weeks() {
        let periods = periods(range("2026-11-01", "2026-11-28"));
        let expected = [
            range("2026-11-01", "2026-11-01"),
            range("2026-11-02", "2026-11-08"),
            range("2026-11-09", "2026-11-15"),
            range("2026-11-16", "2026-11-22"),
            range("2026-11-23", "2026-11-28"),
        ];
        assert_eq!(periods, expected);
        assert_eq!(recent_first_day(range("2026-11-01", "2026-11-28")), "2026-11-22".parse().expect("a date"));
        assert_eq!(super::periods(range("1990-01-01", "2026-11-28")).len(), WEEKS_MAX);
    }
}
