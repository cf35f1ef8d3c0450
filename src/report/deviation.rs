//! Where a report strays from RFC 8460 and was taken all the same. Each code is stable, is shown on the report's page, and
//! stands in `docs/deviations.md` with the sender that does it and the fixture that proves it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! deviation_codes {
    ($($variant:ident = $code:literal, $words:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Deviation { $(#[serde(rename = $code)] $variant,)* }

        impl Deviation {
            pub const ALL: &'static [Deviation] = &[$(Deviation::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Deviation::$variant => $code,)* }
            }

            /// What the sender did, and what was made of it, in plain words.
            pub fn words(self) -> &'static str {
                match self { $(Deviation::$variant => $words,)* }
            }

            pub fn from_name(code: &str) -> Option<Deviation> {
                match code { $($code => Some(Deviation::$variant),)* _ => None }
            }
        }
    };
}

deviation_codes! {
    Bom = "bom", "A byte order mark stands before the JSON; it was skipped.";
    Utf16 = "utf-16", "The JSON is UTF-16 instead of UTF-8; it was converted.";
    TrailingNul = "trailing-nul", "NUL bytes follow the JSON; they were ignored.";
    FormUpload = "form-upload", "The report came as a form upload; the file in it was taken.";
    MediaType = "media-type", "The media type is not one of RFC 8460; the bytes decided.";
    MediaTypeMismatch = "media-type-mismatch", "The media type says otherwise than the bytes; the bytes decided.";
    ContentEncoding = "content-encoding", "The report was compressed once more by Content-Encoding; both were undone.";
    EncodingMismatch = "encoding-mismatch", "Content-Encoding does not fit the bytes; the bytes decided.";
    DoubleGzip = "double-gzip", "The report was compressed twice; both layers were undone.";
    GzipTrailing = "gzip-trailing", "Something follows the compressed data; it was ignored.";
    Zip = "zip", "The report came in a zip archive; it was taken out of it.";

    HeadersMissing = "headers-missing", "The mail has no TLS-Report-Domain or no TLS-Report-Submitter field.";
    NotMultipartReport = "not-multipart-report", "The mail is not of the type multipart/report for TLS reports; its parts were searched.";
    SinglePart = "single-part", "The report is the whole body of the mail instead of a part; it was taken.";
    Forwarded = "forwarded", "The report came in a forwarded mail; it was taken out of it.";
    Base64 = "base64", "The base64 text in the mail is not clean; it was read all the same.";
    SubmitterMismatch = "submitter-mismatch", "The contact’s domain differs from the submitter’s.";
    DkimLate = "dkim-late", "The mail’s signature expired before the mail was fetched; it was valid when the mail arrived.";

    NulCharacter = "nul-character", "A text holds a NUL character; it was replaced.";
    KeyAlias = "key-alias", "A member has another name than RFC 8460 gives it; it was read all the same.";
    Type = "type", "A value has the wrong JSON type; it was left out.";
    ReportArray = "report-array", "The document is an array of reports; each is a report of its own.";

    OrgMissing = "org-missing", "The organisation’s name is missing; its contact or domain stands in.";
    OrgHostName = "org-host-name", "The organisation’s name is a host name.";
    ContactMissing = "contact-missing", "The contact is missing.";
    ContactNotAddrSpec = "contact-not-addr-spec", "The contact is not a plain mail address; the address in it was taken.";
    ReportIdMissing = "report-id-missing", "The report has no id; the digest of its content stands in.";
    ReportIdNotString = "report-id-not-string", "The report’s id is a number; its digits were taken.";

    TzMissing = "tz-missing", "A time has no zone; it was read as UTC.";
    DateEpoch = "date-epoch", "A time is a number of seconds or milliseconds; it was converted.";
    DateForm = "date-form", "A time is written in another form than RFC 3339; it was understood.";
    DateImplausible = "date-implausible", "A time lies before TLS reports existed, or far in the future.";
    RangeNotUtcDay = "range-not-utc-day", "The range is not one UTC day; the report counts on the day it starts.";
    RangeLong = "range-long", "The range is longer than eight days; all of it counts on the first day.";
    EmptyRange = "empty-range", "The range ends when it starts.";
    Late = "late", "The report came more than three days after its range ended.";
    Future = "future", "The range ends in the future by up to a day; a clock is off.";

    PoliciesNotArray = "policies-not-array", "`policies` is one object instead of an array.";
    PoliciesEmpty = "policies-empty", "The report holds no policy at all.";
    PolicySkipped = "policy-skipped", "A policy could not be read; the others count.";
    PolicyFlattened = "policy-flattened", "The policy’s members stand one level too high.";
    PolicyTypeMissing = "policy-type-missing", "The policy type is missing; it was guessed from the policy string.";
    PolicyTypeUnknown = "policy-type-unknown", "The policy type is none of RFC 8460; it is shown as sent.";
    Case = "case", "A keyword is written in another case; it was read all the same.";

    PolicyDomainMissing = "policy-domain-missing", "The policy domain is missing; it was taken from elsewhere or stays open.";
    DomainNormalised = "domain-normalised", "A domain was brought into the usual form.";
    DomainInvalid = "domain-invalid", "A domain is not one; it is kept as sent.";
    ForeignDomain = "foreign-domain", "One of the policies is about a domain that is not served here.";
    TokenOtherDomain = "token-other-domain", "It came with the token of another domain than it is about; the token counts for nothing here.";

    PolicyStringMissing = "policy-string-missing", "The policy itself is missing, so its mode is unknown.";
    PolicyStringNested = "policy-string-nested", "The policy is JSON inside a text; it was unpacked.";
    PolicyStringNotArray = "policy-string-not-array", "The policy is one text instead of an array; it was split.";
    PolicyStringJoined = "policy-string-joined", "Several fields of the policy stand in one text; it was split.";
    PolicyStringTrim = "policy-string-trim", "Lines of the policy end in blanks or line ends; they were cut.";
    TlsaUnparsed = "tlsa-unparsed", "A TLSA record could not be read; it is kept as sent.";

    MxHostNotArray = "mx-host-not-array", "`mx-host` is one text instead of an array.";
    MxHostList = "mx-host-list", "`mx-host` holds a list in one text; it was split.";
    MxPrefix = "mx-prefix", "An MX host begins with `mx:`; that was cut.";

    SummaryMissing = "summary-missing", "The summary is missing, so the totals are unknown.";
    CountMissing = "count-missing", "A number of sessions is missing.";
    CountString = "count-string", "A number of sessions is a text; it was converted.";
    CountFloat = "count-float", "A number of sessions has a fraction; it was cut.";
    CountInvalid = "count-invalid", "A number of sessions is no number; it was left out.";
    CountNegative = "count-negative", "A number of sessions is negative; it was left out.";
    CountRange = "count-range", "A number of sessions is too large to be stored; it was left out.";
    CountImplausible = "count-implausible", "A number of sessions is beyond belief; it stays out of the figures.";

    DetailsMissing = "details-missing", "Sessions failed, but no failure details say why.";
    DetailsWithoutFailures = "details-without-failures", "Failure details stand beside a summary without failures.";
    FailureDetailsNotArray = "failure-details-not-array", "`failure-details` is one object instead of an array.";
    DetailSkipped = "detail-skipped", "A failure detail could not be read; the others count.";

    ResultTypeMissing = "result-type-missing", "A failure has no result type.";
    ResultTypeUnknown = "result-type-unknown", "A result type is none of RFC 8460; it is shown as sent.";
    Implausible = "implausible", "A failure names a fault that the TLSA records would have ignored.";
    IpMissing = "ip-missing", "A sending address is missing.";
    IpInvalid = "ip-invalid", "An address is not one; it is kept as sent.";
    IpZone = "ip-zone", "An address carries a zone; it was cut.";
    MxMissing = "mx-missing", "The receiving MX host is missing.";

    UriInvalid = "uri-invalid", "The link to more information is no link.";
    AdditionalInformationObject = "additional-information-object", "The additional information is an object; it is kept as text.";
    ReasonCodeNotString = "reason-code-not-string", "The reason code is not a text; it was converted.";
    ReasonCodeCut = "reason-code-cut", "The reason code was too long; it was cut.";
}

