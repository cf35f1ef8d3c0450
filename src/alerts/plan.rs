//! The configuration as the evaluation uses it: checked, with times that are times.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::{
    AlertRule, AlertSettings, Maintenance,
    facts::Of,
    maintenance::{UnderMaintenance, Window},
};
use crate::submission::Trust;

/// Days the evaluation looks back at most.
pub const LOOK_BACK_MAX_DAYS: u64 = 60;

/// A value of `[alerts]`, `[[silence]]` or `[[maintenance]]` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key} = {value:?}`: {why}")]
pub struct AlertSettingError {
    pub key: &'static str,
    pub value: String,
    pub why: &'static str,
}

/// `[alerts]` and `[[maintenance]]`, with the MX hosts of the served domains.
#[derive(Debug, Clone)]
pub struct AlertPlan {
    pub settings: AlertSettings,
    /// The served domains with their configured MX hosts, in lower case.
    pub domains: BTreeMap<String, BTreeSet<String>>,
    /// All of these hosts; empty: every MX host in a report is taken for ours.
    pub mx_hosts: BTreeSet<String>,
    /// The policy domains each channel is told of; an empty list: of all.
    pub audiences: Vec<Vec<String>>,
    windows: Vec<Window>,
    shares_of: Vec<Of>,
}

impl Default for AlertPlan {
    fn default() -> AlertPlan {
        AlertPlan::new(AlertSettings::default(), [], &[]).expect("the defaults can be used")
    }
}

impl AlertPlan {
    /// Checks the settings and the maintenance windows.
    pub fn new(
        settings: AlertSettings,
        domains: impl IntoIterator<Item = (String, BTreeSet<String>)>,
        maintenance: &[Maintenance],
    ) -> Result<AlertPlan, AlertSettingError> {
        let shares_of = shares_of(&settings)?;
        if let Some(wrong) = out_of_bounds(&settings).next() {
            return Err(wrong);
        }
        let windows = maintenance.iter().map(Maintenance::compile).collect::<Result<_, _>>()?;
        let name = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
        let hosts = |hosts: BTreeSet<String>| hosts.iter().map(|host| name(host)).collect();
        let domains: BTreeMap<String, BTreeSet<String>> =
            domains.into_iter().map(|(domain, mx)| (name(&domain), hosts(mx))).collect();
        let mx_hosts = domains.values().flatten().cloned().collect();
        Ok(AlertPlan { settings, domains, mx_hosts, audiences: Vec::new(), windows, shares_of })
    }

    pub fn is_on(&self, rule: AlertRule) -> bool {
        !self.settings.off.contains(&rule)
    }

    /// The trusts that count.
    pub fn trusts(&self) -> impl Iterator<Item = Trust> {
        let least = self.settings.min_trust;
        Trust::ALL.into_iter().filter(move |trust| *trust >= least)
    }

    pub fn shares_of(&self) -> &[Of] {
        &self.shares_of
    }

    /// The first report day that still makes something fire.
    pub fn fresh_first(&self, today: NaiveDate) -> NaiveDate {
        back(today, self.settings.fresh_days)
    }

    /// An alert whose last word is older expires. Later than `fresh_first`, else what expires would fire again.
    pub fn expire_first(&self, today: NaiveDate) -> NaiveDate {
        back(today, self.settings.expire_days.max(self.settings.fresh_days.saturating_add(1)))
    }

    /// The first report day that is looked at for troubles.
    pub fn look_back_first(&self, today: NaiveDate) -> NaiveDate {
        let days = self.settings.expire_days.max(self.settings.fresh_days).saturating_add(7);
        back(today, days.min(LOOK_BACK_MAX_DAYS))
    }

    /// The first day of the window of a failure share, which ends today.
    pub fn share_first(&self, today: NaiveDate) -> NaiveDate {
        back(today, self.settings.failure_share_days)
    }

    /// The first of the 28 days before that window.
    pub fn baseline_first(&self, today: NaiveDate) -> NaiveDate {
        back(self.share_first(today), 28)
    }

    /// The days, both inclusive, that do not count, and for which policy domains.
    pub fn under_maintenance(&self, first: NaiveDate, last: NaiveDate) -> UnderMaintenance {
        let mut found = UnderMaintenance::default();
        for day in first.iter_days().take_while(|day| *day <= last) {
            for window in self.windows.iter().filter(|window| window.touches(day)) {
                if window.policy_domains.is_empty() {
                    found.all.insert(day);
                }
                found.some.extend(window.policy_domains.iter().map(|domain| (day, domain.clone())));
            }
        }
        found
    }
}

impl AlertSettings {
    /// Everything that cannot be used; the first of it is what `Plan::new` refuses.
    pub fn problems(&self) -> Vec<AlertSettingError> {
        shares_of(self).err().into_iter().chain(out_of_bounds(self)).collect()
    }
}

fn shares_of(settings: &AlertSettings) -> Result<Vec<Of>, AlertSettingError> {
    let share = |name: &String| {
        Of::from_name(name).ok_or_else(|| AlertSettingError {
            key: "failure_share_of",
            value: name.clone(),
            why: "not one of \"policy_domain\", \"organisation\" and \"result_type\"",
        })
    };
    settings.failure_share_of.iter().map(share).collect()
}

fn out_of_bounds(settings: &AlertSettings) -> impl Iterator<Item = AlertSettingError> {
    let numbers = [
        ("failure_share_percent", settings.failure_share_percent, 100.0),
        ("failure_share_times", settings.failure_share_times, 1e6),
        ("quarantine_percent", settings.quarantine_percent, 100.0),
    ];
    let days = [
        ("fresh_days", settings.fresh_days),
        ("expire_days", settings.expire_days),
        ("failure_share_days", settings.failure_share_days),
    ];
    let numbers = numbers.into_iter().filter(|(_, number, max)| !(0.0..=*max).contains(number));
    let days = days.into_iter().filter(|(_, days)| !(1..=30).contains(days));
    numbers
        .map(|(key, number, _)| AlertSettingError { key, value: number.to_string(), why: "outside what makes sense" })
        .chain(days.map(|(key, days)| AlertSettingError {
            key,
            value: days.to_string(),
            why: "not a number of days from 1 to 30",
        }))
}

pub fn back(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut AlertSettings)) -> String {
        let mut settings = AlertSettings::default();
        change(&mut settings);
        AlertPlan::new(settings, [], &[]).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert!(wrong(|settings| settings.failure_share_of = vec!["domain".to_owned()]).contains("policy_domain"));
        assert!(wrong(|settings| settings.failure_share_percent = f64::NAN).contains("NaN"));
        assert!(wrong(|settings| settings.expire_days = 0).contains("expire_days"));
        assert!(wrong(|settings| settings.fresh_days = u64::MAX).contains("fresh_days"));
    }

    #[test]
    fn by_default_what_is_proven_or_imported_counts() {
        let served = [("example.com".to_owned(), ["MX.example.com.".to_owned()].into())];
        let plan = AlertPlan::new(AlertSettings::default(), served, &[]).unwrap();
        assert_eq!(plan.trusts().collect::<Vec<_>>(), [Trust::Import, Trust::Network, Trust::Dkim]);
        assert!(plan.mx_hosts.contains("mx.example.com"));
        let today = "2026-11-25".parse().unwrap();
        assert!(plan.expire_first(today) < plan.fresh_first(today));
    }
}
