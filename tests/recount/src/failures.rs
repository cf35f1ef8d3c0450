//! `GET /api/v1/failures`, `/failures.csv` and `GET /api/v1/reports`: lists, and what narrows them by details.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{
    count::{Counted, Row, Sessions, count},
    filter::Filter,
    model::{Detail, NOT_ITEMISED, Report},
};

pub const DIMENSIONS: [&str; 6] =
    ["organisation", "result_type", "policy_domain", "receiving_mx_hostname", "sending_mta_ip", "day"];

/// What is asked for of the details; `-` asks for those that do not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Narrow {
    pub result_type: Option<String>,
    pub mx: Option<String>,
    pub ip: Option<String>,
}

impl Narrow {
    pub fn query(&self) -> String {
        let named =
            [("result_type", &self.result_type), ("receiving_mx_hostname", &self.mx), ("sending_mta_ip", &self.ip)];
        let given = named.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
        given.map(|(name, value)| format!("&{name}={}", crate::http::escape(value))).collect()
    }

    pub fn is_empty(&self) -> bool {
        *self == Narrow::default()
    }

    pub fn not_itemised(&self) -> bool {
        self.result_type.as_deref() == Some(NOT_ITEMISED)
    }

    fn matches(&self, detail: &Detail) -> bool {
        let is = |asked: &Option<String>, has: Option<&str>| match asked.as_deref() {
            None => true,
            Some("-") => has.is_none(),
            Some(asked) => has == Some(asked),
        };
        is(&self.result_type, Some(&detail.result_type))
            && is(&self.mx, detail.mx.as_deref())
            && is(&self.ip, detail.ip.as_deref())
    }

    /// Failed sessions of a row that are asked for.
    fn of(&self, row: &Row) -> u64 {
        if self.is_empty() {
            row.sessions.bad
        } else if self.not_itemised() {
            if self.mx.is_some() || self.ip.is_some() { 0 } else { row.not_itemised }
        } else {
            row.details.iter().filter(|(_, detail)| self.matches(detail)).map(|(_, detail)| detail.bad()).sum()
        }
    }
}

#[derive(Default)]
struct Item<'a> {
    failed: u64,
    reports: BTreeSet<&'a str>,
    organisations: BTreeSet<&'a str>,
    days: BTreeSet<NaiveDate>,
}

/// Every failing part of a row: its key and its sessions. A key that is not there is empty.
fn parts<'a>(row: &Row<'a>, by: &str, narrow: &Narrow) -> Vec<(String, u64)> {
    let whole = |key: &str| vec![(key.to_owned(), narrow.of(row))];
    match by {
        "organisation" => whole(&row.report.organisation),
        "policy_domain" => whole(row.domain),
        "day" => whole(&row.day().to_string()),
        _ if narrow.not_itemised() => {
            if by == "result_type" {
                whole(NOT_ITEMISED)
            } else {
                whole("")
            }
        }
        _ => {
            let key = |detail: &Detail| match by {
                "result_type" => detail.result_type.clone(),
                "receiving_mx_hostname" => detail.mx.clone().unwrap_or_default(),
                _ => detail.ip.clone().unwrap_or_default(),
            };
            let matching = row.details.iter().filter(|(_, detail)| narrow.matches(detail));
            let mut parts: Vec<_> = matching.map(|(_, detail)| (key(detail), detail.bad())).collect();
            if by == "result_type" && narrow.is_empty() {
                parts.push((NOT_ITEMISED.to_owned(), row.not_itemised));
            }
            parts
        }
    }
}

fn items<'a>(counted: &Counted<'a>, by: &str, narrow: &Narrow) -> BTreeMap<String, Item<'a>> {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    for row in &counted.rows {
        for (key, failed) in parts(row, by, narrow).into_iter().filter(|(_, failed)| *failed > 0) {
            let item = items.entry(key).or_default();
            item.failed += failed;
            item.reports.insert(&row.report.uuid);
            item.organisations.insert(&row.report.organisation);
            item.days.insert(row.day());
        }
    }
    items
}

