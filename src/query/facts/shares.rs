//! Shares of failed sessions in the last days and in the four weeks before them.

use std::collections::BTreeSet;

use duckdb::{Connection, ToSql};

use super::scope::Scope;
use crate::{
    alerts::{
        AlertPlan,
        facts::{AlertFacts, FailureShare, Of, SessionCount, Worst},
    },
    query::{called, first, get, sessions},
};

/// One for each policy domain, organisation and result type that is asked for and was reported on lately.
pub(super) fn shares(
    connection: &Connection,
    scope: &Scope,
    plan: &AlertPlan,
    facts: &AlertFacts,
) -> duckdb::Result<Vec<FailureShare>> {
    let weights = Weights::of(facts, plan);
    let mut shares = Vec::new();
    for of in Of::ALL.into_iter().filter(|of| plan.shares_of().contains(of)) {
        let key = match of {
            Of::PolicyDomain => "policy_domain",
            Of::Organisation => "organisation_key",
            Of::ResultType => {
                shares.extend(result_types(connection, scope, &weights)?);
                continue;
            }
        };
        shares.extend(summaries(connection, scope, of, key, &weights)?);
    }
    // A newcomer's own share makes nothing fire either.
    shares.retain(|share| {
        !share.key.is_empty() && (share.of != Of::Organisation || !facts.newcomers.contains(&share.key))
    });
    Ok(shares)
}

/// Whose numbers count how far.
struct Weights {
    known: String,
    newcomers: String,
    sessions_min: u64,
}

impl Weights {
    fn of(facts: &AlertFacts, plan: &AlertPlan) -> Weights {
        let lines = |keys: &BTreeSet<String>| keys.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        Weights {
            known: lines(&facts.known),
            newcomers: lines(&facts.newcomers),
            sessions_min: plan.settings.failure_share_sessions_min,
        }
    }
}

fn summaries(
    connection: &Connection,
    scope: &Scope,
    of: Of,
    key: &str,
    weights: &Weights,
) -> duckdb::Result<Vec<FailureShare>> {
    let more: [(&str, &dyn ToSql); 3] =
        [("known", &weights.known), ("newcomers", &weights.newcomers), ("sessions_min", &weights.sessions_min)];
    scope.ask(connection, include_str!("shares.sql"), &[("key", key)], &more, |row| {
        let worst = get::<Option<String>>(row, 9)?.filter(|_| of == Of::PolicyDomain);
        let counted = |failed, all| {
            Ok::<_, duckdb::Error>(SessionCount { failed: sessions(row, failed)?, sessions: sessions(row, all)? })
        };
        Ok(FailureShare {
            worst: match worst {
                Some(organisation) => Some(Worst { organisation, now: counted(10, 11)? }),
                None => None,
            },
            of,
            key: get(row, 0)?,
            name: if of == Of::Organisation { called(row, 0)? } else { None },
            now: SessionCount { failed: sessions(row, 1)?, sessions: sessions(row, 2)? },
            before: SessionCount { failed: sessions(row, 3)?, sessions: sessions(row, 4)? },
            days: get(row, 5)?,
            first_day: get(row, 6)?,
            last_day: get(row, 7)?,
            reported_day: get(row, 8)?,
        })
    })
}

/// Failed sessions of each result type, of all sessions.
fn result_types(connection: &Connection, scope: &Scope, weights: &Weights) -> duckdb::Result<Vec<FailureShare>> {
    let all = summaries(connection, scope, Of::ResultType, "'all'", weights)?;
    let Some(all) = first(all) else { return Ok(Vec::new()) };
    scope.ask(connection, include_str!("result_type_shares.sql"), &[], &[], |row| {
        Ok(FailureShare {
            key: get(row, 0)?,
            now: SessionCount { failed: sessions(row, 1)?, ..all.now },
            before: SessionCount { failed: sessions(row, 2)?, ..all.before },
            first_day: get(row, 3)?,
            last_day: get(row, 4)?,
            ..all.clone()
        })
    })
}
