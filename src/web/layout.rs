//! What every page has: navigation, the filter, the way to the same figures as JSON.

use chrono::{Datelike, Days, NaiveDate};
use duckdb::Connection;
use minijinja::Value;
use serde::Serialize;

use super::{
    Site,
    params::{PageParams, may_carry},
};
use crate::{
    links,
    query::{
        Range,
        choices::{Choices, choices},
        quarantine,
    },
    store::{StoreError, tables::alert},
    templates::fields,
    wording,
};

/// What the shell asks of the store.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    choices: Choices,
    badges: Badges,
}

/// The numbers beside the names of pages: what waits for the operator.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Badges {
    quarantined: i64,
    /// Alerts that fire and nobody has acknowledged.
    alerts: u64,
}

#[derive(Serialize)]
struct Preset {
    name: &'static str,
    href: String,
    current: bool,
}

impl Badges {
    pub(crate) fn ask(connection: &Connection) -> Result<Badges, StoreError> {
        let (_, alerts) = alert::firing(connection)?;
        Ok(Badges { quarantined: quarantine::count(connection)?, alerts })
    }

    pub(crate) fn quarantined(self) -> i64 {
        self.quarantined
    }
}

impl Frame {
    pub(crate) fn ask(connection: &Connection, asked: &PageParams) -> Result<Frame, StoreError> {
        Ok(Frame { choices: choices(connection, &asked.filter)?, badges: Badges::ask(connection)? })
    }

    /// The context of a page with a filter; `path` is its own.
    pub(crate) fn context(&self, asked: &PageParams, path: &str, today: NaiveDate) -> Value {
        let range = asked.filter.range;
        let moved = |range: Range| {
            let mut query = asked.query();
            query.retain(|name, _| may_carry(path, name));
            query.insert("from", range.first().to_string());
            query.insert("to", range.last().to_string());
            links::address(path, query.iter().map(|(name, value)| (*name, value.as_str())))
        };
        let known = presets(today);
        // On a Monday two names stand for the same days.
        let current = known.iter().position(|(_, preset)| *preset == range);
        let presets: Vec<Preset> = known
            .iter()
            .enumerate()
            .map(|(at, (name, preset))| Preset { name, href: moved(*preset), current: current == Some(at) })
            .collect();
        let newer = range.next();
        fields! {
            path,
            quarantined => self.badges.quarantined,
            alerts => self.badges.alerts,
            query => asked.query(),
            range => fields! {
                text => wording::range(range),
                from => range.first(),
                to => range.last(),
                iso_week => iso_week(range),
                period => wording::period(range),
                older => moved(range.previous()),
                newer => (newer.first() <= today).then(|| moved(newer)),
            },
            presets,
            chosen => asked.query(),
            choices => fields! {
                policy_domains => self.choices.policy_domains,
                policy_types => with_chosen(self.choices.policy_types.clone(), asked.filter.policy_type.as_deref()),
                organisations => self.choices.organisations,
            },
        }
    }
}

/// The context of a page that says what went wrong. It waits for the numbers beside the names of pages, where they can be had.
pub(crate) fn of_failure(site: &Site, store_answers: bool) -> Value {
    let badges = store_answers.then(|| site.store().read_blocking(Badges::ask).ok()).flatten();
    without_filter(site, "", badges.unwrap_or_default())
}

/// `path` is that of the navigation's item, `""` for none.
pub(crate) fn without_filter(site: &Site, path: &str, badges: Badges) -> Value {
    let nothing: std::collections::BTreeMap<&str, String> = std::collections::BTreeMap::new();
    fields! {
        path,
        quarantined => badges.quarantined,
        alerts => badges.alerts,
        query => nothing,
        today => site.today(),
    }
}

/// What people look at: the last whole days, and the ISO week before the running one.
fn presets(today: NaiveDate) -> Vec<(&'static str, Range)> {
    let yesterday = today.pred_opt().unwrap_or(today);
    let back = |days: u64| Range::new(yesterday.checked_sub_days(Days::new(days - 1))?, yesterday);
    let monday =
        |weeks: u64| today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday()) + 7 * weeks));
    let twelve_weeks = || {
        let days = u64::from(yesterday.weekday().num_days_from_monday()) + 7 * 11;
        Range::new(yesterday.checked_sub_days(Days::new(days))?, yesterday)
    };
    let week = |weeks: u64| monday(weeks).and_then(|first| Range::new(first, first.checked_add_days(Days::new(6))?));
    [
        ("Last 7 days", back(7)),
        ("This week", week(0)),
        ("Last week", week(1)),
        ("28 days", back(28)),
        // From a Monday on, so that its weeks are whole.
        ("12 weeks", twelve_weeks()),
    ]
    .into_iter()
    .filter_map(|(name, range)| Some((name, range?)))
    .collect()
}

/// `W47`, where the range is one ISO week.
fn iso_week(range: Range) -> Option<String> {
    let is_week = range.days() == 7 && range.first().weekday() == chrono::Weekday::Mon;
    is_week.then(|| format!("W{:02}", range.first().iso_week().week()))
}

fn with_chosen(mut names: Vec<String>, chosen: Option<&str>) -> Vec<String> {
    if let Some(chosen) = chosen.filter(|chosen| names.iter().all(|name| name != chosen)) {
        names.push(chosen.to_owned());
    }
    names.sort();
    names
}
