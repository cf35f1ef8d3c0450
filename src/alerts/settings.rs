//! Thresholds, silences and maintenance windows, as they stand in the configuration file.

use serde::{Deserialize, Serialize};

use super::AlertRule;
use crate::{
    setting::{setting_kinds, settings},
    submission::{Trust, TrustFilter},
};

settings! {
    /// When alerts fire, `[alerts]`. The defaults are meant to be left alone; whom to tell stands in `[[channel]]`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct AlertSettings {
        /// Rules that are not evaluated: policy-fetch, certificate, dane, failure-share, new-failure, silent-sender, no-reports,
        /// quarantine, conflict, source, disk.
        /// Example: ["new-failure"]
        pub off: Vec<AlertRule>,
        /// The least credible reports that count, here and by default on pages and in digests: "import" (what is proven, and what you
        /// fed in), "network", "dkim", or, where nothing can be proven, "token" or "none" for what anybody can post: a token stands
        /// in the public DNS.
        pub min_trust: Trust,
        /// Hours after which an alert that is still firing and not acknowledged is notified again; 0: never.
        pub remind_after_h: u64,
        /// Failures fire while their report day is at most so many days ago; older ones came late and show on the pages only.
        pub fresh_days: u64,
        /// Days without any report that could tell, after which a firing alert expires.
        pub expire_days: u64,
        /// policy-fetch: organisations that must see it at one domain, or
        pub policy_fetch_organisations_min: u64,
        /// … failed sessions that one or more organisations must report.
        pub policy_fetch_sessions_min: u64,
        /// certificate: organisations that must see it on one MX host.
        pub certificate_organisations_min: u64,
        /// dane: failed sessions on one domain.
        pub dane_sessions_min: u64,
        /// failure-share: what shares are taken of, any of "policy_domain", "organisation" and "result_type".
        pub failure_share_of: Vec<String>,
        /// failure-share: report days that are summed up.
        pub failure_share_days: u64,
        /// failure-share: percent of the sessions that must fail, or
        pub failure_share_percent: f64,
        /// … times the share of the four weeks before, or of 1 % where that is larger; 0: no comparison.
        pub failure_share_times: f64,
        /// failure-share: sessions below which no share is taken.
        pub failure_share_sessions_min: u64,
        /// new-failure: failed sessions from which on it is worth telling.
        pub new_failure_sessions_min: u64,
        /// new-failure: days of reports that must be stored before anything counts as new.
        pub new_failure_learning_days: u64,
        /// silent-sender: hours beyond the organisation's own rhythm; fewer than 28 count as 28.
        pub silent_sender_grace_h: u64,
        /// no-reports: hours in which no sender brought a report.
        pub no_reports_after_h: u64,
        /// quarantine: percent of what came in the last 24 hours, and
        pub quarantine_percent: f64,
        /// … how many at least. What came without any trust does not count unless `min_trust` is "none".
        pub quarantine_min: u64,
        /// source: minutes a source must fail.
        pub source_after_min: u64,
        /// disk: free bytes below which it fires; the log, a checkpoint and a repair need room.
        pub disk_free_min_bytes: u64,
        /// Days for which alerts that are over are kept with their history, silences that have ended, and failures that are not
        /// seen any more (they count as new when they come back later); 0: for ever, fewer than 90 count as 90.
        pub keep_days: u64,
    }
}

settings! {
    /// Trouble that needs no notification, `[[silence]]`. It is still recorded; when the silence ends and the trouble has not,
    /// the channels are notified. Without any scope everything is silenced.
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Silence {
        /// When it ends.
        /// Example: "2026-12-01T08:00:00Z"
        pub until: String,
        /// Why, for whoever finds it.
        /// Example: "the old MX host is being switched off"
        pub reason: String,
        /// Only alerts of this rule.
        /// Example: "certificate"
        pub rule: Option<AlertRule>,
        /// Only alerts about this policy domain.
        /// Example: "example.com"
        pub policy_domain: Option<String>,
        /// Only alerts about this organisation, by its key.
        /// Example: "google.com"
        pub organisation: Option<String>,
        /// Only alerts about this result type.
        /// Example: "certificate-expired"
        pub result_type: Option<String>,
    }
}

settings! {
    /// Time in which failures are expected, `[[maintenance]]`. Reports about the UTC days it touches neither fire nor resolve.
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Maintenance {
        /// Why, for whoever finds it.
        /// Example: "new mail servers"
        pub reason: String,
        /// Once: when it begins.
        /// Example: "2026-11-28T20:00:00Z"
        pub from: Option<String>,
        /// Once: when it ends.
        /// Example: "2026-11-28T23:00:00Z"
        pub to: Option<String>,
        /// Every week: weekday and times.
        /// Example: "Sun 02:00-04:00"
        pub weekly: Option<String>,
        /// Time zone of `weekly`, an IANA name; without it UTC.
        /// Example: "Europe/Berlin"
        pub zone: Option<String>,
        /// Only these policy domains.
        /// Example: ["example.com"]
        pub policy_domains: Vec<String>,
    }
}

setting_kinds!(Text: AlertRule, Trust, TrustFilter);

impl Default for AlertSettings {
    fn default() -> AlertSettings {
        AlertSettings {
            off: Vec::new(),
            min_trust: Trust::Import,
            remind_after_h: 24,
            fresh_days: 4,
            expire_days: 14,
            policy_fetch_organisations_min: 2,
            policy_fetch_sessions_min: 20,
            certificate_organisations_min: 2,
            dane_sessions_min: 3,
            failure_share_of: vec!["policy_domain".to_owned()],
            failure_share_days: 3,
            failure_share_percent: 10.0,
            failure_share_times: 5.0,
            failure_share_sessions_min: 100,
            new_failure_sessions_min: 5,
            new_failure_learning_days: 14,
            silent_sender_grace_h: 28,
            no_reports_after_h: 48,
            quarantine_percent: 20.0,
            quarantine_min: 10,
            source_after_min: 15,
            disk_free_min_bytes: 1024 * 1024 * 1024,
            keep_days: 730,
        }
    }
}
