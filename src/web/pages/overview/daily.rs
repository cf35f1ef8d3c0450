//! Failed sessions by day: the chart, what its letters mean, and the same numbers as a table.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;

use crate::{
    chart::{self, Bar, BarLink, LETTERS, Size},
    explain::result_types,
    links,
    query::{Range, daily::Day, overview::OverviewFigures, reports::NOT_ITEMISED},
    text::visible_lines,
    web::params::PageParams,
    wording,
};

/// Above this many days a bar is a week.
const DAYS_BY_DAY_MAX: i64 = 62;
/// Result types with a colour of their own; the others are one.
const SERIES_MAX: usize = 7;
const WIDE: Size = Size { width: 760, height: 250 };
const NARROW: Size = Size { width: 380, height: 250 };

#[derive(Serialize)]
pub(crate) struct Daily {
    by_week: bool,
    wide: Option<minijinja::Value>,
    narrow: Option<minijinja::Value>,
    legend: Vec<Series>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Series {
    letter: &'static str,
    index: usize,
    /// Empty: all the others together.
    name: String,
    short: &'static str,
    failed: i64,
}

#[derive(Serialize)]
struct Row {
    from: NaiveDate,
    to: NaiveDate,
    label: String,
    sessions: i64,
    failed: i64,
    parts: Vec<i64>,
}

pub(crate) fn daily(figures: &OverviewFigures, asked: &PageParams) -> Daily {
    let range = figures.filter.range;
    let by_week = range.days() > DAYS_BY_DAY_MAX;
    let series = series(&figures.days);
    let rows: Vec<Row> = spans(range, by_week).into_iter().map(|span| row(figures, &series, span)).collect();
    let links: Vec<BarLink> = rows.iter().map(|row| bar_link(row, &series, asked)).collect();
    let unit = if by_week { "week" } else { "day" };
    let title = format!("Failed sessions by {unit} and result type, {}", wording::range(range));
    let description = rows.iter().map(|row| format!("{}: {}", row.label, row.failed)).collect::<Vec<_>>().join("; ");
    let draw = |size: Size, is_narrow: bool| {
        let with_month = is_narrow || rows.len() > 10;
        let bars: Vec<Bar> = rows.iter().map(|row| bar(row, with_month)).collect();
        chart::bars_svg(&bars, &links, size, &title, &description).map(minijinja::Value::from_safe_string)
    };
    let (wide, narrow) = (draw(WIDE, false), draw(NARROW, true));
    let legend = series
        .iter()
        .enumerate()
        .map(|(index, name)| Series {
            letter: LETTERS[index % LETTERS.len()],
            index,
            name: name.clone(),
            short: if name.is_empty() { "Result types with few sessions." } else { result_types::short(name) },
            failed: rows.iter().fold(0, |sum: i64, row| sum.saturating_add(row.parts[index])),
        })
        .collect();
    Daily { by_week, wide, narrow, legend, rows }
}

/// The result types in the order of their weight, what is not itemised last but for the small ones.
fn series(days: &BTreeMap<NaiveDate, Day>) -> Vec<String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    let mut not_itemised: i64 = 0;
    for day in days.values() {
        not_itemised = not_itemised.saturating_add(day.not_itemised);
        for (name, failed) in &day.result_types {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(*failed);
        }
    }
    let has_small = sums.remove("").is_some();
    let mut names: Vec<(&str, i64)> = sums.into_iter().filter(|(_, failed)| *failed > 0).collect();
    names.sort_by_key(|(name, failed)| (std::cmp::Reverse(*failed), *name));
    let shown_max = SERIES_MAX - 1;
    let has_rest = has_small || names.len() > shown_max;
    let mut series: Vec<String> = names.into_iter().take(shown_max).map(|(name, _)| name.to_owned()).collect();
    if not_itemised > 0 {
        series.push(NOT_ITEMISED.to_owned());
    }
    if has_rest {
        series.push(String::new());
    }
    series
}

/// The days, or the ISO weeks cut to the range.
fn spans(range: Range, by_week: bool) -> Vec<Range> {
    let mut spans = Vec::new();
    let mut first = range.first();
    while first <= range.last() {
        let ahead = if by_week { 6 - u64::from(first.weekday().num_days_from_monday()) } else { 0 };
        let last = first.checked_add_days(Days::new(ahead)).unwrap_or(first).min(range.last());
        spans.extend(Range::new(first, last));
        match last.succ_opt() {
            Some(next) => first = next,
            None => break,
        }
    }
    spans
}

fn row(figures: &OverviewFigures, series: &[String], span: Range) -> Row {
    let mut row = Row {
        from: span.first(),
        to: span.last(),
        label: if span.days() == 1 { wording::day(span.first()) } else { wording::range(span) },
        sessions: 0,
        failed: 0,
        parts: vec![0; series.len()],
    };
    for day in figures.days.range(span.first()..=span.last()).map(|(_, day)| day) {
        row.sessions = row.sessions.saturating_add(day.sessions.total());
        row.failed = row.failed.saturating_add(day.sessions.failed);
        let named = day.result_types.iter().map(|(name, failed)| (name.as_str(), *failed));
        for (name, failed) in named.chain([(NOT_ITEMISED, day.not_itemised)]).filter(|(_, failed)| *failed > 0) {
            let at = series.iter().position(|known| known == name).or_else(|| series.iter().position(String::is_empty));
            if let Some(at) = at {
                row.parts[at] = row.parts[at].saturating_add(failed);
            }
        }
    }
    row
}

fn bar(row: &Row, with_month: bool) -> Bar {
    let label = row.from.format(if with_month { "%-d %b" } else { "%a %-d" }).to_string();
    Bar { label, parts: row.parts.clone() }
}

/// To the reports behind a bar.
fn bar_link(row: &Row, series: &[String], asked: &PageParams) -> BarLink {
    let mut title =
        format!("{}: {} of {} failed", row.label, wording::thousands(row.failed), wording::thousands(row.sessions));
    for (name, failed) in series.iter().zip(&row.parts).filter(|(_, failed)| **failed > 0) {
        let name = if name.is_empty() { "others" } else { name };
        title.push_str(&format!("; {name} {}", wording::thousands(*failed)));
    }
    let mut query = asked.query();
    query.insert("from", row.from.to_string());
    query.insert("to", row.to.to_string());
    query.insert("failed", "true".to_owned());
    BarLink {
        title: visible_lines(&title).into_owned(),
        href: links::address("/reports", query.iter().map(|(name, value)| (*name, value.as_str()))),
    }
}
