//! From sightings of policies in two periods to what changed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{ChangeKind, Difference, PolicyChange, PolicySeen};

/// One organisation saw one policy in one of the two periods.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    pub policy_domain: String,
    pub policy_type: String,
    /// Normal form.
    pub policy_string: Vec<String>,
    pub now: bool,
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
}

/// By domain and policy type. `all_types`: whether all policy types of the domains are among the sightings, so that a type that
/// is missing can be called so.
pub(super) fn changes(sightings: &[Sighting], all_types: bool) -> Vec<PolicyChange> {
    let mut domains: BTreeMap<&str, Vec<&Sighting>> = BTreeMap::new();
    for sighting in sightings {
        domains.entry(&sighting.policy_domain).or_default().push(sighting);
    }
    domains.values().flat_map(|seen| of_domain(seen, all_types)).collect()
}

fn of_domain(seen: &[&Sighting], all_types: bool) -> Vec<PolicyChange> {
    let types: BTreeSet<&str> = seen.iter().map(|sighting| sighting.policy_type.as_str()).collect();
    types.into_iter().filter_map(|policy_type| of_type(seen, policy_type, all_types)).collect()
}

fn of_type(domain: &[&Sighting], policy_type: &str, all_types: bool) -> Option<PolicyChange> {
    let of_type: Vec<&Sighting> =
        domain.iter().copied().filter(|sighting| sighting.policy_type == policy_type).collect();
    let seen_in = |now: bool| of_type.iter().any(|sighting| sighting.now == now);
    let kind = match (seen_in(true), seen_in(false)) {
        (true, true) => ChangeKind::Changed,
        (true, false) if all_types => ChangeKind::Appeared,
        (false, true) if all_types => ChangeKind::Vanished,
        _ => return None,
    };
    // For a type that comes or goes it is enough to have reported on the domain in the other period, with whatever policy.
    let compared = if kind == ChangeKind::Changed { with_string(&of_type) } else { domain.to_vec() };
    let candidates = if kind == ChangeKind::Changed { compared.clone() } else { of_type };
    let only = |now: bool| only_in(now, &candidates, &compared);
    let (new, vanished) = (only(true), only(false));
    if new.is_empty() && vanished.is_empty() {
        return None;
    }
    Some(PolicyChange {
        policy_domain: domain.first()?.policy_domain.clone(),
        policy_type: policy_type.to_owned(),
        kind,
        differences: if kind == ChangeKind::Changed { differences(&new, &vanished, &compared) } else { Vec::new() },
        new,
        vanished,
    })
}

/// A policy that could not be fetched has no text (RFC 8460 §4.3.2.2); that is an outage, not a change.
fn with_string<'a>(sightings: &[&'a Sighting]) -> Vec<&'a Sighting> {
    sightings.iter().copied().filter(|sighting| !sighting.policy_string.is_empty()).collect()
}

/// Policies seen in one of the two periods and by nobody in the other, as far as somebody who saw them is among those compared in
/// the other.
fn only_in(now: bool, candidates: &[&Sighting], compared: &[&Sighting]) -> Vec<PolicySeen> {
    let there: BTreeSet<(&str, &[String])> = candidates
        .iter()
        .filter(|sighting| sighting.now != now)
        .map(|sighting| (sighting.policy_type.as_str(), sighting.policy_string.as_slice()))
        .collect();
    let knowing: BTreeSet<&str> =
        compared.iter().filter(|sighting| sighting.now != now).map(|sighting| sighting.organisation.as_str()).collect();
    let mut strings: BTreeMap<&[String], Vec<&Sighting>> = BTreeMap::new();
    for sighting in candidates.iter().filter(|sighting| sighting.now == now) {
        if !there.contains(&(sighting.policy_type.as_str(), sighting.policy_string.as_slice())) {
            strings.entry(&sighting.policy_string).or_default().push(sighting);
        }
    }
    strings.retain(|_, by| by.iter().any(|sighting| knowing.contains(sighting.organisation.as_str())));
    let seen = strings.into_iter().filter_map(|(string, by)| {
        Some(PolicySeen {
            policy_string: string.to_vec(),
            first_day: by.iter().map(|sighting| sighting.first_day).min()?,
            last_day: by.iter().map(|sighting| sighting.last_day).max()?,
            organisations: by
                .iter()
                .map(|sighting| (sighting.organisation.clone(), sighting.organisation_name.clone()))
                .collect(),
        })
    });
    seen.collect()
}

/// Element by element. Where policies only came or only went, they are held against those that are still there.
fn differences(new: &[PolicySeen], vanished: &[PolicySeen], compared: &[&Sighting]) -> Vec<Difference> {
    let elements = |seen: &[PolicySeen], now: bool| -> BTreeSet<String> {
        let own: BTreeSet<String> = seen.iter().flat_map(|seen| seen.policy_string.clone()).collect();
        if !own.is_empty() {
            return own;
        }
        let all = compared.iter().filter(|sighting| sighting.now == now);
        all.flat_map(|sighting| sighting.policy_string.clone()).collect()
    };
    let (now, before) = (elements(new, true), elements(vanished, false));
    let (mut added, mut removed): (Vec<String>, Vec<String>) =
        (now.difference(&before).cloned().collect(), before.difference(&now).cloned().collect());
    let mut differences = Vec::new();
    for name in ["version", "mode", "max_age"] {
        if let (Some((added_at, now)), Some((removed_at, before))) = (field(&added, name), field(&removed, name)) {
            added.remove(added_at);
            removed.remove(removed_at);
            differences.push(Difference::Field { name: name.to_owned(), before, now });
        }
    }
    differences.extend(added.into_iter().map(Difference::Added));
    differences.extend(removed.into_iter().map(Difference::Removed));
    differences
}

/// Place and value of `name: value`, where there is exactly one.
fn field(elements: &[String], name: &str) -> Option<(usize, String)> {
    let value = |element: &str| element.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned);
    let mut found = elements.iter().enumerate().filter_map(|(at, element)| Some((at, value(element)?)));
    let only = found.next()?;
    found.next().is_none().then_some(only)
}
