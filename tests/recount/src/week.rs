//! `GET /api/v1/weeks/{week}`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{
    count::{Counted, Sessions, count},
    coverage,
    filter::Filter,
    groups,
    model::Report,
    outages::{self, Outage},
};

const ITEMS_MAX: usize = 2000;

/// `filter` has the days of an ISO week.
pub fn week(reports: &[Report], filter: &Filter, today: NaiveDate) -> Value {
    let before_range = filter.before(1);
    let (now, before) = (count(reports, filter), count(reports, &before_range));
    let phase = match today {
        day if day < filter.from => "future",
        day if day <= filter.to => "running",
        _ => "over",
    };
    let failures = failures(&now, &before);
    let kinds = groups::policy_types(&now);
    let outages = outages_of_week(reports, filter, today);
    let silent = coverage::silent(reports, filter, phase == "over");
    let quiet = failures.as_object().is_some_and(|states| states.values().all(|state| state["total"] == 0))
        && silent["total"] == 0
        && outages.is_empty();
    json!({
        "name": groups::week_name(filter.from),
        "kind": "week",
        "from": filter.from.to_string(),
        "to": filter.to.to_string(),
        "phase": phase,
        "quiet": quiet,
        "reports": now.reports.len(),
        "organisations_reporting": groups::organisations(&now).len(),
        "sessions": groups::sessions(now.sessions()),
        "previous": {
            "name": groups::week_name(before_range.from),
            "from": before_range.from.to_string(),
            "to": before_range.to.to_string(),
            "reports": before.reports.len(),
            "organisations_reporting": groups::organisations(&before).len(),
            "sessions": groups::sessions(before.sessions()),
        },
        "policy_types": groups::policy_type_items(&kinds),
        "policy_types_total": kinds.len(),
        "policy_fetch_errors": outages.iter().map(Outage::json).collect::<Vec<_>>(),
        "policy_fetch_errors_total": outages::totals(&outages),
        "claimed_beside": crate::count::claimed_beside(reports, filter),
        // Every suite stores reports that count.
        "only_claims": false,
        "failures": failures,
        "silent_organisations": silent,
        "trend": trend(reports, filter),
        "coverage": coverage::coverage(reports, filter, today),
    })
}

/// Those of the week, and those of the week before that were not over when this one began.
fn outages_of_week(reports: &[Report], filter: &Filter, today: NaiveDate) -> Vec<Outage> {
    outages::seen(reports, filter, filter.before(1).from, today)
}

#[derive(Default)]
struct Pair<'a> {
    now: Sessions,
    before: Sessions,
    reported: (bool, bool),
    not_itemised: u64,
    failing_now: BTreeSet<NaiveDate>,
    failing_before: BTreeSet<NaiveDate>,
    causes: BTreeMap<(&'a str, &'a str, Option<&'a str>), (u64, u64)>,
}

fn failures(now: &Counted, before: &Counted) -> Value {
    let mut pairs: BTreeMap<(&str, &str), Pair> = BTreeMap::new();
    for (counted, is_now) in [(now, true), (before, false)] {
        for row in &counted.rows {
            let pair = pairs.entry((&row.report.organisation, row.domain)).or_default();
            let (sessions, reported, failing) = match is_now {
                true => (&mut pair.now, &mut pair.reported.0, &mut pair.failing_now),
                false => (&mut pair.before, &mut pair.reported.1, &mut pair.failing_before),
            };
            sessions.add(row.sessions);
            *reported = true;
            if row.sessions.bad > 0 {
                failing.insert(row.day());
            }
            pair.not_itemised += if is_now { row.not_itemised } else { 0 };
            for (policy, detail) in row.details.iter().filter(|(_, detail)| detail.bad() > 0) {
                let cause = (detail.result_type.as_str(), policy.kind.as_str(), policy.mode.as_deref());
                let sums = pair.causes.entry(cause).or_default();
                *(if is_now { &mut sums.0 } else { &mut sums.1 }) += detail.bad();
            }
        }
    }
    let mut failing: Vec<_> = pairs.into_iter().filter(|(_, pair)| pair.now.bad + pair.before.bad > 0).collect();
    failing.sort_by(|(a, left), (b, right)| {
        (right.now.bad, right.before.bad).cmp(&(left.now.bad, left.before.bad)).then(a.cmp(b))
    });
    let mut states: BTreeMap<&str, (u64, Vec<Value>)> =
        ["new", "ongoing", "resolved", "silent"].into_iter().map(|state| (state, (0, Vec::new()))).collect();
    for (index, ((organisation, domain), pair)) in failing.into_iter().enumerate() {
        let state = match (pair.now.bad > 0, pair.before.bad > 0, pair.reported.0) {
            (true, false, _) => "new",
            (true, true, _) => "ongoing",
            (false, _, true) => "resolved",
            (false, _, false) => "silent",
        };
        let (total, items) = states.entry(state).or_default();
        *total += 1;
        if index < ITEMS_MAX {
            items.push(json!({
                "organisation": crate::names::named(organisation),
                "organisation_key": organisation,
                "policy_domain": groups::domain(domain),
                "reported_before": pair.reported.1,
                "sessions": groups::sessions(pair.now),
                "previous_sessions": groups::sessions(pair.before),
                "first_day_failed": pair.failing_now.first().map(NaiveDate::to_string),
                "last_day_failed": pair.failing_now.last().or(pair.failing_before.last()).map(NaiveDate::to_string),
                "not_itemised": pair.not_itemised,
                "result_types": causes(pair.causes),
            }));
        }
    }
    states
        .into_iter()
        .map(|(state, (total, items))| (state.to_owned(), json!({"total": total, "items": items})))
        .collect()
}

