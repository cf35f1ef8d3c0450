//! What a report says, as far as it is counted.

use chrono::NaiveDate;

/// More sessions than this are a mistake of the sender (docs/figures.md, "Sessions").
pub const USABLE_MAX: u64 = 1_000_000_000_000;
pub const NO_POLICY: &str = "no-policy-found";
pub const NOT_ITEMISED: &str = "not-itemised";
pub const POLICY_FETCH: [&str; 3] = ["sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub uuid: String,
    pub report_id: String,
    pub organisation: String,
    /// The name as sent.
    pub name: Option<String>,
    pub day: NaiveDate,
    /// Start and end as sent, in seconds: part of what makes two reports the same.
    pub range: (i64, i64),
    pub trust: String,
    pub policies: Vec<Policy>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub kind: String,
    /// Empty where it is unknown.
    pub domain: String,
    /// As sent, where it is a number of sessions at all; not usable above [`USABLE_MAX`].
    pub successful: Option<u64>,
    pub failed: Option<u64>,
    pub mode: Option<String>,
    pub lines: Vec<String>,
    pub details: Vec<Detail>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    pub result_type: String,
    pub failed: Option<u64>,
    pub mx: Option<String>,
    pub ip: Option<String>,
    pub reason: Option<String>,
}

/// What a total adds: nothing where it is missing or absurd.
pub fn usable(total: Option<u64>) -> u64 {
    total.filter(|total| *total <= USABLE_MAX).unwrap_or(0)
}

impl Policy {
    pub fn ok(&self) -> u64 {
        usable(self.successful)
    }

    pub fn bad(&self) -> u64 {
        usable(self.failed)
    }

    /// Failed sessions of the summary that no detail explains.
    pub fn not_itemised(&self) -> u64 {
        self.bad().saturating_sub(self.details.iter().map(Detail::bad).sum())
    }
}

impl Detail {
    pub fn bad(&self) -> u64 {
        usable(self.failed)
    }

    /// Whether its number of sessions can be used, 0 included.
    pub fn is_usable(&self) -> bool {
        self.failed.is_some_and(|failed| failed <= USABLE_MAX)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A policy with its totals and details by result type.
    pub fn policy(kind: &str, domain: &str, ok: u64, bad: u64, details: &[(&str, u64)]) -> Policy {
        let detail = |(result_type, failed): &(&str, u64)| Detail {
            result_type: (*result_type).to_owned(),
            failed: Some(*failed),
            ..Detail::default()
        };
        Policy {
            kind: kind.to_owned(),
            domain: domain.to_owned(),
            successful: Some(ok),
            failed: Some(bad),
            details: details.iter().map(detail).collect(),
            ..Policy::default()
        }
    }

    pub fn report(organisation: &str, day: &str, policies: Vec<Policy>) -> Report {
        Report {
            uuid: format!("{organisation}/{day}/{}", policies.len()),
            organisation: organisation.to_owned(),
            name: Some(organisation.to_owned()),
            day: day.parse().unwrap(),
            trust: "import".to_owned(),
            policies,
            ..Report::default()
        }
    }

    #[test]
    fn an_absurd_total_counts_as_nothing_and_the_good_one_beside_it_counts() {
        let mut policy = policy("sts", "a.example", 7, 3, &[]);
        policy.successful = Some(USABLE_MAX + 1);
        assert_eq!((policy.ok(), policy.bad()), (0, 3));
        policy.successful = Some(USABLE_MAX);
        policy.failed = None;
        assert_eq!((policy.ok(), policy.bad()), (USABLE_MAX, 0));
    }

    #[test]
    fn not_itemised_is_what_the_details_leave_and_never_below_zero() {
        assert_eq!(policy("sts", "a", 0, 10, &[("x", 3), ("y", 4)]).not_itemised(), 3);
        assert_eq!(policy("sts", "a", 0, 10, &[("x", 30)]).not_itemised(), 0);
        let mut unknown = policy("sts", "a", 0, 10, &[("x", 4)]);
        unknown.details[0].failed = None;
        assert_eq!(unknown.not_itemised(), 10);
    }
}
