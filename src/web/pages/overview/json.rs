//! The overview's figures for scripts.

use serde_json::{Map, Value, json};

use crate::{
    query::{Range, breakdown::BreakdownPart, overview::OverviewFigures, shares::Sessions},
    reporters::{self, SenderIdentity},
    summary::{claims, outages},
    wording::TrendWord,
};

pub(crate) fn overview(figures: &OverviewFigures, quarantined: i64) -> Value {
    let range = figures.filter.range;
    json!({
        "from": range.first(),
        "to": range.last(),
        "reports": figures.reported.reports,
        "organisations_reporting": figures.reported.organisations,
        "organisations_failing": figures.organisations.failing,
        "quarantined": quarantined,
        "sessions": sessions(figures.shares.once),
        "previous": previous(figures, range.previous()),
        "policy_types": figures.shares.by_policy_type.iter().map(|(name, counts)| {
            with(sessions(*counts), "policy_type", json!(name))
        }).collect::<Vec<_>>(),
        "policy_types_total": figures.shares.policy_types_total,
        "days": days(figures),
        "organisations": figures.organisations.rows.iter().map(|part| organisation(figures, part)).collect::<Vec<_>>(),
        "organisations_total": figures.organisations.total,
        "policy_domains": figures.domains.rows.iter().map(|row| part(row, "policy_domain")).collect::<Vec<_>>(),
        "policy_domains_total": figures.domains.total,
        "policy_fetch_errors": figures.outages.rows.iter().map(outages::json).collect::<Vec<_>>(),
        "policy_fetch_errors_total": outages::totals(&figures.outages.totals),
        "claimed_beside": figures.claims.as_ref().map(claims::json),
        "only_claims": figures.filter.only_claims,
    })
}

fn previous(figures: &OverviewFigures, range: Range) -> Value {
    json!({ "from": range.first(), "to": range.last(), "sessions": sessions(figures.shares_before.once) })
}

/// `secure` is a share from 0 to 1, or null where there were no sessions.
fn sessions(counts: Sessions) -> Value {
    let secure = (counts.total() > 0).then(|| counts.successful as f64 / counts.total() as f64);
    json!({ "successful": counts.successful, "failed": counts.failed, "secure": secure })
}

fn days(figures: &OverviewFigures) -> Vec<Value> {
    let each = figures.days.iter().map(|(date, day)| {
        let result_types: Map<String, Value> = day
            .result_types
            .iter()
            .map(|(name, failed)| (if name.is_empty() { "others".to_owned() } else { name.clone() }, json!(failed)))
            .collect();
        json!({
            "day": date,
            "successful": day.sessions.successful,
            "failed": day.sessions.failed,
            "not_itemised": day.not_itemised,
            "result_types": result_types,
        })
    });
    each.collect()
}

fn part(part: &BreakdownPart, key: &str) -> Value {
    let row = json!({
        "successful": part.sessions.successful,
        "failed_sessions": part.sessions.failed,
        "previous_failed_sessions": part.before.failed,
        "trend": TrendWord::of(part.sessions.failed, part.before.failed).as_str(),
        "periods": part.periods,
    });
    with(row, key, key_or_null(&part.key))
}

fn organisation(figures: &OverviewFigures, row: &BreakdownPart) -> Value {
    let causes = figures.causes.iter().filter(|cause| cause.organisation == row.key);
    let result_types: Vec<Value> = causes
        .map(|cause| {
            json!({
                "result_type": cause.result_type, "policy_type": cause.policy_type, "mode": cause.mode,
                "failed_sessions": cause.failed,
            })
        })
        .collect();
    let sender = SenderIdentity::of(&row.key, row.says.as_deref());
    let mut item = part(row, "key");
    item["proof"] = json!(sender.standing.as_str());
    item["says"] = json!(row.says);
    item["taken_for"] = json!(sender.taken_for.map(|(_, key)| key));
    with(with(item, "organisation", json!(reporters::shown(&row.key))), "result_types", json!(result_types))
}

/// A policy domain that nothing tells has no name.
fn key_or_null(key: &str) -> Value {
    if key.is_empty() { Value::Null } else { json!(key) }
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}
