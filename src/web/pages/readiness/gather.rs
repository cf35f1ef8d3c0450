//! What looks and reports tell of a domain, in the form in which it is judged.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use duckdb::Connection;

use super::Told;
use crate::{
    check::{
        holding::{self, HoldingFacts, PolicySighting, SeenPolicy, ServedPolicy},
        readiness::{self, Evidence, LooksMade, ReadinessFacts, ReadinessRules},
    },
    query::{
        Filter, Range,
        policy_days::{PolicyDay, policy_days},
    },
    report::StsMode,
    reporters::SenderIdentity,
    store::{
        StoreError,
        tables::look::{self, FactChange, PublishedPolicy},
    },
    submission::Trust,
};

/// Days in which is looked for what senders saw.
const SEEN_WITHIN_DAYS: u64 = 91;
/// Days of looks that are counted.
const LOOKS_DAYS: u64 = 13;

/// `None` where nothing is known of the domain.
pub(super) fn gather(
    connection: &Connection,
    policy_domain: String,
    now: DateTime<Utc>,
    least: Trust,
) -> Result<Option<Told>, StoreError> {
    let today = now.date_naive();
    let since = days_before(today, SEEN_WITHIN_DAYS);
    let Some(range) = Range::new(since, today) else { return Ok(None) };
    // What anybody may claim decides nothing here.
    let least = least.max(Trust::Token);
    let filter = Filter { policy_domain: Some(policy_domain.clone()), least, ..Filter::new(range) };
    let rows = policy_days(connection, &filter)?;
    let served: Vec<ServedPolicy> = look::published(connection, &policy_domain)?.into_iter().map(served).collect();
    let is_looked_at = look::last(connection, &policy_domain)?.is_some();
    if rows.is_empty() && !is_looked_at && served.is_empty() {
        return Ok(None);
    }
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let findings = look::findings(connection, &policy_domain, midnight(days_before(today, LOOKS_DAYS)))?;
    let changes = look::changes(connection, &policy_domain, midnight(since))?;
    let looks = looks(connection, &policy_domain, today)?;
    let current = served.iter().find(|policy| policy.gone_at.is_none());
    let sightings = sightings(&rows);
    let id = current.and_then(|policy| policy.id.as_deref());
    let holding = holding::held(&HoldingFacts { served: &served, sightings: &sightings, id, now });
    let evidence: Vec<Evidence> = rows.iter().map(evidence).collect();
    let readiness = readiness::judge(&ReadinessFacts {
        today,
        served: current.map(|policy| &policy.content),
        changed_on: changed_on(&served, &changes),
        looks,
        findings: &findings,
        evidence: &evidence,
        exit_on: holding.exit_at.map(|exit_at| exit_at.date_naive()),
        rules: ReadinessRules::default(),
    });
    Ok(Some(Told { policy_domain, is_looked_at, holding, readiness }))
}

fn days_before(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(day)
}

fn served(published: PublishedPolicy) -> ServedPolicy {
    let PublishedPolicy { content, id, first_seen_at, last_seen_at, gone_at, .. } = published;
    ServedPolicy { content, id, first_seen_at, last_seen_at, gone_at }
}

/// When the policy or the MX hosts last became others; that a policy is seen for the first time is no change. A new id alone changes nothing for
/// senders.
fn changed_on(served: &[ServedPolicy], changes: &[FactChange]) -> Option<NaiveDate> {
    let first_seen = served.iter().map(|policy| policy.first_seen_at);
    let policy = if served.len() > 1 { first_seen.max() } else { None };
    let hosts = changes.iter().filter(|change| change.fact == "mx").map(|change| change.changed_at);
    hosts.chain(policy).max().map(|at| at.date_naive())
}

fn looks(connection: &Connection, policy_domain: &str, today: NaiveDate) -> Result<LooksMade, StoreError> {
    let days = look::days(connection, policy_domain, days_before(today, LOOKS_DAYS), today)?;
    Ok(days.iter().fold(LooksMade::default(), |made, day| LooksMade {
        looks: made.looks + day.looks,
        with_faults: made.with_faults + day.with_faults,
        with_unknowns: made.with_unknowns + day.with_unknowns,
    }))
}

fn name(row: &PolicyDay) -> Option<String> {
    Some(SenderIdentity::of(&row.organisation, None).name)
}

fn count(sessions: i64) -> u64 {
    u64::try_from(sessions).unwrap_or(0)
}

/// Each policy that an organisation saw, over its days. DANE says nothing about a policy of this kind.
fn sightings(rows: &[PolicyDay]) -> Vec<PolicySighting> {
    let mut seen: BTreeMap<(&str, Option<SeenPolicy>), PolicySighting> = BTreeMap::new();
    for row in rows {
        let policy = match row.policy_type.as_str() {
            "sts" => Some(policy(row)),
            "no-policy-found" => None,
            _ => continue,
        };
        let sessions = count(row.successful).saturating_add(count(row.failed));
        if sessions == 0 {
            continue;
        }
        let sighting = seen.entry((row.organisation.as_str(), policy.clone())).or_insert_with(|| PolicySighting {
            organisation: row.organisation.clone(),
            organisation_name: name(row),
            policy,
            first_day: row.day,
            last_day: row.day,
            sessions: 0,
        });
        sighting.first_day = sighting.first_day.min(row.day);
        sighting.last_day = sighting.last_day.max(row.day);
        sighting.sessions = sighting.sessions.saturating_add(sessions);
    }
    seen.into_values().collect()
}

fn policy(row: &PolicyDay) -> SeenPolicy {
    let seen = SeenPolicy::of_lines(row.policy_string.iter().map(String::as_str));
    SeenPolicy { mode: seen.mode.or_else(|| row.mode.as_deref().and_then(StsMode::from_name)), ..seen }
}

fn evidence(row: &PolicyDay) -> Evidence {
    Evidence {
        organisation: row.organisation.clone(),
        organisation_name: name(row),
        day: row.day,
        policy_type: row.policy_type.clone(),
        mode: row.mode.as_deref().and_then(StsMode::from_name),
        successful: count(row.successful),
        failed: count(row.failed),
        validation_sum: count(row.validation_sum),
        validation_max: count(row.validation_max),
        fetch_sum: count(row.fetch_sum),
        not_itemised: count(row.not_itemised),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::content::PolicyContent;

    fn at(day: u32) -> DateTime<Utc> {
        format!("2026-11-{day:02}T12:00:00Z").parse().expect("a time")
    }

    fn served(first: u32) -> ServedPolicy {
        let content = PolicyContent { mode: StsMode::Testing, max_age_s: 86_400, mx: Default::default() };
        ServedPolicy { content, id: None, first_seen_at: at(first), last_seen_at: at(first), gone_at: None }
    }

    fn change(fact: &str, day: u32) -> FactChange {
        let (last_before_at, changed_at) = (at(day - 1), at(day));
        FactChange { fact: fact.to_owned(), last_before_at, changed_at, before: None, after: None }
    }

    #[test]
    fn the_clock_starts_with_another_policy_or_other_hosts() {
        let day = |day| Some(at(day).date_naive());
        assert_eq!(changed_on(&[served(3)], &[change("id", 9)]), None);
        assert_eq!(changed_on(&[served(5), served(3)], &[change("id", 9)]), day(5));
        assert_eq!(changed_on(&[served(5), served(3)], &[change("mx", 7)]), day(7));
    }
}
