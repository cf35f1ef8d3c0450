//! Puts a filter into the text of a question. One question narrows its rows by naming the table they are from:
//!
//! - `{{policies}}`: rows of `policy`, `{{failures}}`: rows of `failure`, each without their days
//! - `{{reports FIRST LAST}}`: rows of `report` between these two days
//! - `{{successful}}`, `{{failed}}`, `{{not_itemised}}`: the sessions of a row of `policy`
//! - `{{failed_sessions}}`: the sessions of a row of `failure`
//! - `{{credible}}`: the trust of a row as a number, the least first
//! - `{{sent}}`: rows of any table, by who sent them
//! - `{{sums …}}`: sums of days (`sums`)
//! - `{{name}}`: whatever the question puts in by that name, such as the column it groups by
//!
//! Values are bound as parameters; only text of this program is put in.

use super::Filter;
use crate::submission::{Trust, TrustFilter};

/// Least first, as `Trust` has it.
pub(super) const TRUST_AS_NUMBER: &str =
    "CASE trust WHEN 'dkim' THEN 4 WHEN 'network' THEN 3 WHEN 'import' THEN 2 WHEN 'token' THEN 1 ELSE 0 END";
/// A number of sessions as far as it can be believed.
const PLAUSIBLE_SUCCESSFUL: &str = "CASE WHEN successful BETWEEN 0 AND $sessions_max THEN successful ELSE 0 END";
const PLAUSIBLE_FAILED: &str = "CASE WHEN failed BETWEEN 0 AND $sessions_max THEN failed ELSE 0 END";
const PLAUSIBLE_FAILED_SESSIONS: &str =
    "CASE WHEN failed_sessions BETWEEN 0 AND $sessions_max THEN failed_sessions ELSE 0 END";

/// What placeholders stand for.
pub(super) trait Placeholders {
    /// The text for this name; `None` where it means nothing here. It may hold placeholders of its own.
    fn text(&self, name: &str) -> Option<String>;
}

/// Text that a question puts in by name.
impl Placeholders for &[(&str, &str)] {
    fn text(&self, name: &str) -> Option<String> {
        self.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
    }
}

/// The statement without placeholders. The first of `from` that knows a name says what it stands for; a name that none of them
/// knows is an error.
pub(super) fn fill(sql: &str, from: &[&dyn Placeholders]) -> duckdb::Result<String> {
    let mut filled = String::with_capacity(sql.len() * 2);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let text = from.iter().find_map(|known| known.text(name));
        let text = text.ok_or_else(|| duckdb::Error::InvalidParameterName(name.to_owned()))?;
        filled.push_str(before);
        filled.push_str(&fill(&text, from)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

impl Placeholders for Filter {
    fn text(&self, name: &str) -> Option<String> {
        let mut words = name.split(' ');
        let text = match (words.next()?, words.next(), words.next()) {
            ("policies", None, None) => policies(self),
            ("failures", None, None) => failures(self),
            ("reports", Some(first), Some(last)) => reports(self, first, last),
            ("credible", None, None) => TRUST_AS_NUMBER.to_owned(),
            ("sent", None, None) => all(&sent_by(self)),
            ("successful", None, None) => match self.policy_type {
                Some(_) => PLAUSIBLE_SUCCESSFUL.to_owned(),
                None => "once_successful".to_owned(),
            },
            ("failed", None, None) => match self.policy_type {
                Some(_) => PLAUSIBLE_FAILED.to_owned(),
                None => "once_failed".to_owned(),
            },
            ("not_itemised", None, None) => match self.policy_type {
                Some(_) => "not_itemised".to_owned(),
                // Those of the policies whose failed sessions count.
                None => "CASE WHEN once_failed > 0 THEN not_itemised ELSE 0 END".to_owned(),
            },
            ("failed_sessions", None, None) => PLAUSIBLE_FAILED_SESSIONS.to_owned(),
            _ => return None,
        };
        Some(text)
    }
}

/// What the tables `policy` and `failure` have in common.
pub(super) fn of_policies(filter: &Filter) -> Vec<&'static str> {
    let mut conditions = sent_by(filter);
    if filter.policy_domain.is_some() {
        conditions.push("policy_domain = $policy_domain");
    }
    if filter.policy_domains.is_some() {
        conditions.push("policy_domain IN (SELECT unnest(string_split($policy_domains, chr(10))))");
    }
    if filter.policy_type.is_some() {
        conditions.push("policy_type = $policy_type");
    }
    conditions
}

pub(super) fn sent_by(filter: &Filter) -> Vec<&'static str> {
    let mut conditions = Vec::new();
    if filter.organisation.is_some() {
        conditions.push("organisation_key = $organisation");
    }
    if filter.trust != TrustFilter::Counted {
        conditions.extend(of_trust(filter.trust, filter.least));
    } else if !filter.only_claims && filter.least > Trust::None {
        conditions.extend(at_least(filter.least));
        conditions.push(NOT_REFUSED);
    }
    conditions
}

/// Whom the operator refused is in no figure that does not ask for it.
pub(super) const NOT_REFUSED: &str =
    "organisation_key NOT IN (SELECT organisation_key FROM sender_decision WHERE NOT accepted)";

/// The condition on the column `trust`; `None` for every row. `least`: the least that counts by default.
pub(super) fn of_trust(filter: TrustFilter, least: Trust) -> Option<&'static str> {
    match filter {
        TrustFilter::All => None,
        TrustFilter::Counted => at_least(least),
        TrustFilter::Beside => Some(below(least)),
        TrustFilter::Trusted => at_least(Trust::Import),
        TrustFilter::Claimed => Some(below(Trust::Import)),
        TrustFilter::Exactly(Trust::None) => Some("trust = 'none'"),
        TrustFilter::Exactly(Trust::Token) => Some("trust = 'token'"),
        TrustFilter::Exactly(Trust::Import) => Some("trust = 'import'"),
        TrustFilter::Exactly(Trust::Network) => Some("trust = 'network'"),
        TrustFilter::Exactly(Trust::Dkim) => Some("trust = 'dkim'"),
    }
}

