//! `date-range`: RFC 3339 and the ways around it. A moment that cannot be told is a fault: such a report has no place.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Timelike, Utc};

use crate::{
    fault::{Fault, FaultCode},
    report::{
        DateRange, Deviation, Judge,
        json::{JsonField, JsonValue, Reader},
        notes::Notes,
        wire::Range,
    },
};

const DAY: TimeDelta = TimeDelta::days(1);
/// From midnight to 23:59:59.
const DAY_LENGTH_MIN: TimeDelta = TimeDelta::seconds(86_399);
const LONG: TimeDelta = TimeDelta::days(8);
const LENGTH_MAX: TimeDelta = TimeDelta::days(92);
const LATE: TimeDelta = TimeDelta::days(3);
/// Clocks differ, and the end of today is ahead of us.
const FUTURE_MAX: TimeDelta = TimeDelta::days(1);

/// A moment, or a day that was given without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportMoment {
    pub time: DateTime<Utc>,
    pub is_date_only: bool,
}

pub(crate) fn range(
    range: Range<'_>,
    report_at: usize,
    judge: Judge,
    reader: &Reader<'_>,
    notes: &mut Notes,
) -> Result<DateRange, Fault> {
    let (at, start, end) = match range {
        Range::Given { at, start, end } => (at, start, end),
        Range::Wrong(at) => {
            let detail = "`date-range` is no object";
            return Err(reader.fault(FaultCode::BadDateRange, detail, at));
        }
        Range::Absent => {
            let detail = "a report has a `date-range` (RFC 8460 §4.4)";
            return Err(reader.fault(FaultCode::NoDateRange, detail, report_at));
        }
    };
    let start = moment(&start, "start-datetime", reader, notes)?.time;
    let end = moment(&end, "end-datetime", reader, notes)?;
    // A day as the end means all of it.
    let end = if end.is_date_only { end.time.checked_add_signed(DAY).unwrap_or(end.time) } else { end.time };
    let range = DateRange { start, end };
    check(&range, at, judge, reader, notes)?;
    Ok(range)
}

fn check(range: &DateRange, at: usize, judge: Judge, reader: &Reader<'_>, notes: &mut Notes) -> Result<(), Fault> {
    let fault = |code, detail: String| Err(reader.fault(code, detail, at));
    let length = range.end.signed_duration_since(range.start);
    if length < TimeDelta::zero() {
        let (start, end) = (range.start, range.end);
        return fault(FaultCode::BadDateRange, format!("the range ends at {end} before it starts at {start}"));
    }
    if length > LENGTH_MAX && !judge.admitted {
        return fault(
            FaultCode::RangeTooLong,
            format!("the range spans {} days, at most 92 are taken", length.num_days()),
        );
    }
    let ahead = range.end.signed_duration_since(judge.received_at);
    if ahead > FUTURE_MAX && !judge.admitted {
        return fault(FaultCode::FutureDate, format!("the range ends at {}, more than a day in the future", range.end));
    }
    let is_utc_day = range.start.num_seconds_from_midnight() == 0
        && range.start.nanosecond() == 0
        && (DAY_LENGTH_MIN..=DAY).contains(&length);
    let is_plausible = |time: DateTime<Utc>| (2016..=2100).contains(&time.year());
    let found = [
        (Deviation::EmptyRange, length.is_zero()),
        (Deviation::RangeLong, length > LONG),
        (Deviation::RangeNotUtcDay, !is_utc_day && !length.is_zero()),
        (Deviation::Future, ahead > TimeDelta::zero()),
        (Deviation::Late, ahead < -LATE),
        (Deviation::DateImplausible, !is_plausible(range.start) || !is_plausible(range.end)),
    ];
    for (deviation, _) in found.iter().filter(|(_, is_found)| *is_found) {
        notes.add(*deviation, at);
    }
    Ok(())
}

