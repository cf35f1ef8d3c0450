//! Where a report strays from RFC 8460 and was taken all the same. Each code is stable, is shown on the report's page, and
//! stands in `docs/deviations.md` with the sender that does it and the fixture that proves it.

use std::collections::BTreeMap;

macro_rules! deviation_codes {
    ($($variant:ident = $code:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Deviation { $($variant,)* }

        impl Deviation {
            pub const ALL: &'static [Deviation] = &[$(Deviation::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Deviation::$variant => $code,)* }
            }

            pub fn from_code(code: &str) -> Option<Deviation> {
                match code { $($code => Some(Deviation::$variant),)* _ => None }
            }
        }
    };
}

deviation_codes! {
    Bom = "bom",
    Utf16 = "utf-16",
    TrailingNul = "trailing-nul",
    FormUpload = "form-upload",
    MediaType = "media-type",
    MediaTypeMismatch = "media-type-mismatch",
    ContentEncoding = "content-encoding",
    EncodingMismatch = "encoding-mismatch",
    DoubleGzip = "double-gzip",
    GzipTrailing = "gzip-trailing",
    Zip = "zip",

    HeadersMissing = "headers-missing",
    NotMultipartReport = "not-multipart-report",
    SinglePart = "single-part",
    Forwarded = "forwarded",
    Base64 = "base64",
    SubmitterMismatch = "submitter-mismatch",
    DkimLate = "dkim-late",

    NulCharacter = "nul-character",
    KeyAlias = "key-alias",
    Type = "type",
    ReportArray = "report-array",

    OrgMissing = "org-missing",
    OrgHostName = "org-host-name",
    ContactMissing = "contact-missing",
    ContactNotAddrSpec = "contact-not-addr-spec",
    ReportIdMissing = "report-id-missing",
    ReportIdNotString = "report-id-not-string",

    TzMissing = "tz-missing",
    DateEpoch = "date-epoch",
    DateForm = "date-form",
    DateImplausible = "date-implausible",
    RangeNotUtcDay = "range-not-utc-day",
    RangeLong = "range-long",
    EmptyRange = "empty-range",
    Late = "late",
    Future = "future",

    PoliciesNotArray = "policies-not-array",
    PoliciesEmpty = "policies-empty",
    PolicySkipped = "policy-skipped",
    PolicyFlattened = "policy-flattened",
    PolicyTypeMissing = "policy-type-missing",
    PolicyTypeUnknown = "policy-type-unknown",
    Case = "case",

    PolicyDomainMissing = "policy-domain-missing",
    DomainNormalised = "domain-normalised",
    DomainInvalid = "domain-invalid",
    ForeignDomain = "foreign-domain",
    TokenOtherDomain = "token-other-domain",

    PolicyStringMissing = "policy-string-missing",
    PolicyStringNested = "policy-string-nested",
    PolicyStringNotArray = "policy-string-not-array",
    PolicyStringJoined = "policy-string-joined",
    PolicyStringTrim = "policy-string-trim",
    TlsaUnparsed = "tlsa-unparsed",

    MxHostNotArray = "mx-host-not-array",
    MxHostList = "mx-host-list",
    MxPrefix = "mx-prefix",

    SummaryMissing = "summary-missing",
    CountMissing = "count-missing",
    CountString = "count-string",
    CountFloat = "count-float",
    CountInvalid = "count-invalid",
    CountNegative = "count-negative",
    CountRange = "count-range",
    CountImplausible = "count-implausible",

    DetailsMissing = "details-missing",
    DetailsWithoutFailures = "details-without-failures",
    FailureDetailsNotArray = "failure-details-not-array",
    DetailSkipped = "detail-skipped",

    ResultTypeMissing = "result-type-missing",
    ResultTypeUnknown = "result-type-unknown",
    Implausible = "implausible",
    IpMissing = "ip-missing",
    IpInvalid = "ip-invalid",
    IpZone = "ip-zone",
    MxMissing = "mx-missing",

    UriInvalid = "uri-invalid",
    AdditionalInformationObject = "additional-information-object",
    ReasonCodeNotString = "reason-code-not-string",
    ReasonCodeCut = "reason-code-cut",
}

/// The deviations of one report: for each code how often it occurred and where first. Bounded by the number of codes,
/// however hostile the report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deviations(BTreeMap<Deviation, Occurrence>);

#[derive(Debug, Clone, PartialEq, Eq)]
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