fn at_least(trust: Trust) -> Option<&'static str> {
    match trust {
        Trust::None => None,
        Trust::Token => Some("trust IN ('token', 'import', 'network', 'dkim')"),
        Trust::Import => Some("trust IN ('import', 'network', 'dkim')"),
        Trust::Network => Some("trust IN ('network', 'dkim')"),
        Trust::Dkim => Some("trust = 'dkim'"),
    }
}

fn below(trust: Trust) -> &'static str {
    match trust {
        Trust::None => "false",
        Trust::Token => "trust = 'none'",
        Trust::Import => "trust IN ('none', 'token')",
        Trust::Network => "trust IN ('none', 'token', 'import')",
        Trust::Dkim => "trust IN ('none', 'token', 'import', 'network')",
    }
}

pub(super) fn all(conditions: &[&str]) -> String {
    if conditions.is_empty() { "true".to_owned() } else { format!("({})", conditions.join(" AND ")) }
}

fn policies(filter: &Filter) -> String {
    all(&of_policies(filter))
}

fn failures(filter: &Filter) -> String {
    all(&of_failures(filter))
}

/// With a policy type all of its details count, else each session's once.
pub(super) fn of_failures(filter: &Filter) -> Vec<&'static str> {
    let mut conditions = of_policies(filter);
    if filter.policy_type.is_none() {
        conditions.push("counted");
    }
    if filter.result_type.is_some() {
        conditions.push("result_type = $result_type");
    }
    if filter.receiving_mx_hostname.is_some() {
        conditions.push("coalesce(receiving_mx_hostname, '') = $receiving_mx_hostname");
    }
    if filter.sending_mta_ip.is_some() {
        conditions.push("coalesce(sending_mta_ip, '') = $sending_mta_ip");
    }
    conditions
}

/// A report matches where one of its policies does.
pub(super) fn reports(filter: &Filter, first: &str, last: &str) -> String {
    let mut conditions: Vec<String> = sent_by(filter).into_iter().map(str::to_owned).collect();
    conditions.push(format!("day BETWEEN {first} AND {last}"));
    if filter.policy_domain.is_some() || filter.policy_domains.is_some() || filter.policy_type.is_some() {
        let policies = policies(filter);
        conditions
            .push(format!("uuid IN (SELECT report FROM policy WHERE day BETWEEN {first} AND {last} AND {policies})"));
    }
    all(&conditions.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Range, sums::Sums};

    fn filter() -> Filter {
        let day = "2026-11-22".parse().expect("a date");
        Filter::new(Range::new(day, day).expect("in order"))
    }

    fn filled(sql: &str, filter: &Filter) -> String {
        fill(sql, &[filter]).expect("every name is known")
    }

    #[test]
    fn without_a_filter_everything_matches_and_counts_once() {
        let sql = filled("SELECT {{failed}} FROM policy WHERE {{policies}} AND {{reports $a $b}}", &filter());
        assert_eq!(sql, "SELECT once_failed FROM policy WHERE true AND (day BETWEEN $a AND $b)");
        assert_eq!(filled("{{failures}}", &filter()), "(counted)");
    }

    #[test]
    fn domain_and_type_must_be_of_one_policy() {
        let asked = Filter {
            policy_domain: Some("a".into()),
            policy_type: Some("sts".into()),
            trust: TrustFilter::Trusted,
            ..filter()
        };
        assert_eq!(
            filled("{{reports $a $b}}", &asked),
            "(trust IN ('import', 'network', 'dkim') AND day BETWEEN $a AND $b AND uuid IN (SELECT report FROM policy WHERE day BETWEEN $a AND $b \
             AND (trust IN ('import', 'network', 'dkim') AND policy_domain = $policy_domain AND policy_type = $policy_type)))"
        );
        assert!(!filled("{{failures}}", &asked).contains("counted"));
    }

    #[test]
    fn what_is_put_in_is_filled_too_and_what_is_unknown_is_an_error() {
        let put_in: &[(&str, &str)] = &[("key", "day"), ("source", "x {{failed}}")];
        assert_eq!(fill("{{source}} {{key}}", &[&put_in, &filter()]).expect("known"), "x once_failed day");
        for unknown in ["{{source}} {{nothing}}", "{{sou", "{{ key }}"] {
            let error = fill(unknown, &[&put_in, &filter()]).expect_err(unknown).to_string();
            assert!(error.contains(unknown.rsplit("{{").next().unwrap().trim_end_matches('}')), "{error}");
        }
    }

    #[test]
    fn every_question_is_filled_whole() {
        let put_in: &[(&str, &str)] = &[
            ("key", "day"),
            ("names", ""),
            ("rows", ""),
            ("older_rows", ""),
            ("periods", "0"),
            ("of_these_failures", ""),
            ("only_failed", ""),
            ("sessions", ""),
            ("source", ""),
            ("after", ""),
            ("order", ""),
            ("trust", "true"),
        ];
        let files = std::fs::read_dir("src/query").expect("the source").map(|entry| entry.expect("an entry").path());
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "sql")) {
            let sql = std::fs::read_to_string(&file).expect("the question");
            let filter = filter();
            assert!(fill(&sql, &[&put_in, &filter, &Sums::new(&filter, Vec::new())]).is_ok(), "{}", file.display());
        }
    }
}
