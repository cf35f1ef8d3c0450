//! The rules in words: what each watches for, from when on it fires, and by which setting that can be changed.

use minijinja::Value;

use crate::{
    alerts::{AlertSettings, rules::RULES},
    templates::fields,
};

/// One row for each rule.
pub(crate) fn table(settings: &AlertSettings) -> Vec<Value> {
    let rows = RULES.into_iter().map(|rule| {
        fields! {
            name => rule.name(),
            severity => rule.severity().as_str(),
            meaning => rule.meaning(),
            thresholds => rule.thresholds(settings),
            off => settings.off.contains(&rule.rule()),
        }
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_is_shown_with_its_key() {
        let settings = AlertSettings::default();
        let mut shown: Vec<&str> =
            RULES.into_iter().flat_map(|rule| rule.thresholds(&settings)).map(|(_, key)| key).collect();
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
}
