//! `policy-string` of a `tlsa` policy: one element for each record (RFC 8460 §4.5, RFC 6698 §2.2).

use crate::report::TlsaRecord;

/// A record in presentation form. Blanks inside the hex are allowed (RFC 6698 §2.2).
pub(in crate::report) fn tlsa(text: &str) -> Option<TlsaRecord> {
    let mut fields = text.split_ascii_whitespace();
    let mut number = || fields.next()?.parse::<u8>().ok();
    let (usage, selector, matching) = (number()?, number()?, number()?);
    let mut data: String = fields.collect();
    data.make_ascii_uppercase();
    let is_hex = !data.is_empty() && data.len().is_multiple_of(2) && data.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(TlsaRecord { usage, selector, matching, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let record = tlsa("3 1 1 0c72ac70 b745ac19").unwrap();
        assert_eq!((record.usage, record.selector, record.matching), (3, 1, 1));
        assert_eq!(record.data, "0C72AC70B745AC19");
    }

    #[test]
    fn what_is_no_record_is_told() {
        for text in ["", "3 1 1", "3 1 1 abc", "3 1 1 xyzz", "256 1 1 ab", "-1 1 1 ab", "3 1 ab", "a b c d"] {
            assert_eq!(tlsa(text), None, "{text}");
        }
    }
}
