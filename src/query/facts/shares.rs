//! Shares of failed sessions in the last days and in the four weeks before them.

use duckdb::{Connection, ToSql};

use super::scope::Scope;
use crate::{
    alerts::{
        Plan,
        facts::{Counted, Of, Share},
    },
    limits::SESSIONS_PLAUSIBLE_MAX,
    query::{ask, called, first, get, sessions},
};

/// One for each policy domain, organisation and result type that is asked for and was reported on lately.
pub fn shares(connection: &Connection, scope: &Scope, plan: &Plan) -> duckdb::Result<Vec<Share>> {
    let mut shares = Vec::new();
    for of in Of::ALL.into_iter().filter(|of| plan.shares_of().contains(of)) {
        let key = match of {
            Of::PolicyDomain => "policy_domain",
            Of::Organisation => "organisation_key",
            Of::ResultType => {
                shares.extend(result_types(connection, scope)?);
                continue;
            }
        };
        shares.extend(summaries(connection, scope, of, key)?);
    }
    shares.retain(|share| !share.key.is_empty());
    Ok(shares)
}

fn summaries(connection: &Connection, scope: &Scope, of: Of, key: &str) -> duckdb::Result<Vec<Share>> {
    let sql = include_str!("shares.sql").replace("key_column", key);
    let maintained = scope.maintained();
    ask(connection, &scope.fill(&sql), None, &parameters(&maintained.as_str()), |row| {
        Ok(Share {
            of,
            key: get(row, 0)?,
            name: if of == Of::Organisation { called(row, 0)? } else { None },
            now: Counted { failed: sessions(row, 1)?, sessions: sessions(row, 2)? },
            before: Counted { failed: sessions(row, 3)?, sessions: sessions(row, 4)? },
            days: get(row, 5)?,
            first_day: get(row, 6)?,
            last_day: get(row, 7)?,
            reported_day: get(row, 8)?,
        })
    })
}

/// Failed sessions of each result type, of all sessions.
fn result_types(connection: &Connection, scope: &Scope) -> duckdb::Result<Vec<Share>> {
    let all = summaries(connection, scope, Of::ResultType, "'all'")?;
    let Some(all) = first(all) else { return Ok(Vec::new()) };
    let maintained = scope.maintained();
    let sql = scope.fill(include_str!("result_type_shares.sql"));
    ask(connection, &sql, None, &parameters(&maintained.as_str()), |row| {
        Ok(Share {
            key: get(row, 0)?,
            now: Counted { failed: sessions(row, 1)?, ..all.now },
            before: Counted { failed: sessions(row, 2)?, ..all.before },
            first_day: get(row, 3)?,
            last_day: get(row, 4)?,
            ..all.clone()
        })
    })
}

fn parameters<'a>(maintained: &'a &str) -> [(&'static str, &'a dyn ToSql); 2] {
    [("sessions_max", &SESSIONS_PLAUSIBLE_MAX), ("maintained", maintained)]
}
