//! A day, an ISO week or a month of UTC days, with its name in addresses and its title for people. Pure.

use std::fmt::Write;

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use crate::{day_range::Range, wording};

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodKind {
    Day,
    Week,
    Month,
}

/// Where a period lies, seen from today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its last day is over.
    Over,
    /// Today is one of its days.
    Running,
    Future,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    kind: PeriodKind,
    first: NaiveDate,
}

impl PeriodKind {
    /// `day`, `week`, `month`.
    pub fn as_str(self) -> &'static str {
        match self {
            PeriodKind::Day => "day",
            PeriodKind::Week => "week",
            PeriodKind::Month => "month",
        }
    }
}

impl Phase {
    /// `over`, `running`, `future`.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Over => "over",
            Phase::Running => "running",
            Phase::Future => "future",
        }
    }
}

impl Period {
    /// The period of this kind that the day belongs to.
    pub fn containing(kind: PeriodKind, day: NaiveDate) -> Period {
        let first = match kind {
            PeriodKind::Day => Some(day),
            PeriodKind::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
            PeriodKind::Month => day.with_day(1),
        };
        Period { kind, first: first.unwrap_or(day) }
    }

    /// The last period of this kind that is over.
    pub fn last_complete(kind: PeriodKind, today: NaiveDate) -> Period {
        Period::containing(kind, today).previous()
    }

