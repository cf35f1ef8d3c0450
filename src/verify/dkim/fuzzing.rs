//! What strangers write into signatures and keys, for the fuzz targets.

use super::{
    DkimVerdict,
    claim::SignatureHeader,
    key,
    mail::{Mail, as_sent},
};

/// A whole `DKIM-Signature` field, with the mail it stands in: what it says is within bounds, and so is what is signed.
pub fn signature_header(bytes: &[u8]) {
    let mail = as_sent(bytes);
    let mail = Mail::read(&mail);
    for field in mail.fields("dkim-signature") {
        match SignatureHeader::read(field) {
            Ok(header) => {
                assert!(header.key_name().len() <= 255 && header.domain.contains('.'));
                if let Ok(signed) = mail.signed(&header.names) {
                    assert!(signed.covers.len() <= header.names.len());
                }
            }
            Err(malformed) => assert!(!malformed.detail.contains(char::is_control)),
        }
    }
}

/// A TXT record at the name of a key.
pub fn key_record(bytes: &[u8]) {
    key::fuzzing(bytes);
}

/// The field that the operator's own server writes: everything but the authserv-id comes from strangers.
pub fn authentication_results(bytes: &[u8]) {
    let message = [b"Authentication-Results: mx.example.org; ", bytes].concat();
    match super::authentication_results(&message, "mx.example.org", Some("example.net")) {
        Some(DkimVerdict::Pass(signature)) => assert_eq!(signature.domain, "example.net"),
        Some(DkimVerdict::Fail { fault, .. }) => assert!(!fault.detail.contains(char::is_control)),
        Some(_) | None => {}
    }
}
