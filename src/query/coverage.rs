//! How complete a day is: reports arrive the day after, and some later.

use chrono::{Days, NaiveDate};
use duckdb::Connection;

use super::{Filter, ask, called, get};

/// Days that tell who reports daily. They end a week before the asked one, so that who stops is named for that long.
const USUAL_DAYS: u64 = 28;
const SINCE_DAYS: u64 = 7;
/// Fewer of them tell nothing.
const KNOWN_DAYS_MIN: i64 = 7;
/// Missing organisations named.
const NAMED_MAX: i64 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    pub day: NaiveDate,
    /// Organisations that reported daily in the four weeks that end seven days before.
    pub usual: i64,
    /// How many of them have reported on the day.
    pub reported: i64,
    /// Those that have not, by the last day they reported on, the oldest first; at most 20.
    pub missing: Vec<MissingReports>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingReports {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub last_day: NaiveDate,
}

impl MissingReports {
    /// The name to show.
    pub fn name(&self) -> &str {
        self.organisation_name.as_deref().unwrap_or(&self.organisation)
    }
}

/// The range of the filter is not looked at.
pub fn coverage(connection: &Connection, filter: &Filter, day: NaiveDate) -> duckdb::Result<Coverage> {
    let back = |days: u64| day.checked_sub_days(Days::new(days)).unwrap_or(day);
    let (usual_first_day, usual_last_day) = (back(SINCE_DAYS + USUAL_DAYS - 1), back(SINCE_DAYS));
    let more: [(&str, &dyn duckdb::ToSql); 5] = [
        ("day", &day),
        ("usual_first_day", &usual_first_day),
        ("usual_last_day", &usual_last_day),
        ("known_days_min", &KNOWN_DAYS_MIN),
        ("rows_max", &NAMED_MAX),
    ];
    let mut coverage = Coverage { day, usual: 0, reported: 0, missing: Vec::new() };
    for (missing, has_reported, usual, reported) in
        ask(connection, include_str!("coverage.sql"), Some(filter), &more, |row| {
            let missing = MissingReports {
                organisation: get(row, 0)?,
                organisation_name: called(row, 0)?,
                last_day: get(row, 2)?,
            };
            Ok((missing, get::<bool>(row, 1)?, get(row, 3)?, get(row, 4)?))
        })?
    {
        (coverage.usual, coverage.reported) = (usual, reported);
        if !has_reported {
            coverage.missing.push(missing);
        }
    }
    Ok(coverage)
}
