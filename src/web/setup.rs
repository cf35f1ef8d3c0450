//! What the pages say of the set-up they run in.

use serde::Serialize;

/// What is known of how reports get here, and whether they are real.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setup {
    /// Everything that is shown is invented.
    pub demo: bool,
    /// The text of the TLSRPT record to publish.
    pub record: String,
    /// Whether the record names an `https` address, whose host nobody here knows.
    pub over_https: bool,
    /// Whether the record names a `mailto` address.
    pub by_mail: bool,
    /// Where reports are posted to, without path; `None` where the listener is off.
    pub post_url: Option<String>,
    /// Whether only this machine reaches it there.
    pub post_is_local: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            demo: false,
            record: "v=TLSRPTv1; rua=https://reports.example.net/v1/tlsrpt".to_owned(),
            over_https: true,
            by_mail: false,
            post_url: Some("https://reports.example.net".to_owned()),
            post_is_local: false,
        }
    }
}
