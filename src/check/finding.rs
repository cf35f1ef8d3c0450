//! The checks by name, and what they find.

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A sender that follows the RFC refuses, ignores the policy or cannot report.
    Fault,
    Warning,
    /// It could not be seen from here. No fault, and not good either.
    Unknown,
    Note,
}

/// What it does to mail and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Mail is not delivered to that host on that try.
    Refused,
    /// Senders that apply DANE hold mail back and try again.
    Deferred,
    /// The policy is ignored: mail goes as without one.
    Unprotected,
    /// No reports come.
    Unreported,
    None,
}

/// Something about a policy domain that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub check: Check,
    pub severity: Severity,
    pub effect: Effect,
    /// Which address, line or host it is about.
    pub part: Option<String>,
    /// One or two sentences.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

macro_rules! checks {
    ($($check:ident $id:literal $rfc:literal $words:literal,)*) => {
        /// What is looked at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        pub enum Check { $($check),* }

        impl Check {
            pub const ALL: &[Check] = &[$(Check::$check),*];

            pub fn id(self) -> &'static str {
                match self { $(Check::$check => $id),* }
            }

            /// The section that asks for it.
            pub fn rfc(self) -> &'static str {
                match self { $(Check::$check => $rfc),* }
            }

            /// What is looked at, in words.
            pub fn words(self) -> &'static str {
                match self { $(Check::$check => $words),* }
            }
        }
    };
}

checks! {
    TlsrptLookup "tlsrpt-lookup" "RFC 8460 §3" "the TXT records at `_smtp._tls` can be looked up",
    TlsrptMissing "tlsrpt-missing" "RFC 8460 §3" "there is a TLSRPT record",
    TlsrptSeveral "tlsrpt-several" "RFC 8460 §3" "there is one TLSRPT record only",
    TlsrptPrefix "tlsrpt-prefix" "RFC 8460 §3" "a record that looks meant begins with exactly `v=TLSRPTv1;`",
    TlsrptSyntax "tlsrpt-syntax" "RFC 8460 §3" "the record is fields of the form name=value, and has a `rua`",
    TlsrptStrings "tlsrpt-strings" "RFC 7208 §3.3" "no separator got lost where the record is cut into strings",
    TlsrptRuaUri "tlsrpt-rua-uri" "RFC 8460 §3" "each URI of `rua` is a `mailto:` or `https:` that senders can use",
    TlsrptRuaHttpsOnly "tlsrpt-rua-https-only" "RFC 8460 §3" "`rua` has a `mailto:` for senders that only mail",
    TlsrptElsewhere "tlsrpt-elsewhere" "RFC 8460 §3" "the record does not stand at a wrong name",
    StsLookup "sts-lookup" "RFC 8461 §3.1" "the TXT records at `_mta-sts` can be looked up",
    StsMissing "sts-missing" "RFC 8461 §3.1" "there is an MTA-STS record",
    StsFileOnly "sts-file-only" "RFC 8461 §3.1" "a policy that is served has a record",
    StsSeveral "sts-several" "RFC 8461 §3.1" "there is one MTA-STS record only",
    StsPrefix "sts-prefix" "RFC 8461 §3.1" "a record that looks meant begins with exactly `v=STSv1;`",
    StsSyntax "sts-syntax" "RFC 8461 §3.1" "the record is fields of the form name=value",
    StsStrings "sts-strings" "RFC 7208 §3.3" "no separator got lost where the record is cut into strings",
    StsId "sts-id" "RFC 8461 §3.1" "the `id` is 1 to 32 letters and digits",
    StsElsewhere "sts-elsewhere" "RFC 8461 §3.1" "the record does not stand at a wrong name",
    HostLookup "host-lookup" "RFC 8461 §3.3" "the addresses of the policy host can be looked up",
    HostAddress "host-address" "RFC 8461 §3.3" "the policy host has an address that everybody can reach",
    HostConnect "host-connect" "RFC 8461 §3.3" "every address of the policy host answers on port 443",
    HostTls "host-tls" "RFC 8461 §7.2" "it speaks TLS 1.2 or 1.3",
    HostName "host-name" "RFC 8461 §3.3" "its certificate is for `mta-sts.` and the domain",
    HostChain "host-chain" "RFC 8461 §3.3" "its certificate leads to an authority, with all certificates between them sent",
    HostExpired "host-expired" "RFC 8461 §3.3" "its certificate is valid now",
    HostExpires "host-expires" "RFC 8461 §3.3" "its certificate does not end soon",
    HostRedirect "host-redirect" "RFC 8461 §3.3" "it does not redirect",
    HostRobots "host-robots" "RFC 8461 §3.3" "nothing in front of it takes mail servers for robots",
    HostStatus "host-status" "RFC 8461 §3.3" "it answers 200",
    HostType "host-type" "RFC 8461 §3.2" "the policy is `text/plain`",
    HostHtml "host-html" "RFC 8461 §3.2" "it is a policy and no web page",
    HostSize "host-size" "RFC 8461 §3.3" "it has no more than 64 KiB",
    HostSlow "host-slow" "RFC 8461 §3.3" "it comes within a minute",
    HostEncoding "host-encoding" "RFC 8461 §3.3" "it is not compressed unasked",
    HostDiffers "host-differs" "RFC 8461 §3.3" "all addresses serve the same policy",
    PolVersion "pol-version" "RFC 8461 §3.2" "`version: STSv1`",
    PolMode "pol-mode" "RFC 8461 §3.2" "`mode` is enforce, testing or none",
    PolMaxAge "pol-max-age" "RFC 8461 §3.2" "`max_age` is a number of seconds, 31557600 at most",
    PolMaxAgeShort "pol-max-age-short" "RFC 8461 §3.2" "`max_age` is long enough to protect",
    PolMxMissing "pol-mx-missing" "RFC 8461 §3.2" "there is an `mx`",
    PolMxForm "pol-mx-form" "RFC 8461 §4.1" "each `mx` is a host name, or `*.` and one",
    PolLine "pol-line" "RFC 8461 §3.2" "every line is a key, a colon and a value",
    PolDuplicate "pol-duplicate" "RFC 8461 §3.2" "no key stands there twice",
    PolKey "pol-key" "RFC 8461 §3.2" "every key is known",
    SmtpConnect "smtp-connect" "RFC 5321 §4.5.4.2" "every address of an MX host answers on port 25",
    SmtpPort25 "smtp-port25" "RFC 5321 §4.5.4.2" "this machine may connect to port 25 at all",
    SmtpBusy "smtp-busy" "RFC 5321 §3.1" "it talks to this machine",
    SmtpStarttls "smtp-starttls" "RFC 8461 §4.2" "it offers STARTTLS and takes it",
    SmtpTls "smtp-tls" "RFC 8461 §7.2" "it speaks TLS 1.2 or 1.3",
    CertName "cert-name" "RFC 8461 §4.2" "its certificate is for the name in the MX record",
    CertChain "cert-chain" "RFC 8461 §4.2" "its certificate leads to an authority, with all certificates between them sent",
    CertExpired "cert-expired" "RFC 8461 §4.2" "its certificate is valid now",
    CertExpires "cert-expires" "RFC 8461 §4.2" "its certificate does not end soon",
    MxLookup "mx-lookup" "RFC 5321 §5.1" "the MX records can be looked up",
    MxUncovered "mx-uncovered" "RFC 8461 §4.1" "the policy covers every MX host",
    MxSurplus "mx-surplus" "RFC 8461 §4.1" "every `mx` covers an MX host",
    MxNull "mx-null" "RFC 7505 §3" "no policy is published for a domain that takes no mail, and a null MX stands alone",
    MxImplicit "mx-implicit" "RFC 5321 §5.1" "a domain without MX records is its own host, and the policy covers it",
    MxAddress "mx-address" "RFC 5321 §5.1" "every MX host has an address that everybody can reach",
}

