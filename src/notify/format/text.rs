//! Words of strangers in texts of ours.

/// The sign that something was left out.
const CUT: &str = "…";

/// The text with what cannot be seen made visible: control characters as their pictures, characters that turn or hide other
/// text by their number. Nothing that is left breaks a line.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(char))),
            '\u{7f}' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => out.push_str(&format!("<U+{:04X}>", u32::from(char))),
            other => out.push(other),
        }
    }
    out
}

/// The text escaped, cut with `…` where it would be larger than `max` as `size` measures it. No character may measure 0.
pub fn fit(text: &str, max: usize, escape: impl Fn(&str) -> String, size: impl Fn(&str) -> usize) -> String {
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
pub fn fit_units(text: &str, max: usize, escape: impl Fn(&str) -> String) -> String {
    fit(text, max, escape, |text| text.encode_utf16().count())
}

pub fn plain(text: &str) -> String {
    text.to_owned()
}

/// Markdown's signs in the text are signs only.
pub fn markdown(text: &str) -> String {
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
    fn nothing_hides_and_nothing_breaks_a_line() {
        assert_eq!(visible("a\r\nb\0\u{7f}\u{9b}"), "a␍␊b␀␡<U+009B>");
        assert_eq!(
            visible("gro\u{202e}.elpmaxe\u{2066}\u{200b}\u{2028}"),
            "gro<U+202E>.elpmaxe<U+2066><U+200B><U+2028>"
        );
        assert_eq!(visible("Bücher 株式会社 🙂"), "Bücher 株式会社 🙂");
    }

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
