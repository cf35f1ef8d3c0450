//! SPF records as strangers publish them, for the fuzz target.

use super::record;

/// A TXT record that may be an SPF record.
pub fn spf_record(bytes: &[u8]) {
    let texts = [bytes.to_vec()];
    if let Ok(Some(text)) = record::select(&texts) {
        match record::parse(text) {
            Ok(found) => assert!(found.terms.len() <= text.len()),
            Err(detail) => assert!(!detail.is_empty()),
        }
    }
}
