//! Who still holds which policy, and until when (RFC 8461 §5.1: a sender applies the policy it holds until that is older than its `max_age`). Policies
//! are compared by content, never by text; a field that a sender left out matches anything.

mod drift;
mod senders;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Serialize;

use crate::{
    report::StsMode,
    sts::{content::PolicyContent, policy::MAX_AGE_MAX_S},
};

pub use drift::Drift;
pub use senders::{HeldBySender, SenderHolding};

/// Some senders hold a policy for a day where its `max_age` is shorter than this (Stalwart).
const MAX_AGE_TAKEN_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// A policy that was served, from the first look that saw it to the first that did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedPolicy {
    pub content: PolicyContent,
    /// Of the record when the policy was last seen.
    pub id: Option<String>,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// `None` while it is served.
    pub gone_at: Option<DateTime<Utc>>,
}

/// A policy as a sender reports it: `None` where it left a field out.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenPolicy {
    pub mode: Option<StsMode>,
    pub max_age_s: Option<u64>,
    pub mx: Option<BTreeSet<String>>,
}

/// One policy that one organisation reported, over its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySighting {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    /// `None`: it found no policy.
    pub policy: Option<SeenPolicy>,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
    pub sessions: u64,
}

/// When a policy is held by nobody any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "at")]
pub enum HeldUntil {
    /// At the latest; a sender may drop it earlier.
    At(DateTime<Utc>),
    /// It is served, or the record still has its id.
    Open,
    /// The sender left out for how long it may be held.
    Unknown,
}

/// A policy that a sender may hold, or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPolicy {
    pub content: PolicyContent,
    pub id: Option<String>,
    pub first_seen_at: DateTime<Utc>,
    /// First moment it was known not to be served; `None` while it is.
    pub gone_at: Option<DateTime<Utc>>,
    /// By any sender, also one that never reports.
    pub until: HeldUntil,
    /// No look saw it: its end is that of the last day on which somebody reported it.
    pub is_estimated: bool,
}

/// What senders hold of a policy domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The strictest mode that any sender may apply; `None` where nobody holds a policy.
    pub strictest: Option<StsMode>,
    /// When the last policy whose mode is not `none` is held by nobody, were it replaced now. `None` where that is so already.
    pub exit_at: Option<DateTime<Utc>>,
    /// What is served first, then the latest.
    pub policies: Vec<HeldPolicy>,
    /// By organisation key.
    pub senders: Vec<SenderHolding>,
}

/// What is known of a policy domain.
#[derive(Debug, Clone, Copy)]
pub struct HoldingFacts<'a> {
    pub served: &'a [ServedPolicy],
    pub sightings: &'a [PolicySighting],
    /// That of the record now.
    pub id: Option<&'a str>,
    pub now: DateTime<Utc>,
}

impl SeenPolicy {
    /// Reads the lines of a policy as a report hands them on. What cannot be read counts as left out.
    pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> SeenPolicy {
        let mut seen = SeenPolicy::default();
        for (key, value) in lines.into_iter().filter_map(|line| line.split_once(':')) {
            let value = value.trim().trim_end_matches('.').to_ascii_lowercase();
            match key.trim().to_ascii_lowercase().as_str() {
                "mode" if seen.mode.is_none() => seen.mode = StsMode::from_name(&value),
                "max_age" if seen.max_age_s.is_none() => seen.max_age_s = value.parse().ok(),
                "mx" if !value.is_empty() => {
                    seen.mx.get_or_insert_default().insert(value);
                }
                _ => {}
            }
        }
        seen
    }

    /// Whether it may be this policy.
    pub fn matches(&self, content: &PolicyContent) -> bool {
        self.mode.is_none_or(|mode| mode == content.mode)
            && self.max_age_s.is_none_or(|max_age_s| max_age_s == content.max_age_s)
            && self.mx.as_ref().is_none_or(|mx| *mx == content.mx)
    }

    /// `None` where a field is missing.
    fn whole(&self) -> Option<PolicyContent> {
        let mx = self.mx.clone().or((self.mode == Some(StsMode::None)).then(BTreeSet::new))?;
        Some(PolicyContent { mode: self.mode?, max_age_s: self.max_age_s?, mx })
    }
}

/// For how long a sender may hold a policy after it fetched it.
pub fn held_for(max_age_s: u64) -> TimeDelta {
    let seconds = if max_age_s < MAX_AGE_TAKEN_S { DAY_S } else { max_age_s.min(MAX_AGE_MAX_S) };
    TimeDelta::seconds(seconds as i64)
}

