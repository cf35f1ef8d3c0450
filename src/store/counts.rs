//! Which of a report's sessions count where one number is shown: each session once, although a sender may list the same
//! sessions under several policy types of one domain. Pure.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    limits::SESSIONS_PLAUSIBLE_MAX,
    report::{PolicyResult, PolicyType, Report},
};

/// The counts of one report, in the order of its policies.
#[derive(Debug, PartialEq, Eq)]
pub struct Counts {
    /// Sessions of the counted policies.
    pub successful: i64,
    pub failed: i64,
    pub policies: Vec<PolicyCounts>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct PolicyCounts {
    /// This policy's sessions count.
    pub counted: bool,
    /// Failed sessions that the failure details do not explain.
    pub not_itemised: i64,
    /// For each of the failure details: its sessions count.
    pub failures: Vec<bool>,
}

/// Counts a report's sessions.
///
/// For each policy domain the policy type with the largest total counts, for each policy domain and result type the one
/// with the most failed sessions in its details. Equal ones: `sts`, then `tlsa`, then the others by name.
pub fn count(report: &Report) -> Counts {
    let counted_types = counted_types(&report.policies);
    let counted_failures = counted_failures(&report.policies);
    let (mut successful, mut failed) = (0i64, 0i64);
    let mut policies = Vec::with_capacity(report.policies.len());
    for result in &report.policies {
        let (domain, policy_type) = (domain(result), &result.policy.policy_type);
        let counted = counted_types.get(domain) == Some(&policy_type);
        if counted {
            successful = successful.saturating_add(plausible(result.successful));
            failed = failed.saturating_add(plausible(result.failed));
        }
        let is_counted = |result_type: &str| counted_failures.get(&(domain, result_type)) == Some(&policy_type);
        policies.push(PolicyCounts {
            counted,
            not_itemised: plausible(result.failed).saturating_sub(itemised(result)).max(0),
            failures: result.failures.iter().map(|failure| is_counted(&failure.result_type)).collect(),
        });
    }
    Counts { successful, failed, policies }
}

/// A count as far as it can be believed: a sender's typing error must not drown all others.
fn plausible(count: Option<i64>) -> i64 {
    count.filter(|count| (0..=SESSIONS_PLAUSIBLE_MAX).contains(count)).unwrap_or(0)
}

fn domain(result: &PolicyResult) -> &str {
    result.policy.domain.as_deref().unwrap_or("")
}

fn itemised(result: &PolicyResult) -> i64 {
    result.failures.iter().fold(0, |sum: i64, failure| sum.saturating_add(plausible(failure.failed_sessions)))
}

/// For each policy domain the policy type whose sessions count.
fn counted_types(policies: &[PolicyResult]) -> HashMap<&str, &PolicyType> {
    let mut sums: HashMap<(&str, &PolicyType), (i64, i64)> = HashMap::new();
    for result in policies {
        let (total, failed) = sums.entry((domain(result), &result.policy.policy_type)).or_default();
        *failed = failed.saturating_add(plausible(result.failed));
        *total = total.saturating_add(plausible(result.failed)).saturating_add(plausible(result.successful));
    }
    largest(sums.into_iter().map(|((domain, policy_type), weight)| (domain, policy_type, weight)))
}

/// For each policy domain and result type the policy type whose failure details count.
fn counted_failures(policies: &[PolicyResult]) -> HashMap<(&str, &str), &PolicyType> {
    let mut sums: HashMap<((&str, &str), &PolicyType), i64> = HashMap::new();
    for result in policies {
        for failure in &result.failures {
            let key = ((domain(result), failure.result_type.as_str()), &result.policy.policy_type);
            let sum = sums.entry(key).or_default();
            *sum = sum.saturating_add(plausible(failure.failed_sessions));
        }
    }
    largest(sums.into_iter().map(|((key, policy_type), weight)| (key, policy_type, weight)))
}

fn largest<'a, K, W>(sums: impl Iterator<Item = (K, &'a PolicyType, W)>) -> HashMap<K, &'a PolicyType>
where
    K: Eq + std::hash::Hash,
    W: Ord,
{
    let mut best: HashMap<K, (&PolicyType, W)> = HashMap::new();
    for (key, policy_type, weight) in sums {
        match best.entry(key) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert((policy_type, weight));
            }
            std::collections::hash_map::Entry::Occupied(mut slot) => {
                let (held, held_weight) = slot.get();
                if (&weight, Reverse(rank(policy_type))) > (held_weight, Reverse(rank(held))) {
                    slot.insert((policy_type, weight));
                }
            }
        }
    }
    best.into_iter().map(|(key, (policy_type, _))| (key, policy_type)).collect()
}

