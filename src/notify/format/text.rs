//! Words of strangers in texts of ours.

/// The sign that something was left out.
const CUT: &str = "…";

/// The text escaped, cut with `…` where it would be larger than `max` as `size` measures it. No character may measure 0.
pub(super) fn fit(text: &str, max: usize, escape: impl Fn(&str) -> String, size: impl Fn(&str) -> usize) -> String {
    // More characters than `max` cannot fit, so the rest need not be looked at.
    let text = text.char_indices().nth(max + 1).map_or(text, |(end, _)| text.get(..end).unwrap_or(text));
    let whole = escape(text);
    if size(&whole) <= max {
        return whole;
    }
    let beginning = |end: usize| escape(text.get(..end).unwrap_or_default());
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let fitting = ends.partition_point(|end| size(&beginning(*end)) + size(CUT) <= max);
    let end = fitting.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or_default();
    beginning(end) + CUT
}

/// Cut by the units of UTF-16, in which services written in JavaScript count; there are never fewer than characters.
pub(super) fn fit_units(text: &str, max: usize, escape: impl Fn(&str) -> String) -> String {
    fit(text, max, escape, |text| text.encode_utf16().count())
}

pub(super) fn plain(text: &str) -> String {
    text.to_owned()
}

/// Markdown's signs in the text are signs only.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if "\\`*_~|<>[]()#!".contains(char) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_not_within_an_escape() {
        assert_eq!(fit_units("abcdef", 6, plain), "abcdef");
        assert_eq!(fit_units("abcdefg", 6, plain), "abcde…");
        assert_eq!(fit_units("🙂🙂🙂", 5, plain), "🙂🙂…");
        assert_eq!(fit_units("a****", 6, markdown), "a\\*\\*…");
        assert_eq!(fit("äöü", 6, plain, str::len), "äöü");
        assert_eq!(fit("äöüß", 7, plain, str::len), "äö…");
        assert_eq!(fit("abc", 0, plain, str::len), "…");
        assert_eq!(fit_units(&"x".repeat(1_000_000), 10, markdown).chars().count(), 10);
    }
}
