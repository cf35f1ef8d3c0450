//! What a rule finds: how each of its subjects stands.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::{Alert, AlertEvidence, AlertFacts, AlertPlan, AlertRule, Subject, facts::FailureFact, hosts::Owners};

/// An organisation that was seen to fail at a policy domain with a result type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    pub policy_domain: String,
    /// Organisation key.
    pub organisation: String,
    pub result_type: String,
    pub first_day: NaiveDate,
}

/// How one subject of one rule stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub rule: AlertRule,
    pub subject: Subject,
    pub state: FindingState,
    pub since: DateTime<Utc>,
    pub evidence: AlertEvidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    Failing,
    /// Not enough to fire, not enough to resolve.
    Open,
    /// Over. `days`: how many report days have shown it.
    Clear {
        day: Option<NaiveDate>,
        days: u64,
    },
    /// Some say that it is over, and those who do not have not been heard of for some days.
    Unheard,
    /// Nobody says anything about it any more.
    Expired,
    /// The alert of this rule tells of it.
    TakenOver(AlertRule),
}

/// The alerts an evaluation starts from: those that fire, and those resolved lately. They can be thousands, and each finding
/// is looked up in them.
pub struct OpenAlerts<'a> {
    pub alerts: &'a [Alert],
    firing: HashMap<(AlertRule, &'a Subject), &'a Alert>,
    over: HashMap<(AlertRule, &'a Subject), &'a Alert>,
    /// Whose MX hosts are whose.
    pub owners: Owners<'a>,
}

/// What the rules find in one evaluation.
#[derive(Debug, Default)]
pub struct Found {
    pub findings: Vec<Finding>,
    /// Failures that are news no more.
    pub known: Vec<Triple>,
}

/// What one evaluation knows.
pub struct World<'a> {
    pub facts: &'a AlertFacts,
    pub plan: &'a AlertPlan,
    pub open: &'a OpenAlerts<'a>,
    pub now: DateTime<Utc>,
    /// What is reported already, or was until lately, so that no other rule reports it again. Empty for rules about causes.
    pub causes: BTreeSet<(AlertRule, Subject)>,
}

impl<'a> OpenAlerts<'a> {
    pub fn new(alerts: &'a [Alert], owners: Owners<'a>) -> OpenAlerts<'a> {
        let mut standing = OpenAlerts { alerts, firing: HashMap::new(), over: HashMap::new(), owners };
        for alert in alerts {
            let key = (alert.rule, &alert.subject);
            if alert.is_firing() {
                standing.firing.entry(key).or_insert(alert);
                continue;
            }
            match standing.over.entry(key) {
                Entry::Occupied(held) if held.get().changed_at > alert.changed_at => {}
                entry => drop(entry.insert_entry(alert)),
            }
        }
        standing
    }

    pub fn firing(&self, rule: AlertRule, subject: &Subject) -> Option<&'a Alert> {
        self.firing.get(&(rule, subject)).copied()
    }

    pub fn firing_of(&self, rule: AlertRule) -> impl Iterator<Item = &'a Alert> {
        self.alerts.iter().filter(move |alert| alert.is_firing() && alert.rule == rule)
    }

    /// The last one of this rule and subject that is over.
    pub fn over(&self, rule: AlertRule, subject: &Subject) -> Option<&'a Alert> {
        self.over.get(&(rule, subject)).copied()
    }
}

impl FailureFact {
    pub fn last_day(&self) -> NaiveDate {
        self.days.last_key_value().map_or(NaiveDate::MIN, |(day, _)| *day)
    }

    pub fn first_day(&self) -> NaiveDate {
        self.days.first_key_value().map_or(NaiveDate::MAX, |(day, _)| *day)
    }
}

pub fn start_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// A number of days or hours from the configuration, as far as times reach.
pub fn days(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).min(36_500)
}

pub fn hours(number: u64) -> TimeDelta {
    TimeDelta::hours(i64::try_from(number).unwrap_or(i64::MAX).min(876_000))
}
