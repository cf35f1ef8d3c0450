//! A policy file as it is served (RFC 8461 §3.2), read as strictly as the RFC allows a sender to: every line by itself, with what is wrong with it
//! and where. What some senders take all the same is a fault here.

use serde::{Deserialize, Serialize};

use super::pattern;
use crate::report::StsMode;

/// The longest time a policy may be held, in seconds (RFC 8461 §3.2): about a year.
pub const MAX_AGE_MAX_S: u64 = 31_557_600;
/// Lines that are judged one by one; a file with more has other troubles.
const LINES_MAX: usize = 1_000;
/// Characters of a line that are shown.
const SHOWN_MAX_CHARS: usize = 80;

/// What a sender makes of a policy file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyReading {
    /// The first good `mode`.
    pub mode: Option<StsMode>,
    /// The first good `max_age`, in seconds.
    pub max_age_s: Option<u64>,
    /// The `mx` patterns, as written, in their order.
    pub mx: Vec<String>,
    /// What is wrong, in the order of the lines, what is missing last.
    pub faults: Vec<PolicyFault>,
}

/// Something about a policy file that a sender does not accept, or that is not what it seems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFault {
    pub kind: PolicyFaultKind,
    /// From 1; `None` for what is missing.
    pub line: Option<usize>,
    /// The line as served, with octets that cannot be shown as `\x…`; empty for what is missing.
    pub found: String,
    /// What is wrong with it, in words.
    pub problem: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyFaultKind {
    Version,
    Mode,
    MaxAge,
    MxMissing,
    MxForm,
    Line,
    /// A key that stands there again; only the first counts.
    Duplicate {
        /// The values are not the same.
        differs: bool,
    },
    /// A key that RFC 8461 does not know; senders ignore it.
    UnknownKey {
        /// It is nearly one that it knows.
        is_near: bool,
    },
}

impl PolicyFaultKind {
    /// Whether a sender that follows the RFC ignores the whole policy for it.
    pub fn makes_invalid(self) -> bool {
        !matches!(self, PolicyFaultKind::Duplicate { .. } | PolicyFaultKind::UnknownKey { .. })
    }
}

impl PolicyReading {
    /// Whether a sender that follows the RFC applies it.
    pub fn is_valid(&self) -> bool {
        self.mode.is_some() && self.max_age_s.is_some() && !self.faults.iter().any(|fault| fault.kind.makes_invalid())
    }
}

const KEYS: [&str; 4] = ["version", "mode", "max_age", "mx"];

/// Reads the bytes of a policy file.
pub fn read(bytes: &[u8]) -> PolicyReading {
    let mut reader = Reader::default();
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    if let Some(encoding) = foreign_encoding(bytes) {
        reader.fault(PolicyFaultKind::Line, 1, body.split(|byte| *byte == b'\n').next().unwrap_or_default(), encoding);
    }
    for (index, line) in body.split(|byte| *byte == b'\n').take(LINES_MAX).enumerate() {
        reader.line(index + 1, line.strip_suffix(b"\r").unwrap_or(line));
    }
    reader.finish()
}

/// A mark at the beginning of the file that says that it is not plain ASCII.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark (UTF-8)"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16, not plain text"),
        _ => None,
    }
}

#[derive(Default)]
struct Reader {
    reading: PolicyReading,
    version: Option<String>,
    mode: Option<String>,
    max_age: Option<String>,
}

impl Reader {
    fn fault(&mut self, kind: PolicyFaultKind, line: usize, found: &[u8], problem: impl Into<String>) {
        self.reading.faults.push(PolicyFault { kind, line: Some(line), found: shown(found), problem: problem.into() });
    }

