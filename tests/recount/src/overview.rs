//! `GET /api/v1/overview`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::{
    count::{Counted, Sessions, count},
    filter::Filter,
    groups,
    model::Report,
    outages::{self, outages},
};

pub fn overview(reports: &[Report], filter: &Filter, today: NaiveDate) -> Value {
    let now = count(reports, filter);
    let before_range = filter.before(1);
    let before = count(reports, &before_range);
    let organisations = ranked(reports, filter, &now, &before, |report, _| &report.organisation);
    let domains = ranked(reports, filter, &now, &before, |_, domain| domain);
    let says = groups::says(&[&now, &before]);
    let causes = causes(&now);
    let outages = outages(reports, filter, today);
    let kinds = groups::policy_types(&now);
    let failing = groups::by(&now, |row| row.report.organisation.clone());
    let organisation_items: Vec<Value> = organisations
        .iter()
        .take(200)
        .map(|(key, item)| {
            let mut item = item.clone();
            item["key"] = json!(key);
            item["organisation"] = json!(crate::names::shown(key));
            item["proof"] = json!(crate::names::word(key));
            item["says"] = says.get(key.as_str()).cloned().unwrap_or(Value::Null);
            item["result_types"] =
                json!(causes.get(key.as_str()).map(|causes| &causes[..causes.len().min(50)]).unwrap_or_default());
            item
        })
        .collect();
    let domain_items: Vec<Value> = domains
        .iter()
        .take(200)
        .map(|(key, item)| {
            let mut item = item.clone();
            item["policy_domain"] = groups::domain(key);
            item
        })
        .collect();
    json!({
        "from": filter.from.to_string(),
        "to": filter.to.to_string(),
        "reports": now.reports.len(),
        "organisations_reporting": groups::organisations(&now).len(),
        "organisations_failing": failing.values().filter(|sessions| sessions.bad > 0).count(),
        "sessions": groups::sessions(now.sessions()),
        "previous": {
            "from": before_range.from.to_string(),
            "to": before_range.to.to_string(),
            "sessions": groups::sessions(before.sessions()),
        },
        "policy_types": groups::policy_type_items(&kinds),
        "policy_types_total": kinds.len(),
        "days": days(&now),
        "organisations": organisation_items,
        "organisations_total": organisations.len(),
        "policy_domains": domain_items,
        "policy_domains_total": domains.len(),
        "policy_fetch_errors": outages.iter().take(20_000).map(|outage| outage.json()).collect::<Vec<_>>(),
        "policy_fetch_errors_total": outages::totals(&outages),
        "claimed_beside": crate::count::claimed_beside(reports, filter),
        // Every suite stores reports that count.
        "only_claims": false,
    })
}

fn ranked<'a>(
    reports: &'a [Report],
    filter: &Filter,
    now: &Counted<'a>,
    before: &Counted<'a>,
    key: impl for<'r> Fn(&'r Report, &'r str) -> &'r str,
) -> Vec<(String, Value)> {
    let by = |counted: &Counted| groups::by(counted, |row| key(row.report, row.domain).to_owned());
    let (now, before) = (by(now), by(before));
    let columns: Vec<_> = groups::periods(filter).iter().map(|period| by(&count(reports, period))).collect();
    let mut keys: BTreeSet<&String> = now.keys().collect();
    keys.extend(before.iter().filter(|(_, sessions)| sessions.bad > 0).map(|(key, _)| key));
    let of = |groups: &BTreeMap<String, Sessions>, key: &String| groups.get(key).copied().unwrap_or_default();
    let mut ranked: Vec<_> = keys.into_iter().map(|key| (key.clone(), of(&now, key), of(&before, key))).collect();
    ranked.sort_by(|(a, now_a, before_a), (b, now_b, before_b)| {
        (now_b.bad, before_b.bad, now_b.ok).cmp(&(now_a.bad, before_a.bad, now_a.ok)).then(a.cmp(b))
    });
    let item = |(key, now, before): (String, Sessions, Sessions)| {
        let periods: Vec<u64> = columns.iter().map(|column| of(column, &key).bad).collect();
        let item = json!({
            "failed_sessions": now.bad, "successful": now.ok, "previous_failed_sessions": before.bad,
            "trend": groups::trend(now.bad, before.bad), "periods": periods,
        });
        (key, item)
    };
    ranked.into_iter().map(item).collect()
}

/// Result type, policy type and mode.
type Cause<'a> = (&'a str, &'a str, Option<&'a str>);

