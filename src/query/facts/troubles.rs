//! Failures that may be worth an alert, by organisation, policy domain and result type, with the days between.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;
use duckdb::{Connection, ToSql};

use super::scope::{Scope, days};
use crate::{
    alerts::{
        AlertFacts,
        facts::FailureFact,
        rules::{CERTIFICATE, DANE},
    },
    explain::{
        MailEffect,
        result_types::{POLICY_FETCH, is_host_name},
    },
    query::{ask, called, first, get, sessions},
};

/// MX hosts that are remembered of one trouble.
const HOSTS_MAX: usize = 8;

/// Fills in `troubles`, `reported`, `first` and `learned_days`.
pub(super) fn troubles(connection: &Connection, scope: &Scope, facts: &mut AlertFacts) -> duckdb::Result<()> {
    facts.first = !scope.as_of && !is_noted(connection)?;
    facts.troubles = failing(connection, scope)?;
    if facts.troubles.iter().any(|trouble| trouble.unknown) {
        // A backtest has looked before those days already, and the first evaluation notes everything.
        if !scope.as_of && !facts.first {
            leave_out_seen(connection, scope, &mut facts.troubles)?;
        }
        let learned = scope.ask(connection, include_str!("learned.sql"), &[], &[], |row| get::<u64>(row, 0))?;
        facts.learned_days = first(learned).unwrap_or(0);
    }
    reported(connection, scope, facts)?;
    claimed_clear(connection, scope, facts)
}

fn is_noted(connection: &Connection) -> duckdb::Result<bool> {
    Ok(!ask(connection, include_str!("noted.sql"), None, &[], |row| get::<bool>(row, 0))?.is_empty())
}

fn failing(connection: &Connection, scope: &Scope) -> duckdb::Result<Vec<FailureFact>> {
    let noted = include_str!("noted_before.sql");
    let noted = if scope.as_of { include_str!("noted_before_as_of.sql") } else { noted };
    let news_notified = if scope.as_of { "false" } else { include_str!("news_notified.sql") };
    let put_in = [("noted_before", noted), ("news_notified", news_notified)];
    let certificate = CERTIFICATE.join("\n");
    let own_rule = [&POLICY_FETCH[..], &CERTIFICATE, &DANE].concat().join("\n");
    let parameters: [(&str, &dyn ToSql); 2] = [("certificate_types", &certificate), ("own_rule_types", &own_rule)];
    let mut troubles: Vec<FailureFact> = Vec::new();
    for (trouble, day, failed) in scope.ask(connection, include_str!("troubles.sql"), &put_in, &parameters, |row| {
        let trouble = FailureFact {
            policy_domain: get(row, 0)?,
            organisation: get(row, 1)?,
            result_type: get(row, 2)?,
            mx_host: get(row, 3)?,
            organisation_name: called(row, 1)?,
            reason: get(row, 6)?,
            unknown: get(row, 7)?,
            mx_hosts: hosts(row)?,
            credible: get(row, 12)?,
            mails: mails(&get::<String>(row, 2)?, get(row, 11)?),
            ..FailureFact::default()
        };
        Ok((trouble, get::<NaiveDate>(row, 4)?, sessions(row, 5)?))
    })? {
        match troubles.last_mut().filter(|last| is_same(last, &trouble)) {
            Some(last) => {
                last.reason = trouble.reason.or(last.reason.take());
                last.mx_hosts.extend(trouble.mx_hosts);
                while last.mx_hosts.len() > HOSTS_MAX {
                    last.mx_hosts.pop_last();
                }
                last.credible = last.credible.max(trouble.credible);
                last.mails.extend(trouble.mails);
                last.days.insert(day, failed);
            }
            None => troubles.push(FailureFact { days: [(day, failed)].into(), ..trouble }),
        }
    }
    Ok(troubles)
}

/// The one with the most failed sessions, the first and the last by name: enough to have something to look at.
fn hosts(row: &duckdb::Row<'_>) -> duckdb::Result<BTreeSet<String>> {
    let mut hosts = BTreeSet::new();
    for column in 8..=10 {
        hosts.extend(get::<Option<String>>(row, column)?.filter(|name| is_host_name(name)));
    }
    Ok(hosts)
}

