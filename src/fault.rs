//! What is wrong with an input, and where. A fault is data: it is shown to the sender, stored with the quarantined bytes
//! and printed by `import`, always with the same stable code.

use std::fmt;

use serde::{Serialize, Serializer};

/// The stable name of a fault, as senders, operators and scripts see it. Codes are never renamed.
macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal, $disposition:ident;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultCode { $($(#[doc = $doc])* $variant,)* }

        impl FaultCode {
            pub const ALL: &'static [FaultCode] = &[$(FaultCode::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(FaultCode::$variant => $code,)* }
            }

            pub fn disposition(self) -> Disposition {
                match self { $(FaultCode::$variant => Disposition::$disposition,)* }
            }

            pub fn from_name(code: &str) -> Option<FaultCode> {
                match code { $($code => Some(FaultCode::$variant),)* _ => None }
            }
        }
    };
}

impl Serialize for FaultCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// What becomes of an input with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Not taken and not kept: the sender hears why.
    Refuse,
    /// Kept byte for byte for the operator, not counted.
    Quarantine,
    /// Nothing that anybody sent as a report: counted as such, not kept, answered like success.
    Ignore,
}

fault_codes! {
    /// No bytes at all, or nothing left after unpacking.
    Empty = "empty", Refuse;
    /// The transport delivered fewer bytes than it announced.
    Incomplete = "incomplete", Refuse;
    /// The request itself is malformed.
    BadRequest = "bad-request", Refuse;
    /// More bytes on the wire than `report_wire_max_bytes`.
    TooLargeWire = "too-large-wire", Refuse;
    /// More bytes after unpacking than `report_decompressed_max_bytes`, or too high a compression ratio.
    TooLargeUnpacked = "too-large-unpacked", Refuse;
    /// More policies than `report_policies_max`.
    TooManyPolicies = "too-many-policies", Refuse;
    /// More failure details in one report than `report_failure_details_max`.
    TooManyDetails = "too-many-details", Refuse;
    /// More elements in one array than its limit allows (policy-string, mx-host, reports in one document).
    TooManyElements = "too-many-elements", Refuse;
    /// A string longer than `json_string_max_bytes`.
    StringTooLong = "string-too-long", Refuse;
    /// More gzip members than `gzip_members_max`.
    TooManyMembers = "too-many-members", Refuse;
    /// A content coding other than gzip or identity.
    Encoding = "encoding", Refuse;
    /// A zlib or deflate stream without the gzip header.
    NotGzip = "not-gzip", Refuse;
    /// Neither gzip nor zip nor JSON.
    NotJson = "not-json", Refuse;
    /// None of the policy domains is served here.
    ForeignDomain = "foreign-domain", Refuse;
    /// The token in the URL belongs to nobody.
    UnknownToken = "unknown-token", Refuse;

    BadJson = "bad-json", Quarantine;
    BadEncoding = "bad-encoding", Quarantine;
    /// RFC 7493 §2.3: a member name stands twice in one object.
    DuplicateKey = "duplicate-key", Quarantine;
    TooDeep = "too-deep", Quarantine;
    GzipTruncated = "gzip-truncated", Quarantine;
    GzipCrc = "gzip-crc", Quarantine;
    GzipHeader = "gzip-header", Quarantine;
    TooManyLayers = "too-many-layers", Quarantine;
    Zip = "zip", Quarantine;
    NotAReport = "not-a-report", Quarantine;
    /// One of the drafts before RFC 8460.
    DraftFormat = "draft-format", Quarantine;
    NoDateRange = "no-date-range", Quarantine;
    BadDate = "bad-date", Quarantine;
    BadDateRange = "bad-date-range", Quarantine;
    FutureDate = "future-date", Quarantine;
    RangeTooLong = "range-too-long", Quarantine;
    NoUsablePolicy = "no-usable-policy", Quarantine;
    /// The same report as a stored one, with other content.
    Conflict = "conflict", Quarantine;
    /// A stored report that gave way to a copy of higher trust, or to one the operator admitted.
    Superseded = "superseded", Quarantine;
    /// Numbers far beyond what the policy domain usually has, of a sender who proves nothing.
    Implausible = "implausible", Quarantine;
    /// More policies, failure details or reports in one body than are taken of somebody who does not prove who they are
    /// (`unproven_policies_max`, `unproven_failure_details_max`, `unproven_reports_max`).
    UnprovenLarge = "unproven-large", Quarantine;
    /// Our own code failed on this input; the bytes are kept.
    Internal = "internal", Quarantine;

    /// A mail that says it carries a TLS report, and no part of it is one.
    NoReportPart = "no-report-part", Quarantine;
    /// A mail with more parts, deeper nesting or a longer header than the limits allow.
    MimeLimits = "mime-limits", Quarantine;
    /// RFC 8460 §3: a report by mail carries a DKIM signature. This one has none that may count.
    DkimNone = "dkim-none", Quarantine;
    /// No signature verifies.
    DkimFail = "dkim-fail", Quarantine;
    /// RFC 8460 §3: a signature with `l=` leaves room for text that nobody signed.
    DkimLTag = "dkim-l-tag", Quarantine;
    /// A signature verifies, but not one of the domain in From.
    DkimUnaligned = "dkim-unaligned", Quarantine;
    /// RFC 8301: rsa-sha1, or an RSA key of fewer than 1,024 or more than 4,096 bits.
    DkimWeak = "dkim-weak", Quarantine;
    /// The signature had expired (`x=`) when the mail was received.
    DkimExpired = "dkim-expired", Quarantine;
    /// The key is not in the DNS, or revoked: nobody can tell any more.
    DkimKeyGone = "dkim-key-gone", Quarantine;
    /// The key could not be looked up for a whole day.
    DkimTemperror = "dkim-temperror", Quarantine;

    /// A mail that is no TLS report: a DMARC report, a bounce, spam.
    NotTlsrpt = "not-tlsrpt", Ignore;
}