/// Failed sessions of the details by organisation, then result type, policy type and mode.
fn causes(now: &Counted) -> BTreeMap<String, Vec<Value>> {
    let mut sums: BTreeMap<&str, BTreeMap<Cause, u64>> = BTreeMap::new();
    for row in &now.rows {
        for (policy, detail) in row.details.iter().filter(|(_, detail)| detail.bad() > 0) {
            let cause = (detail.result_type.as_str(), policy.kind.as_str(), policy.mode.as_deref());
            *sums.entry(&row.report.organisation).or_default().entry(cause).or_default() += detail.bad();
        }
    }
    let items = |causes: BTreeMap<(&str, &str, Option<&str>), u64>| {
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
        let item = |((result_type, kind, mode), failed)| json!({"result_type": result_type, "policy_type": kind, "mode": mode, "failed_sessions": failed});
        causes.into_iter().map(item).collect::<Vec<_>>()
    };
    sums.into_iter().map(|(key, causes)| (key.to_owned(), items(causes))).collect()
}

fn days(now: &Counted) -> Vec<Value> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    let mut days: BTreeMap<NaiveDate, (Sessions, u64, BTreeMap<&str, u64>)> = BTreeMap::new();
    for row in &now.rows {
        let day = days.entry(row.day()).or_default();
        day.0.add(row.sessions);
        day.1 += row.not_itemised;
        for (_, detail) in row.details.iter().filter(|(_, detail)| detail.bad() > 0) {
            *totals.entry(&detail.result_type).or_default() += detail.bad();
            *day.2.entry(&detail.result_type).or_default() += detail.bad();
        }
    }
    let mut most: Vec<_> = totals.into_iter().collect();
    most.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
    let own: BTreeSet<&str> = most.iter().take(12).map(|(name, _)| *name).collect();
    let item = |(day, (sessions, not_itemised, types)): (NaiveDate, (Sessions, u64, BTreeMap<&str, u64>))| {
        let mut result_types = Map::new();
        for (name, failed) in types {
            let name = if own.contains(name) { name } else { "others" };
            let sum = result_types.get(name).and_then(Value::as_u64).unwrap_or(0) + failed;
            result_types.insert(name.to_owned(), json!(sum));
        }
        json!({"day": day.to_string(), "successful": sessions.ok, "failed": sessions.bad, "not_itemised": not_itemised, "result_types": result_types})
    };
    days.into_iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{policy, report};

    #[test]
    fn the_overview_of_two_weeks() {
        let reports = [
            report("b", "2026-11-16", vec![policy("sts", "x", 8, 2, &[("r", 2)])]),
            report("a", "2026-11-23", vec![policy("sts", "x", 90, 10, &[("r", 6)]), policy("tlsa", "x", 100, 0, &[])]),
            report("a", "2026-11-24", vec![policy("no-policy-found", "y", 5, 0, &[])]),
            report("c", "2026-11-24", vec![]),
        ];
        let filter = Filter::days("2026-11-22".parse().unwrap(), "2026-11-28".parse().unwrap());
        let all = overview(&reports, &filter, "2026-11-29".parse().unwrap());
        assert_eq!(
            (&all["reports"], &all["organisations_reporting"], &all["organisations_failing"]),
            (&json!(3), &json!(2), &json!(1))
        );
        assert_eq!((&all["sessions"]["successful"], &all["sessions"]["failed"]), (&json!(95), &json!(10)));
        assert_eq!(all["policy_types"][0]["policy_type"], "sts");
        assert_eq!(all["policy_types"][1]["successful"], 100);
        assert_eq!(
            all["days"][0],
            json!({"day": "2026-11-23", "successful": 90, "failed": 10, "not_itemised": 4, "result_types": {"r": 6}})
        );
        let organisations: Vec<_> = all["organisations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                (item["key"].as_str().unwrap(), item["trend"].as_str().unwrap(), item["successful"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(organisations, [("a", "new", 95), ("b", "resolved", 0)]);
        assert_eq!(all["organisations"][1]["periods"], json!([0, 0, 0, 0, 0, 0, 2, 0]));
        assert_eq!(all["policy_domains_total"], 2);
    }

    #[test]
    fn beyond_twelve_result_types_the_rest_stands_under_others() {
        let names: Vec<String> = (0..14).map(|number| format!("r{number:02}")).collect();
        let details: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let reports = [report("a", "2026-11-23", vec![policy("sts", "x", 0, 14, &details)])];
        let all = overview(&reports, &Filter::days(reports[0].day, reports[0].day), reports[0].day);
        let types = all["days"][0]["result_types"].as_object().unwrap();
        assert_eq!(
            (types.len(), &types["others"], types.contains_key("r11"), types.contains_key("r12")),
            (13, &json!(2), true, false)
        );
    }
}
