//! When a digest is due. Pure: times in, times out. The time of day is that of a zone, with its daylight saving; what a digest
//! is about are UTC days, as in the reports.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// How often, and about what: the last whole UTC day, ISO week or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cadence {
    Daily,
    Weekly,
    Monthly,
}

/// A cadence with its day, time and zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    cadence: Cadence,
    weekday: Weekday,
    time: NaiveTime,
    zone: Tz,
}

impl Cadence {
    pub fn as_str(self) -> &'static str {
        match self {
            Cadence::Daily => "daily",
            Cadence::Weekly => "weekly",
            Cadence::Monthly => "monthly",
        }
    }
}

impl Schedule {
    /// `weekday` is an English name such as "monday" or "Mon" and counts for weekly ones only, `time` is like "08:00", `zone` an
    /// IANA name. The error names the key and what is wrong with its value.
    pub fn new(cadence: Cadence, weekday: &str, time: &str, zone: &str) -> Result<Schedule, (&'static str, String)> {
        Ok(Schedule {
            cadence,
            weekday: weekday.parse().map_err(|_| ("weekday", format!("{weekday:?} is no day of the week")))?,
            time: NaiveTime::parse_from_str(time, "%H:%M")
                .map_err(|_| ("time", format!("{time:?} is no time of day like \"08:00\"")))?,
            zone: zone.parse().map_err(|_| {
                ("zone", format!("{zone:?} is no time zone of the IANA database, such as \"Europe/Berlin\""))
            })?,
        })
    }

