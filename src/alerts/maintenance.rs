//! Maintenance windows: which UTC days they touch.

use std::{collections::BTreeSet, str::FromStr};

use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use super::{Maintenance, plan::AlertSettingError};

/// A maintenance window whose times were understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    when: When,
    /// Empty: all.
    pub policy_domains: Vec<String>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
enum When {
    Once {
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    /// Minutes after local midnight; `to` is above a day where the window ends on the next.
    Weekly {
        weekday: Weekday,
        from_min: u32,
        to_min: u32,
        zone: Tz,
    },
}

/// Report days that do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnderMaintenance {
    /// For every policy domain.
    pub all: BTreeSet<NaiveDate>,
    pub some: BTreeSet<(NaiveDate, String)>,
}

impl Maintenance {
    /// Reads the times. An error names the value that cannot be used.
    pub fn compile(&self) -> Result<Window, AlertSettingError> {
        let wrong =
            |key, value: &Option<String>, why| AlertSettingError { key, value: value.clone().unwrap_or_default(), why };
        let when = match (&self.from, &self.to, &self.weekly) {
            (Some(_), Some(_), None) => {
                let (from, to) = (moment("from", &self.from)?, moment("to", &self.to)?);
                if to <= from {
                    return Err(wrong("to", &self.to, "not after `from`"));
                }
                if self.zone.is_some() {
                    return Err(wrong("zone", &self.zone, "belongs to `weekly`; `from` and `to` carry their own"));
                }
                When::Once { from, to }
            }
            (None, None, Some(weekly)) => {
                let zone = self.zone.as_deref().unwrap_or("UTC");
                let zone = Tz::from_str(zone)
                    .map_err(|_| wrong("zone", &self.zone, "not an IANA time zone such as \"Europe/Berlin\""))?;
                let (weekday, from_min, to_min) = parse_weekly(weekly).ok_or_else(|| {
                    wrong("weekly", &self.weekly, "not a weekday and times such as \"Sun 02:00-04:00\"")
                })?;
                When::Weekly { weekday, from_min, to_min, zone }
            }
            (_, _, Some(_)) => {
                return Err(wrong("weekly", &self.weekly, "stands beside `from` or `to`: set one or the other"));
            }
            _ => return Err(wrong("from", &self.from, "a maintenance needs `from` and `to`, or `weekly`")),
        };
        Ok(Window { when, policy_domains: self.policy_domains.clone(), reason: self.reason.clone() })
    }
}

impl Window {
    /// Whether any of it lies on this UTC day.
    pub fn touches(&self, day: NaiveDate) -> bool {
        let start = day.and_time(NaiveTime::MIN).and_utc();
        let Some(end) = start.checked_add_days(Days::new(1)) else { return false };
        match &self.when {
            When::Once { from, to } => *from < end && *to > start,
            When::Weekly { weekday, from_min, to_min, zone } => {
                // Zones are at most fourteen hours from UTC, and a window begins at most a day before it ends.
                let nearby =
                    (0..4).filter_map(|ahead| day.checked_sub_days(Days::new(2))?.checked_add_days(Days::new(ahead)));
                nearby.filter(|local| chrono::Datelike::weekday(local) == *weekday).any(|local| {
                    match (utc(*zone, local, *from_min), utc(*zone, local, *to_min)) {
                        (Some(from), Some(to)) => from < end && to > start,
                        _ => false,
                    }
                })
            }
        }
    }
}

/// A time with its zone, RFC 3339.
pub fn moment(key: &'static str, text: &Option<String>) -> Result<DateTime<Utc>, AlertSettingError> {
    let text = text.as_deref().unwrap_or_default();
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|_| AlertSettingError {
        key,
        value: text.to_owned(),
        why: "not a time with its zone such as 2026-12-01T08:00:00Z",
    })
}

