//! Session counts. RFC 7493 §2.2: integers up to 2^53-1; what is none stays unknown and is never taken for zero.

use crate::{
    limits::SESSIONS_PLAUSIBLE_MAX,
    report::{
        Deviation,
        json::{JsonField, JsonValue},
        notes::Notes,
    },
};

const COUNT_MAX: i64 = (1 << 53) - 1;

/// A count, or `None` where it is missing or unusable. `missing` is noted where there is nothing at all.
pub(super) fn count(field: &JsonField<'_>, missing: Deviation, notes: &mut Notes) -> Option<i64> {
    let (count, deviation) = match &field.value {
        JsonValue::Absent | JsonValue::Null => (None, Some(missing)),
        JsonValue::Number(number) => of_number(number),
        JsonValue::Text(text) => of_text(text.trim()),
        JsonValue::Bool | JsonValue::Nested(_) => (None, Some(Deviation::CountInvalid)),
    };
    if let Some(deviation) = deviation {
        notes.add(deviation, field.at);
    }
    if count.is_some_and(|count| count > SESSIONS_PLAUSIBLE_MAX) {
        notes.add(Deviation::CountImplausible, field.at);
    }
    count
}

fn of_text(text: &str) -> (Option<i64>, Option<Deviation>) {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return (None, Some(Deviation::CountInvalid));
    }
    match integer(text) {
        Some(count) => (Some(count), Some(Deviation::CountString)),
        None => (None, Some(Deviation::CountRange)),
    }
}

fn of_number(number: &str) -> (Option<i64>, Option<Deviation>) {
    if number.bytes().all(|byte| byte.is_ascii_digit()) {
        return match integer(number) {
            Some(count) => (Some(count), None),
            None => (None, Some(Deviation::CountRange)),
        };
    }
    let (negative, magnitude) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let is_float = magnitude.contains(['.', 'e', 'E']);
    match decimal(magnitude) {
        Decimal::Zero if !is_float => (Some(0), None),
        Decimal::Zero => (Some(0), Some(Deviation::CountFloat)),
        _ if negative => (None, Some(Deviation::CountNegative)),
        Decimal::Integer(count) => (Some(count), Some(Deviation::CountFloat)),
        Decimal::TooLarge => (None, Some(Deviation::CountRange)),
        Decimal::Fraction => (None, Some(Deviation::CountInvalid)),
    }
}

fn integer(digits: &str) -> Option<i64> {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().filter(|count| *count <= COUNT_MAX)
}

enum Decimal {
    Zero,
    Integer(i64),
    Fraction,
    TooLarge,
}

/// `3.0`, `1e3`, `1e400`, without going through a float.
fn decimal(magnitude: &str) -> Decimal {
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Decimal::Zero;
    }
    let negative_exponent = exponent.starts_with('-');
    let exponent: i64 = exponent.parse().unwrap_or(if negative_exponent { i64::MIN / 2 } else { i64::MAX / 2 });
    let dropped = (digits.len() - significant.len()) as i64;
    let power = exponent.saturating_sub(fraction.len() as i64).saturating_add(dropped);
    if power < 0 {
        return Decimal::Fraction;
    }
    let Ok(power) = u32::try_from(power) else { return Decimal::TooLarge };
    let significant: Option<i64> = significant.parse().ok();
    let count = significant.and_then(|number| number.checked_mul(10_i64.checked_pow(power)?));
    count.filter(|count| *count <= COUNT_MAX).map_or(Decimal::TooLarge, Decimal::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_counts_or_stay_unknown() {
        use Deviation::*;
        let cases = [
            ("0", Some(0), None),
            ("-0", Some(0), None),
            ("326", Some(326), None),
            ("9007199254740991", Some(COUNT_MAX), None),
            ("9007199254740992", None, Some(CountRange)),
            ("99999999999999999999", None, Some(CountRange)),
            ("1e400", None, Some(CountRange)),
            ("1e99999999999999999999", None, Some(CountRange)),
            ("1e-99999999999999999999", None, Some(CountInvalid)),
            ("3.0", Some(3), Some(CountFloat)),
            ("0.0", Some(0), Some(CountFloat)),
            ("1E3", Some(1000), Some(CountFloat)),
            ("1500e-2", Some(15), Some(CountFloat)),
            ("0.5e1", Some(5), Some(CountFloat)),
            ("3.5", None, Some(CountInvalid)),
            ("-3", None, Some(CountNegative)),
            ("-1e400", None, Some(CountNegative)),
        ];
        for (number, count, deviation) in cases {
            assert_eq!(of_number(number), (count, deviation), "{number}");
        }
    }

    #[test]
    fn texts_of_digits_become_counts() {
        assert_eq!(of_text("0012"), (Some(12), Some(Deviation::CountString)));
        assert_eq!(of_text("18446744073709551616"), (None, Some(Deviation::CountRange)));
        for text in ["", "3.0", "-1", "many", "1 000"] {
            assert_eq!(of_text(text), (None, Some(Deviation::CountInvalid)), "{text}");
        }
    }
}
