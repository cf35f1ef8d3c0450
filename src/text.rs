//! Text of strangers, made fit to be shown: on a page, in a terminal, in a log, in a mail.
//!
//! Characters that nobody sees, or that turn the text around them, stand as a note of their code point, such as `‹U+202E›`.

use std::{borrow::Cow, fmt::Write, path::Path};

/// The text in one line, with everything in it visible: line ends and tabs too.
pub fn visible(text: &str) -> Cow<'_, str> {
    marked(text, is_hidden)
}

/// The same with line ends and tabs as they are, for where text may have several lines.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    marked(text, |character| is_hidden(character) && !matches!(character, '\n' | '\t'))
}

/// A file's name; bytes that are not UTF-8 stand as `‹FF›`.
pub fn visible_path(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        shown.push_str(&visible(chunk.valid()));
        for byte in chunk.invalid() {
            write!(shown, "‹{byte:02X}›").expect("a String takes everything");
        }
    }
    shown
}

/// As HTML text or as the value of an attribute in quotes. The template engine's own escape also writes `/` as an entity, which
/// makes each address in a page five bytes longer and unreadable in its source.
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn marked(text: &str, is_marked: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains(is_marked) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_marked(character) {
            write!(shown, "‹U+{:04X}›", u32::from(character)).expect("a String takes everything");
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether nobody sees this character, or it changes how its neighbours are shown: Unicode's control and format characters
/// (`Cc`, `Cf`), its line and paragraph separators, its fillers, and the block of tags with what is unassigned in it. Variation
/// selectors up to U+FE0F belong to visible signs and stay.
pub fn is_hidden(character: char) -> bool {
    match character {
        '\u{ad}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{180e}' | '\u{feff}' => true,
        '\u{600}'..='\u{605}' | '\u{890}'..='\u{891}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{3164}' | '\u{ffa0}' => true,
        '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        assert_eq!(visible("plain ü 日本 ❤️ 🙂"), "plain ü 日本 ❤️ 🙂");
        assert_eq!(visible("a\u{202e}b\u{0}c\u{1b}[31m\n"), "a‹U+202E›b‹U+0000›c‹U+001B›[31m‹U+000A›");
        assert_eq!(visible_lines("a\n\tb\r"), "a\n\tb‹U+000D›");
        assert_eq!(
            visible_path(Path::new(OsStr::from_bytes(b"a\x1b[2J\xff\xe2\x80\xaegpj"))),
            "a‹U+001B›[2J‹FF›‹U+202E›gpj"
        );
        assert_eq!(escape_html("<a href=\"/x\">&'"), "&lt;a href=&quot;/x&quot;&gt;&amp;&#x27;");
    }

    proptest! {
        /// By the tables of another library: control, format, separators, and what changes the direction of text.
        #[test]
        fn nothing_that_unicode_calls_hidden_is_left(text in "[a\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Bidi_Control}]{0,20}") {
            prop_assert!(visible(&text).chars().all(|c| c == 'a' || "‹›U+0123456789ABCDEF".contains(c)), "{text:?}");
            prop_assert!(visible_lines(&text).chars().all(|c| c == 'a' || "\n\t‹›U+0123456789ABCDEF".contains(c)), "{text:?}");
        }

        #[test]
        fn letters_and_signs_stay(text in "[\\p{L}\\p{N}\\p{P}\\p{S} &&[^\u{115f}\u{1160}\u{3164}\u{ffa0}]]{0,20}") {
            prop_assert_eq!(visible(&text), text.as_str());
        }
    }
}
