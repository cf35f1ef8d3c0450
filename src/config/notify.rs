//! Whom to tell, and by what way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ChannelKind, ClientTls};
use crate::{alerts::AlertRule, schedule::Cadence, setting::settings, submission::TrustFilter};

settings! {
    /// How mail leaves, `[mail]`: digests, and alerts of channels of the kind "mail". With `relay` by SMTP, else by `sendmail`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct MailConfig {
        /// The address in From. The envelope's sender is empty, so that no bounce comes back (RFC 8460 §5.6).
        /// Example: "tlsight@example.net"
        pub from: Option<String>,
        /// Host name of the mail server that takes mail from us.
        /// Example: "smtp.example.net"
        pub relay: Option<String>,
        /// Its port; without it 465 with implicit TLS, 587 with a user, else 25.
        /// Example: 587
        pub port: Option<u16>,
        /// "starttls", "implicit", or "off" for a server on this machine.
        pub tls: ClientTls,
        /// PEM file of certificate authorities to believe besides the system's.
        /// Example: "/etc/tlsight/ca.pem"
        pub ca: Option<PathBuf>,
        /// Whom to log in as.
        /// Example: "tlsight"
        pub user: Option<String>,
        /// The password.
        /// Example: "secret"
        pub password: Option<String>,
        /// The same, read from a file. Relative paths as in `token_file` of `[[domain]]`.
        /// Example: "tlsight-mail-password"
        pub password_file: Option<PathBuf>,
        /// The program that takes mail where there is no relay.
        pub sendmail: PathBuf,
        /// Seconds one delivery may take.
        pub deadline_s: u64,
    }
}

settings! {
    /// Where alerts are sent, `[[channel]]`. `tlsight alerts send-test NAME` proves it.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct NotifyChannel {
        /// What it is called here; without it its kind.
        /// Example: "operators"
        pub name: Option<String>,
        /// "mail", "webhook", "slack", "teams", "discord", "mattermost", "ntfy", "pagerduty" or "alertmanager".
        pub kind: ChannelKind,
        /// mail: whom to write to.
        /// Example: ["postmaster@example.net"]
        pub to: Vec<String>,
        /// Others: where to post to. ntfy: with the topic. PagerDuty and Alertmanager: without path; PagerDuty's own is the default.
        /// Example: "https://hooks.example.net/tlsight"
        pub url: Option<String>,
        /// The same, read from a file, as such URLs are often secrets. Relative paths as in `token_file` of `[[domain]]`.
        /// Example: "tlsight-slack-url"
        pub url_file: Option<PathBuf>,
        /// webhook: key of the HMAC-SHA256 signature. ntfy and Alertmanager: bearer token. pagerduty: integration key.
        /// Example: "a-long-random-text"
        pub secret: Option<String>,
        /// The same, read from a file.
        /// Example: "tlsight-webhook-secret"
        pub secret_file: Option<PathBuf>,
        /// PEM file of certificate authorities to believe besides the system's.
        /// Example: "/etc/tlsight/ca.pem"
        pub ca: Option<PathBuf>,
        /// Only these rules; none: all.
        /// Example: ["policy-fetch", "certificate", "dane"]
        pub rules: Vec<AlertRule>,
        /// Only alerts about these policy domains, and those about none; none: all.
        /// Example: ["example.com"]
        pub policy_domains: Vec<String>,
        /// Also tell when an alert is over.
        pub resolved: bool,
        /// Notices an hour; what is above waits and comes as one.
        pub notices_per_hour_max: u32,
        /// Hours after which a notice that could not be delivered is given up.
        pub give_up_after_h: u64,
        /// Seconds one delivery may take.
        pub deadline_s: u64,
    }
}

settings! {
    /// A summary by mail, `[[digest]]`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct DigestConfig {
        /// What it is called here; without it its cadence.
        /// Example: "customers"
        pub name: Option<String>,
        /// Whom to write to.
        /// Example: ["postmaster@example.net"]
        pub to: Vec<String>,
        /// Only these policy domains; none: all.
        /// Example: ["example.com", "example.org"]
        pub policy_domains: Vec<String>,
        /// "daily", "weekly" or "monthly": about the last whole UTC day, ISO week or month.
        pub cadence: Cadence,
        /// weekly: when to send.
        pub weekday: String,
        /// Time of day to send, in `zone`. Many senders report in the morning (UTC) about the day before.
        pub time: String,
        /// Time zone of `time`, an IANA name.
        pub zone: String,
        /// Which reports count: "counted" (what pages and alerts count, `min_trust` of `[alerts]`), "trusted" (what is proven or
        /// imported), "claimed" (what is neither), "all", or those of one trust: "dkim", "network", "import", "token", "none".
        pub trust: TrustFilter,
    }
}

impl Default for MailConfig {
    fn default() -> MailConfig {
        MailConfig {
            from: None,
            relay: None,
            port: None,
            tls: ClientTls::StartTls,
            ca: None,
            user: None,
            password: None,
            password_file: None,
            sendmail: PathBuf::from("/usr/sbin/sendmail"),
            deadline_s: 60,
        }
    }
}

impl Default for NotifyChannel {
    fn default() -> NotifyChannel {
        NotifyChannel {
            name: None,
            kind: ChannelKind::Mail,
            to: Vec::new(),
            url: None,
            url_file: None,
            secret: None,
            secret_file: None,
            ca: None,
            rules: Vec::new(),
            policy_domains: Vec::new(),
            resolved: true,
            notices_per_hour_max: 12,
            give_up_after_h: 72,
            deadline_s: 20,
        }
    }
}

impl Default for DigestConfig {
    fn default() -> DigestConfig {
        DigestConfig {
            name: None,
            to: Vec::new(),
            policy_domains: Vec::new(),
            cadence: Cadence::Weekly,
            weekday: "monday".to_owned(),
            time: "12:00".to_owned(),
            zone: "UTC".to_owned(),
            trust: TrustFilter::Counted,
        }
    }
}

impl NotifyChannel {
    /// What it is called: in the outbox, on the pages, in commands.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.as_str())
    }
}

impl DigestConfig {
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.cadence.as_str())
    }
}