    /// The last moment at or before `now` at which the digest was due.
    pub fn last_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        // A day more than today: the zone may be ahead of UTC.
        let mut day = now.date_naive() + Days::new(1);
        loop {
            let due = self.moment(self.due_day(day));
            if due <= now {
                return due;
            }
            day = self.due_day(day) - Days::new(1);
        }
    }

    /// The first moment after `now` at which it is due.
    pub fn next_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut day = now.date_naive();
        loop {
            let due = self.moment(self.due_day(day));
            if due > now {
                return due;
            }
            day = match self.cadence {
                Cadence::Daily => day + Days::new(1),
                Cadence::Weekly => day + Days::new(7),
                Cadence::Monthly => day + Months::new(1),
            };
        }
    }

    /// A UTC day of the period that the digest due at `due` is about: of the last day, ISO week or month that was over then.
    pub fn about(&self, due: DateTime<Utc>) -> NaiveDate {
        let day = due.date_naive();
        let first = match self.cadence {
            Cadence::Daily => day,
            Cadence::Weekly => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Cadence::Monthly => day - Days::new(u64::from(day.day0())),
        };
        first - Days::new(1)
    }

    /// The last day at or before `day` on which it is due.
    fn due_day(&self, day: NaiveDate) -> NaiveDate {
        match self.cadence {
            Cadence::Daily => day,
            Cadence::Weekly => day - Days::new(u64::from(day.weekday().days_since(self.weekday))),
            Cadence::Monthly => day - Days::new(u64::from(day.day0())),
        }
    }

    /// The time of this schedule on a day of its zone. A time that the clocks skip is as much later, one that comes twice is
    /// the first.
    fn moment(&self, day: NaiveDate) -> DateTime<Utc> {
        let local = day.and_time(self.time);
        self.at(local).unwrap_or_else(|| {
            // No zone skips more than a day.
            let skipped = (1..=96).map(|quarters| local + TimeDelta::minutes(15 * quarters));
            skipped.into_iter().find_map(|later| self.at(later)).unwrap_or_else(|| local.and_utc())
        })
    }

    fn at(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        self.zone.from_local_datetime(&local).earliest().map(|moment| moment.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn schedule(cadence: Cadence, time: &str, zone: &str) -> Schedule {
        Schedule::new(cadence, "monday", time, zone).expect("valid")
    }

    #[test]
    fn weekly_is_due_on_its_weekday_about_the_week_that_is_over() {
        let weekly = schedule(Cadence::Weekly, "08:00", "Europe/Berlin");
        let due = weekly.last_due(at("2026-11-25T00:00:00Z"));
        assert_eq!(due, at("2026-11-23T07:00:00Z"));
        assert_eq!(weekly.last_due(due), due);
        assert_eq!(weekly.last_due(due - TimeDelta::seconds(1)), at("2026-11-16T07:00:00Z"));
        assert_eq!(weekly.next_due(due), at("2026-11-30T07:00:00Z"));
        assert_eq!(weekly.about(due), "2026-11-22".parse().unwrap());
    }

    #[test]
    fn in_summer_the_same_time_is_another_in_utc() {
        let weekly = schedule(Cadence::Weekly, "08:00", "Europe/Berlin");
        assert_eq!(weekly.last_due(at("2026-10-25T12:00:00Z")), at("2026-10-19T06:00:00Z"));
        assert_eq!(weekly.next_due(at("2026-10-25T12:00:00Z")), at("2026-10-26T07:00:00Z"), "the clocks went back");
        assert_eq!(weekly.next_due(at("2026-03-24T12:00:00Z")), at("2026-03-30T06:00:00Z"), "the clocks went forward");
    }

    #[test]
    fn a_skipped_time_comes_later_and_a_doubled_one_once() {
        let daily = schedule(Cadence::Daily, "02:30", "Europe/Berlin");
        // 29 March: 02:00 to 03:00 does not exist.
        assert_eq!(daily.last_due(at("2026-03-29T12:00:00Z")), at("2026-03-29T01:00:00Z"));
        // 25 October: 02:30 comes at 00:30 and at 01:30 UTC.
        assert_eq!(daily.last_due(at("2026-10-25T12:00:00Z")), at("2026-10-25T00:30:00Z"));
        assert_eq!(daily.next_due(at("2026-10-25T00:30:00Z")), at("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn a_zone_far_ahead_of_utc_has_its_day_earlier() {
        let weekly = schedule(Cadence::Weekly, "08:00", "Pacific/Auckland");
        // Monday 8 o'clock there is Sunday evening in UTC: the week that is over is the one before.
        let due = weekly.last_due(at("2026-11-23T00:00:00Z"));
        assert_eq!(due, at("2026-11-22T19:00:00Z"));
        assert_eq!(weekly.about(due), "2026-11-15".parse().unwrap());
    }

    #[test]
    fn monthly_is_due_on_the_first() {
        let monthly = schedule(Cadence::Monthly, "06:15", "UTC");
        let due = monthly.last_due(at("2027-01-31T00:00:00Z"));
        assert_eq!(due, at("2027-01-01T06:15:00Z"));
        assert_eq!(monthly.about(due), "2026-12-31".parse().unwrap());
        assert_eq!(monthly.next_due(due), at("2027-02-01T06:15:00Z"));
    }

    #[test]
    fn every_moment_lies_between_the_last_and_the_next() {
        for (cadence, zone) in [(Cadence::Daily, "America/New_York"), (Cadence::Weekly, "Australia/Lord_Howe")] {
            let schedule = schedule(cadence, "01:45", zone);
            for hour in 0..24 * 400 {
                let now = at("2026-01-01T00:00:00Z") + TimeDelta::hours(hour);
                let (last, next) = (schedule.last_due(now), schedule.next_due(now));
                assert!(last <= now && now < next, "{now}");
                assert_eq!(schedule.last_due(next - TimeDelta::seconds(1)), last, "{now}");
                assert_eq!(schedule.last_due(next), next, "{now}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |weekday, time, zone| Schedule::new(Cadence::Weekly, weekday, time, zone).unwrap_err();
        assert_eq!(error("someday", "08:00", "UTC").0, "weekday");
        assert_eq!(error("monday", "8", "UTC").0, "time");
        assert_eq!(error("monday", "25:00", "UTC").0, "time");
        assert_eq!(error("monday", "08:00", "Berlin").0, "zone");
    }
}