impl Check {
    /// `None` for one that this version does not know.
    pub fn from_id(id: &str) -> Option<Check> {
        Check::ALL.iter().copied().find(|check| check.id() == id)
    }

    /// What has to be seen before it can be said how it stands.
    pub fn group(self) -> CheckGroup {
        match self.id().split('-').next().unwrap_or_default() {
            "tlsrpt" => CheckGroup::Tlsrpt,
            "sts" => CheckGroup::Record,
            "host" => CheckGroup::PolicyHost,
            "pol" => CheckGroup::Policy,
            "mx" => CheckGroup::Mx,
            "dane" => CheckGroup::Dane,
            _ => CheckGroup::Smtp,
        }
    }
}

/// What is looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckGroup {
    Tlsrpt,
    Record,
    PolicyHost,
    Policy,
    Mx,
    Smtp,
    Dane,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
            Severity::Unknown => "unknown",
            Severity::Note => "note",
        }
    }

    pub fn from_name(name: &str) -> Option<Severity> {
        [Severity::Fault, Severity::Warning, Severity::Unknown, Severity::Note]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

impl Effect {
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Refused => "refused",
            Effect::Deferred => "deferred",
            Effect::Unprotected => "unprotected",
            Effect::Unreported => "unreported",
            Effect::None => "none",
        }
    }

    /// One that a newer version knows has none here.
    pub fn from_name(name: &str) -> Effect {
        let named = [Effect::Refused, Effect::Deferred, Effect::Unprotected, Effect::Unreported];
        named.into_iter().find(|effect| effect.as_str() == name).unwrap_or(Effect::None)
    }
}

impl TryFrom<String> for Check {
    type Error = String;

    fn try_from(id: String) -> Result<Check, String> {
        Check::from_id(&id).ok_or_else(|| format!("no check is called {id:?}"))
    }
}

impl From<Check> for &'static str {
    fn from(check: Check) -> &'static str {
        check.id()
    }
}

/// The table of all checks, as Markdown.
pub fn table() -> String {
    let rows = Check::ALL.iter().map(|check| format!("| `{}` | {} | {} |\n", check.id(), check.words(), check.rfc()));
    format!("| check | what is looked at | source |\n|---|---|---|\n{}", rows.collect::<String>())
}
