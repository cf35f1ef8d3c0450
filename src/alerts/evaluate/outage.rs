//! Outages of many policy domains that were told as one: what is found to belong to one later joins it.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::alerts::{
    Alert, AlertPlan, AlertRule,
    finding::{OpenAlerts, hours},
};

/// Policy domains that fail since the same day for the same organisation, told, from which on another one is no news of its own.
pub(super) const DOMAINS_MIN: usize = 10;

/// What was told lately and still fires, by rule, first day, organisation and result type.
pub(super) struct OutageFindings<'a> {
    plan: &'a AlertPlan,
    notified: HashMap<(AlertRule, DateTime<Utc>, &'a str, &'a str), Outage<'a>>,
}

#[derive(Default)]
struct Outage<'a> {
    notified_at: Option<DateTime<Utc>>,
    domains: BTreeSet<&'a str>,
}

impl<'a> OutageFindings<'a> {
    pub(super) fn new(standing: &OpenAlerts<'a>, plan: &'a AlertPlan, now: DateTime<Utc>) -> OutageFindings<'a> {
        let mut notified: HashMap<_, Outage<'a>> = HashMap::new();
        for rule in [AlertRule::PolicyFetch, AlertRule::Dane] {
            for alert in standing.firing_of(rule) {
                // Without a reminder to come nobody would hear of what joins.
                let is_late = |notified_at: &DateTime<Utc>| now - *notified_at < hours(plan.settings.remind_after_h);
                let (Some(notified_at), Some(domain)) =
                    (alert.notified_at.filter(is_late), &alert.subject.policy_domain)
                else {
                    continue;
                };
                for affected in &alert.evidence.organisations {
                    for result_type in &alert.evidence.result_types {
                        let outage = notified.entry((rule, alert.since, &*affected.key, &**result_type)).or_default();
                        outage.notified_at = outage.notified_at.max(Some(notified_at));
                        outage.domains.insert(domain);
                    }
                }
            }
        }
        OutageFindings { plan, notified }
    }

    /// When the outage was told that an alert which fires now is part of. `None` where it is one of its own, or where a channel
    /// that would hear of it has heard of no other domain in it.
    pub(super) fn joined_by(&self, alert: &Alert) -> Option<DateTime<Utc>> {
        let domain = alert.subject.policy_domain.as_ref()?;
        let organisations = alert.evidence.organisations.iter();
        let keys = organisations.flat_map(|affected| {
            let result_types = alert.evidence.result_types.iter();
            result_types.map(|result_type| (alert.rule, alert.since, &*affected.key, &**result_type))
        });
        let outages =
            keys.filter_map(|key| self.notified.get(&key)).filter(|outage| outage.domains.len() >= DOMAINS_MIN);
        let has_heard = |outage: &&Outage<'_>| {
            let listening = self.plan.audiences.iter().filter(|domains| domains.contains(domain));
            let mut listening = listening.map(|domains| domains.iter().any(|it| outage.domains.contains(it.as_str())));
            listening.all(|has_heard| has_heard)
        };
        outages.filter(has_heard).find_map(|outage| outage.notified_at)
    }
}
