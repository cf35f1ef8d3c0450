//! A backtest: what would have been told, had a rule been evaluated over past time.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Alert, AlertEvent, AlertFacts, AlertPlan, AlertRule, Evaluation, Transition, Triple, evaluate};

/// Evaluates one rule at `from`, then every `step` up to and including `to`, from an empty state; `facts` says what was known
/// at a moment. Reminders are left out. Stops at the first moment whose facts cannot be had.
pub fn replay<E>(
    rule: AlertRule,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step: TimeDelta,
    plan: &AlertPlan,
    mut facts: impl FnMut(DateTime<Utc>) -> Result<AlertFacts, E>,
) -> Result<Vec<Transition>, E> {
    let mut state = State::default();
    let mut found = Vec::new();
    let step = step.max(TimeDelta::minutes(1));
    let mut moment = from;
    while moment <= to {
        let transitions = state.step(&mut facts(moment)?, plan, moment).transitions;
        found.extend(transitions.into_iter().filter(|it| it.alert.rule == rule && it.event != AlertEvent::Reminded));
        let Some(next) = moment.checked_add_signed(step) else { break };
        moment = next;
    }
    Ok(found)
}

/// What is otherwise in the store between two evaluations.
#[derive(Default)]
struct State {
    alerts: Vec<Alert>,
    known: HashSet<(String, String, String)>,
}

impl State {
    fn step(&mut self, facts: &mut AlertFacts, plan: &AlertPlan, now: DateTime<Utc>) -> Evaluation {
        for trouble in &mut facts.troubles {
            let triple = (trouble.policy_domain.clone(), trouble.organisation.clone(), trouble.result_type.clone());
            trouble.unknown &= !self.known.contains(&triple);
        }
        let evaluation = evaluate(&self.alerts, facts, plan, &[], now);
        for Triple { policy_domain, organisation, result_type, .. } in &evaluation.known {
            self.known.insert((policy_domain.clone(), organisation.clone(), result_type.clone()));
        }
        apply(&mut self.alerts, &evaluation.transitions);
        for alert in &evaluation.refreshed {
            if let Some(stale) = self.alerts.iter_mut().find(|stale| stale.uuid == alert.uuid) {
                *stale = alert.clone();
            }
        }
        evaluation
    }
}

/// Brings alerts up to date with transitions, as the store does.
pub fn apply(alerts: &mut Vec<Alert>, transitions: &[Transition]) {
    for transition in transitions {
        match alerts.iter_mut().find(|alert| alert.uuid == transition.alert.uuid) {
            Some(alert) => *alert = transition.alert.clone(),
            None => alerts.push(transition.alert.clone()),
        }
    }
}
