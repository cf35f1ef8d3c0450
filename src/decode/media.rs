//! What the sender said about the bytes, beside what they turned out to be.

use super::unpack::Wrapping;
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    report::{Deviation, Deviations},
    submission::Hints,
};

/// The media type's essence, lower case: `Application/TLSRPT+gzip; x=y` is `application/tlsrpt+gzip`.
pub(super) fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether a `Content-Encoding` of gzip was declared. RFC 8460 §5.4 foresees none: the compression is part of the media
/// type.
pub(super) fn content_encoding(hints: &Hints) -> Result<bool, Fault> {
    let mut gzip = false;
    for coding in hints.content_encoding.as_deref().unwrap_or_default().split(',') {
        match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" => gzip = true,
            _ => {
                let shown: String = coding.trim().chars().filter(|c| c.is_ascii_graphic()).take(32).collect();
                let detail = format!("the content coding `{shown}` is not understood, only gzip and identity are");
                return Err(Fault::new(FaultCode::Encoding, detail, FaultPlace::Whole));
            }
        }
    }
    Ok(gzip)
}

/// Notes where the claims differ from the bytes, or from what RFC 8460 §5.4 asks for. No claim at all is fine: files have
/// none.
pub(super) fn judge(media_type: Option<&str>, coded: bool, found: &Wrapping, deviations: &mut Deviations) {
    // Within a zip archive the sender's compression is nobody else's business.
    let gzip = found.gzip_layers > 0 && !found.zip;
    if coded {
        deviations.add(if gzip { Deviation::ContentEncoding } else { Deviation::EncodingMismatch }, "");
    }
    let Some(media_type) = media_type else { return };
    let essence = essence(media_type);
    // A declared content coding accounts for one layer, so `+json` over gzip is no contradiction then.
    let gzip_by_type = gzip && found.gzip_layers > usize::from(coded);
    let deviation = match essence.as_str() {
        "application/tlsrpt+gzip" if gzip => return,
        "application/tlsrpt+json" if !gzip_by_type && !found.zip => return,
        _ if found.zip => return,
        "application/tlsrpt+gzip" | "application/gzip" | "application/x-gzip" if !gzip => Deviation::MediaTypeMismatch,
        "application/tlsrpt+json" | "application/json" | "text/json" if gzip_by_type => Deviation::MediaTypeMismatch,
        "application/zip" | "application/tlsrpt+zip" | "application/x-zip-compressed" => Deviation::MediaTypeMismatch,
        _ => Deviation::MediaType,
    };
    deviations.add(deviation, "");
}
