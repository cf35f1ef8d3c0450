//! What each sender holds, as it last reported.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Drift, HeldPolicy, HeldUntil, HoldingFacts, PolicySighting, SeenPolicy, end_of, held_for, start_of};
use crate::sts::content::PolicyContent;

/// One organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderHolding {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    /// As last reported. Several where its machines differed on that day; one without a policy where it never found any.
    pub held: Vec<HeldBySender>,
}

/// A policy that an organisation reported last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBySender {
    /// As it reported it; `None` where it found none.
    pub reported: Option<SeenPolicy>,
    /// The policy that this may be.
    pub policy: Option<PolicyContent>,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
    pub sessions: u64,
    /// At the latest; `None` where it holds none.
    pub until: Option<HeldUntil>,
    pub drift: Drift,
}

pub(super) fn holdings(facts: &HoldingFacts<'_>, policies: &[HeldPolicy]) -> Vec<SenderHolding> {
    let mut by_organisation: BTreeMap<&str, Vec<&PolicySighting>> = BTreeMap::new();
    for sighting in facts.sightings.iter().filter(|sighting| sighting.sessions > 0) {
        by_organisation.entry(&sighting.organisation).or_default().push(sighting);
    }
    by_organisation
        .into_iter()
        .filter_map(|(organisation, seen)| of_sender(organisation, &seen, facts, policies))
        .collect()
}

fn of_sender(
    organisation: &str,
    seen: &[&PolicySighting],
    facts: &HoldingFacts<'_>,
    policies: &[HeldPolicy],
) -> Option<SenderHolding> {
    let last_day = seen.iter().map(|sighting| sighting.last_day).max()?;
    let had_policy = seen.iter().any(|sighting| sighting.policy.is_some());
    // It has let go of what it reported on earlier days only.
    let last: Vec<&&PolicySighting> = seen.iter().filter(|sighting| sighting.last_day == last_day).collect();
    let has_policy = last.iter().any(|sighting| sighting.policy.is_some());
    let told = last.into_iter().filter(|sighting| sighting.policy.is_some() == has_policy);
    let held = told.map(|sighting| match &sighting.policy {
        Some(policy) => of_policy(sighting, policy, facts, policies),
        None => of_sighting(sighting, None, None, if had_policy { Drift::NoLonger } else { Drift::Never }),
    });
    let organisation_name = seen.iter().find_map(|sighting| sighting.organisation_name.clone());
    Some(SenderHolding { organisation: organisation.to_owned(), organisation_name, held: held.collect() })
}

fn of_policy(
    sighting: &PolicySighting,
    reported: &SeenPolicy,
    facts: &HoldingFacts<'_>,
    policies: &[HeldPolicy],
) -> HeldBySender {
    let candidates: Vec<&HeldPolicy> = policies.iter().filter(|policy| reported.matches(&policy.content)).collect();
    if let Some(current) = candidates.iter().find(|policy| policy.gone_at.is_none()) {
        return of_sighting(sighting, Some(&current.content), Some(HeldUntil::Open), Drift::Current);
    }
    let ends = candidates.iter().map(|policy| (until(policy, sighting.last_day), *policy));
    let last = ends.max_by_key(|(until, _)| match until {
        HeldUntil::At(at) => *at,
        HeldUntil::Open | HeldUntil::Unknown => DateTime::<Utc>::MAX_UTC,
    });
    let Some((until, policy)) = last else {
        let at = |max_age_s| HeldUntil::At(end_of(sighting.last_day).min(facts.now) + held_for(max_age_s));
        let until = reported.max_age_s.map_or(HeldUntil::Unknown, at);
        let drift = if facts.served.is_empty() { Drift::NotCompared } else { Drift::Unexplained };
        return of_sighting(sighting, None, Some(until), drift);
    };
    let is_after_change = policy.gone_at.is_some_and(|gone_at| sighting.last_day > gone_at.date_naive());
    let is_after_end = matches!(until, HeldUntil::At(at) if start_of(sighting.last_day) > at);
    let drift = match (facts.served.is_empty(), is_after_change) {
        (true, _) => Drift::NotCompared,
        (false, false) => Drift::TooEarlyToTell,
        // A policy that no look saw, or that nobody can hold any more.
        (false, true) if policy.is_estimated || is_after_end => Drift::Unexplained,
        (false, true) => Drift::Stale,
    };
    of_sighting(sighting, Some(&policy.content), Some(until), drift)
}

/// A sender that reported it last on this day fetched it then at the latest, and not after it was gone.
fn until(policy: &HeldPolicy, last_day: NaiveDate) -> HeldUntil {
    match (policy.until, policy.gone_at) {
        (HeldUntil::At(_), Some(gone_at)) => {
            HeldUntil::At(end_of(last_day).min(gone_at) + held_for(policy.content.max_age_s))
        }
        (until, _) => until,
    }
}

fn of_sighting(
    sighting: &PolicySighting,
    policy: Option<&PolicyContent>,
    until: Option<HeldUntil>,
    drift: Drift,
) -> HeldBySender {
    HeldBySender {
        reported: sighting.policy.clone(),
        policy: policy.cloned(),
        first_day: sighting.first_day,
        last_day: sighting.last_day,
        sessions: sighting.sessions,
        until,
        drift,
    }
}
