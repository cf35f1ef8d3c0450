//! Days, facts and evaluations for tests, written short.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::alerts::{
    Alert, AlertEvent, AlertFacts, AlertPlan, AlertRule, AlertSettings, Evaluation, Mute, evaluate,
    facts::{Arrivals, FailureFact, FailureShare, Of, SenderRhythm, SessionCount},
    replay::apply,
};

/// Day `n` of March 2026; from 32 on of the months after it.
pub(super) fn march(n: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 2, 28).unwrap() + TimeDelta::days(n)
}

/// Noon of that day.
pub(super) fn noon(n: i64) -> DateTime<Utc> {
    march(n).and_hms_opt(12, 0, 0).unwrap().and_utc()
}

pub(super) fn plan(change: impl FnOnce(&mut AlertSettings)) -> AlertPlan {
    let mut settings = AlertSettings::default();
    change(&mut settings);
    AlertPlan::new(settings, [], &[]).unwrap()
}

/// The facts, and the alerts that came of them.
pub(super) struct World {
    pub facts: AlertFacts,
    pub plan: AlertPlan,
    pub mutes: Vec<Mute>,
    pub alerts: Vec<Alert>,
}

impl World {
    pub(super) fn new(plan: AlertPlan) -> World {
        let arrivals = Arrivals { last_at: Some(noon(400)), ..Arrivals::default() };
        let facts = AlertFacts { learned_days: 100, arrivals, ..AlertFacts::default() };
        World { facts, plan, mutes: Vec::new(), alerts: Vec::new() }
    }

    /// The organisation reports on these days that the domain fails with so many sessions, and on nothing else.
    pub(super) fn fails(
        &mut self,
        domain: &str,
        who: &str,
        result_type: &str,
        days: &[i64],
        sessions: i64,
    ) -> &mut FailureFact {
        self.reports(domain, who, days);
        self.facts.troubles.push(FailureFact {
            policy_domain: domain.to_owned(),
            organisation: who.to_owned(),
            result_type: result_type.to_owned(),
            days: days.iter().map(|day| (march(*day), sessions)).collect(),
            ..FailureFact::default()
        });
        self.facts.troubles.last_mut().unwrap()
    }

    /// The organisation reports on the domain on these days.
    pub(super) fn reports(&mut self, domain: &str, who: &str, days: &[i64]) {
        for reported in [&mut self.facts.reported, &mut self.facts.reported_under_sts] {
            let reported = reported.entry((domain.to_owned(), who.to_owned())).or_default();
            reported.extend(days.iter().map(|day| march(*day)));
        }
    }

    pub(super) fn share(&mut self, now: (i64, i64), before: (i64, i64), reported: i64) {
        let counted = |(failed, sessions)| SessionCount { failed, sessions };
        self.facts.shares = vec![FailureShare {
            of: Of::PolicyDomain,
            key: "example.com".to_owned(),
            name: None,
            now: counted(now),
            before: counted(before),
            days: 3,
            first_day: (now.0 > 0).then(|| march(reported)),
            last_day: (now.0 > 0).then(|| march(reported)),
            reported_day: march(reported),
            worst: None,
        }];
    }

    pub(super) fn sender(&mut self, who: &str, days: impl IntoIterator<Item = i64>) {
        self.facts.senders.retain(|sender| sender.organisation != who);
        let days: BTreeSet<NaiveDate> = days.into_iter().map(march).collect();
        self.facts.senders.push(SenderRhythm {
            organisation: who.to_owned(),
            name: None,
            days,
            lateness_s: Some(6 * 3600),
        });
    }

    pub(super) fn evaluate(&mut self, now: DateTime<Utc>) -> Evaluation {
        let evaluation = evaluate(&self.alerts, &self.facts, &self.plan, &self.mutes, now);
        apply(&mut self.alerts, &evaluation.transitions);
        evaluation
    }

    /// Evaluates at noon of a day: what happened by which rule.
    pub(super) fn at(&mut self, n: i64) -> Vec<(AlertEvent, AlertRule)> {
        let found = self.evaluate(noon(n));
        found.transitions.iter().map(|transition| (transition.event, transition.alert.rule)).collect()
    }
}