/// Tells who holds what.
pub fn held(facts: &HoldingFacts<'_>) -> Holding {
    let policies = policies(facts);
    let may_be_held = |policy: &&HeldPolicy| match policy.until {
        HeldUntil::At(at) => at > facts.now,
        HeldUntil::Open | HeldUntil::Unknown => true,
    };
    let strictest = policies.iter().filter(may_be_held).map(|policy| policy.content.mode).min();
    let stricter = policies.iter().filter(may_be_held).filter(|policy| policy.content.mode != StsMode::None);
    let exit_at = stricter.map(|policy| match policy.until {
        HeldUntil::At(at) => at,
        // Replaced now, a sender may have fetched it just before.
        HeldUntil::Open | HeldUntil::Unknown => facts.now + held_for(policy.content.max_age_s),
    });
    let exit_at = exit_at.max();
    let senders = senders::holdings(facts, &policies);
    Holding { strictest, exit_at, policies, senders }
}

/// Each policy once. One that was served again counts as of its last time.
fn policies(facts: &HoldingFacts<'_>) -> Vec<HeldPolicy> {
    let mut by_content: BTreeMap<&PolicyContent, Vec<&ServedPolicy>> = BTreeMap::new();
    for served in facts.served {
        by_content.entry(&served.content).or_default().push(served);
    }
    let mut policies: Vec<HeldPolicy> =
        by_content.into_iter().filter_map(|(content, times)| of_looks(content, &times, facts)).collect();
    policies.extend(estimated(facts));
    policies.sort_by_key(|policy| {
        let ended_s_ago = policy.gone_at.map(|gone_at| (facts.now - gone_at).num_seconds());
        (ended_s_ago.is_some(), ended_s_ago, std::cmp::Reverse(policy.first_seen_at))
    });
    policies
}

fn of_looks(content: &PolicyContent, times: &[&ServedPolicy], facts: &HoldingFacts<'_>) -> Option<HeldPolicy> {
    let is_served = times.iter().any(|served| served.gone_at.is_none());
    let gone_at = if is_served { None } else { times.iter().filter_map(|served| served.gone_at).max() };
    let last = times.iter().max_by_key(|served| (served.gone_at.is_none(), served.gone_at))?;
    let has_id = facts.id.is_some() && times.iter().any(|served| served.id.as_deref() == facts.id);
    let until = match gone_at {
        Some(gone_at) if !has_id => HeldUntil::At(gone_at + held_for(content.max_age_s)),
        _ => HeldUntil::Open,
    };
    Some(HeldPolicy {
        content: content.clone(),
        id: last.id.clone(),
        first_seen_at: times.iter().map(|served| served.first_seen_at).min()?,
        gone_at,
        until,
        is_estimated: false,
    })
}

/// Policies of the time before the first look, which only reports tell of.
fn estimated(facts: &HoldingFacts<'_>) -> Vec<HeldPolicy> {
    let first_look = facts.served.iter().map(|served| served.first_seen_at).min();
    let mut days: BTreeMap<PolicyContent, (NaiveDate, NaiveDate)> = BTreeMap::new();
    for sighting in facts.sightings {
        let Some(content) = sighting.policy.as_ref().and_then(SeenPolicy::whole) else { continue };
        let days = days.entry(content).or_insert((sighting.first_day, sighting.last_day));
        *days = (days.0.min(sighting.first_day), days.1.max(sighting.last_day));
    }
    let is_of_looks = |content: &PolicyContent| facts.served.iter().any(|served| served.content == *content);
    let is_earlier = |first_day: NaiveDate| first_look.is_none_or(|look| first_day <= look.date_naive());
    let unseen = days.into_iter().filter(|(content, (first_day, _))| !is_of_looks(content) && is_earlier(*first_day));
    unseen
        .map(|(content, (first_day, last_day))| {
            let gone_at = first_look.map_or(end_of(last_day), |look| look.min(end_of(last_day))).min(facts.now);
            let until = HeldUntil::At(gone_at + held_for(content.max_age_s));
            let first_seen_at = start_of(first_day);
            HeldPolicy { content, id: None, first_seen_at, gone_at: Some(gone_at), until, is_estimated: true }
        })
        .collect()
}

fn start_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn end_of(day: NaiveDate) -> DateTime<Utc> {
    start_of(day) + TimeDelta::days(1)
}
