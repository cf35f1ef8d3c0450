//! docs/figures.md, "Outages".

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::{
    count::count,
    filter::Filter,
    groups,
    model::{POLICY_FETCH, Report},
};

const LOOK_BACK_DAYS: u64 = 112;
const LOOK_AHEAD_DAYS: u64 = 28;

#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    pub domain: String,
    pub organisation: String,
    pub name: Value,
    pub result_type: String,
    pub since: NaiveDate,
    pub last: NaiveDate,
    pub recovered: Option<NaiveDate>,
    pub failed: u64,
    pub reason: Option<String>,
}

impl Outage {
    pub fn json(&self) -> Value {
        json!({
            "policy_domain": groups::domain(&self.domain),
            "organisation": self.name,
            "organisation_key": self.organisation,
            "result_type": self.result_type,
            "since": self.since.to_string(),
            "last": self.last.to_string(),
            "recovered": self.recovered.map(|day| day.to_string()),
            "ongoing": self.recovered.is_none(),
            "failed_sessions": self.failed,
            "reason_code": self.reason,
        })
    }
}

/// A failing day: its failed sessions and the reasons given.
type Failing<'a> = BTreeMap<NaiveDate, (u64, BTreeSet<&'a str>)>;

/// Those seen in the range.
pub fn outages(reports: &[Report], filter: &Filter, today: NaiveDate) -> Vec<Outage> {
    seen(reports, filter, filter.from, today)
}

/// Those seen in the range, and those last seen from `seen_from` on that were not over when it began.
pub fn seen(reports: &[Report], filter: &Filter, seen_from: NaiveDate, today: NaiveDate) -> Vec<Outage> {
    let until = (filter.to + Days::new(LOOK_AHEAD_DAYS)).min(today);
    let wide = count(reports, &filter.over(filter.from - Days::new(LOOK_BACK_DAYS), until.max(filter.to)));
    let mut heard: BTreeMap<(&str, &str), BTreeSet<NaiveDate>> = BTreeMap::new();
    let mut failing: BTreeMap<(&str, &str, &str), Failing> = BTreeMap::new();
    for row in &wide.rows {
        let organisation = row.report.organisation.as_str();
        heard.entry((row.domain, organisation)).or_default().insert(row.day());
        for (_, detail) in &row.details {
            if POLICY_FETCH.contains(&detail.result_type.as_str()) && (detail.bad() > 0 || !detail.is_usable()) {
                let days = failing.entry((row.domain, organisation, &detail.result_type)).or_default();
                let day = days.entry(row.day()).or_default();
                day.0 += detail.bad();
                day.1.extend(detail.reason.as_deref());
            }
        }
    }
    let known = count(reports, &filter.over(filter.from - Days::new(LOOK_BACK_DAYS), filter.to));
    let names = groups::names(&[&known]);
    let mut found = Vec::new();
    for ((domain, organisation, result_type), days) in failing {
        let clean: Vec<NaiveDate> =
            heard[&(domain, organisation)].iter().filter(|day| !days.contains_key(day)).copied().collect();
        let first_clean_after = |day: NaiveDate| clean.iter().find(|clean| **clean > day).copied();
        let mut runs: Vec<Vec<NaiveDate>> = Vec::new();
        for day in days.keys().filter(|day| **day <= filter.to) {
            match runs.last_mut() {
                Some(run) if first_clean_after(run[run.len() - 1]).is_none_or(|clean| clean > *day) => run.push(*day),
                _ => runs.push(vec![*day]),
            }
        }
        for run in runs {
            let (since, last) = (run[0], run[run.len() - 1]);
            let over_before = first_clean_after(last).is_some_and(|clean| clean < filter.from);
            if last < seen_from || (last < filter.from && over_before) {
                continue;
            }
            found.push(Outage {
                domain: domain.to_owned(),
                organisation: organisation.to_owned(),
                name: names[organisation].clone(),
                result_type: result_type.to_owned(),
                since,
                last,
                recovered: first_clean_after(last).filter(|day| *day <= until),
                failed: run.iter().filter(|day| **day >= filter.from).map(|day| days[day].0).sum(),
                reason: run.iter().flat_map(|day| &days[day].1).min().map(|reason| (*reason).to_owned()),
            });
        }
    }
    found.sort_by(order);
    found
}

/// How many there are, of how many domains and organisations.
pub fn totals(outages: &[Outage]) -> Value {
    let distinct =
        |of: &dyn Fn(&Outage) -> Option<String>| outages.iter().filter_map(of).collect::<BTreeSet<_>>().len();
    json!({
        "outages": outages.len(),
        "policy_domains": distinct(&|outage| Some(outage.domain.clone())),
        "policy_domains_ongoing": distinct(&|outage| outage.recovered.is_none().then(|| outage.domain.clone())),
        "organisations": distinct(&|outage| Some(outage.organisation.clone())),
    })
}

pub fn order(a: &Outage, b: &Outage) -> Ordering {
    let key = |outage: &Outage| (outage.recovered.is_some(), u64::MAX - outage.failed);
    let rest = (&a.domain, &a.organisation, &a.result_type, a.since);
    key(a).cmp(&key(b)).then(rest.cmp(&(&b.domain, &b.organisation, &b.result_type, b.since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{policy, report};

    fn failing(day: &str, failed: u64) -> Report {
        report("a", day, vec![policy("sts", "x", 1, failed, &[("sts-policy-fetch-error", failed)])])
    }

    fn clean(day: &str) -> Report {
        report("a", day, vec![policy("sts", "x", 1, 0, &[])])
    }

    fn of(reports: &[Report], from: &str, to: &str, today: &str) -> Vec<(String, String, Option<String>, u64)> {
        let filter = Filter::days(from.parse().unwrap(), to.parse().unwrap());
        let outages = outages(reports, &filter, today.parse().unwrap());
        let text = |day: NaiveDate| day.to_string()[8..].to_owned();
        outages.iter().map(|o| (text(o.since), text(o.last), o.recovered.map(text), o.failed)).collect()
    }

    #[test]
    fn a_clean_day_divides_two_outages_and_a_silent_one_does_not() {
        let reports =
            [failing("2026-11-02", 1), failing("2026-11-04", 2), clean("2026-11-05"), failing("2026-11-07", 4)];
        let found = of(&reports, "2026-11-01", "2026-11-08", "2026-11-29");
        // The one that goes on first.
        assert_eq!(found, [("07".into(), "07".into(), None, 4), ("02".into(), "04".into(), Some("05".into()), 3),]);
    }

    #[test]
    fn it_began_before_the_range_and_counts_only_what_is_in_it() {
        let reports = [failing("2026-11-02", 1), failing("2026-11-04", 2), clean("2026-11-09")];
        assert_eq!(
            of(&reports, "2026-11-04", "2026-11-05", "2026-11-29"),
            [("02".into(), "04".into(), Some("09".into()), 2)]
        );
        // What is not known yet does not end it.
        assert_eq!(of(&reports, "2026-11-04", "2026-11-05", "2026-11-08")[0].2, None);
    }

    #[test]
    fn a_detail_without_a_usable_number_is_a_failing_day_and_a_zero_is_not() {
        let mut unknown = failing("2026-11-04", 1);
        unknown.policies[0].details[0].failed = None;
        let zero = failing("2026-11-05", 0);
        assert_eq!(
            of(&[unknown, zero], "2026-11-04", "2026-11-05", "2026-11-29"),
            [("04".into(), "04".into(), Some("05".into()), 0)]
        );
    }
}