    fn line(&mut self, number: usize, line: &[u8]) {
        let has_mark = number == 1 && foreign_encoding(line).is_some();
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| has_mark).unwrap_or(line);
        let Some(text) = std::str::from_utf8(line).ok().filter(|text| !text.chars().any(is_control)) else {
            // What a mark explains is said once.
            if !has_mark {
                self.fault(PolicyFaultKind::Line, number, line, "holds octets that are no text");
            }
            return;
        };
        if text.trim_matches(WHITE_SPACE).is_empty() {
            return self.fault(PolicyFaultKind::Line, number, line, "is an empty line");
        }
        let Some((key, value)) = text.split_once(':') else {
            return self.fault(PolicyFaultKind::Line, number, line, "has no colon behind its key");
        };
        if key.starts_with(WHITE_SPACE) || key.ends_with(WHITE_SPACE) {
            return self.fault(PolicyFaultKind::Line, number, line, "has a blank before its key or before the colon");
        }
        let value = value.trim_matches(WHITE_SPACE);
        match key {
            "version" => self.version(number, line, value),
            "mode" => self.mode(number, line, value),
            "max_age" => self.max_age(number, line, value),
            "mx" => self.mx(number, line, value),
            other if is_key(other) => {
                let near = near(other);
                let problem = match near {
                    Some(key) => format!("has the key {other}, which senders do not know: {key} is meant"),
                    None => format!("has the key {other}, which RFC 8461 does not know; senders ignore it"),
                };
                self.fault(PolicyFaultKind::UnknownKey { is_near: near.is_some() }, number, line, problem);
            }
            _ => self.fault(PolicyFaultKind::Line, number, line, "has a key that is none"),
        }
    }

    /// The value, where it is the first of its key.
    fn is_again(&mut self, known: Option<String>, number: usize, line: &[u8], value: &str) -> bool {
        let Some(known) = known else { return false };
        let differs = known != value;
        let problem = match differs {
            true => {
                "stands there a second time with another value: only the first counts, and some senders take the last"
            }
            false => "stands there a second time",
        };
        self.fault(PolicyFaultKind::Duplicate { differs }, number, line, problem);
        true
    }

    fn version(&mut self, number: usize, line: &[u8], value: &str) {
        if self.is_again(self.version.clone(), number, line, value) {
            return;
        }
        self.version = Some(value.to_owned());
        if value != "STSv1" {
            self.fault(PolicyFaultKind::Version, number, line, "must be STSv1, written exactly so");
        }
    }

    fn mode(&mut self, number: usize, line: &[u8], value: &str) {
        if self.is_again(self.mode.clone(), number, line, value) {
            return;
        }
        self.mode = Some(value.to_owned());
        self.reading.mode = StsMode::from_name(value);
        if self.reading.mode.is_none() {
            self.fault(PolicyFaultKind::Mode, number, line, "must be enforce, testing or none, in small letters");
        }
    }

    fn max_age(&mut self, number: usize, line: &[u8], value: &str) {
        if self.is_again(self.max_age.clone(), number, line, value) {
            return;
        }
        self.max_age = Some(value.to_owned());
        let is_number = (1..=10).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse::<u64>().ok().filter(|_| is_number) {
            Some(seconds) if seconds <= MAX_AGE_MAX_S => self.reading.max_age_s = Some(seconds),
            Some(_) => {
                let problem = format!("is longer than a policy may be held: {MAX_AGE_MAX_S} seconds at most");
                self.fault(PolicyFaultKind::MaxAge, number, line, problem);
            }
            None => self.fault(PolicyFaultKind::MaxAge, number, line, "must be a number of seconds, in digits only"),
        }
    }

    fn mx(&mut self, number: usize, line: &[u8], value: &str) {
        self.reading.mx.push(value.to_owned());
        if let Some(fault) = pattern::fault(value) {
            self.fault(PolicyFaultKind::MxForm, number, line, fault.words());
        }
    }

    fn finish(mut self) -> PolicyReading {
        let mut missing = |kind, problem: &str| {
            let fault = PolicyFault { kind, line: None, found: String::new(), problem: problem.to_owned() };
            self.reading.faults.push(fault);
        };
        if self.version.is_none() {
            missing(PolicyFaultKind::Version, "the line version: STSv1 is missing");
        }
        if self.mode.is_none() {
            missing(PolicyFaultKind::Mode, "the line mode: … is missing");
        }
        if self.max_age.is_none() {
            missing(PolicyFaultKind::MaxAge, "the line max_age: … is missing");
        }
        if self.reading.mx.is_empty() && self.reading.mode != Some(StsMode::None) {
            missing(PolicyFaultKind::MxMissing, "there is no line mx: …: a policy has to list its MX hosts");
        }
        self.reading
    }
}

/// WSP of RFC 5234.
const WHITE_SPACE: [char; 2] = [' ', '\t'];

fn is_control(char: char) -> bool {
    char.is_control() && char != '\t'
}

/// A name as `sts-policy-ext-name` has it: letters and digits, and `_`, `-`, `.` behind the first of them.
fn is_key(key: &str) -> bool {
    (1..=32).contains(&key.len())
        && key.starts_with(|first: char| first.is_ascii_alphanumeric())
        && key.chars().all(|char| char.is_ascii_alphanumeric() || "_-.".contains(char))
}

/// The key that is meant by one that differs in case, in `-` for `_`, or in a word of its own.
fn near(key: &str) -> Option<&'static str> {
    let letters = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect::<String>()
    };
    let typed = letters(key);
    KEYS.into_iter().find(|known| {
        let known = letters(known);
        typed == known || (known == "mx" && ["mxs", "mxhost", "mxhosts"].contains(&typed.as_str()))
    })
}

fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match is_control(char) {
                true => text.extend(char.escape_default()),
                false => text.push(char),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
        if text.chars().count() > SHOWN_MAX_CHARS {
            return text.chars().take(SHOWN_MAX_CHARS).chain(['…']).collect();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str =
        "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n";

    fn kinds(text: &str) -> Vec<(PolicyFaultKind, Option<usize>)> {
        read(text.as_bytes()).faults.into_iter().map(|fault| (fault.kind, fault.line)).collect()
    }

    #[test]
    fn a_good_policy_has_no_faults_however_its_lines_end() {
        for text in [GOOD.to_owned(), GOOD.replace("\r\n", "\n"), GOOD.trim_end().to_owned()] {
            let reading = read(text.as_bytes());
            assert!(reading.is_valid(), "{reading:?}");
            assert_eq!((reading.mode, reading.max_age_s), (Some(StsMode::Enforce), Some(604_800)));
            assert_eq!(reading.mx, ["mx1.example.com", "*.example.net"]);
        }
        let other_order = "mx:mx1.example.com\nmax_age:\t31557600 \nmode:testing\nversion:STSv1";
        assert!(read(other_order.as_bytes()).is_valid());
        assert!(read(b"version: STSv1\nmode: none\nmax_age: 86400\n").is_valid(), "none needs no mx");
    }

    #[test]
    fn each_fault_is_found_on_its_line() {
        use PolicyFaultKind::*;
        let with = |from: &str, to: &str| GOOD.replace("\r\n", "\n").replace(from, to);
        let cases = [
            (with("STSv1", "stsv1"), Version, Some(1)),
            (with("version: STSv1\n", ""), Version, None),
            (with("enforce", "Enforce"), Mode, Some(2)),
            (with("mode: enforce\n", ""), Mode, None),
            (with("604800", "1 week"), MaxAge, Some(5)),
            (with("604800", "31557601"), MaxAge, Some(5)),
            (with("604800", "-1"), MaxAge, Some(5)),
            (with("604800", "+1"), MaxAge, Some(5)),
            (with("604800", "00000000001"), MaxAge, Some(5)),
            (with("max_age: 604800\n", ""), MaxAge, None),
            (with("mx: mx1.example.com\nmx: *.example.net\n", ""), MxMissing, None),
            (with("mx1.example.com", "mx1.example.com."), MxForm, Some(3)),
            (with("mode: enforce", "mode: enforce\n"), Line, Some(3)),
            (with("mode: enforce", "mode: enforce\nhello"), Line, Some(3)),
            (with("mode:", " mode:"), Line, Some(2)),
            (with("mode: enforce", "mode: enforce\nmode: enforce"), Duplicate { differs: false }, Some(3)),
            (with("mode: enforce", "mode: enforce\nmode: testing"), Duplicate { differs: true }, Some(3)),
            (with("mode: enforce", "mode: enforce\nmx-host: a.example"), UnknownKey { is_near: true }, Some(3)),
            (with("mode: enforce", "mode: enforce\nMode: enforce"), UnknownKey { is_near: true }, Some(3)),
            (with("mode: enforce", "mode: enforce\ncontact: me"), UnknownKey { is_near: false }, Some(3)),
            (format!("\u{feff}{GOOD}"), Line, Some(1)),
        ];
        for (text, kind, line) in cases {
            let found = kinds(&text);
            assert!(found.contains(&(kind, line)), "{text:?}: {found:?}");
            assert_eq!(read(text.as_bytes()).is_valid(), !kind.makes_invalid(), "{text:?}");
        }
        assert_eq!(kinds(&format!("\u{feff}{GOOD}")), [(Line, Some(1))], "what the mark explains is said once");
    }

    #[test]
    fn octets_that_cannot_be_shown_are_shown_as_what_they_are() {
        let reading = read(b"version: STSv1\nmo\x00de: \xffenforce\n");
        assert_eq!(reading.faults[0].found, "mo\\u{0}de: \\xffenforce");
    }

    #[test]
    fn a_web_page_is_no_policy() {
        let reading = read(b"<!DOCTYPE html>\n<html><body>Welcome: here</body></html>\n");
        assert!(!reading.is_valid() && reading.faults.len() >= 5, "{reading:?}");
    }

    proptest! {
        #[test]
        fn any_octets_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let reading = read(&bytes);
            prop_assert!(reading.faults.iter().all(|fault| fault.found.chars().count() <= SHOWN_MAX_CHARS + 1));
        }

        #[test]
        fn a_policy_that_is_rendered_reads_back(mode in 0..3usize, max_age in 0..=MAX_AGE_MAX_S, mx in prop::collection::vec("(\\*\\.)?[a-z]{1,9}\\.[a-z]{1,9}", 1..5)) {
            let mode = [StsMode::Enforce, StsMode::Testing, StsMode::None][mode];
            let lines = mx.iter().map(|pattern| format!("mx: {pattern}\r\n")).collect::<String>();
            let text = format!("version: STSv1\r\nmode: {}\r\n{lines}max_age: {max_age}\r\n", mode.as_str());
            let reading = read(text.as_bytes());
            prop_assert!(reading.is_valid());
            prop_assert_eq!((reading.mode, reading.max_age_s, reading.mx), (Some(mode), Some(max_age), mx));
        }
    }
}
