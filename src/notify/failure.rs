//! Why one attempt at a delivery failed, and how long to wait for the next.

use std::{error::Error, time::Duration};

use chrono::TimeDelta;
use uuid::Uuid;

use crate::{
    backoff::doubled,
    limits::{NOTIFY_QUOTED_MAX_CHARS, NOTIFY_RETRY_FIRST_S, NOTIFY_RETRY_LONGEST_S},
    text::visible,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryFailure {
    /// One sentence without a full stop.
    pub words: String,
    pub retry_after: RetryAfter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// It may work soon.
    Soon,
    /// The other side said no: somebody has to change something first.
    Refused,
    /// The other side said when.
    AtLeast(TimeDelta),
}

impl DeliveryFailure {
    pub(super) fn soon(words: impl Into<String>) -> DeliveryFailure {
        DeliveryFailure { words: words.into(), retry_after: RetryAfter::Soon }
    }

    pub(super) fn refused(words: impl Into<String>) -> DeliveryFailure {
        DeliveryFailure { words: words.into(), retry_after: RetryAfter::Refused }
    }

    /// How long to wait after this failure, which was preceded by `attempts` others: 30 seconds, then twice as long each time,
    /// at most an hour, a fifth more or less so that not everything comes back at the same moment.
    pub(super) fn pause(&self, attempts: u32, delivery: Uuid) -> TimeDelta {
        let longest = NOTIFY_RETRY_LONGEST_S * 1_000;
        let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        let doubled = doubled(seconds(NOTIFY_RETRY_FIRST_S), attempts, seconds(NOTIFY_RETRY_LONGEST_S));
        let pause_ms = match self.retry_after {
            RetryAfter::Refused => longest,
            RetryAfter::Soon | RetryAfter::AtLeast(_) => i64::try_from(doubled.as_millis()).unwrap_or(longest),
        };
        // Uuids are random enough, and a test can tell what comes out.
        let [first, second, ..] = *delivery.as_bytes();
        let spread = i64::from(first ^ (attempts as u8).wrapping_mul(second | 1));
        let pause = TimeDelta::milliseconds((pause_ms * (800 + spread * 400 / 255) / 1_000).min(longest));
        match self.retry_after {
            RetryAfter::AtLeast(asked) => pause.max(asked.min(TimeDelta::seconds(NOTIFY_RETRY_LONGEST_S))),
            RetryAfter::Soon | RetryAfter::Refused => pause,
        }
    }
}

/// What the other side said, on one line and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = visible(&line);
    match line.char_indices().nth(NOTIFY_QUOTED_MAX_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.into_owned(),
    }
}

/// The last of a chain of errors: the ones above say only that something went wrong, and name URLs that are secrets.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    quoted(&innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_half_a_minute_to_an_hour() {
        let failure = DeliveryFailure::soon("x");
        let mut all = Vec::new();
        for attempts in 0..200 {
            for name in [0, 77, u128::MAX] {
                let pause = failure.pause(attempts, Uuid::from_u128(name << 64 | name)).num_seconds();
                let middle = (30_i64 << attempts.min(20)).min(3_600);
                assert!(pause >= middle * 8 / 10 && pause <= (middle * 12 / 10).min(3_600), "{attempts}: {pause}");
                all.push(pause);
            }
        }
        all.dedup();
        assert!(all.len() > 10, "they are spread");
        assert!(DeliveryFailure::refused("x").pause(0, Uuid::nil()).num_seconds() >= 2_880);
        let asked = |seconds| DeliveryFailure {
            words: String::new(),
            retry_after: RetryAfter::AtLeast(TimeDelta::seconds(seconds)),
        };
        assert_eq!(asked(300).pause(0, Uuid::nil()).num_seconds(), 300);
        assert_eq!(asked(86_400).pause(0, Uuid::nil()).num_seconds(), 3_600);
        assert_eq!(asked(0).pause(0, Uuid::nil()).num_seconds(), 24);
    }

    #[test]
    fn what_is_quoted_is_one_short_line() {
        assert_eq!(quoted(" <html>\n  no\u{1b}[2J\n"), "<html> no‹U+001B›[2J");
        assert_eq!(quoted(&"ä".repeat(1_000)).chars().count(), 201);
    }
}
