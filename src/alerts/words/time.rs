//! Days and times as a reader expects them. Report days are UTC.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// `Thu 19 Nov`.
pub fn day(day: NaiveDate) -> String {
    day.format("%a %-d %b").to_string()
}

/// `Thu 19 Nov 08:30 UTC`.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%a %-d %b %H:%M UTC").to_string()
}

/// ` on Thu 19 Nov`, ` from Thu 19 Nov to Sat 21 Nov`, or nothing.
pub fn days(first: Option<NaiveDate>, last: Option<NaiveDate>) -> String {
    match (first, last) {
        (Some(first), Some(last)) if first < last => format!(" from {} to {}", day(first), day(last)),
        (Some(only), _) | (None, Some(only)) => format!(" on {}", day(only)),
        (None, None) => String::new(),
    }
}

/// `3 days`, `1 day`, `2 hours`, `20 minutes`: the largest unit of which there are two; a day to the second is `1 day`.
pub fn span(span: TimeDelta) -> String {
    let (days, hours, minutes) = (span.num_days(), span.num_hours(), span.num_minutes().max(1));
    match (days, hours, minutes) {
        _ if span == TimeDelta::days(1) => "1 day".to_owned(),
        (2.., ..) => format!("{days} days"),
        (_, 2.., _) => format!("{hours} hours"),
        (_, _, 1) => "1 minute".to_owned(),
        _ => format!("{minutes} minutes"),
    }
}
