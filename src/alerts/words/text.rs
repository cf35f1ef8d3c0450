//! Pieces of sentences: numbers, names that somebody else chose, lists.

use crate::{text::is_hidden, wording::thousands};

/// Characters of a name that somebody else chose.
const NAME_MAX_CHARS: usize = 60;

/// `1 session`, `1,690 sessions`.
pub fn count(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{} {what}s", thousands(number)) }
}

/// A name that somebody else chose, fit for a sentence.
pub fn name(text: &str) -> String {
    cut(text, NAME_MAX_CHARS)
}

/// Text without control characters, shortened.
pub fn cut(text: &str, chars_max: usize) -> String {
    let plain = |char: &char| !is_hidden(*char);
    let mut kept: String = text.chars().filter(plain).take(chars_max).collect();
    if text.chars().filter(plain).count() > chars_max {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// The part of a subject a sentence names.
pub fn part(part: &Option<String>) -> String {
    name(part.as_deref().unwrap_or("?"))
}

/// `1 hour`, `28 hours`: of a number from the configuration.
pub fn counted(number: u64, what: &str) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX), what)
}

/// Names as code, with a word between them.
pub fn ticked(names: &[&str], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

/// `1 GiB`, `1.4 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes.is_multiple_of(unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        assert_eq!(bytes(1 << 30), "1 GiB");
        assert_eq!(bytes(1_500_000_000), "1.4 GiB");
        assert_eq!(bytes(12), "12 bytes");
    }
}
