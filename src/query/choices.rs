//! What the filter form suggests: policy domains, organisations and policy types of the asked and the previous period. Any other can
//! be typed.

use duckdb::Connection;

use super::{Filter, ask_with, get};
use crate::reporters;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    pub policy_domains: Vec<String>,
    /// Key and name.
    pub organisations: Vec<(String, Option<String>)>,
    pub policy_types: Vec<String>,
}

/// Most reported first, at most 100 of each, whatever else the filter says.
pub fn choices(connection: &Connection, filter: &Filter) -> duckdb::Result<Choices> {
    // Whatever else is asked for.
    let days = Filter::new(filter.range);
    let of = |key: &str, by: &str| {
        let rows = format!("{{{{sums {by} $previous_first_day $last_day}}}}");
        let put_in = [("key", key), ("rows", rows.as_str())];
        ask_with(connection, include_str!("choices.sql"), &put_in, Some(&days), &[], |row| get::<String>(row, 0))
    };
    Ok(Choices {
        policy_domains: of("policy_domain", "policy_domain")?,
        organisations: of("organisation_key", "organisation")?
            .into_iter()
            .map(|key| (key.clone(), reporters::named(&key)))
            .collect(),
        policy_types: of("policy_type", "day")?,
    })
}