pub fn failures(reports: &[Report], filter: &Filter, by: &str, narrow: &Narrow) -> Vec<Value> {
    let now = items(&count(reports, filter), by, narrow);
    let before = items(&count(reports, &filter.before(1)), by, narrow);
    let mut sorted: Vec<_> = now.into_iter().collect();
    if by != "day" {
        sorted.sort_by(|(a, left), (b, right)| right.failed.cmp(&left.failed).then(a.cmp(b)));
    }
    let item = |(key, item): (String, Item)| {
        json!({
            "key": if key.is_empty() { Value::Null } else { json!(key) },
            "failed_sessions": item.failed,
            "previous_failed_sessions": if by == "day" { Value::Null } else { json!(before.get(&key).map_or(0, |item| item.failed)) },
            "reports": item.reports.len(),
            "organisations": item.organisations.len(),
            "first_day": item.days.first().map(NaiveDate::to_string),
            "last_day": item.days.last().map(NaiveDate::to_string),
        })
    };
    sorted.into_iter().map(item).collect()
}

/// One item of the list of reports, as far as it is counted.
pub struct Listed {
    pub uuid: String,
    pub day: NaiveDate,
    pub sessions: Sessions,
}

pub fn list(reports: &[Report], filter: &Filter, narrow: &Narrow, failed: bool) -> Vec<Listed> {
    let counted = count(reports, filter);
    let mut sums: BTreeMap<&str, (Sessions, u64)> = BTreeMap::new();
    for row in &counted.rows {
        let sum = sums.entry(&row.report.uuid).or_default();
        sum.0.add(row.sessions);
        sum.1 += narrow.of(row);
    }
    let mut listed = Vec::new();
    for report in &counted.reports {
        let (sessions, asked) = sums.get(report.uuid.as_str()).copied().unwrap_or_default();
        if (narrow.is_empty() || asked > 0) && (!failed || sessions.bad > 0) {
            listed.push(Listed { uuid: report.uuid.clone(), day: report.day, sessions });
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{policy, report};

    fn world() -> (Vec<Report>, Filter) {
        let mut first = report(
            "a",
            "2026-11-23",
            vec![policy("sts", "x", 1, 10, &[("r", 4), ("s", 3)]), policy("tlsa", "y", 0, 2, &[("r", 2)])],
        );
        first.policies[0].details[0].mx = Some("mx.x".to_owned());
        let second = report("b", "2026-11-24", vec![policy("sts", "x", 5, 0, &[])]);
        (vec![first, second], Filter::days("2026-11-22".parse().unwrap(), "2026-11-28".parse().unwrap()))
    }

    fn keys(items: &[Value]) -> Vec<(Option<&str>, u64)> {
        items.iter().map(|item| (item["key"].as_str(), item["failed_sessions"].as_u64().unwrap())).collect()
    }

    #[test]
    fn summaries_count_by_domain_and_details_by_type_and_host() {
        let (reports, filter) = world();
        let of = |by: &str, narrow: &Narrow| failures(&reports, &filter, by, narrow);
        let all = Narrow::default();
        assert_eq!(keys(&of("policy_domain", &all)), [(Some("x"), 10), (Some("y"), 2)]);
        assert_eq!(keys(&of("result_type", &all)), [(Some("r"), 6), (Some("not-itemised"), 3), (Some("s"), 3)]);
        assert_eq!(keys(&of("receiving_mx_hostname", &all)), [(None, 5), (Some("mx.x"), 4)]);
        let r = Narrow { result_type: Some("r".into()), ..Narrow::default() };
        assert_eq!(keys(&of("policy_domain", &r)), [(Some("x"), 4), (Some("y"), 2)]);
        assert_eq!(keys(&of("result_type", &r)), [(Some("r"), 6)]);
        let rest = Narrow { result_type: Some(NOT_ITEMISED.into()), ..Narrow::default() };
        assert_eq!(keys(&of("day", &rest)), [(Some("2026-11-23"), 3)]);
    }

    #[test]
    fn the_list_holds_the_sessions_that_match() {
        let (reports, mut filter) = world();
        let of = |filter: &Filter, narrow: &Narrow, failed| {
            list(&reports, filter, narrow, failed).iter().map(|item| item.sessions.bad).collect::<Vec<_>>()
        };
        assert_eq!(of(&filter, &Narrow::default(), false), [12, 0]);
        assert_eq!(of(&filter, &Narrow::default(), true), [12]);
        let unsaid = Narrow { mx: Some("-".into()), result_type: Some("s".into()), ip: None };
        assert_eq!(of(&filter, &unsaid, false), [12]);
        filter.domain = Some("y".into());
        assert_eq!(of(&filter, &Narrow::default(), false), [2]);
        assert!(of(&filter, &unsaid, false).is_empty());
    }
}
