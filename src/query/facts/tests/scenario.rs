//! Reads a scenario: what fails when for whom, line by line.

use std::{fs, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    alerts::{AlertRule, Maintenance, Mute},
    submission::Trust,
};

/// UTC days, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days(NaiveDate, NaiveDate);

#[derive(Debug)]
pub(super) struct Failing {
    pub days: Days,
    pub domain: String,
    pub organisations: Vec<String>,
    pub result_type: String,
    pub sessions: i64,
    pub mx_host: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Scenario {
    pub failing: Vec<Failing>,
    pub forged: Vec<Failing>,
    /// Domain and organisation.
    pub skipped: Vec<(Days, String, Vec<String>)>,
    pub late: Vec<(Days, Vec<String>, u64)>,
    pub reversed: Vec<(Days, Vec<String>)>,
    pub twice: Vec<(Days, Vec<String>)>,
    pub conflicts: Vec<(NaiveDate, String)>,
    pub garbage: Vec<(NaiveDate, usize, Trust)>,
    pub down: Vec<Days>,
    pub maintenance: Vec<Maintenance>,
    pub silences: Vec<(DateTime<Utc>, Mute)>,
    pub acknowledged: Vec<(DateTime<Utc>, AlertRule)>,
    pub parts: Vec<(DateTime<Utc>, DateTime<Utc>, String)>,
    pub disk: Vec<(DateTime<Utc>, DateTime<Utc>, u64)>,
}

impl Days {
    pub(super) fn hold(self, day: NaiveDate) -> bool {
        self.0 <= day && day <= self.1
    }

    pub(super) fn last(self) -> NaiveDate {
        self.1
    }

    pub(super) fn after(self, day: NaiveDate) -> u64 {
        (self.1 - day).num_days() as u64
    }
}

impl FromStr for Days {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Days, chrono::ParseError> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        Ok(Days(first.parse()?, last.parse()?))
    }
}

pub(super) fn read(path: &str) -> Scenario {
    let mut scenario = Scenario::default();
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        take(&mut scenario, &words).unwrap_or_else(|| panic!("`{line}`"));
    }
    scenario
}

fn take(scenario: &mut Scenario, words: &[&str]) -> Option<()> {
    let name = |text: &str| text.replace('_', " ");
    let names = |text: &str| text.split(',').map(name).collect::<Vec<_>>();
    match *words {
        ["fail", days, domain, who, result_type, sessions] => {
            scenario.failing.push(failing(days, domain, names(who), result_type, sessions, None)?);
        }
        ["fail", days, domain, who, result_type, sessions, mx] => {
            scenario.failing.push(failing(days, domain, names(who), result_type, sessions, Some(mx))?);
        }
        ["forge", days, domain, who, result_type, sessions] => {
            let mx_host = Some("mx1.example.com");
            scenario.forged.push(failing(days, domain, names(who), result_type, sessions, mx_host)?);
        }
        ["skip", days, domain, who] => scenario.skipped.push((days.parse().ok()?, domain.to_owned(), names(who))),
        ["late", days, who, n] => scenario.late.push((days.parse().ok()?, names(who), n.parse().ok()?)),
        ["reversed", days, who] => scenario.reversed.push((days.parse().ok()?, names(who))),
        ["twice", days, who] => scenario.twice.push((days.parse().ok()?, names(who))),
        ["conflict", day, who] => scenario.conflicts.push((day.parse().ok()?, name(who))),
        ["garbage", day, n, trust] => {
            scenario.garbage.push((day.parse().ok()?, n.parse().ok()?, Trust::from_name(trust)?));
        }
        ["down", days] => scenario.down.push(days.parse().ok()?),
        ["maintenance", from, to, domain] => scenario.maintenance.push(Maintenance {
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            policy_domains: vec![domain.to_owned()],
            ..Maintenance::default()
        }),
        ["silence", from, until, rule, domain, reason] => {
            let mute = Mute {
                until: until.parse().ok()?,
                reason: reason.to_owned(),
                rule: Some(AlertRule::from_name(rule)?),
                policy_domain: Some(domain.to_owned()),
                organisation: None,
                result_type: None,
            };
            scenario.silences.push((from.parse().ok()?, mute));
        }
        ["acknowledge", at, rule] => scenario.acknowledged.push((at.parse().ok()?, AlertRule::from_name(rule)?)),
        ["failing", from, to, part] => scenario.parts.push((from.parse().ok()?, to.parse().ok()?, name(part))),
        ["disk", from, to, mib] => scenario.disk.push((from.parse().ok()?, to.parse().ok()?, mib.parse().ok()?)),
        _ => return None,
    }
    Some(())
}

fn failing(
    days: &str,
    domain: &str,
    organisations: Vec<String>,
    result_type: &str,
    sessions: &str,
    mx_host: Option<&str>,
) -> Option<Failing> {
    Some(Failing {
        days: days.parse().ok()?,
        domain: domain.to_owned(),
        organisations,
        result_type: result_type.to_owned(),
        sessions: sessions.parse().ok()?,
        mx_host: mx_host.map(str::to_owned),
    })
}
