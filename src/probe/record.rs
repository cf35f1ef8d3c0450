//! The record that says where a domain's reports go, TXT `_smtp._tls.DOMAIN` (RFC 8460 §3). Pure.

use crate::limits::{PROBE_SHOWN_MAX_CHARS, PROBE_URIS_MAX};

/// Records that do not begin with this are discarded, the semicolon included.
const VERSION: &str = "v=TLSRPTv1;";

/// The one record that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TlsrptRecord {
    /// As published, its strings joined.
    pub text: String,
    /// The `rua` list, each as written.
    pub uris: Vec<String>,
    /// `rua` URIs beyond the bound, which are not looked at.
    pub uris_dropped: usize,
}

/// Why a domain has no TLSRPT although there may be records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoRecord {
    /// None begins with `v=TLSRPTv1;`. Those that look as if they were meant to are listed.
    None { near: Vec<String> },
    /// "If the number of resulting records is not one, senders MUST assume the recipient domain does not implement TLSRPT."
    Several(Vec<String>),
    /// The record names no URI.
    NoUri(String),
}

/// Finds the record among the TXT records of the name. Each element is one record with its strings joined.
pub(super) fn read(records: &[Vec<u8>]) -> Result<TlsrptRecord, NoRecord> {
    let texts: Vec<String> = records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
    let mut kept: Vec<&String> = texts.iter().filter(|text| text.starts_with(VERSION)).collect();
    match (kept.pop(), kept.is_empty()) {
        (None, _) => Err(NoRecord::None { near: texts.iter().filter(|text| is_near(text)).map(|t| cut(t)).collect() }),
        (Some(last), false) => Err(NoRecord::Several(kept.into_iter().chain([last]).map(|text| cut(text)).collect())),
        (Some(only), true) => {
            let mut uris = uris(only);
            let uris_dropped = uris.len().saturating_sub(PROBE_URIS_MAX);
            uris.truncate(PROBE_URIS_MAX);
            let text = cut(only);
            if uris.is_empty() { Err(NoRecord::NoUri(text)) } else { Ok(TlsrptRecord { text, uris, uris_dropped }) }
        }
    }
}

/// What must be percent-encoded in the record and is not: a comma and a semicolon end the URI, so only this can be seen.
pub(super) fn unencoded(uri: &str) -> Option<&'static str> {
    uri.contains('!').then_some("holds a `!`, which must be written %21 (RFC 8460 §3)")
}

/// The URIs of all `rua` fields. Other fields are extensions and ignored.
fn uris(text: &str) -> Vec<String> {
    text.split(';')
        .filter_map(|field| field.trim_matches(WHITE_SPACE).strip_prefix("rua="))
        .flat_map(|list| list.split(','))
        .map(|uri| uri.trim_matches(WHITE_SPACE))
        .filter(|uri| !uri.is_empty())
        .map(str::to_owned)
        .collect()
}

/// WSP of RFC 5234.
const WHITE_SPACE: [char; 2] = [' ', '\t'];

/// Whether the record was meant to be one: `v = tlsrptv1`, or without the semicolon.
fn is_near(text: &str) -> bool {
    text.chars()
        .filter(|char| char.is_ascii_alphanumeric())
        .take(9)
        .collect::<String>()
        .to_lowercase()
        .contains("tlsrpt")
}

