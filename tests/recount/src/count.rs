//! The rules of docs/figures.md under "Sessions": what one report adds, each session once.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{
    filter::Filter,
    model::{Detail, NO_POLICY, Policy, Report},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    pub ok: u64,
    pub bad: u64,
}

impl Sessions {
    pub fn total(self) -> u64 {
        self.ok + self.bad
    }

    pub fn add(&mut self, other: Sessions) {
        self.ok += other.ok;
        self.bad += other.bad;
    }
}

/// What one report says about one policy domain, as one number.
pub struct Row<'a> {
    pub report: &'a Report,
    pub domain: &'a str,
    pub sessions: Sessions,
    pub not_itemised: u64,
    /// The details that count, each with its policy.
    pub details: Vec<(&'a Policy, &'a Detail)>,
}

impl Row<'_> {
    pub fn day(&self) -> NaiveDate {
        self.report.day
    }
}

/// Everything a filter lets through.
pub struct Counted<'a> {
    pub reports: Vec<&'a Report>,
    pub rows: Vec<Row<'a>>,
    /// By policy type, whatever is counted in the one number.
    pub kinds: BTreeMap<&'a str, Sessions>,
}

pub fn count<'a>(reports: &'a [Report], filter: &Filter) -> Counted<'a> {
    let mut counted = Counted { reports: Vec::new(), rows: Vec::new(), kinds: BTreeMap::new() };
    for report in reports {
        let Some(policies) = filter.matching(report) else { continue };
        counted.reports.push(report);
        let mut domains: BTreeMap<&str, Vec<&Policy>> = BTreeMap::new();
        for policy in policies {
            counted.kinds.entry(&policy.kind).or_default().add(Sessions { ok: policy.ok(), bad: policy.bad() });
            domains.entry(&policy.domain).or_default().push(policy);
        }
        for (domain, policies) in domains {
            let (sessions, not_itemised, details) =
                if filter.kind.is_some() { all(&policies) } else { once(&policies) };
            counted.rows.push(Row { report, domain, sessions, not_itemised, details });
        }
    }
    counted
}

impl Counted<'_> {
    pub fn sessions(&self) -> Sessions {
        let mut sum = Sessions::default();
        self.rows.iter().for_each(|row| sum.add(row.sessions));
        sum
    }
}

type Share<'a> = (Sessions, u64, Vec<(&'a Policy, &'a Detail)>);

fn all<'a>(policies: &[&'a Policy]) -> Share<'a> {
    let mut sum = Sessions::default();
    policies.iter().for_each(|policy| sum.add(Sessions { ok: policy.ok(), bad: policy.bad() }));
    let not_itemised = policies.iter().map(|policy| policy.not_itemised()).sum();
    let details = policies.iter().flat_map(|policy| policy.details.iter().map(move |detail| (*policy, detail)));
    (sum, not_itemised, details.collect())
}

/// Of equal types `sts` comes first, then `tlsa`, then the others by name.
fn rank(kind: &str) -> (u8, &str) {
    match kind {
        "sts" => (0, ""),
        "tlsa" => (1, ""),
        other => (2, other),
    }
}

