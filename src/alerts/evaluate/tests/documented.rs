//! What docs/alerts.md and the configuration say of figures is what the code does.

use crate::alerts::{
    AlertRule, AlertSettings,
    evaluate::{lifecycle, outage},
    rules::{definition, failure_share, new_failure, silent_sender},
};

const DOCS: &str = include_str!("../../../../docs/alerts.md");
const CONFIGURATION: &str = include_str!("../../../../docs/config.example.toml");

/// Words for a number that prose spells out.
fn word(number: usize) -> &'static str {
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"][number]
}

#[test]
fn the_table_of_rules_says_what_the_defaults_are() {
    let settings = AlertSettings::default();
    for rule in AlertRule::ALL {
        let start = format!("| `{}` |", rule.as_str());
        let row = DOCS.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{start}"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[3], definition(rule).fires(&settings), "{start}");
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
    says(format!("at most {} alerts of `new-failure`", new_failure::NEWS_AT_ONCE_MAX));
    says(format!("Of one organisation at most {} fire at a time", new_failure::NEWS_MAX));
    says(format!("Where {} policy domains or more", word(outage::DOMAINS_MIN)));
    says(format!("within {} days of its end", word(lifecycle::BACK_WITHIN_DAYS as usize)));
    assert_eq!((lifecycle::FLAPPING_TIMES, new_failure::OTHERS_REPORT_WITHIN_DAYS), (3, 1));
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
    assert!(alerts.contains(&format!("fewer than {0} count as {0}", silent_sender::GRACE_MIN_H)));
    assert!(alerts.contains(&format!("or of {} % where that is larger", failure_share::BASELINE_MIN * 100.0)));
}
