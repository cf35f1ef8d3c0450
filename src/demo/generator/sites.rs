//! The three domains of the demo.

use sha2::{Digest, Sha256};

/// A recipient domain with what its DNS and policy host say.
#[derive(Debug)]
pub struct DemoSite {
    pub domain: &'static str,
    /// MTA-STS mode (RFC 8461 §3.2).
    pub mode: &'static str,
    pub max_age_s: u32,
    pub mx: &'static [DemoHost],
    /// Publishes TLSA records for its MX hosts.
    pub dane: bool,
    /// Secret in the `rua` URL it publishes.
    pub token: Option<&'static str>,
    /// Share of a sender's volume, in percent.
    pub weight: u64,
}

#[derive(Debug)]
pub struct DemoHost {
    pub name: &'static str,
    pub address: &'static str,
}

pub const SITES: [DemoSite; 3] = [
    DemoSite {
        domain: "example.com",
        mode: "enforce",
        max_age_s: 604_800,
        mx: &[
            DemoHost { name: "mx1.example.com", address: "192.0.2.25" },
            DemoHost { name: "mx2.example.com", address: "2001:db8:25::2" },
        ],
        dane: true,
        token: Some("demo-token-example-com"),
        weight: 100,
    },
    DemoSite {
        domain: "example.net",
        mode: "enforce",
        max_age_s: 1_209_600,
        mx: &[
            DemoHost { name: "mx1.example.net", address: "198.51.100.25" },
            DemoHost { name: "mx2.example.net", address: "198.51.100.26" },
        ],
        dane: false,
        token: None,
        weight: 45,
    },
    DemoSite {
        domain: "example.org",
        mode: "testing",
        max_age_s: 86_400,
        mx: &[DemoHost { name: "mx1.example.org", address: "203.0.113.25" }],
        dane: true,
        token: Some("demo-token-example-org"),
        weight: 20,
    },
];

impl DemoSite {
    /// The policy file's lines.
    pub fn sts_lines(&self, mx: &[&str]) -> Vec<String> {
        let hosts = mx.iter().map(|host| format!("mx: {host}"));
        let ends = [format!("max_age: {}", self.max_age_s)];
        ["version: STSv1".to_owned(), format!("mode: {}", self.mode)].into_iter().chain(hosts).chain(ends).collect()
    }

    pub fn mx_names(&self) -> Vec<&'static str> {
        self.mx.iter().map(|host| host.name).collect()
    }
}

/// Two DANE-EE records: the key in use and the next one.
pub(super) fn tlsa_records(host: &str) -> Vec<String> {
    let record = |key: &str| {
        let digest = Sha256::digest(format!("{key} key of {host}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("3 1 1 {hex}")
    };
    vec![record("present"), record("next")]
}
