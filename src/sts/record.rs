//! The TXT records that announce a policy (`_mta-sts`, RFC 8461 §3.1) and where reports go (`_smtp._tls`, RFC 8460 §3): which of the records at the
//! name counts, and what is wrong with it. Both are found by the same rules.

use serde::{Deserialize, Serialize};

/// Octets of a record at the most that are shown.
const SHOWN_MAX_CHARS: usize = 300;
/// Records that nearly count, at the most.
const NEAR_MAX: usize = 10;

/// Which of the two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    Sts,
    Tlsrpt,
}

impl RecordKind {
    /// What a record has to begin with, octet for octet; others are discarded.
    pub fn version(self) -> &'static str {
        match self {
            RecordKind::Sts => "v=STSv1;",
            RecordKind::Tlsrpt => "v=TLSRPTv1;",
        }
    }

    /// What stands in front of the policy domain.
    pub fn label(self) -> &'static str {
        match self {
            RecordKind::Sts => "_mta-sts",
            RecordKind::Tlsrpt => "_smtp._tls",
        }
    }

    /// Letters that show what a record was meant to be.
    fn letters(self) -> &'static str {
        match self {
            RecordKind::Sts => "stsv1",
            RecordKind::Tlsrpt => "tlsrpt",
        }
    }
}

/// What a sender finds at the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordReading {
    /// No record counts. Those that look as if they were meant to, with what is wrong with each.
    None {
        near: Vec<(String, String)>,
    },
    /// "If the number of resulting records is not one, … senders MUST assume the recipient domain does not implement" it.
    Several(Vec<String>),
    One(Record),
}