    /// Reads `2026-11-22`, `2026-W47` or `2026-11`, of the years 1970 to 2199 and in no other spelling.
    pub fn parse(name: &str) -> Option<Period> {
        let (kind, first) = match name.len() {
            10 => (PeriodKind::Day, name.parse().ok()?),
            8 => {
                let (year, week) = name.split_once("-W")?;
                (PeriodKind::Week, NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, Weekday::Mon)?)
            }
            7 => (PeriodKind::Month, format!("{name}-01").parse().ok()?),
            _ => return None,
        };
        let period = Period { kind, first };
        (period.is_within_reach() && period.name() == name).then_some(period)
    }

    /// Whether `parse` reads its name.
    pub fn is_within_reach(self) -> bool {
        let year = if self.kind == PeriodKind::Week { self.first.iso_week().year() } else { self.first.year() };
        (1970..2200).contains(&year)
    }

    pub fn kind(self) -> PeriodKind {
        self.kind
    }

    /// Its UTC days.
    pub fn range(self) -> Range {
        let next = self.next_first();
        let last = next.and_then(|next| next.pred_opt()).filter(|last| *last >= self.first).unwrap_or(self.first);
        Range::new(self.first, last).expect("the last day is not before the first")
    }

    /// `2026-11-22`, `2026-W47`, `2026-11`.
    pub fn name(self) -> String {
        let mut name = String::new();
        match self.kind {
            PeriodKind::Day => write!(name, "{}", self.first),
            PeriodKind::Week => {
                let week = self.first.iso_week();
                write!(name, "{:04}-W{:02}", week.year(), week.week())
            }
            PeriodKind::Month => write!(name, "{:04}-{:02}", self.first.year(), self.first.month()),
        }
        .expect("a String takes everything");
        name
    }

    /// `Sun 22 Nov 2026`, `Week 47, 16–22 Nov 2026`, `November 2026`.
    pub fn title(self) -> String {
        match self.kind {
            PeriodKind::Day => wording::day_with_year(self.first),
            PeriodKind::Week => format!("Week {}, {}", self.first.iso_week().week(), wording::range(self.range())),
            PeriodKind::Month => self.first.format("%B %Y").to_string(),
        }
    }

    /// The same for readers of any language: `2026-11-22`, `2026-W47, 2026-11-16 to 2026-11-22`, `2026-11`.
    pub fn iso_title(self) -> String {
        let range = self.range();
        match self.kind {
            PeriodKind::Day | PeriodKind::Month => self.name(),
            PeriodKind::Week => format!("{}, {} to {}", self.name(), range.first(), range.last()),
        }
    }

    /// Below a mark of a chart: `22 Nov`, `W47`, `Nov`.
    pub fn label(self) -> String {
        match self.kind {
            PeriodKind::Day => self.first.format("%-d %b").to_string(),
            PeriodKind::Week => format!("W{:02}", self.first.iso_week().week()),
            PeriodKind::Month => self.first.format("%b").to_string(),
        }
    }

    pub fn previous(self) -> Period {
        let before = self.first.pred_opt().unwrap_or(self.first);
        Period::containing(self.kind, before)
    }

    pub fn next(self) -> Period {
        Period { kind: self.kind, first: self.next_first().unwrap_or(self.first) }
    }

    /// This one and those before it, oldest first.
    pub fn last(self, count: usize) -> Vec<Period> {
        let mut periods: Vec<Period> =
            std::iter::successors(Some(self), |period| Some(period.previous())).take(count).collect();
        periods.reverse();
        periods
    }

    pub fn phase(self, today: NaiveDate) -> Phase {
        let range = self.range();
        if today > range.last() {
            Phase::Over
        } else if today < range.first() {
            Phase::Future
        } else {
            Phase::Running
        }
    }

    fn next_first(self) -> Option<NaiveDate> {
        match self.kind {
            PeriodKind::Day => self.first.succ_opt(),
            PeriodKind::Week => self.first.checked_add_days(Days::new(7)),
            PeriodKind::Month => self.first.checked_add_months(Months::new(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(name: &str) -> Period {
        Period::parse(name).unwrap_or_else(|| panic!("{name}"))
    }

    fn days(name: &str) -> String {
        let range = period(name).range();
        format!("{}..{}", range.first(), range.last())
    }

    #[test]
    fn names_and_titles() {
        assert_eq!(days("2026-W47"), "2026-11-16..2026-11-22");
        assert_eq!(days("2026-11-22"), "2026-11-22..2026-11-22");
        assert_eq!(days("2026-11"), "2026-11-01..2026-11-30");
        assert_eq!(period("2026-W47").title(), "Week 47, 16–22 Nov 2026");
        assert_eq!(period("2026-11-22").title(), "Sun 22 Nov 2026");
        assert_eq!(period("2026-11").title(), "November 2026");
        assert_eq!(["2026-W47", "2026-11-22", "2026-11"].map(|name| period(name).label()), ["W47", "22 Nov", "Nov"]);
    }

    #[test]
    fn some_years_have_a_week_53() {
        assert_eq!(days("2026-W53"), "2026-12-28..2027-01-03");
        assert_eq!(period("2026-W53").title(), "Week 53, 28 Dec 2026 – 3 Jan 2027");
        assert_eq!(period("2026-W53").next().name(), "2027-W01");
        assert_eq!(period("2027-W01").previous().name(), "2026-W53");
        assert_eq!(period("2026-W01").previous().name(), "2025-W52");
        assert_eq!(Period::parse("2025-W53"), None);
        assert_eq!(Period::containing(PeriodKind::Week, period("2027-01-03").first).name(), "2026-W53");
    }

    #[test]
    fn months_have_their_own_length() {
        assert_eq!(days("2028-02"), "2028-02-01..2028-02-29");
        assert_eq!(period("2027-01").previous().name(), "2026-12");
        let names: Vec<String> = period("2027-02").last(4).into_iter().map(Period::name).collect();
        assert_eq!(names, ["2026-11", "2026-12", "2027-01", "2027-02"]);
    }

    #[test]
    fn periods_touch() {
        for name in ["2026-W52", "2026-12-31", "2026-12"] {
            let period = period(name);
            assert_eq!(period.next().previous(), period);
            assert_eq!(period.range().last().succ_opt(), Some(period.next().range().first()));
        }
    }

    #[test]
    fn only_one_spelling_is_read() {
        for name in [
            "",
            "2026",
            "2026-W00",
            "2026-W1",
            "2026-w47",
            "+026-W47",
            "2026-13",
            "2026-1-02",
            "2026-02-30",
            "1969-W52",
            "2200-01",
            "ééé-W1",
        ] {
            assert_eq!(Period::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_period_is_over_when_its_last_day_is() {
        let week = period("2026-W47");
        let phase = |day: &str| week.phase(day.parse().expect("a date"));
        assert_eq!(phase("2026-11-15"), Phase::Future);
        assert_eq!((phase("2026-11-16"), phase("2026-11-22")), (Phase::Running, Phase::Running));
        assert_eq!(phase("2026-11-23"), Phase::Over);
        assert_eq!(Period::last_complete(PeriodKind::Week, "2026-11-23".parse().expect("a date")), week);
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_panic() {
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            for kind in [PeriodKind::Day, PeriodKind::Week, PeriodKind::Month] {
                let period = Period::containing(kind, day);
                let _ = (period.previous().range(), period.next().range(), period.title(), period.last(12));
            }
        }
    }
}