impl FaultCode {
    /// Whether the input was read as a report all the same, so that the operator may overrule what is wrong with it.
    pub fn is_admissible(self) -> bool {
        use FaultCode::*;
        matches!(
            self,
            Conflict
                | Superseded
                | FutureDate
                | RangeTooLong
                | UnprovenLarge
                | Implausible
                | DkimNone
                | DkimFail
                | DkimLTag
                | DkimUnaligned
                | DkimWeak
                | DkimExpired
                | DkimKeyGone
                | DkimTemperror
        )
    }
}

/// Where in the input the fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultPlace {
    /// Offset from the start, in bytes, of the bytes named.
    Byte { offset: u64, of: Layer },
    /// JSON Pointer (RFC 6901) into the unpacked document, `""` for the whole.
    Path(String),
    /// The input as a whole.
    Whole,
}

/// Which bytes an offset counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// As received.
    Received,
    /// After all compression was removed.
    Unpacked,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}{}", located(place))]
pub struct Fault {
    pub code: FaultCode,
    /// One English sentence without a full stop: what was found, and what was expected or which setting bounds it.
    pub detail: String,
    pub place: FaultPlace,
    /// The policy domains that are not served, where that is what is wrong; only the first of many.
    pub domains: Vec<String>,
}

impl Fault {
    pub fn new(code: FaultCode, detail: impl Into<String>, place: FaultPlace) -> Fault {
        Fault { code, detail: detail.into(), place, domains: Vec::new() }
    }
}

/// The place in brackets. That it is the whole input would tell nobody more.
fn located(place: &FaultPlace) -> String {
    if *place == FaultPlace::Whole { String::new() } else { format!(" ({place})") }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultPlace::Byte { offset, of: Layer::Received } => write!(f, "at byte {offset}"),
            FaultPlace::Byte { offset, of: Layer::Unpacked } => write!(f, "at byte {offset} of the unpacked document"),
            FaultPlace::Path(path) if path.is_empty() => f.write_str("at the top of the document"),
            FaultPlace::Path(path) => write!(f, "at {path}"),
            FaultPlace::Whole => f.write_str("the input as a whole"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_where_it_is_one() {
        let shown = |place| Fault::new(FaultCode::BadJson, "a comma was expected", place).to_string();
        assert_eq!(shown(FaultPlace::Whole), "a comma was expected");
        assert_eq!(shown(FaultPlace::Path("/policies/0".to_owned())), "a comma was expected (at /policies/0)");
        assert_eq!(shown(FaultPlace::Byte { offset: 3, of: Layer::Received }), "a comma was expected (at byte 3)");
    }
}
