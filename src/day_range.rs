//! A range of UTC days.

use chrono::{Days, NaiveDate};

/// Periods shown in a sparkline: the asked one and seven before it.
pub const PERIODS: usize = 8;

/// UTC days, both inclusive; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    first: NaiveDate,
    last: NaiveDate,
}

impl Range {
    /// `None` where the last day is before the first.
    pub fn new(first: NaiveDate, last: NaiveDate) -> Option<Range> {
        (first <= last).then_some(Range { first, last })
    }

    pub fn first(self) -> NaiveDate {
        self.first
    }

    pub fn last(self) -> NaiveDate {
        self.last
    }

    /// Length in days, at least 1.
    pub fn days(self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    /// The range of the same length that ends the day before this one starts.
    pub fn previous(self) -> Range {
        self.back(1)
    }

    /// The range of the same length that starts the day after this one ends.
    pub fn next(self) -> Range {
        let days = Days::new(self.days() as u64);
        Range {
            first: self.first.checked_add_days(days).unwrap_or(self.first),
            last: self.last.checked_add_days(days).unwrap_or(self.last),
        }
    }

    /// The first day of the oldest period of a sparkline.
    pub fn oldest(self) -> NaiveDate {
        self.back(PERIODS as u64 - 1).first
    }

    fn back(self, periods: u64) -> Range {
        let days = Days::new(self.days() as u64 * periods);
        Range {
            first: self.first.checked_sub_days(days).unwrap_or(self.first),
            last: self.last.checked_sub_days(days).unwrap_or(self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn the_previous_range_has_the_same_length_and_touches() {
        let week = Range::new(day("2026-11-16"), day("2026-11-22")).expect("in order");
        assert_eq!(week.days(), 7);
        assert_eq!(week.previous(), Range::new(day("2026-11-09"), day("2026-11-15")).expect("in order"));
        assert_eq!(week.next(), Range::new(day("2026-11-23"), day("2026-11-29")).expect("in order"));
        assert_eq!(week.oldest(), day("2026-09-28"));
    }

    #[test]
    fn a_range_is_never_empty() {
        assert_eq!(Range::new(day("2026-11-22"), day("2026-11-21")), None);
        assert_eq!(Range::new(day("2026-11-22"), day("2026-11-22")).map(Range::days), Some(1));
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_panic() {
        let ends = Range::new(NaiveDate::MIN, NaiveDate::MAX).expect("in order");
        let _ = (ends.previous(), ends.next(), ends.oldest());
    }
}
