//! Which part of the store a question is about.

use duckdb::{Connection, ToSql};

use super::ask;
use crate::{
    day_range::Range,
    limits::SESSIONS_PLAUSIBLE_MAX,
    report::Deviation,
    submission::{Trust, TrustFilter},
};

/// What the rows have to match. `None` matches everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub range: Range,
    pub policy_domain: Option<String>,
    /// Only these policy domains; `None` is all, an empty list none. Set by code, such as for one recipient of a digest.
    pub policy_domains: Option<Vec<String>>,
    /// Organisation key.
    pub organisation: Option<String>,
    pub policy_type: Option<String>,
    pub trust: TrustFilter,
    /// What counts by default: reports of this trust or more.
    pub least: Trust,
    /// There is nothing of that trust yet, so that what is claimed is shown instead.
    pub only_claims: bool,
    pub result_type: Option<String>,
    pub receiving_mx_hostname: Option<String>,
    pub sending_mta_ip: Option<String>,
    /// Concerns reports only.
    pub deviation: Option<Deviation>,
    /// Only reports with failed sessions.
    pub failed: bool,
}

impl Filter {
    pub fn new(range: Range) -> Filter {
        Filter {
            range,
            policy_domain: None,
            policy_domains: None,
            organisation: None,
            policy_type: None,
            trust: TrustFilter::default(),
            least: Trust::None,
            only_claims: false,
            result_type: None,
            receiving_mx_hostname: None,
            sending_mta_ip: None,
            deviation: None,
            failed: false,
        }
    }

    pub fn with_range(&self, range: Range) -> Filter {
        Filter { range, ..self.clone() }
    }

    /// Whether it asks about single failure details.
    pub fn names_a_detail(&self) -> bool {
        self.result_type.is_some() || self.receiving_mx_hostname.is_some() || self.sending_mta_ip.is_some()
    }

    pub fn names_host_or_address(&self) -> bool {
        self.receiving_mx_hostname.is_some() || self.sending_mta_ip.is_some()
    }

    /// Whether only some policies of a report may match.
    pub fn names_policies(&self) -> bool {
        self.policy_domain.is_some() || self.policy_domains.is_some() || self.policy_type.is_some()
    }

    /// Whether it asks about one part of the reports only.
    pub fn is_narrowed(&self) -> bool {
        *self != Filter { least: self.least, only_claims: self.only_claims, ..Filter::new(self.range) }
    }

    /// The same, where nothing that counts by default is stored yet: about all that is claimed.
    pub fn settled(self, connection: &Connection) -> duckdb::Result<Filter> {
        if self.trust != TrustFilter::Counted || self.least == Trust::None {
            return Ok(self);
        }
        let all = Filter { only_claims: true, ..Filter::new(self.range) };
        let counted = Filter { least: self.least, ..Filter::new(self.range) };
        let any = |filter: &Filter| -> duckdb::Result<bool> {
            let rows =
                ask(connection, "SELECT true FROM report WHERE {{sent}} LIMIT 1", Some(filter), &[], |_| Ok(()))?;
            Ok(!rows.is_empty())
        };
        let only_claims = !any(&counted)? && any(&all)?;
        Ok(Filter { only_claims, ..self })
    }

    /// The same about what does not count by default, where it is not asked for a trust.
    pub fn beside(&self) -> Option<Filter> {
        let counts = self.trust == TrustFilter::Counted && !self.only_claims && self.least > Trust::None;
        counts.then(|| Filter { trust: TrustFilter::Beside, ..self.clone() })
    }

    /// The named parameters of the SQL.
    pub(super) fn parameters(&self) -> Vec<(&'static str, Box<dyn ToSql>)> {
        let text = |value: &Option<String>| Box::new(value.clone()) as Box<dyn ToSql>;
        vec![
            ("first_day", Box::new(self.range.first())),
            ("last_day", Box::new(self.range.last())),
            ("previous_first_day", Box::new(self.range.previous().first())),
            ("oldest_day", Box::new(self.range.oldest())),
            ("policy_domain", text(&self.policy_domain)),
            // DuckDB binds no lists. One text, a domain a line; NULL, which holds none, for the empty list.
            (
                "policy_domains",
                text(&self.policy_domains.as_ref().filter(|set| !set.is_empty()).map(|set| set.join("\n"))),
            ),
            ("organisation", text(&self.organisation)),
            ("policy_type", text(&self.policy_type)),
            ("result_type", text(&self.result_type)),
            ("receiving_mx_hostname", text(&self.receiving_mx_hostname)),
            ("sending_mta_ip", text(&self.sending_mta_ip)),
            ("deviation", Box::new(self.deviation.map(Deviation::as_str))),
            ("failed", Box::new(self.failed)),
            // A sender's typing error must not drown all others.
            ("sessions_max", Box::new(SESSIONS_PLAUSIBLE_MAX)),
        ]
    }
}
