//! Numbers, days and sentences as people read them.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::day_range::Range;

/// `41203` as `41,203`.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

/// `44120` as `44k`, for where there is room for four characters only.
pub fn short(number: i64) -> String {
    match number {
        ..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}k", number / 1_000),
        1_000_000..10_000_000_000 => format!("{}M", number / 1_000_000),
        _ => format!("{}G", number / 1_000_000_000),
    }
}

/// Where an input was read from.
pub fn source(source: &str) -> &str {
    if source == "-" { "standard input" } else { source }
}

/// `Thu 19 Nov`.
pub fn day(day: NaiveDate) -> String {
    day.format("%a %-d %b").to_string()
}

/// `Thu 19 Nov 2026`.
pub fn day_with_year(day: NaiveDate) -> String {
    day.format("%a %-d %b %Y").to_string()
}

/// How days are written: on pages short, in mails in the form that every reader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// `Thu 19 Nov`
    Short,
    /// `2026-11-19`
    Iso,
}

impl Dates {
    pub fn day(self, date: NaiveDate) -> String {
        match self {
            Dates::Short => day(date),
            Dates::Iso => date.to_string(),
        }
    }

    pub fn day_with_year(self, date: NaiveDate) -> String {
        match self {
            Dates::Short => day_with_year(date),
            Dates::Iso => date.to_string(),
        }
    }
}

/// A clause as a sentence: with a capital, which a name in backticks at its start does without, and a full stop.
pub fn sentence(clause: &str) -> String {
    let mut rest = clause.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    let stop = if clause.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.map(String::from).unwrap_or_default(), rest.as_str())
}

/// `2026-11-19 07:12 UTC`.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `16–22 Nov 2026`, as short as the two ends allow.
pub fn range(range: Range) -> String {
    let (first, last) = (range.first(), range.last());
    if first == last {
        return day_with_year(first);
    }
    let end = last.format("%-d %b %Y");
    if first.year() != last.year() {
        format!("{} – {end}", first.format("%-d %b %Y"))
    } else if first.month() != last.month() {
        format!("{} – {end}", first.format("%-d %b"))
    } else {
        format!("{}–{end}", first.day())
    }
}

/// What one period of this length is called, for "against the … before".
pub fn period(range: Range) -> &'static str {
    match range.days() {
        1 => "day",
        7 => "week",
        _ => "period",
    }
}

/// `a`, `a and b`, `a, b and 3 more`.
pub fn listed(names: &[String], shown_max: usize) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [firsts @ .., last] if names.len() <= shown_max => format!("{} and {last}", firsts.join(", ")),
        _ => {
            let shown = shown_max.saturating_sub(1).max(1);
            format!("{} and {} more", names[..shown].join(", "), names.len() - shown)
        }
    }
}

/// `1 report`, `2 reports`.
pub fn counted(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// Since when something fails that did not in the period before. `earlier`: it did in one of the periods before that.
pub fn new_since(since: Option<NaiveDate>, earlier: bool, has_before: bool) -> String {
    let since = since.map(day).unwrap_or_default();
    match (has_before, earlier) {
        (false, _) => format!("since {since}, nothing known before"),
        (true, true) => format!("again since {since}"),
        (true, false) => format!("new since {since}"),
    }
}

/// How the number of failed sessions changed against the period before.
pub fn moved(trend: TrendWord, now: i64, before: i64, period: &str) -> String {
    match trend {
        TrendWord::Grew => format!("up from {}", thousands(before)),
        TrendWord::Fell => format!("down from {}", thousands(before)),
        TrendWord::Same if now == before => format!("as the {period} before"),
        TrendWord::Same => format!("much as before ({})", thousands(before)),
        TrendWord::New | TrendWord::Resolved | TrendWord::Quiet => String::new(),
    }
}

/// How failed sessions moved against the period before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrendWord {
    New,
    Grew,
    Same,
    Fell,
    Resolved,
    Quiet,
}

impl TrendWord {
    /// A change counts from a quarter and three sessions on; below that it is noise.
    pub fn of(now: i64, before: i64) -> TrendWord {
        let changed = now.abs_diff(before) >= 3 && now.abs_diff(before) >= before.unsigned_abs() / 4;
        match (now, before) {
            (0, 0) => TrendWord::Quiet,
            (0, _) => TrendWord::Resolved,
            (_, 0) => TrendWord::New,
            _ if !changed => TrendWord::Same,
            _ if now > before => TrendWord::Grew,
            _ => TrendWord::Fell,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            TrendWord::New => "new",
            TrendWord::Grew => "grew",
            TrendWord::Same => "same",
            TrendWord::Fell => "fell",
            TrendWord::Resolved => "resolved",
            TrendWord::Quiet => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_short() {
        let range_of = |first: &str, last: &str| {
            range(Range::new(first.parse().expect("a date"), last.parse().expect("a date")).expect("in order"))
        };
        assert_eq!(range_of("2026-11-16", "2026-11-22"), "16–22 Nov 2026");
        assert_eq!(range_of("2026-10-28", "2026-11-03"), "28 Oct – 3 Nov 2026");
        assert_eq!(range_of("2025-12-29", "2026-01-04"), "29 Dec 2025 – 4 Jan 2026");
        assert_eq!(range_of("2026-11-19", "2026-11-19"), "Thu 19 Nov 2026");
    }

    #[test]
    fn numbers_have_thousands() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(41_203), "41,203");
        assert_eq!(thousands(-1_000_000), "−1,000,000");
        assert_eq!(thousands(i64::MIN), "−9,223,372,036,854,775,808");
    }

    #[test]
    fn names_are_listed() {
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(listed(&names(1), 3), "0");
        assert_eq!(listed(&names(2), 3), "0 and 1");
        assert_eq!(listed(&names(3), 3), "0, 1 and 2");
        assert_eq!(listed(&names(5), 3), "0, 1 and 3 more");
    }

    #[test]
    fn small_changes_are_no_trend() {
        assert_eq!(TrendWord::of(12, 0), TrendWord::New);
        assert_eq!(TrendWord::of(0, 12), TrendWord::Resolved);
        assert_eq!(TrendWord::of(14, 13), TrendWord::Same);
        assert_eq!(TrendWord::of(2, 1), TrendWord::Same);
        assert_eq!(TrendWord::of(812, 14), TrendWord::Grew);
        assert_eq!(TrendWord::of(14, 812), TrendWord::Fell);
        assert_eq!(TrendWord::of(i64::MAX, i64::MAX - 1), TrendWord::Same);
    }
}