/// The one record that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its strings joined.
    pub text: String,
    /// Names and values behind the version, in their order.
    pub fields: Vec<(String, String)>,
    pub faults: Vec<RecordFault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordFault {
    /// A part between two semicolons that is no `name=value`.
    Syntax { part: String, problem: String },
    /// Two strings of the record were joined where a semicolon or a comma is missing.
    Seam { before: String, after: String },
    /// A field that stands there twice; the first counts.
    Twice(&'static str),
    /// The `id` is missing or is none.
    Id { found: Option<String>, problem: &'static str, better: Option<String> },
    /// There is no `rua`.
    NoRua,
    /// A URI of `rua` that senders cannot use.
    Uri { uri: String, problem: &'static str, better: Option<String> },
}

impl Record {
    /// The first value of a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The URIs of `rua`, as written.
    pub fn uris(&self) -> Vec<&str> {
        let lists = self.fields.iter().filter(|(name, _)| name == "rua").map(|(_, value)| value.as_str());
        lists
            .flat_map(|list| list.split(','))
            .map(|uri| uri.trim_matches(WHITE_SPACE))
            .filter(|uri| !uri.is_empty())
            .collect()
    }
}

/// Reads the TXT records of the name, each with its strings.
pub fn read(kind: RecordKind, records: &[Vec<Vec<u8>>]) -> RecordReading {
    let joined: Vec<(String, &Vec<Vec<u8>>)> =
        records.iter().map(|strings| (String::from_utf8_lossy(&strings.concat()).into_owned(), strings)).collect();
    let mut kept: Vec<&(String, &Vec<Vec<u8>>)> =
        joined.iter().filter(|(text, _)| text.starts_with(kind.version())).collect();
    match (kept.pop(), kept.is_empty()) {
        (Some((text, strings)), true) => RecordReading::One(read_one(kind, text, strings)),
        (Some((last, _)), false) => {
            RecordReading::Several(kept.into_iter().map(|(text, _)| cut(text)).chain([cut(last)]).collect())
        }
        (None, _) => {
            let near = joined.iter().filter_map(|(text, _)| Some((cut(text), near(kind, text)?)));
            RecordReading::None { near: near.take(NEAR_MAX).collect() }
        }
    }
}

/// What keeps a record that looks meant from being one.
fn near(kind: RecordKind, text: &str) -> Option<String> {
    let letters: String =
        text.chars().take(20).filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if !letters.contains(kind.letters()) {
        return None;
    }
    let version = kind.version();
    let bare = version.trim_end_matches(';');
    let problem = if text.starts_with(['"', '\'', '\u{201c}']) {
        "it begins with a quote character".to_owned()
    } else if text.starts_with('\u{feff}') {
        "it begins with an invisible byte order mark".to_owned()
    } else if text.starts_with(char::is_whitespace) {
        "it begins with a blank".to_owned()
    } else if text.starts_with(&bare.replace('=', ":")) {
        "it has a colon where = belongs".to_owned()
    } else if let Some(rest) = text.strip_prefix(bare) {
        match rest.trim_start_matches(WHITE_SPACE) {
            "" => "the semicolon behind the version is missing".to_owned(),
            rest if rest.starts_with(';') => "a blank stands in front of the semicolon".to_owned(),
            _ => "the semicolon behind the version is missing".to_owned(),
        }
    } else {
        "it is written otherwise".to_owned()
    };
    Some(problem)
}

fn read_one(kind: RecordKind, text: &str, strings: &[Vec<u8>]) -> Record {
    let (mut fields, mut faults) = (Vec::new(), Vec::new());
    let rest = text.strip_prefix(kind.version()).unwrap_or(text);
    for part in rest.split(';').map(|part| part.trim_matches(WHITE_SPACE)).filter(|part| !part.is_empty()) {
        match field(part) {
            Ok((name, value)) => fields.push((name, value)),
            Err(problem) => faults.push(RecordFault::Syntax { part: cut(part), problem }),
        }
    }
    faults.extend(seam(strings));
    let record = Record { text: cut(text), fields, faults };
    match kind {
        RecordKind::Sts => with_id(record),
        RecordKind::Tlsrpt => with_uris(record),
    }
}

fn field(part: &str) -> Result<(String, String), String> {
    let Some((name, value)) = part.split_once('=') else {
        return Err(match part.split_once(':') {
            Some((name, _)) if is_name(name) => format!("`{name}:` should be `{name}=`"),
            _ => "it is no name=value".to_owned(),
        });
    };
    let (name, value) = (name.trim_end_matches(WHITE_SPACE), value.trim_start_matches(WHITE_SPACE));
    if !is_name(name) {
        return Err(format!("`{}` is no name of a field", cut(name)));
    }
    if value.is_empty() {
        return Err(format!("`{name}=` has no value"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-.".contains(char))
}

/// Where a DNS tool cut the text into strings and a separator got lost: the next string begins a field or a URI.
fn seam(strings: &[Vec<u8>]) -> Option<RecordFault> {
    strings.windows(2).find_map(|pair| {
        let [before, after] = pair else { return None };
        let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
        let ends = before.trim_end_matches(WHITE_SPACE).ends_with([';', ',', '=']) || before.is_empty();
        let begins = ["rua=", "id=", "mailto:", "https:"]
            .iter()
            .any(|start| after.trim_start_matches(WHITE_SPACE).starts_with(start));
        (begins && !ends).then(|| RecordFault::Seam { before: cut(&before), after: cut(&after) })
    })
}

fn with_id(mut record: Record) -> Record {
    if record.fields.iter().filter(|(name, _)| name == "id").count() > 1 {
        record.faults.push(RecordFault::Twice("id"));
    }
    let found = record.value("id").map(str::to_owned);
    let letters = |id: &str| id.chars().filter(char::is_ascii_alphanumeric).take(32).collect::<String>();
    let problem = match found.as_deref() {
        None => Some("there is no id"),
        Some(id) if id.len() > 32 => Some("the id is longer than 32 characters"),
        Some(id) if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Some("the id holds something else than letters and digits")
        }
        Some(_) => None,
    };
    if let Some(problem) = problem {
        let better = found.as_deref().map(letters).filter(|better| !better.is_empty());
        record.faults.push(RecordFault::Id { found, problem, better });
    }
    record
}

fn with_uris(mut record: Record) -> Record {
    if record.fields.iter().filter(|(name, _)| name == "rua").count() > 1 {
        record.faults.push(RecordFault::Twice("rua"));
    }
    let uris: Vec<String> = record.uris().into_iter().map(str::to_owned).collect();
    let is_broken =
        record.faults.iter().any(|fault| matches!(fault, RecordFault::Syntax { part, .. } if part.starts_with("rua")));
    if uris.is_empty() && !is_broken {
        record.faults.push(RecordFault::NoRua);
    }
    record.faults.extend(uris.iter().filter_map(|uri| uri_fault(uri)));
    record
}

fn uri_fault(uri: &str) -> Option<RecordFault> {
    let fault = |problem, better: Option<String>| Some(RecordFault::Uri { uri: cut(uri), problem, better });
    let lower = uri.to_ascii_lowercase();
    if lower.starts_with("http:") {
        return fault("it is not encrypted: only https: is allowed", Some(format!("https:{}", &uri[5..])));
    }
    if !lower.starts_with("mailto:") && !lower.starts_with("https:") {
        return match uri.contains('@') && !uri.contains(':') {
            true => fault("it needs mailto: in front", Some(format!("mailto:{uri}"))),
            false => fault("it is neither mailto: nor https:", None),
        };
    }
    if uri.contains('!') {
        return fault(
            "it holds a !, which has to be written %21; sizes as in DMARC do not exist here",
            uri.split_once('!').map(|(bare, _)| bare.to_owned()),
        );
    }
    if uri.contains(char::is_whitespace) || !uri.is_ascii() {
        return fault("it holds a blank or a letter beyond ASCII, which has to be percent-encoded", None);
    }
    let address = uri.split_once(':').map_or("", |(_, rest)| rest);
    if lower.starts_with("mailto:")
        && !address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
    {
        return fault("it has no mail address", None);
    }
    if lower.starts_with("https:")
        && !address.strip_prefix("//").is_some_and(|rest| {
            rest.split(['/', ':']).next().is_some_and(|host| host.contains('.') || host.starts_with('['))
        })
    {
        return fault("it has no host", None);
    }
    None
}

/// WSP of RFC 5234.
const WHITE_SPACE: [char; 2] = [' ', '\t'];

fn cut(text: &str) -> String {
    text.chars().take(SHOWN_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(texts: &[&str]) -> Vec<Vec<Vec<u8>>> {
        texts.iter().map(|text| text.split('|').map(|string| string.as_bytes().to_vec()).collect()).collect()
    }

    fn one(kind: RecordKind, text: &str) -> Record {
        match read(kind, &records(&[text])) {
            RecordReading::One(record) => record,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn good_records_have_no_faults() {
        for text in ["v=STSv1; id=20261129", "v=STSv1;id=a1;", "v=STSv1; id=1; later=thing", "v=STSv1; |id=7"] {
            assert_eq!(one(RecordKind::Sts, text).faults, [], "{text}");
        }
        for text in [
            "v=TLSRPTv1; rua=mailto:a@example.com",
            "v=TLSRPTv1;rua=mailto:a@example.com,https://example.com/r; x=1",
            "v=TLSRPTv1; rua=mailto:a@example.com,|https://[2001:db8::1]/r",
        ] {
            assert_eq!(one(RecordKind::Tlsrpt, text).faults, [], "{text}");
        }
        let record = one(RecordKind::Tlsrpt, "v=TLSRPTv1; rua = mailto:a@example.com , https://example.com/r");
        assert_eq!(record.uris(), ["mailto:a@example.com", "https://example.com/r"]);
    }

    #[test]
    fn foreign_records_are_ignored_and_near_ones_told_apart() {
        let found = read(RecordKind::Sts, &records(&["v=spf1 -all", "hello"]));
        assert_eq!(found, RecordReading::None { near: Vec::new() });
        assert!(matches!(read(RecordKind::Sts, &records(&["v=spf1 -all", "v=STSv1; id=1"])), RecordReading::One(_)));
        let cases = [
            ("\"v=STSv1; id=1\"", "quote"),
            ("\u{feff}v=STSv1; id=1", "byte order mark"),
            (" v=STSv1; id=1", "begins with a blank"),
            ("v=STSv1", "semicolon behind the version is missing"),
            ("v=STSv1 id=1", "semicolon behind the version is missing"),
            ("v=STSv1 ; id=1", "blank stands in front"),
            ("v:STSv1; id=1", "colon where ="),
            ("v=stsv1; id=1", "written otherwise"),
            ("V=STSv1; id=1", "written otherwise"),
        ];
        for (text, expected) in cases {
            let RecordReading::None { near } = read(RecordKind::Sts, &records(&[text])) else { panic!("{text}") };
            assert!(near[0].1.contains(expected), "{text}: {near:?}");
        }
        assert!(matches!(
            read(RecordKind::Tlsrpt, &records(&["v=TLSRPTv1; rua=mailto:a@b.c", "v=TLSRPTv1; rua=mailto:d@b.c"])),
            RecordReading::Several(both) if both.len() == 2
        ));
    }

    #[test]
    fn an_id_is_letters_and_digits() {
        assert!(one(RecordKind::Sts, "v=STSv1; id=12345678901234567890123456789012").faults.is_empty());
        for (text, better) in [
            ("v=STSv1; id=2026-11-29", Some("20261129")),
            ("v=STSv1; id=123456789012345678901234567890123", Some("12345678901234567890123456789012")),
            ("v=STSv1;", None),
        ] {
            let faults = one(RecordKind::Sts, text).faults;
            assert!(
                matches!(&faults[..], [RecordFault::Id { better: found, .. }] if found.as_deref() == better),
                "{text}: {faults:?}"
            );
        }
        assert_eq!(one(RecordKind::Sts, "v=STSv1; id=1; id=2").faults, [RecordFault::Twice("id")]);
        let syntax = one(RecordKind::Sts, "v=STSv1; id:1").faults;
        assert!(
            matches!(&syntax[0], RecordFault::Syntax { problem, .. } if problem == "`id:` should be `id=`"),
            "{syntax:?}"
        );
    }

    #[test]
    fn uris_that_senders_cannot_use_are_named_with_better_ones() {
        let of = |uri: &str| one(RecordKind::Tlsrpt, &format!("v=TLSRPTv1; rua={uri}")).faults;
        for (uri, better) in [
            ("tlsrpt@example.com", Some("mailto:tlsrpt@example.com")),
            ("http://example.com/r", Some("https://example.com/r")),
            ("mailto:a@example.com!10m", Some("mailto:a@example.com")),
            ("ftp://example.com", None),
            ("mailto:a b@example.com", None),
            ("mailto:nobody", None),
            ("https:example.com", None),
        ] {
            let faults = of(uri);
            assert!(
                matches!(&faults[..], [RecordFault::Uri { better: found, .. }] if found.as_deref() == better),
                "{uri}: {faults:?}"
            );
        }
        assert_eq!(one(RecordKind::Tlsrpt, "v=TLSRPTv1; x=1").faults, [RecordFault::NoRua]);
    }

    #[test]
    fn a_separator_that_got_lost_between_two_strings_is_seen() {
        let lost = one(RecordKind::Tlsrpt, "v=TLSRPTv1; rua=mailto:a@example.com|https://example.com/r").faults;
        assert!(lost.iter().any(|fault| matches!(fault, RecordFault::Seam { .. })), "{lost:?}");
    }

    proptest! {
        #[test]
        fn any_octets_are_read(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4), begins in any::<bool>()) {
            for kind in [RecordKind::Sts, RecordKind::Tlsrpt] {
                let mut strings = strings.clone();
                if begins {
                    strings.insert(0, kind.version().as_bytes().to_vec());
                }
                read(kind, &[strings]);
            }
        }
    }
}