fn once<'a>(policies: &[&'a Policy]) -> Share<'a> {
    let mut kinds: BTreeMap<&str, Vec<&'a Policy>> = BTreeMap::new();
    for policy in policies {
        kinds.entry(&policy.kind).or_default().push(policy);
    }
    let none = kinds.remove(NO_POLICY).unwrap_or_default();
    let (none_sessions, none_rest, none_details) = all(&none);

    let mut applied: Vec<(&str, Share<'a>)> = kinds.iter().map(|(kind, policies)| (*kind, all(policies))).collect();
    applied.sort_by_key(|(kind, _)| rank(kind));
    let total = applied.iter().map(|(_, share)| share.0.total()).max().unwrap_or(0) + none_sessions.total();
    let bad = applied.iter().map(|(_, share)| share.0.bad).max().unwrap_or(0) + none_sessions.bad;

    // The first of those with the most: `max_by_key` would take the last.
    let mut rest: Option<&(&str, Share<'a>)> = None;
    for candidate in &applied {
        let sessions = candidate.1.0;
        if rest.is_none_or(|(_, best)| (sessions.bad, sessions.total()) > (best.0.bad, best.0.total())) {
            rest = Some(candidate);
        }
    }
    let not_itemised = rest.map_or(0, |(_, share)| share.1) + none_rest;

    let mut details = none_details;
    let mut result_types: Vec<&str> =
        applied.iter().flat_map(|(_, share)| share.2.iter().map(|(_, detail)| detail.result_type.as_str())).collect();
    result_types.sort_unstable();
    result_types.dedup();
    for result_type in result_types {
        let mut best: Option<(u64, Vec<(&'a Policy, &'a Detail)>)> = None;
        for (_, share) in &applied {
            let of_type: Vec<_> =
                share.2.iter().filter(|(_, detail)| detail.result_type == result_type).copied().collect();
            let bad = of_type.iter().map(|(_, detail)| detail.bad()).sum();
            if !of_type.is_empty() && best.as_ref().is_none_or(|(most, _)| bad > *most) {
                best = Some((bad, of_type));
            }
        }
        details.extend(best.into_iter().flat_map(|(_, of_type)| of_type));
    }
    (Sessions { ok: total - bad, bad }, not_itemised, details)
}

/// What is claimed beside what counts by default; null where there is nothing, or where a trust is asked for.
pub fn claimed_beside(reports: &[Report], filter: &Filter) -> serde_json::Value {
    if filter.trust.is_some() {
        return serde_json::Value::Null;
    }
    let beside = Filter { trust: Some("beside".to_owned()), ..filter.clone() };
    let counted = count(reports, &beside);
    let sessions = counted.sessions();
    match counted.reports.len() {
        0 => serde_json::Value::Null,
        reports => serde_json::json!({"reports": reports, "successful": sessions.ok, "failed": sessions.bad}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{policy, report};

    fn one(policies: Vec<Policy>, kind: Option<&str>) -> (Sessions, u64, Vec<(String, String, u64)>) {
        let reports = [report("a", "2026-11-02", policies)];
        let mut filter = Filter::days(reports[0].day, reports[0].day);
        filter.kind = kind.map(str::to_owned);
        let counted = count(&reports, &filter);
        let row = &counted.rows[0];
        let details =
            row.details.iter().map(|(p, d)| (p.kind.clone(), d.result_type.clone(), d.bad())).collect::<Vec<_>>();
        (row.sessions, row.not_itemised, details)
    }

    #[test]
    fn the_same_sessions_under_two_types_count_once() {
        let doubled = vec![policy("sts", "a", 90, 10, &[("x", 10)]), policy("tlsa", "a", 98, 2, &[("x", 2)])];
        let (sessions, rest, details) = one(doubled.clone(), None);
        assert_eq!((sessions.ok, sessions.bad, rest), (90, 10, 0));
        assert_eq!(details, [("sts".to_owned(), "x".to_owned(), 10)]);
        assert_eq!(one(doubled, Some("tlsa")).0, Sessions { ok: 98, bad: 2 });
    }

    #[test]
    fn the_largest_total_and_the_largest_failed_may_be_of_two_types() {
        let (sessions, _, _) = one(vec![policy("sts", "a", 40, 10, &[]), policy("tlsa", "a", 200, 0, &[])], None);
        assert_eq!((sessions.ok, sessions.bad), (190, 10));
    }

    #[test]
    fn sessions_without_a_policy_are_in_no_other() {
        let (sessions, rest, _) =
            one(vec![policy("sts", "a", 10, 1, &[("x", 1)]), policy("no-policy-found", "a", 5, 2, &[])], None);
        assert_eq!((sessions.ok, sessions.bad, rest), (15, 3, 2));
    }

    #[test]
    fn several_policies_of_one_type_are_added_up_first() {
        let (sessions, _, _) = one(
            vec![policy("sts", "a", 10, 0, &[]), policy("sts", "a", 10, 1, &[]), policy("tlsa", "a", 19, 0, &[])],
            None,
        );
        assert_eq!((sessions.ok, sessions.bad), (20, 1));
    }

    #[test]
    fn of_equal_details_those_under_sts_count() {
        let (_, _, details) =
            one(vec![policy("tlsa", "a", 0, 5, &[("x", 5)]), policy("sts", "a", 0, 5, &[("x", 3), ("x", 2)])], None);
        assert_eq!(details.iter().map(|detail| detail.0.as_str()).collect::<Vec<_>>(), ["sts", "sts"]);
    }

    #[test]
    fn not_itemised_is_that_of_the_type_that_failed_most() {
        // tlsa has more that is not itemised, sts has more that failed.
        let (_, rest, _) = one(vec![policy("sts", "a", 0, 9, &[("x", 8)]), policy("tlsa", "a", 0, 7, &[])], None);
        assert_eq!(rest, 1);
        // Of equal ones that with the larger total.
        let (_, rest, _) =
            one(vec![policy("sts", "a", 0, 7, &[("x", 7)]), policy("tlsa", "a", 1, 7, &[("x", 5)])], None);
        assert_eq!(rest, 2);
    }

    #[test]
    fn two_domains_of_one_report_are_counted_each_for_itself() {
        let reports = [report("a", "2026-11-02", vec![policy("sts", "a", 1, 1, &[]), policy("tlsa", "b", 2, 2, &[])])];
        let counted = count(&reports, &Filter::days(reports[0].day, reports[0].day));
        assert_eq!(counted.sessions(), Sessions { ok: 3, bad: 3 });
    }
}
