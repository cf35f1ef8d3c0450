//! The rules in words: what each watches for, from when on it fires, and by which setting that can be changed.

use minijinja::Value;

use crate::{
    alerts::{
        AlertRule, AlertSettings,
        evaluate::{BASELINE_MIN, GRACE_MIN_H},
    },
    templates::fields,
    wording,
};

/// One row for each rule.
pub(crate) fn table(settings: &AlertSettings) -> Vec<Value> {
    let row = |rule: AlertRule| {
        let thresholds: Vec<(String, &'static str)> = thresholds(rule, settings);
        fields! {
            name => rule.as_str(),
            severity => rule.severity().as_str(),
            meaning => meaning(rule),
            thresholds,
            off => settings.off.contains(&rule),
        }
    };
    AlertRule::ALL.into_iter().map(row).collect()
}

/// What a rule watches for.
pub(crate) fn meaning(rule: AlertRule) -> &'static str {
    match rule {
        AlertRule::PolicyFetch => "Senders cannot fetch the MTA-STS policy of a domain, or cannot use it.",
        AlertRule::FailureShare => "Too many sessions fail, or many more than in the four weeks before.",
        AlertRule::NewFailure => {
            "An organisation fails at a domain with a result type that was never seen there from it."
        }
        AlertRule::Certificate => {
            "Several organisations find the certificate of an MX host expired or made out for another name."
        }
        AlertRule::Dane => "DANE fails: tlsa-invalid, dnssec-invalid or dane-required.",
        AlertRule::SilentSender => "An organisation that reports regularly has stopped.",
        AlertRule::NoReports => "No organisation reports any more.",
        AlertRule::Quarantine => "Much of what comes in is quarantined.",
        AlertRule::Conflict => "A report came twice with different content.",
        AlertRule::Source => "A source of reports does not work, or turns senders away.",
        AlertRule::Disk => "The disk of the data directory is nearly full.",
    }
}

/// Sentences without a full stop, each with the key in `[alerts]` that changes it.
fn thresholds(rule: AlertRule, settings: &AlertSettings) -> Vec<(String, &'static str)> {
    match rule {
        AlertRule::PolicyFetch => vec![
            (
                format!(
                    "{} see it, or",
                    count(settings.policy_fetch_organisations_min, "organisation", "organisations")
                ),
                "policy_fetch_organisations_min",
            ),
            (
                count(settings.policy_fetch_sessions_min, "failed session", "failed sessions"),
                "policy_fetch_sessions_min",
            ),
        ],
        AlertRule::Certificate => vec![(
            format!(
                "{} see it on one MX host",
                count(settings.certificate_organisations_min, "organisation", "organisations")
            ),
            "certificate_organisations_min",
        )],
        AlertRule::Dane => vec![(
            format!("{} on one domain", count(settings.dane_sessions_min, "failed session", "failed sessions")),
            "dane_sessions_min",
        )],
        AlertRule::FailureShare => failure_share(settings),
        AlertRule::NewFailure => vec![
            (count(settings.new_failure_sessions_min, "failed session", "failed sessions"), "new_failure_sessions_min"),
            (
                format!("after {} of reports", count(settings.new_failure_learning_days, "day", "days")),
                "new_failure_learning_days",
            ),
        ],
        AlertRule::SilentSender => vec![(
            format!(
                "{} beyond its own rhythm",
                count(settings.silent_sender_grace_h.max(GRACE_MIN_H), "hour", "hours")
            ),
            "silent_sender_grace_h",
        )],
        AlertRule::NoReports => {
            vec![(
                format!("{} without a report", count(settings.no_reports_after_h, "hour", "hours")),
                "no_reports_after_h",
            )]
        }
        AlertRule::Quarantine => vec![
            (format!("{} % of what came in the last 24 hours, and", settings.quarantine_percent), "quarantine_percent"),
            (format!("{} at least", count(settings.quarantine_min, "input", "inputs")), "quarantine_min"),
        ],
        AlertRule::Conflict => Vec::new(),
        AlertRule::Source => {
            vec![(format!("{} of failing", count(settings.source_after_min, "minute", "minutes")), "source_after_min")]
        }
        AlertRule::Disk => {
            vec![(format!("less than {} free", bytes(settings.disk_free_min_bytes)), "disk_free_min_bytes")]
        }
    }
}

fn failure_share(settings: &AlertSettings) -> Vec<(String, &'static str)> {
    let of: Vec<String> = settings.failure_share_of.iter().map(|of| of.replace('_', " ")).collect();
    let mut lines = vec![
        (format!("by {}", wording::listed(&of, of.len())), "failure_share_of"),
        (format!("{} % fail, or", settings.failure_share_percent), "failure_share_percent"),
    ];
    if settings.failure_share_times > 0.0 {
        lines.push((
            format!(
                "{} times the share before, {} % at least",
                settings.failure_share_times,
                settings.failure_share_times * BASELINE_MIN * 100.0
            ),
            "failure_share_times",
        ));
    }
    lines.push((
        format!("over {}", count(settings.failure_share_days, "report day", "report days")),
        "failure_share_days",
    ));
    lines.push((
        format!("from {} on", count(settings.failure_share_sessions_min, "session", "sessions")),
        "failure_share_sessions_min",
    ));
    lines
}

fn count(number: u64, one: &str, many: &str) -> String {
    wording::counted(i64::try_from(number).unwrap_or(i64::MAX), one, many)
}

fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes.is_multiple_of(unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_is_shown_with_its_key() {
        let settings = AlertSettings::default();
        let share: Vec<String> = failure_share(&settings).into_iter().map(|(words, _)| words).collect();
        assert!(share.contains(&"5 times the share before, 5 % at least".to_owned()), "{share:?}");
        let mut shown: Vec<&str> =
            AlertRule::ALL.into_iter().flat_map(|rule| thresholds(rule, &settings)).map(|(_, key)| key).collect();
        // These hold for all rules and stand below the table.
        shown.extend(["off", "min_trust", "remind_after_h", "fresh_days", "expire_days", "keep_days"]);
        let known = serde_json::to_value(&settings).expect("settings are JSON");
        for key in known.as_object().expect("an object").keys() {
            assert!(shown.contains(&key.as_str()), "{key}");
        }
        for key in shown {
            assert!(known.get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn bytes_are_short() {
        assert_eq!(bytes(1 << 30), "1 GiB");
        assert_eq!(bytes(1_500_000_000), "1.4 GiB");
        assert_eq!(bytes(12), "12 bytes");
    }
}