fn moment(field: &JsonField<'_>, name: &str, reader: &Reader<'_>, notes: &mut Notes) -> Result<ReportMoment, Fault> {
    let bad = || {
        let detail = format!("`{name}` cannot be read as a date and time (RFC 3339 §5.6)");
        reader.fault(FaultCode::BadDate, detail, field.at)
    };
    let parsed = match &field.value {
        JsonValue::Absent | JsonValue::Null => {
            let detail = format!("`{name}` is missing in `date-range`");
            return Err(reader.fault(FaultCode::NoDateRange, detail, field.at));
        }
        JsonValue::Text(text) => parse(text.trim()),
        JsonValue::Number(number) => epoch(number),
        JsonValue::Bool | JsonValue::Nested(_) => None,
    };
    let (moment, deviation) = parsed.ok_or_else(bad)?;
    if let Some(deviation) = deviation {
        notes.add(deviation, field.at);
    }
    Ok(moment)
}

/// Reads RFC 3339 and what is near it; with the deviation where it is only near.
pub(crate) fn parse(text: &str) -> Option<(ReportMoment, Option<Deviation>)> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return epoch(text);
    }
    let mut scan = Scan { rest: text.as_bytes(), odd: false };
    let year = scan.digits(4)?;
    scan.expect(b'-')?;
    let month = scan.digits(2)?;
    scan.expect(b'-')?;
    let date = NaiveDate::from_ymd_opt(year as i32, month, scan.digits(2)?)?;
    if scan.rest.is_empty() {
        let time = date.and_hms_opt(0, 0, 0)?.and_utc();
        return Some((ReportMoment { time, is_date_only: true }, Some(Deviation::DateForm)));
    }
    scan.separator()?;
    let (hour, minute, second, nanos) = scan.time()?;
    let offset = scan.offset()?;
    // RFC 8460 §4.1 itself speaks of 24:00; a leap second has no place of its own and becomes the next one.
    let is_midnight = (hour, minute, second, nanos) == (24, 0, 0, 0);
    let is_leap = second == 60;
    scan.odd |= is_midnight || is_leap;
    let (days, hour) = if is_midnight { (1, 0) } else { (0, hour) };
    let (leap, second) = if is_leap { (1, 59) } else { (0, second) };
    let local = date.checked_add_days(Days::new(days))?.and_hms_nano_opt(hour, minute, second, nanos)?;
    let time = local.checked_add_signed(TimeDelta::seconds(leap - offset.unwrap_or(0)))?.and_utc();
    let deviation = match offset {
        None => Some(Deviation::TzMissing),
        Some(_) => scan.odd.then_some(Deviation::DateForm),
    };
    Some((ReportMoment { time, is_date_only: false }, deviation))
}

/// Seconds or milliseconds since 1970, told apart by their size.
fn epoch(number: &str) -> Option<(ReportMoment, Option<Deviation>)> {
    let whole = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        Some(_) => return None,
        None => number,
    };
    let time = match whole.parse::<i64>().ok()? {
        seconds @ 1_000_000_000..=100_000_000_000 => DateTime::from_timestamp(seconds, 0)?,
        millis @ 1_000_000_000_000..=100_000_000_000_000 => DateTime::from_timestamp_millis(millis)?,
        _ => return None,
    };
    Some((ReportMoment { time, is_date_only: false }, Some(Deviation::DateEpoch)))
}

struct Scan<'a> {
    rest: &'a [u8],
    /// Something was read that RFC 3339 does not have.
    odd: bool,
}

