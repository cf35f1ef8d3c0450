//! What a rule would have told, had it been evaluated over past time, with what was known then.

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    alerts::{
        AlertPlan, AlertRule, Transition, replay,
        rules::{About, definition},
        sentence,
    },
    query,
    store::{Store, StoreError},
};

/// How long before the asked moment the replay begins, so that what was going on then is found firing.
const LEAD_DAYS: i64 = 45;
/// Twice a day, as reports come daily.
const STEP_H: i64 = 12;
/// Moments of one replay; each asks the store.
const MOMENTS_MAX: i64 = 5_000;

/// `tlsight alerts test`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertsTestOrder {
    pub rule: String,
    /// One moment: what would have been firing then.
    pub at: Option<DateTime<Utc>>,
    /// A range: what would have happened in it.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertsTestAnswer {
    pub rule: String,
    /// What would have happened, oldest first.
    pub happened: Vec<BacktestMoment>,
    /// What would have been firing at the end.
    pub firing: Vec<Firing>,
    /// How often the rule was evaluated.
    pub evaluations: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestMoment {
    pub at: DateTime<Utc>,
    pub event: String,
    pub notified: bool,
    pub sentence: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Firing {
    pub since: DateTime<Utc>,
    pub sentence: String,
}

/// Replays the rule twice a day, from an empty state some weeks before the asked time, so that an alert that began before it
/// is known. Blocks.
pub fn backtest(
    store: &Store,
    plan: &AlertPlan,
    order: &AlertsTestOrder,
    now: DateTime<Utc>,
) -> anyhow::Result<AlertsTestAnswer> {
    let rule = AlertRule::from_name(&order.rule).with_context(|| {
        let known: Vec<&str> = AlertRule::ALL.into_iter().map(AlertRule::as_str).collect();
        format!("no rule {:?}; there are {}", order.rule, known.join(", "))
    })?;
    if definition(rule).about() == About::Machine {
        bail!("the rule {} looks at the machine, of whose past nothing is stored", rule.as_str());
    }
    if !plan.is_on(rule) {
        bail!("the rule {} is switched off in `alerts.off`", rule.as_str());
    }
    let to = order.to.or(order.at).unwrap_or(now);
    let from = order.from.or(order.at).unwrap_or(to);
    if from > to {
        bail!("the range ends before it begins");
    }
    let step = TimeDelta::hours(STEP_H);
    let begin = from - TimeDelta::days(LEAD_DAYS);
    let steps = (to - begin).num_hours() / STEP_H;
    if steps >= MOMENTS_MAX {
        bail!("a range of at most {} days can be replayed", (MOMENTS_MAX * STEP_H / 24) - LEAD_DAYS);
    }
    // The last evaluation is at the asked moment itself.
    let first = to - step * i32::try_from(steps).unwrap_or(i32::MAX);
    let facts = |at| store.read_blocking(|conn| Ok(query::facts::facts_as_of(conn, at, plan)?));
    let transitions: Vec<Transition> = replay::<StoreError>(rule, first, to, step, plan, facts)?;
    Ok(AlertsTestAnswer {
        rule: rule.as_str().to_owned(),
        firing: firing(&transitions),
        happened: transitions.iter().filter(|it| it.alert.changed_at >= from).map(moment).collect(),
        evaluations: steps + 1,
    })
}

fn moment(transition: &Transition) -> BacktestMoment {
    BacktestMoment {
        at: transition.alert.changed_at,
        event: transition.event.as_str().to_owned(),
        notified: transition.notified,
        sentence: sentence(&transition.alert),
    }
}

/// The alerts whose last transition left them firing.
fn firing(transitions: &[Transition]) -> Vec<Firing> {
    let mut alerts = Vec::new();
    crate::alerts::replay::apply(&mut alerts, transitions);
    let firing = alerts.iter().filter(|alert| alert.is_firing());
    firing.map(|alert| Firing { since: alert.since, sentence: sentence(alert) }).collect()
}