fn causes(causes: BTreeMap<(&str, &str, Option<&str>), (u64, u64)>) -> Vec<Value> {
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
    let item = |((result_type, kind, mode), (now, before))| json!({"result_type": result_type, "policy_type": kind, "mode": mode, "failed_sessions": now, "previous_failed_sessions": before});
    causes.into_iter().take(50).map(item).collect()
}

fn trend(reports: &[Report], filter: &Filter) -> Vec<Value> {
    let weeks: Vec<_> =
        (0..12).rev().map(|back| if back == 0 { filter.clone() } else { filter.before(back) }).collect();
    let counted: Vec<_> = weeks.iter().map(|week| count(reports, week)).collect();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, sessions) in counted.iter().flat_map(|counted| &counted.kinds) {
        *kinds.entry(kind).or_default() += sessions.total();
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
    let point = |(week, counted): (&Filter, &Counted)| {
        let of_kind = |(kind, _): &(&str, u64)| {
            let sum = counted.kinds.get(kind).copied().unwrap_or_default();
            json!({"policy_type": kind, "successful": sum.ok, "failed": sum.bad, "secure": groups::secure(sum)})
        };
        json!({
            "name": groups::week_name(week.from),
            "sessions": groups::sessions(counted.sessions()),
            "policy_types": kinds.iter().take(6).map(of_kind).collect::<Vec<_>>(),
        })
    };
    weeks.iter().zip(&counted).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{policy, report};

    fn of(reports: &[Report]) -> Value {
        let filter = Filter::days("2026-11-16".parse().unwrap(), "2026-11-22".parse().unwrap());
        week(reports, &filter, "2026-11-29".parse().unwrap())
    }

    #[test]
    fn pairs_are_new_ongoing_resolved_or_silent() {
        let bad =
            |who: &str, day: &str, failed| report(who, day, vec![policy("sts", "x", 1, failed, &[("r", failed)])]);
        let week = of(&[
            bad("a", "2026-11-16", 2),
            bad("b", "2026-11-10", 3),
            bad("b", "2026-11-17", 4),
            bad("b", "2026-11-19", 0),
            bad("c", "2026-11-11", 5),
            bad("c", "2026-11-18", 0),
            bad("d", "2026-11-12", 6),
        ]);
        let state = |name: &str| week["failures"][name]["items"][0]["organisation_key"].as_str().map(str::to_owned);
        assert_eq!(
            ["new", "ongoing", "resolved", "silent"].map(state),
            ["a", "b", "c", "d"].map(|key| Some(key.to_owned()))
        );
        let b = &week["failures"]["ongoing"]["items"][0];
        assert_eq!((&b["first_day_failed"], &b["last_day_failed"]), (&json!("2026-11-17"), &json!("2026-11-17")));
        assert_eq!(b["result_types"][0]["previous_failed_sessions"], 3);
        let d = &week["failures"]["silent"]["items"][0];
        assert_eq!((&d["first_day_failed"], &d["last_day_failed"]), (&Value::Null, &json!("2026-11-12")));
    }

    #[test]
    fn an_outage_of_the_week_before_stands_until_it_is_over() {
        let error = |day: &str| report("a", day, vec![policy("sts", "x", 1, 2, &[("sts-policy-fetch-error", 2)])]);
        let clean = |day: &str| report("a", day, vec![policy("sts", "x", 1, 0, &[])]);
        let began_before = of(&[error("2026-11-14"), clean("2026-11-17")]);
        assert_eq!(began_before["policy_fetch_errors"][0]["recovered"], "2026-11-17");
        assert_eq!(began_before["policy_fetch_errors"][0]["failed_sessions"], 0);
        let over_before = of(&[error("2026-11-14"), clean("2026-11-15")]);
        assert_eq!(over_before["policy_fetch_errors"], json!([]));
    }

    #[test]
    fn the_trend_has_twelve_weeks_and_the_asked_one_last() {
        let week = of(&[report("a", "2026-11-16", vec![policy("sts", "x", 3, 1, &[])])]);
        let trend = week["trend"].as_array().unwrap();
        assert_eq!((trend.len(), &trend[11]["name"], &trend[0]["name"]), (12, &json!("2026-W47"), &json!("2026-W36")));
        assert_eq!(trend[11]["policy_types"][0]["secure"], 0.75);
    }
}
