//! The MX hosts that senders read in the policies they hold.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::scope::Scope;
use crate::{alerts::AlertPlan, explain::result_types::is_host_name, query::get};

/// Names one policy domain is remembered with: its senders choose how many they write.
const NAMES_MAX: usize = 100;

/// By served policy domain the host names and wildcards of the last weeks' policies, lower case; of all where none is configured.
pub fn mx_seen(
    connection: &Connection,
    now: DateTime<Utc>,
    plan: &AlertPlan,
) -> duckdb::Result<BTreeMap<String, BTreeSet<String>>> {
    seen(connection, &Scope::new(now, plan, false), plan)
}

pub(super) fn seen(
    connection: &Connection,
    scope: &Scope,
    plan: &AlertPlan,
) -> duckdb::Result<BTreeMap<String, BTreeSet<String>>> {
    let domains: String = plan.domains.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (domain, policy, hosts) in
        scope.ask(connection, include_str!("mx_seen.sql"), &[], &[("domains", &domains)], |row| {
            Ok((get::<String>(row, 0)?, get::<String>(row, 1)?, get::<String>(row, 2)?))
        })?
    {
        let of_policy = policy.lines().filter_map(|line| line.trim().strip_prefix("mx:"));
        let names = of_policy.chain(hosts.lines()).map(|name| name.trim().trim_end_matches('.').to_ascii_lowercase());
        let found = seen.entry(domain).or_default();
        for name in names.filter(|name| is_host_name(name.strip_prefix("*.").unwrap_or(name))) {
            if found.len() < NAMES_MAX {
                found.insert(name);
            }
        }
    }
    Ok(seen)
}
