//! What the filter form suggests: policy domains, organisations and policy types of the asked and the previous period. Any other can
//! be typed.

use duckdb::Connection;

use super::{Filter, ask, get};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    pub policy_domains: Vec<String>,
    /// Key and name.
    pub organisations: Vec<(String, Option<String>)>,
    pub policy_types: Vec<String>,
}

/// Most reported first, at most 100 of each, whatever else the filter says.
pub fn choices(connection: &Connection, filter: &Filter) -> duckdb::Result<Choices> {
    let of = |key: &str, name: &str| {
        let sql = include_str!("choices.sql").replace("key_column", key).replace("name_column", name);
        ask(connection, &sql, Some(filter), &[], |row| Ok((get::<String>(row, 0)?, get::<Option<String>>(row, 1)?)))
    };
    let keys = |rows: Vec<(String, _)>| rows.into_iter().map(|(key, _)| key).collect();
    Ok(Choices {
        policy_domains: keys(of("policy_domain", "NULL::VARCHAR")?),
        organisations: of("organisation_key", "organisation")?,
        policy_types: keys(of("policy_type", "NULL::VARCHAR")?),
    })
}