fn parse_weekly(text: &str) -> Option<(Weekday, u32, u32)> {
    let (weekday, times) = text.trim().split_once(' ')?;
    let (from, to) = times.split_once('-')?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    let to = if to <= from { to + 24 * 60 } else { to };
    (from < 24 * 60 && to - from <= 24 * 60).then_some((Weekday::from_str(weekday).ok()?, from, to))
}

fn minutes(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

/// A local wall clock time in UTC. Twice there: the first. Never there, for clocks jumped over it: an hour later.
fn utc(zone: Tz, day: NaiveDate, minutes: u32) -> Option<DateTime<Utc>> {
    let day = day.checked_add_days(Days::new(u64::from(minutes / (24 * 60))))?;
    let minutes = minutes % (24 * 60);
    let local: NaiveDateTime = day.and_hms_opt(minutes / 60, minutes % 60, 0)?;
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.to_utc()),
        MappedLocalTime::None => {
            zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest().map(|at| at.to_utc())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn weekly(text: &str, zone: &str) -> Maintenance {
        Maintenance { weekly: Some(text.to_owned()), zone: Some(zone.to_owned()), ..Maintenance::default() }
    }

    fn once(from: &str, to: &str) -> Maintenance {
        Maintenance { from: Some(from.to_owned()), to: Some(to.to_owned()), ..Maintenance::default() }
    }

    #[test]
    fn a_window_touches_the_utc_days_it_lies_on() {
        let window = once("2026-11-28T20:00:00Z", "2026-11-29T00:00:00Z").compile().unwrap();
        let touched: Vec<bool> =
            ["2026-11-27", "2026-11-28", "2026-11-29"].iter().map(|text| window.touches(day(text))).collect();
        assert_eq!(touched, [false, true, false]);
    }

    #[test]
    fn a_weekly_window_follows_its_zone() {
        // Sunday 29 November 2026, 00:30 in Berlin, is still Saturday in UTC.
        let window = weekly("Sun 00:10-00:50", "Europe/Berlin").compile().unwrap();
        assert!(window.touches(day("2026-11-28")));
        assert!(!window.touches(day("2026-11-29")));
        let window = weekly("Sat 22:00-02:00", "UTC").compile().unwrap();
        assert!(window.touches(day("2026-11-28")) && window.touches(day("2026-11-29")));
        assert!(!window.touches(day("2026-11-30")) && !window.touches(day("2026-11-27")));
        // Clocks in Berlin jump from 02:00 to 03:00 on 29 March 2026.
        let window = weekly("Sun 02:15-02:45", "Europe/Berlin").compile().unwrap();
        assert!(window.touches(day("2026-03-29")));
        let window = weekly("Sun 00:00-24:00", "Pacific/Kiritimati").compile().unwrap();
        assert!(window.touches(day("2026-11-28")) && window.touches(day("2026-11-29")));
        assert!(!window.touches(day("2026-11-30")));
    }

    #[test]
    fn a_bad_value_is_named() {
        let wrong = |maintenance: Maintenance| maintenance.compile().unwrap_err().to_string();
        assert_eq!(
            wrong(weekly("Sun 2-4", "UTC")),
            r#"`weekly = "Sun 2-4"`: not a weekday and times such as "Sun 02:00-04:00""#
        );
        assert!(wrong(weekly("Sun 02:00-04:00", "Berlin")).contains(r#"`zone = "Berlin"`"#));
        assert!(wrong(weekly("Sun 02:60-04:00", "UTC")).contains("weekly"));
        assert!(wrong(weekly("Sun 25:00-26:00", "UTC")).contains("weekly"));
        assert!(wrong(once("2026-11-28T20:00:00Z", "2026-11-28T20:00:00Z")).contains("not after `from`"));
        assert!(wrong(once("tomorrow", "2026-11-28T20:00:00Z")).contains(r#"`from = "tomorrow"`"#));
        assert!(wrong(Maintenance::default()).contains("needs"));
        let both = Maintenance { weekly: Some("Sun 02:00-04:00".to_owned()), ..once("a", "b") };
        assert!(wrong(both).contains("one or the other"));
    }
}
