//! The figures for scripts. Names are stable; shares are from 0 to 1 or null; days are dates.

use serde_json::{Value, json};

use super::{claims, outages};
use crate::query::{
    pairs::{PairState, SenderPair},
    policies_seen::{Difference, PolicyChange, PolicySeen},
    shares::Sessions,
    week::PeriodFigures,
};

pub fn figures(figures: &PeriodFigures) -> Value {
    let before = figures.period.previous();
    json!({
        "name": figures.period.name(),
        "kind": figures.period.kind().as_str(),
        "phase": figures.phase.as_str(),
        "from": figures.period.range().first(),
        "to": figures.period.range().last(),
        "quiet": figures.is_quiet(),
        "reports": figures.reported.reports,
        "organisations_reporting": figures.reported.organisations,
        "sessions": sessions(figures.shares.once),
        "previous": {
            "name": before.name(),
            "from": before.range().first(),
            "to": before.range().last(),
            "reports": figures.reported_before.reports,
            "organisations_reporting": figures.reported_before.organisations,
            "sessions": sessions(figures.shares_before.once),
        },
        "policy_fetch_errors": figures.outages.rows.iter().map(outages::json).collect::<Vec<_>>(),
        "policy_fetch_errors_total": outages::totals(&figures.outages.totals),
        "claimed_beside": figures.claims.as_ref().map(claims::json),
        "only_claims": figures.filter.only_claims,
        "failures": {
            "new": failures(figures, PairState::New),
            "ongoing": failures(figures, PairState::Ongoing),
            "resolved": failures(figures, PairState::Resolved),
            "silent": failures(figures, PairState::Silent),
        },
        "silent_organisations": {
            "total": figures.silent.total,
            "items": figures.silent.rows.iter().map(|missing| json!({
                "organisation": missing.organisation_name,
                "organisation_key": missing.organisation,
                "last_day": missing.last_day,
                "days_a_week": (missing.days_a_week * 100.0).round() / 100.0,
            })).collect::<Vec<_>>(),
        },
        "policy_changes": {
            "complete": figures.changes.complete,
            "items": figures.changes.rows.iter().map(change).collect::<Vec<_>>(),
        },
        "policy_types": figures.shares.by_policy_type.iter().map(|(name, counts)| {
            with(sessions(*counts), "policy_type", json!(name))
        }).collect::<Vec<_>>(),
        "policy_types_total": figures.shares.policy_types_total,
        "trend": figures.periods.iter().enumerate().map(|(at, period)| json!({
            "name": period.name(),
            "sessions": sessions(at_period(&figures.trend.once, at)),
            "policy_types": figures.trend.by_policy_type.iter().map(|(name, counts)| {
                with(sessions(at_period(counts, at)), "policy_type", json!(name))
            }).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "quarantined": {
            "total": figures.quarantined.total,
            "codes": figures.quarantined.codes.iter().map(|(code, inputs)| json!({ "code": code, "inputs": inputs })).collect::<Vec<_>>(),
        },
        "coverage": figures.coverage.as_ref().map(|coverage| json!({
            "day": coverage.day,
            "daily_organisations": coverage.usual,
            "reported": coverage.reported,
            "missing": coverage.missing.iter().map(|missing| json!({
                "organisation": missing.organisation_name,
                "organisation_key": missing.organisation,
                "last_day": missing.last_day,
            })).collect::<Vec<_>>(),
        })),
    })
}

fn at_period(counts: &[Sessions], at: usize) -> Sessions {
    counts.get(at).copied().unwrap_or_default()
}

fn sessions(counts: Sessions) -> Value {
    let secure = (counts.total() > 0).then(|| counts.successful as f64 / counts.total() as f64);
    json!({ "successful": counts.successful, "failed": counts.failed, "secure": secure })
}

fn failures(figures: &PeriodFigures, state: PairState) -> Value {
    json!({
        "total": figures.pairs.totals.of(state),
        "items": figures.pairs.in_state(state).map(pair).collect::<Vec<_>>(),
    })
}

fn pair(pair: &SenderPair) -> Value {
    json!({
        "organisation": pair.organisation_name,
        "organisation_key": pair.organisation,
        "policy_domain": (!pair.policy_domain.is_empty()).then_some(&pair.policy_domain),
        "sessions": sessions(pair.sessions),
        "previous_sessions": sessions(pair.before),
        "not_itemised": pair.not_itemised,
        "first_day_failed": pair.first_failed,
        "last_day_failed": pair.last_failed,
        "reported_before": pair.reported_before,
        "result_types": pair.causes.iter().map(|cause| json!({
            "result_type": cause.result_type,
            "policy_type": cause.policy_type,
            "mode": cause.mode,
            "failed_sessions": cause.failed,
            "previous_failed_sessions": cause.failed_before,
        })).collect::<Vec<_>>(),
    })
}

fn change(change: &PolicyChange) -> Value {
    json!({
        "policy_domain": (!change.policy_domain.is_empty()).then_some(&change.policy_domain),
        "policy_type": change.policy_type,
        "kind": change.kind.as_str(),
        "new": change.new.iter().map(seen).collect::<Vec<_>>(),
        "vanished": change.vanished.iter().map(seen).collect::<Vec<_>>(),
        "differences": change.differences.iter().map(|difference| match difference {
            Difference::Field { name, before, now } => json!({ "field": name, "before": before, "now": now }),
            Difference::Added(element) => json!({ "added": element }),
            Difference::Removed(element) => json!({ "removed": element }),
        }).collect::<Vec<_>>(),
    })
}

fn seen(seen: &PolicySeen) -> Value {
    json!({
        "policy_string": seen.policy_string,
        "organisations": seen.organisations.iter().map(|(key, name)| json!({ "organisation": name, "organisation_key": key })).collect::<Vec<_>>(),
        "first_day": seen.first_day,
        "last_day": seen.last_day,
    })
}

fn with(mut row: Value, name: &str, value: Value) -> Value {
    row[name] = value;
    row
}
