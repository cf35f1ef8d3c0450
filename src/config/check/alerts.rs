//! When alerts fire, and when nobody is to be told.

use super::a_label;
use crate::{
    alerts::{Maintenance, Silence, plan::AlertSettingError},
    config::{Config, ConfigError, problem::Problems},
};

impl Config {
    /// The silences, domains as A-labels.
    pub fn silences(&self) -> Result<Vec<Silence>, ConfigError> {
        let mut problems = Problems::default();
        let silences = self.check_silences(&mut problems);
        problems.finish()?;
        Ok(silences)
    }

    /// The maintenance windows, domains as A-labels.
    pub fn maintenances(&self) -> Result<Vec<Maintenance>, ConfigError> {
        let mut problems = Problems::default();
        let windows = self.check_maintenance(&mut problems);
        problems.finish()?;
        Ok(windows)
    }

    pub(super) fn check_alerts(&self, problems: &mut Problems) {
        for AlertSettingError { key, value, why } in self.alerts.problems() {
            // Numbers stand in the file without quotes.
            let value = if value.parse::<f64>().is_ok() { value } else { format!("{value:?}") };
            problems.add(format!("`alerts.{key}` = {value}: {why}"));
        }
        self.check_silences(problems);
        self.check_maintenance(problems);
    }

    fn check_silences(&self, problems: &mut Problems) -> Vec<Silence> {
        let mut silences = Vec::new();
        for (index, silence) in self.silence.iter().enumerate() {
            let place = format!("silence[{index}]");
            let mut known = silence.clone();
            if let Err(wrong) = silence.compile() {
                problems.add(message(&place, &wrong));
            }
            // What is written otherwise than in the store would silence nothing.
            known.organisation = silence.organisation.as_ref().map(|key| key.trim().to_lowercase());
            if let Some(name) = &mut known.policy_domain {
                match a_label(name) {
                    Ok(label) => *name = label,
                    Err(why) => problems.add(format!("`{place}.policy_domain` = {name:?}: {why}")),
                }
            }
            silences.push(known);
        }
        silences
    }

    fn check_maintenance(&self, problems: &mut Problems) -> Vec<Maintenance> {
        let mut windows = Vec::new();
        for (index, maintenance) in self.maintenance.iter().enumerate() {
            let place = format!("maintenance[{index}]");
            if let Err(wrong) = maintenance.compile() {
                problems.add(message(&place, &wrong));
            }
            let mut known = maintenance.clone();
            for name in &mut known.policy_domains {
                match a_label(name) {
                    Ok(label) => *name = label,
                    Err(why) => problems.add(format!("`{place}.policy_domains` = {name:?}: {why}")),
                }
            }
            windows.push(known);
        }
        windows
    }
}

fn message(place: &str, AlertSettingError { key, value, why }: &AlertSettingError) -> String {
    match value.as_str() {
        "" => format!("`{place}.{key}` is missing: {why}"),
        value => format!("`{place}.{key}` = {value:?}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn config(text: &str) -> Config {
        Config::from_text(text, &Environment::default()).expect("the types are right")
    }

    fn problems(text: &str) -> Vec<String> {
        config(text).check().err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn everything_that_is_wrong_with_alerts_is_told_at_once() {
        let text = "[alerts]\nfailure_share_of = [\"domain\"]\nfailure_share_percent = 101\n\
                    failure_share_times = nan\nquarantine_percent = -1\nfresh_days = 0\nexpire_days = 31\nfailure_share_days = 0\n";
        assert_eq!(
            problems(text),
            [
                "`alerts.failure_share_of` = \"domain\": not one of \"policy_domain\", \"organisation\" and \"result_type\"",
                "`alerts.failure_share_percent` = 101: outside what makes sense",
                "`alerts.failure_share_times` = NaN: outside what makes sense",
                "`alerts.quarantine_percent` = -1: outside what makes sense",
                "`alerts.fresh_days` = 0: not a number of days from 1 to 30",
                "`alerts.expire_days` = 31: not a number of days from 1 to 30",
                "`alerts.failure_share_days` = 0: not a number of days from 1 to 30",
            ]
        );
        for (text, key, known) in [
            ("[alerts]\noff = [\"policy_fetch\"]\n", "alerts.off[0]", "`policy-fetch`"),
            ("[alerts]\nmin_trust = \"signed\"\n", "alerts.min_trust", "`dkim`"),
            ("[[digest]]\ntrust = \"signed\"\n", "digest[0].trust", "`counted`"),
        ] {
            let message = Config::from_text(text, &Environment::default()).unwrap_err().to_string();
            let starts = message.starts_with(&format!("bad value for `{key}` in "));
            assert!(starts && message.contains(known), "{message}");
        }
    }

    #[test]
    fn everything_that_is_wrong_with_silences_and_maintenance_is_told_at_once() {
        let text = "[[silence]]\n\
                    [[silence]]\nuntil = \"2026-12-01\"\npolicy_domain = \"a b\"\n\
                    [[maintenance]]\n\
                    [[maintenance]]\nweekly = \"Sun 2-4\"\n\
                    [[maintenance]]\nweekly = \"Sun 02:00-04:00\"\nzone = \"Berlin\"\npolicy_domains = [\"a b\"]\n\
                    [[maintenance]]\nfrom = \"tomorrow\"\nto = \"2026-12-01T08:00:00Z\"\n\
                    [[maintenance]]\nfrom = \"2026-12-01T08:00:00Z\"\nto = \"2026-12-01T08:00:00Z\"\n";
        assert_eq!(
            problems(text),
            [
                "`silence[0].until` is missing: not a time with its zone such as 2026-12-01T08:00:00Z",
                "`silence[1].until` = \"2026-12-01\": not a time with its zone such as 2026-12-01T08:00:00Z",
                "`silence[1].policy_domain` = \"a b\": this is no domain name",
                "`maintenance[0].from` is missing: a maintenance needs `from` and `to`, or `weekly`",
                "`maintenance[1].weekly` = \"Sun 2-4\": not a weekday and times such as \"Sun 02:00-04:00\"",
                "`maintenance[2].zone` = \"Berlin\": not an IANA time zone such as \"Europe/Berlin\"",
                "`maintenance[2].policy_domains` = \"a b\": this is no domain name",
                "`maintenance[3].from` = \"tomorrow\": not a time with its zone such as 2026-12-01T08:00:00Z",
                "`maintenance[4].to` = \"2026-12-01T08:00:00Z\": not after `from`",
            ]
        );
        let text = "[[silence]]\nuntil = \"2026-12-01T08:00:00Z\"\nrule = \"certificates\"\n";
        let message = Config::from_text(text, &Environment::default()).unwrap_err().to_string();
        assert!(
            message.starts_with("bad value for `silence[0].rule` in ") && message.contains("`certificate`"),
            "{message}"
        );
    }

    #[test]
    fn names_are_as_the_store_has_them() {
        let text = "[[silence]]\nuntil = \"2026-12-01T08:00:00Z\"\npolicy_domain = \"Bücher.Example\"\norganisation = \"Google.com\"\n\
                    [[maintenance]]\nweekly = \"Sun 02:00-04:00\"\npolicy_domains = [\"Example.COM.\"]\n";
        let config = config(text);
        assert_eq!(config.check(), Ok(()));
        let silence = config.silences().unwrap().remove(0);
        assert_eq!(silence.policy_domain.as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(silence.organisation.as_deref(), Some("google.com"));
        assert_eq!(config.maintenances().unwrap()[0].policy_domains, ["example.com"]);
    }
}