fn cut(text: &str) -> String {
    text.chars().take(PROBE_SHOWN_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_texts(texts: &[&str]) -> Result<TlsrptRecord, NoRecord> {
        read(&texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    fn uris_of(text: &str) -> Vec<String> {
        read_texts(&[text]).expect("one record").uris
    }

    #[test]
    fn the_one_record_gives_its_uris() {
        for text in [
            "v=TLSRPTv1;rua=mailto:a@example.com,https://example.com/r",
            "v=TLSRPTv1; rua=mailto:a@example.com , https://example.com/r ;",
            "v=TLSRPTv1;\trua=mailto:a@example.com\t,\thttps://example.com/r; later=thing",
            "v=TLSRPTv1; x-ext=1; rua=mailto:a@example.com; rua=https://example.com/r",
        ] {
            assert_eq!(uris_of(text), ["mailto:a@example.com", "https://example.com/r"], "{text}");
        }
        let among_others = read_texts(&["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@example.com", "anything"]).unwrap();
        assert_eq!(among_others.uris, ["mailto:a@example.com"]);
        assert_eq!(among_others.text, "v=TLSRPTv1; rua=mailto:a@example.com");
    }

    #[test]
    fn uris_stay_as_written() {
        assert_eq!(uris_of("v=TLSRPTv1; rua=mailto:a%2Cb%21@example.com"), ["mailto:a%2Cb%21@example.com"]);
        assert_eq!(unencoded("mailto:a%21@example.com"), None);
        assert!(unencoded("mailto:a@example.com!10m").is_some());
    }

    #[test]
    fn records_that_do_not_begin_as_they_must_are_discarded() {
        for near in [
            "v=TLSRPTv1",
            "v=TLSRPTv1 ; rua=mailto:a@example.com",
            "v=tlsrptv1; rua=mailto:a@example.com",
            "V=TLSRPTv1; rua=mailto:a@example.com",
            " v=TLSRPTv1; rua=mailto:a@example.com",
            "v=TLSRPTv11; rua=mailto:a@example.com",
        ] {
            assert_eq!(read_texts(&[near, "v=spf1 -all"]), Err(NoRecord::None { near: vec![near.to_owned()] }));
        }
        assert_eq!(read_texts(&["v=spf1 -all", ""]), Err(NoRecord::None { near: Vec::new() }));
        assert_eq!(read_texts(&[]), Err(NoRecord::None { near: Vec::new() }));
    }

    #[test]
    fn several_records_are_none() {
        let [a, b] = ["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"];
        assert_eq!(read_texts(&[a, "other", b]), Err(NoRecord::Several(vec![a.to_owned(), b.to_owned()])));
        // A discarded one does not count.
        assert!(read_texts(&[a, "v=TLSRPTv2; rua=mailto:b@example.com"]).is_ok());
    }

    #[test]
    fn a_record_without_a_uri_is_told() {
        for text in ["v=TLSRPTv1;", "v=TLSRPTv1; rua=", "v=TLSRPTv1; rua= , ", "v=TLSRPTv1; RUA=mailto:a@example.com"] {
            assert_eq!(read_texts(&[text]), Err(NoRecord::NoUri(text.to_owned())));
        }
    }

    #[test]
    fn what_a_stranger_publishes_is_bounded() {
        let many = format!("v=TLSRPTv1; rua={}", "mailto:a@example.com,".repeat(3_000));
        let record = read_texts(&[&many]).unwrap();
        assert_eq!(record.uris.len(), PROBE_URIS_MAX);
        assert_eq!(record.uris_dropped, 3_000 - PROBE_URIS_MAX);
        assert_eq!(record.text.len(), PROBE_SHOWN_MAX_CHARS);
        assert!(
            matches!(read(&[b"v=TLSRPTv1; rua=mailto:\xff@example.com".to_vec()]), Ok(record) if record.uris.len() == 1)
        );
    }

    proptest! {
        #[test]
        fn no_record_does_harm(records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..4)) {
            let _ = read(&records);
        }

        #[test]
        fn every_uri_is_trimmed_and_whole(rest in "[ ;,=a-z!%\t]{0,60}") {
            if let Ok(record) = read_texts(&[&format!("v=TLSRPTv1; rua={rest}")]) {
                for uri in record.uris {
                    prop_assert!(!uri.is_empty() && !uri.contains([',', ';']) && uri.trim_matches(WHITE_SPACE) == uri);
                }
            }
        }
    }
}
