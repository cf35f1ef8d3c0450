//! File names as they may be shown: a name is chosen by strangers and must not move the cursor or turn the line around.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path};

/// The path with everything visible: control characters, bidirectional overrides and other invisible characters as
/// `\u{…}`, bytes that are not UTF-8 as `\x…`.
pub fn printable(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        push_visible(&mut shown, chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// The same for text that comes out of a report.
pub fn visible(text: &str) -> String {
    let mut shown = String::new();
    push_visible(&mut shown, text);
    shown
}

fn push_visible(shown: &mut String, text: &str) {
    for char in text.chars() {
        if char.is_control() || is_invisible(char) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(char));
        } else {
            shown.push(char);
        }
    }
}

/// Unicode's format characters that hide or reorder text, and its line separators.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn nothing_in_a_name_reaches_the_terminal_unseen() {
        let name = OsStr::from_bytes(b"a\x1b[2J\n\xff\xe2\x80\xaegpj.json");
        assert_eq!(printable(Path::new(name)), "a\\u{1b}[2J\\u{a}\\xff\\u{202e}gpj.json");
        assert_eq!(printable(Path::new("Größe 日本.json")), "Größe 日本.json");
    }
}