impl Scan<'_> {
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| Some(number * 10 + char::from(*digit).to_digit(10)?))
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// RFC 3339 §5.6 lets `T` be written small, and leaves the blank to local agreement.
    fn separator(&mut self) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.odd |= *first == b' ';
        self.rest = rest;
        matches!(first, b'T' | b't' | b' ').then_some(())
    }

    /// Hour, minute, second and nanoseconds, these cut to whole microseconds: the store has no finer ones.
    fn time(&mut self) -> Option<(u32, u32, u32, u32)> {
        let hour = self.digits(2)?;
        self.expect(b':')?;
        let minute = self.digits(2)?;
        self.expect(b':')?;
        let second = self.digits(2)?;
        let mut micros = 0;
        if let [mark @ (b'.' | b','), rest @ ..] = self.rest {
            self.odd |= *mark == b',';
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            let (fraction, rest) = rest.split_at(length);
            let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
            micros = padded.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
            self.rest = rest;
        }
        Some((hour, minute, second, micros * 1_000))
    }

    /// Seconds east of UTC; `Some(None)` where there is no offset at all.
    fn offset(&mut self) -> Option<Option<i64>> {
        let (sign, rest) = match self.rest {
            [] => return Some(None),
            [b'Z' | b'z'] => return Some(Some(0)),
            [sign @ (b'+' | b'-'), rest @ ..] => (*sign, rest),
            zone => {
                self.odd = true;
                let zone = zone.trim_ascii();
                return (zone.eq_ignore_ascii_case(b"UTC") || zone.eq_ignore_ascii_case(b"GMT")).then_some(Some(0));
            }
        };
        self.rest = rest;
        let hours = self.digits(2)?;
        self.odd |= self.rest.first() != Some(&b':');
        let _ = self.expect(b':');
        let minutes = if self.rest.is_empty() { 0 } else { self.digits(2)? };
        if hours > 23 || minutes > 59 || !self.rest.is_empty() {
            return None;
        }
        let seconds = i64::from(hours * 3_600 + minutes * 60);
        Some(Some(if sign == b'-' { -seconds } else { seconds }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(String, Option<Deviation>)> {
        let (moment, deviation) = parse(text)?;
        Some((moment.time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(), deviation))
    }

    #[test]
    fn dates_are_read() {
        use Deviation::*;
        let cases = [
            ("2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z", None),
            ("2024-03-01t00:00:00z", "2024-03-01T00:00:00Z", None),
            ("2024-03-01T00:00:00+00:00", "2024-03-01T00:00:00Z", None),
            ("2024-03-01T00:00:00-00:00", "2024-03-01T00:00:00Z", None),
            ("2024-03-01T14:00:00+14:00", "2024-03-01T00:00:00Z", None),
            ("2024-02-29T12:00:00-12:00", "2024-03-01T00:00:00Z", None),
            ("2024-03-01T23:59:00+23:59", "2024-03-01T00:00:00Z", None),
            ("2024-03-01T23:59:59.123456789012Z", "2024-03-01T23:59:59.123456Z", None),
            ("2024-03-01T23:59:59,5Z", "2024-03-01T23:59:59.500Z", Some(DateForm)),
            ("2024-03-01 00:00:00Z", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-03-01T05:30:00+0530", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-03-01T05:00:00+05", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-03-01T00:00:00 UTC", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-02-29T24:00:00Z", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-02-29T23:59:60Z", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-03-01", "2024-03-01T00:00:00Z", Some(DateForm)),
            ("2024-03-01T00:00:00", "2024-03-01T00:00:00Z", Some(TzMissing)),
            ("1709251200", "2024-03-01T00:00:00Z", Some(DateEpoch)),
            ("1709251200.75", "2024-03-01T00:00:00Z", Some(DateEpoch)),
            ("1709251200000", "2024-03-01T00:00:00Z", Some(DateEpoch)),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:60Z", "+10000-01-01T00:00:00Z", Some(DateForm)),
        ];
        for (text, expected, deviation) in cases {
            assert_eq!(read(text), Some((expected.to_owned(), deviation)), "{text}");
        }
    }

    #[test]
    fn impossible_dates_are_told() {
        for text in [
            "",
            "T",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-03-01T25:00:00Z",
            "2024-03-01T24:00:01Z",
            "2024-03-01T00:60:00Z",
            "2024-03-01T00:00:61Z",
            "2024-03-01T00:00:00+24:00",
            "2024-03-01T00:00:00+05:60",
            "2024-03-01T00:00Z",
            "2024-03-01T00:00:00.Z",
            "2024-03-01T00:00:00ZZ",
            "2024-03-01T00:00:00CET",
            "24-03-01T00:00:00Z",
            "2024-3-1T00:00:00Z",
            "Fri, 09 May 2017 00:00:00 +0000",
            "20240301",
            "999999999",
            "1709251200.",
            "-1709251200",
            "99999999999999999999",
            "२०२४-03-01T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_moment_survives_being_written(seconds in -62_000_000_000_i64..250_000_000_000, micros in 0_u32..1_000_000) {
            let time = DateTime::from_timestamp(seconds, micros * 1_000).unwrap();
            let (moment, deviation) = parse(&time.to_rfc3339()).unwrap();
            prop_assert_eq!(moment.time, time);
            prop_assert_eq!(deviation, None);
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
