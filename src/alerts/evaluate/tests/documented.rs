//! What docs/alerts.md and the configuration say of figures is what the code does.

use crate::alerts::{
    AlertRule, AlertSettings,
    evaluate::{failures, lifecycle, outage, senders, share},
};

const DOCS: &str = include_str!("../../../../docs/alerts.md");
const CONFIGURATION: &str = include_str!("../../../../docs/config.example.toml");

/// Words for a number that prose spells out.
fn word(number: usize) -> &'static str {
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"][number]
}

/// When a rule fires, by default.
fn fires(rule: AlertRule, settings: &AlertSettings) -> String {
    let listed =
        |names: &[&str], last: &str| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(last);
    match rule {
        AlertRule::PolicyFetch => format!(
            "policy-fetch errors from {} organisations, or {} failed sessions",
            settings.policy_fetch_organisations_min, settings.policy_fetch_sessions_min
        ),
        AlertRule::Certificate => format!(
            "{} on a host of ours from {} organisations",
            listed(&failures::CERTIFICATE, " or "),
            settings.certificate_organisations_min
        ),
        AlertRule::Dane => format!("{} in {} sessions", listed(&failures::DANE, ", "), settings.dane_sessions_min),
        AlertRule::FailureShare => format!(
            "of at least {} sessions in {} days and today {} % fail, or {} times the share of the four weeks before, {} % at least; or {} % of one organisation's own",
            settings.failure_share_sessions_min,
            settings.failure_share_days,
            settings.failure_share_percent,
            settings.failure_share_times,
            settings.failure_share_times * share::BASELINE_MIN * 100.0,
            settings.failure_share_percent
        ),
        AlertRule::NewFailure => format!(
            "a combination never seen before, from {} sessions, after {} days of reports",
            settings.new_failure_sessions_min, settings.new_failure_learning_days
        ),
        AlertRule::SilentSender => format!(
            "nothing beyond its own rhythm plus {} hours, while others report",
            settings.silent_sender_grace_h.max(senders::GRACE_MIN_H)
        ),
        AlertRule::NoReports => format!(
            "nothing from anybody for {} hours, though reports came on {} of 14 days",
            settings.no_reports_after_h,
            senders::ARRIVALS_MIN_DAYS
        ),
        AlertRule::Quarantine => format!(
            "of what came within 24 hours {} % and at least {} inputs were quarantined",
            settings.quarantine_percent, settings.quarantine_min
        ),
        AlertRule::Conflict => "a report came again with other content".to_owned(),
        AlertRule::Source => {
            format!("it fails for {} minutes, or asks senders to come again later", settings.source_after_min)
        }
        AlertRule::Disk => {
            format!("less than {} GiB free, or nothing can be stored", settings.disk_free_min_bytes >> 30)
        }
    }
}

#[test]
fn the_table_of_rules_says_what_the_defaults_are() {
    let settings = AlertSettings::default();
    for rule in AlertRule::ALL {
        let start = format!("| `{}` |", rule.as_str());
        let row = DOCS.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{start}"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[3], fires(rule, &settings), "{start}");
    }
    let rows = DOCS.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, AlertRule::ALL.len());
}

#[test]
fn the_prose_says_what_the_figures_are() {
    let settings = AlertSettings::default();
    let says = |text: String| assert!(DOCS.replace("\n  ", " ").contains(&text), "{text}");
    says(format!("`fresh_days` ({})", settings.fresh_days));
    says(format!("`expire_days` ({})", settings.expire_days));
    says(format!("`remind_after_h` ({})", settings.remind_after_h));
    says(format!("at most {} alerts of `new-failure`", failures::NEWS_AT_ONCE_MAX));
    says(format!("Of one organisation at most {} fire at a time", failures::NEWS_MAX));
    says(format!("Where {} policy domains or more", word(outage::DOMAINS_MIN)));
    says(format!("within {} days of its end", word(lifecycle::BACK_WITHIN_DAYS as usize)));
    assert_eq!((lifecycle::FLAPPING_TIMES, failures::OTHERS_REPORT_WITHIN_DAYS), (3, 1));
    says(format!(
        "From the third time on it takes {} clean report days",
        word(lifecycle::FLAPPING_CLEAN_DAYS as usize)
    ));
}

#[test]
fn the_configuration_shows_the_defaults() {
    let settings = serde_json::to_value(AlertSettings::default()).unwrap();
    let alerts = CONFIGURATION.split("\n[alerts]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let shown = alerts.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" = "));
    let mut seen = 0;
    for (key, value) in shown.filter(|(key, _)| !key.starts_with(' ')) {
        let default = settings.get(key).unwrap_or_else(|| panic!("{key}"));
        // Empty by default: an example tells more.
        if key != "off" {
            assert_eq!(default, &serde_json::from_str::<serde_json::Value>(value).unwrap(), "{key}");
        }
        seen += 1;
    }
    assert_eq!(seen, settings.as_object().unwrap().len());
    assert!(alerts.contains(&format!("fewer than {0} count as {0}", senders::GRACE_MIN_H)));
    assert!(alerts.contains(&format!("or of {} % where that is larger", share::BASELINE_MIN * 100.0)));
}