/// The bits are those of the statement.
fn mails(result_type: &str, applied: u64) -> BTreeSet<MailEffect> {
    const BITS: [(&str, Option<&str>); 7] = [
        ("sts", Some("enforce")),
        ("sts", Some("testing")),
        ("sts", Some("none")),
        ("sts", None),
        ("tlsa", None),
        ("no-policy-found", None),
        ("", None),
    ];
    let set = BITS.iter().enumerate().filter(|(bit, _)| applied >> bit & 1 == 1);
    set.map(|(_, (policy_type, mode))| MailEffect::of(result_type, policy_type, *mode)).collect()
}

fn is_same(a: &FailureFact, b: &FailureFact) -> bool {
    (&a.policy_domain, &a.organisation, &a.result_type, &a.mx_host)
        == (&b.policy_domain, &b.organisation, &b.result_type, &b.mx_host)
}

/// What is stored of earlier days is no news, although it was not noted: it came in late, by an import for instance.
fn leave_out_seen(connection: &Connection, scope: &Scope, troubles: &mut [FailureFact]) -> duckdb::Result<()> {
    let unknown = troubles.iter().filter(|trouble| trouble.unknown);
    let domains: BTreeSet<&str> = unknown.map(|trouble| trouble.policy_domain.as_str()).filter(is_one_line).collect();
    let domains = domains.into_iter().collect::<Vec<_>>().join("\n");
    let seen: HashSet<(String, String, String)> = scope
        .ask(connection, include_str!("seen_before.sql"), &[], &[("domains", &domains)], |row| {
            Ok((get(row, 0)?, get(row, 1)?, get(row, 2)?))
        })?
        .into_iter()
        .collect();
    for trouble in troubles.iter_mut().filter(|trouble| trouble.unknown) {
        let triple = (trouble.policy_domain.clone(), trouble.organisation.clone(), trouble.result_type.clone());
        trouble.unknown = !seen.contains(&triple);
    }
    Ok(())
}

fn reported(connection: &Connection, scope: &Scope, facts: &mut AlertFacts) -> duckdb::Result<()> {
    let pairs: BTreeSet<(&str, &str)> = facts
        .troubles
        .iter()
        .map(|trouble| (trouble.policy_domain.as_str(), trouble.organisation.as_str()))
        .filter(|(domain, organisation)| is_one_line(domain) && is_one_line(organisation))
        .collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let domains = pairs.iter().map(|(domain, _)| *domain).collect::<Vec<_>>().join("\n");
    let organisations = pairs.iter().map(|(_, organisation)| *organisation).collect::<Vec<_>>().join("\n");
    let mut credible: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    for trouble in &facts.troubles {
        let least = credible.entry((&trouble.policy_domain, &trouble.organisation)).or_default();
        *least = (*least).max(trouble.credible);
    }
    let credible = pairs.iter().map(|pair| credible.get(pair).copied().unwrap_or(0).to_string());
    let credible = credible.collect::<Vec<_>>().join("\n");
    let parameters: [(&str, &dyn ToSql); 3] =
        [("domains", &domains), ("organisations", &organisations), ("credible", &credible)];
    for (pair, all, under_sts) in scope.ask(connection, include_str!("reported.sql"), &[], &parameters, |row| {
        let pair: (String, String) = (get(row, 0)?, get(row, 1)?);
        Ok((pair, days(scope.first, get(row, 2)?), days(scope.first, get(row, 3)?)))
    })? {
        facts.reported_under_sts.insert(pair.clone(), under_sts);
        facts.reported.insert(pair, all);
    }
    Ok(())
}

/// What is claimed to be over, where something fails: a note, which ends nothing.
fn claimed_clear(connection: &Connection, scope: &Scope, facts: &mut AlertFacts) -> duckdb::Result<()> {
    let domains: BTreeSet<&str> = facts.troubles.iter().map(|trouble| trouble.policy_domain.as_str()).collect();
    let domains = domains.into_iter().filter(is_one_line).collect::<Vec<_>>().join("\n");
    if domains.is_empty() {
        return Ok(());
    }
    let rows = scope.ask(connection, include_str!("claimed_clear.sql"), &[], &[("domains", &domains)], |row| {
        Ok((get(row, 0)?, get(row, 1)?))
    })?;
    facts.claimed_clear = rows.into_iter().collect();
    Ok(())
}

/// Lists go to the statement with one element a line.
fn is_one_line(text: &&str) -> bool {
    !text.contains('\n')
}