/// The deviations of one report: for each code how often it occurred and where first. Bounded by the number of codes,
/// however hostile the report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deviations(BTreeMap<Deviation, Occurrence>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    pub count: u64,
    /// JSON Pointer (RFC 6901) of the first one, `""` where it concerns the whole input.
    pub first_path: String,
}

impl Deviations {
    pub fn add(&mut self, deviation: Deviation, path: impl Into<String>) {
        self.0
            .entry(deviation)
            .and_modify(|occurrence| occurrence.count += 1)
            .or_insert_with(|| Occurrence { count: 1, first_path: path.into() });
    }

    /// Like `add`, for several at once.
    pub fn add_counted(&mut self, deviation: Deviation, count: u64, first_path: String) {
        self.0.entry(deviation).or_insert(Occurrence { count: 0, first_path }).count += count;
    }

    pub fn remove(&mut self, deviation: Deviation) {
        self.0.remove(&deviation);
    }

    pub fn merge(&mut self, other: &Deviations) {
        for (deviation, theirs) in &other.0 {
            self.0
                .entry(*deviation)
                .and_modify(|occurrence| occurrence.count += theirs.count)
                .or_insert_with(|| theirs.clone());
        }
    }

    pub fn contains(&self, deviation: Deviation) -> bool {
        self.0.contains_key(&deviation)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Deviation, &Occurrence)> {
        self.0.iter().map(|(deviation, occurrence)| (*deviation, occurrence))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One line for each code, `code count path`: the form the store keeps.
    pub fn to_lines(&self) -> String {
        let lines: Vec<String> = self
            .iter()
            .map(|(deviation, occurrence)| {
                format!("{} {} {}", deviation.as_str(), occurrence.count, occurrence.first_path)
            })
            .collect();
        lines.join("\n")
    }
}
