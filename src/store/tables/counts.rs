//! How much of a report counts where one number is shown: each session once, although a sender may list the same sessions
//! under several policies that it applied. Pure; `docs/figures.md` has the rule in words.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    limits::SESSIONS_PLAUSIBLE_MAX,
    report::{PolicyResult, PolicyType, Report},
};

/// The counts of one report, in the order of its policies.
#[derive(Debug, PartialEq, Eq)]
pub struct Counts {
    /// Sessions, each once: the sums over the policies.
    pub successful: i64,
    pub failed: i64,
    pub policies: Vec<PolicyCounts>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct PolicyCounts {
    /// What this policy contributes where each session counts once.
    pub once_successful: i64,
    pub once_failed: i64,
    /// Failed sessions that the failure details do not explain.
    pub not_itemised: i64,
    /// For each of the failure details: its sessions count.
    pub failures: Vec<bool>,
}

/// Counts a report's sessions.
///
/// A session under `no-policy-found` is in no other policy (RFC 8460 §4.4), so those always count. Of the types that were applied the largest total
/// of a policy domain counts as its sessions, the largest failed total as its failed ones: no failure vanishes behind a larger type. Of failure details
/// those of the applied type with the most failed sessions count, for each policy domain and result type. Equal ones: `sts`, then `tlsa`, then the others
/// by name.
pub fn count(report: &Report) -> Counts {
    let totals = Totals::of(&report.policies);
    let counted_failures = counted_failures(&report.policies);
    let mut successful_left = totals.successful_once();
    let mut counts = Counts { successful: 0, failed: 0, policies: Vec::with_capacity(report.policies.len()) };
    for result in &report.policies {
        let (domain, policy_type) = (domain(result), &result.policy.policy_type);
        let always = !is_applied(policy_type);
        let once_failed = match always || totals.most_failed.get(domain) == Some(&policy_type) {
            true => plausible(result.failed),
            false => 0,
        };
        let once_successful = match (always, successful_left.get_mut(domain)) {
            (true, _) => plausible(result.successful),
            (false, Some(left)) if totals.largest.get(domain) == Some(&policy_type) => {
                let part = plausible(result.successful).min(*left);
                *left -= part;
                part
            }
            _ => 0,
        };
        counts.successful = counts.successful.saturating_add(once_successful);
        counts.failed = counts.failed.saturating_add(once_failed);
        let is_counted =
            |result_type: &str| always || counted_failures.get(&(domain, result_type)) == Some(&policy_type);
        counts.policies.push(PolicyCounts {
            once_successful,
            once_failed,
            not_itemised: plausible(result.failed).saturating_sub(itemised(result)).max(0),
            failures: result.failures.iter().map(|failure| is_counted(&failure.result_type)).collect(),
        });
    }
    counts
}

/// Whether a session under this type may stand under another one as well.
fn is_applied(policy_type: &PolicyType) -> bool {
    *policy_type != PolicyType::NoPolicyFound
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

/// The applied types of each policy domain.
struct Totals<'a> {
    /// Sessions, successful and failed, and the failed ones.
    sums: HashMap<(&'a str, &'a PolicyType), (i64, i64)>,
    /// The type with the most sessions.
    largest: HashMap<&'a str, &'a PolicyType>,
    /// The type with the most failed ones.
    most_failed: HashMap<&'a str, &'a PolicyType>,
}

impl<'a> Totals<'a> {
    fn of(policies: &'a [PolicyResult]) -> Totals<'a> {
        let mut sums: HashMap<(&str, &PolicyType), (i64, i64)> = HashMap::new();
        for result in policies.iter().filter(|result| is_applied(&result.policy.policy_type)) {
            let (total, failed) = sums.entry((domain(result), &result.policy.policy_type)).or_default();
            *failed = failed.saturating_add(plausible(result.failed));
            *total = total.saturating_add(plausible(result.failed)).saturating_add(plausible(result.successful));
        }
        let each = || sums.iter().map(|((domain, policy_type), weight)| (*domain, *policy_type, *weight));
        Totals {
            largest: most(each()),
            most_failed: most(
                each().map(|(domain, policy_type, (total, failed))| (domain, policy_type, (failed, total))),
            ),
            sums,
        }
    }

    /// Sessions of each policy domain that did not fail. They fit into the successful ones of its largest type, because at least as many
    /// sessions failed as that type says.
    fn successful_once(&self) -> HashMap<&'a str, i64> {
        let sum = |domain: &'a str, policy_type: &'a PolicyType| {
            self.sums.get(&(domain, policy_type)).copied().unwrap_or_default()
        };
        let each = self.largest.iter().map(|(domain, largest)| {
            let (total, _) = sum(domain, largest);
            let failed = self.most_failed.get(domain).map_or(0, |most_failed| sum(domain, most_failed).1);
            (*domain, total.saturating_sub(failed).max(0))
        });
        each.collect()
    }
}

/// For each policy domain and result type the applied policy type whose failure details count.
fn counted_failures(policies: &[PolicyResult]) -> HashMap<(&str, &str), &PolicyType> {
    let mut sums: HashMap<((&str, &str), &PolicyType), i64> = HashMap::new();
    for result in policies.iter().filter(|result| is_applied(&result.policy.policy_type)) {
        for failure in &result.failures {
            let key = ((domain(result), failure.result_type.as_str()), &result.policy.policy_type);
            let sum = sums.entry(key).or_default();
            *sum = sum.saturating_add(plausible(failure.failed_sessions));
        }
    }
    most(sums.into_iter().map(|((key, policy_type), weight)| (key, policy_type, weight)))
}

fn most<'a, K, W>(sums: impl Iterator<Item = (K, &'a PolicyType, W)>) -> HashMap<K, &'a PolicyType>
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

    /// What each policy contributes (successful, failed), and the sums.
    fn once(policies: Vec<PolicyResult>) -> (Vec<(i64, i64)>, i64, i64) {
        let counts = count(&report("r", policies));
        let each = counts.policies.iter().map(|policy| (policy.once_successful, policy.once_failed)).collect();
        (each, counts.successful, counts.failed)
    }

    #[test]
    fn the_larger_of_two_applied_types_counts() {
        let both = vec![
            policy("example.com", PolicyType::Sts, Some(90), Some(10)),
            policy("example.com", PolicyType::Tlsa, Some(50), Some(51)),
        ];
        assert_eq!(once(both), (vec![(0, 0), (50, 51)], 50, 51));
    }

    #[test]
    fn failures_do_not_vanish_behind_a_larger_clean_type() {
        let both = vec![
            policy("example.com", PolicyType::Tlsa, Some(100), Some(0)),
            policy("example.com", PolicyType::Sts, Some(50), Some(40)),
        ];
        assert_eq!(once(both), (vec![(60, 0), (0, 40)], 60, 40));
    }

    #[test]
    fn sessions_without_a_policy_are_in_no_other() {
        let mixed = vec![
            policy("example.com", PolicyType::Sts, Some(15), Some(2)),
            policy("example.com", PolicyType::NoPolicyFound, Some(3), Some(0)),
        ];
        assert_eq!(once(mixed), (vec![(15, 2), (3, 0)], 18, 2));
        let failing = vec![
            policy("example.com", PolicyType::Sts, Some(90), Some(0)),
            policy("example.com", PolicyType::NoPolicyFound, Some(0), Some(7)),
        ];
        assert_eq!(once(failing), (vec![(90, 0), (0, 7)], 90, 7));
    }

    #[test]
    fn equal_policy_types_count_once_sts_first() {
        let both = vec![
            policy("example.com", PolicyType::Other("dane".into()), Some(90), Some(10)),
            policy("example.com", PolicyType::Tlsa, Some(90), Some(10)),
            policy("example.com", PolicyType::Sts, Some(90), Some(10)),
        ];
        assert_eq!(once(both), (vec![(0, 0), (0, 0), (90, 10)], 90, 10));
    }

    #[test]
    fn all_policies_of_the_counted_type_and_other_domains_count() {
        let several = vec![
            policy("example.com", PolicyType::Sts, Some(10), Some(1)),
            policy("example.com", PolicyType::Sts, Some(20), Some(2)),
            policy("example.com", PolicyType::NoPolicyFound, Some(25), None),
            policy("example.net", PolicyType::Tlsa, Some(5), Some(5)),
        ];
        assert_eq!(once(several), (vec![(10, 1), (20, 2), (25, 0), (5, 5)], 60, 8));
    }

    #[test]
    fn each_total_is_believed_for_itself() {
        let huge = vec![
            policy("example.com", PolicyType::Sts, Some(SESSIONS_PLAUSIBLE_MAX + 1), Some(60)),
            policy("example.net", PolicyType::Sts, Some(i64::MAX), Some(i64::MIN)),
            policy("example.net", PolicyType::Tlsa, Some(SESSIONS_PLAUSIBLE_MAX), Some(1)),
        ];
        assert_eq!(once(huge), (vec![(0, 60), (0, 0), (SESSIONS_PLAUSIBLE_MAX, 1)], SESSIONS_PLAUSIBLE_MAX, 61));
    }

    #[test]
    fn whatever_was_sent_no_failure_is_lost_and_the_parts_add_up() {
        use proptest::prelude::*;
        let count_of = || prop_oneof![Just(None), (0i64..20).prop_map(Some), Just(Some(SESSIONS_PLAUSIBLE_MAX + 1))];
        let types = prop_oneof![
            Just(PolicyType::Sts),
            Just(PolicyType::Tlsa),
            Just(PolicyType::NoPolicyFound),
            Just(PolicyType::Other("x".to_owned())),
        ];
        let policies = proptest::collection::vec((types, count_of(), count_of()), 1..6);
        proptest!(|(policies in policies)| {
            let made: Vec<PolicyResult> = policies
                .iter()
                .map(|(kind, successful, failed)| policy("example.com", kind.clone(), *successful, *failed))
                .collect();
            let sum = |kind: &PolicyType| {
                let of_kind = policies.iter().filter(|(other, ..)| other == kind);
                of_kind.fold((0, 0), |(total, failed), (_, good, bad)| {
                    (total + plausible(*good) + plausible(*bad), failed + plausible(*bad))
                })
            };
            let applied = [PolicyType::Sts, PolicyType::Tlsa, PolicyType::Other("x".to_owned())];
            let none = sum(&PolicyType::NoPolicyFound);
            let sessions = applied.iter().map(|kind| sum(kind).0).max().unwrap_or(0) + none.0;
            let failed = applied.iter().map(|kind| sum(kind).1).max().unwrap_or(0) + none.1;
            let counts = count(&report("r", made));
            prop_assert_eq!((counts.successful + counts.failed, counts.failed), (sessions, failed));
        });
    }

    #[test]
    fn failures_count_by_domain_and_result_type() {
        let mut sts = policy("example.com", PolicyType::Sts, Some(0), Some(30));
        sts.failures = vec![failure("starttls-not-supported", Some(5)), failure("sts-policy-fetch-error", Some(9))];
        let mut tlsa = policy("example.com", PolicyType::Tlsa, Some(0), Some(20));
        tlsa.failures = vec![failure("starttls-not-supported", Some(4)), failure("starttls-not-supported", Some(4))];
        let mut none = policy("example.com", PolicyType::NoPolicyFound, Some(0), Some(20));
        none.failures = vec![failure("starttls-not-supported", Some(1))];
        let counts = count(&report("r", vec![sts, tlsa, none]));
        assert_eq!(counts.policies[0].failures, [false, true]);
        assert_eq!(counts.policies[1].failures, [true, true]);
        assert_eq!(counts.policies[2].failures, [true]);
        assert_eq!((counts.policies[0].not_itemised, counts.policies[1].not_itemised), (16, 12));
    }

    #[test]
    fn details_in_excess_leave_nothing_not_itemised() {
        let mut sts = policy("example.com", PolicyType::Sts, None, Some(3));
        sts.failures = vec![failure("validation-failure", Some(7)), failure("validation-failure", None)];
        assert_eq!(count(&report("r", vec![sts])).policies[0].not_itemised, 0);
    }
}
