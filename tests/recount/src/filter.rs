//! The filter of docs/figures.md: a range of days and what else is asked for.

use chrono::{Days, NaiveDate};

use crate::model::{Policy, Report};

#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub domain: Option<String>,
    pub organisation: Option<String>,
    pub kind: Option<String>,
    pub trust: Option<String>,
}

impl Filter {
    pub fn days(from: NaiveDate, to: NaiveDate) -> Filter {
        Filter { from, to, domain: None, organisation: None, kind: None, trust: None }
    }

    pub fn over(&self, from: NaiveDate, to: NaiveDate) -> Filter {
        Filter { from, to, ..self.clone() }
    }

    pub fn length(&self) -> u64 {
        ((self.to - self.from).num_days() + 1) as u64
    }

    /// The range of the same length that ends the day before, `times` times.
    pub fn before(&self, times: u64) -> Filter {
        let shift = Days::new(self.length() * times);
        self.over(self.from - shift, self.to - shift)
    }

    fn asks_for_report(&self, report: &Report) -> bool {
        let trust = match self.trust.as_deref() {
            Some("all") => true,
            None | Some("trusted") => !matches!(report.trust.as_str(), "none" | "token"),
            Some("claimed" | "beside") => matches!(report.trust.as_str(), "none" | "token"),
            Some(trust) => report.trust == trust,
        };
        trust
            && self.from <= report.day
            && report.day <= self.to
            && self.organisation.as_ref().is_none_or(|asked| *asked == report.organisation)
    }

    fn asks_for_policy(&self, policy: &Policy) -> bool {
        self.domain.as_ref().is_none_or(|asked| *asked == policy.domain)
            && self.kind.as_ref().is_none_or(|asked| *asked == policy.kind)
    }

    /// The policies that match; `None` where the report does not.
    pub fn matching<'a>(&self, report: &'a Report) -> Option<Vec<&'a Policy>> {
        if !self.asks_for_report(report) {
            return None;
        }
        let policies: Vec<&Policy> = report.policies.iter().filter(|policy| self.asks_for_policy(policy)).collect();
        let without = report.policies.is_empty() && self.domain.is_none() && self.kind.is_none();
        (without || !policies.is_empty()).then_some(policies)
    }

    /// As a query string, without the days.
    pub fn narrowing(&self) -> String {
        let named = [
            ("policy_domain", &self.domain),
            ("organisation", &self.organisation),
            ("policy_type", &self.kind),
            ("trust", &self.trust),
        ];
        let given = named.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
        given.map(|(name, value)| format!("&{name}={}", crate::http::escape(value))).collect()
    }

    pub fn query(&self) -> String {
        format!("from={}&to={}{}", self.from, self.to, self.narrowing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{policy, report};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_report_matches_where_one_of_its_policies_does() {
        let report = report("a", "2026-11-02", vec![policy("sts", "x", 1, 0, &[]), policy("tlsa", "y", 1, 0, &[])]);
        let mut filter = Filter::days(day("2026-11-02"), day("2026-11-02"));
        assert_eq!(filter.matching(&report).unwrap().len(), 2);
        filter.domain = Some("y".into());
        assert_eq!(filter.matching(&report).unwrap().len(), 1);
        filter.kind = Some("sts".into());
        assert_eq!(filter.matching(&report), None);
    }

    #[test]
    fn a_report_without_policies_matches_where_neither_domain_nor_type_is_asked_for() {
        let report = report("a", "2026-11-02", vec![]);
        let mut filter = Filter::days(day("2026-11-01"), day("2026-11-03"));
        assert_eq!(filter.matching(&report), Some(vec![]));
        filter.organisation = Some("a".into());
        assert_eq!(filter.matching(&report), Some(vec![]));
        filter.domain = Some(String::new());
        assert_eq!(filter.matching(&report), None);
    }

    #[test]
    fn trusted_is_what_is_proven_or_imported() {
        let mut report = report("a", "2026-11-02", vec![]);
        let mut filter = Filter::days(day("2026-11-02"), day("2026-11-02"));
        filter.trust = Some("trusted".into());
        assert!(filter.matching(&report).is_some());
        report.trust = "none".into();
        assert!(filter.matching(&report).is_none());
        filter.trust = None;
        assert!(filter.matching(&report).is_none(), "and so it is by default");
        filter.trust = Some("claimed".into());
        assert!(filter.matching(&report).is_some());
    }

    #[test]
    fn the_range_before_has_the_same_length_and_ends_the_day_before() {
        let before = Filter::days(day("2026-11-22"), day("2026-11-28")).before(1);
        assert_eq!((before.from, before.to), (day("2026-11-15"), day("2026-11-21")));
    }
}