/// Which of two equally large policy types counts: the lower.
fn rank(policy_type: &PolicyType) -> (u8, &str) {
    match policy_type {
        PolicyType::Sts => (0, ""),
        PolicyType::Tlsa => (1, ""),
        other => (2, other.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{failure, policy, report};

    fn counted(policies: Vec<PolicyResult>) -> (Vec<bool>, i64, i64) {
        let counts = count(&report("r", policies));
        (counts.policies.iter().map(|policy| policy.counted).collect(), counts.successful, counts.failed)
    }

    #[test]
    fn the_larger_policy_type_of_a_domain_counts() {
        let both = vec![
            policy("example.com", PolicyType::Sts, Some(90), Some(10)),
            policy("example.com", PolicyType::Tlsa, Some(50), Some(51)),
        ];
        assert_eq!(counted(both), (vec![false, true], 50, 51));
    }

    #[test]
    fn equal_policy_types_count_once_sts_first() {
        let both = vec![
            policy("example.com", PolicyType::Other("dane".into()), Some(90), Some(10)),
            policy("example.com", PolicyType::Tlsa, Some(90), Some(10)),
            policy("example.com", PolicyType::Sts, Some(90), Some(10)),
        ];
        assert_eq!(counted(both), (vec![false, false, true], 90, 10));
    }

    #[test]
    fn of_equal_totals_the_one_with_more_failures_counts() {
        let both = vec![
            policy("example.com", PolicyType::Sts, Some(10), Some(0)),
            policy("example.com", PolicyType::Tlsa, Some(4), Some(6)),
        ];
        assert_eq!(counted(both), (vec![false, true], 4, 6));
    }

    #[test]
    fn all_policies_of_the_counted_type_and_other_domains_count() {
        let several = vec![
            policy("example.com", PolicyType::Sts, Some(10), Some(1)),
            policy("example.com", PolicyType::Sts, Some(20), Some(2)),
            policy("example.com", PolicyType::NoPolicyFound, Some(25), None),
            policy("example.net", PolicyType::Tlsa, Some(5), Some(5)),
        ];
        assert_eq!(counted(several), (vec![true, true, false, true], 35, 8));
    }

    #[test]
    fn implausible_counts_are_as_if_absent() {
        let huge = vec![
            policy("example.com", PolicyType::Sts, Some(i64::MAX), Some(i64::MIN)),
            policy("example.com", PolicyType::Tlsa, Some(SESSIONS_PLAUSIBLE_MAX), Some(1)),
            policy("example.com", PolicyType::Tlsa, Some(SESSIONS_PLAUSIBLE_MAX + 1), Some(1)),
        ];
        assert_eq!(counted(huge), (vec![false, true, true], SESSIONS_PLAUSIBLE_MAX, 2));
    }

    #[test]
    fn failures_count_by_domain_and_result_type() {
        let mut sts = policy("example.com", PolicyType::Sts, Some(0), Some(30));
        sts.failures = vec![failure("starttls-not-supported", Some(5)), failure("sts-policy-fetch-error", Some(9))];
        let mut tlsa = policy("example.com", PolicyType::Tlsa, Some(0), Some(20));
        tlsa.failures = vec![failure("starttls-not-supported", Some(4)), failure("starttls-not-supported", Some(4))];
        let counts = count(&report("r", vec![sts, tlsa]));
        assert_eq!(counts.policies[0].failures, [false, true]);
        assert_eq!(counts.policies[1].failures, [true, true]);
        assert_eq!((counts.policies[0].not_itemised, counts.policies[1].not_itemised), (16, 12));
    }

    #[test]
    fn details_in_excess_leave_nothing_not_itemised() {
        let mut sts = policy("example.com", PolicyType::Sts, None, Some(3));
        sts.failures = vec![failure("validation-failure", Some(7)), failure("validation-failure", None)];
        assert_eq!(count(&report("r", vec![sts])).policies[0].not_itemised, 0);
    }
}
