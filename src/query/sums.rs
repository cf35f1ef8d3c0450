//! Where a question finds sums of days. A filter that a table of sums does not know is answered by the rows themselves; so are the days whose sums are
//! not made yet. The text of the question is the same in all cases.
//!
//! - `{{sums day FIRST LAST}}`: sessions of days between these two
//! - `{{sums organisation FIRST LAST}}`, `{{sums policy_domain FIRST LAST}}`: the same with that column
//! - `{{sums failures FIRST LAST}}`: failed sessions by organisation and result type
//! - `{{sums reports FIRST LAST}}`: reports by organisation
//! - `{{sum_successful}}`, `{{sum_failed}}`, `{{sum_not_itemised}}`, `{{sum_failed_sessions}}`: the column of these that counts

use chrono::NaiveDate;

use super::{
    Filter,
    fill::{self, NOT_REFUSED, Placeholders},
};
use crate::store::tables::day_sums::{BY_ORGANISATION, BY_POLICY_DOMAIN, DaySums, OF_FAILURES, OF_REPORTS, REFUSED};

/// Pending days that stand in the statement, where DuckDB skips what lies between them; more are looked up by it.
const PENDING_LISTED_MAX: usize = 100;

/// The tables of sums, for one filter.
pub(super) struct Sums<'a> {
    filter: &'a Filter,
    pending: Vec<NaiveDate>,
}

/// Whether a statement asks for sums of days.
pub(super) fn are_in(sql: &str) -> bool {
    sql.contains("{{sums ")
}

impl<'a> Sums<'a> {
    /// `pending`: the days whose sums are not made.
    pub(super) fn new(filter: &'a Filter, pending: Vec<NaiveDate>) -> Sums<'a> {
        Sums { filter, pending }
    }

    fn names_a_domain(&self) -> bool {
        self.filter.policy_domain.is_some() || self.filter.policy_domains.is_some()
    }

    fn sessions(&self, sums: &DaySums, is_known: bool, first: &str, last: &str) -> String {
        let conditions = fill::of_policies(self.filter);
        self.rows(sums, is_known, (&conditions, &fill::all(&conditions)), first, last)
    }

    /// The sums, or the rows that they are made of, or both.
    fn rows(
        &self,
        sums: &DaySums,
        is_known: bool,
        (conditions, of_rows): (&[&str], &str),
        first: &str,
        last: &str,
    ) -> String {
        let keys = || sums.keys.iter().filter(|key| !key.contains(' ')).map(|key| (*key).to_owned());
        let numbers = sums.numbers.iter().map(|number| format!("({}) AS {}", number.of_row, number.name));
        let rows: Vec<String> = keys().chain(numbers).collect();
        let rows = format!(
            "SELECT day, {} FROM {} WHERE day BETWEEN {first} AND {last} AND {of_rows}",
            rows.join(", "),
            sums.of
        );
        if !is_known {
            return format!("({rows})");
        }
        let columns: Vec<String> = keys().chain(sums.numbers.iter().map(|number| number.name.to_owned())).collect();
        let conditions: Vec<&str> = conditions
            .iter()
            .filter(|condition| **condition != "counted")
            .map(|condition| match *condition == NOT_REFUSED && sums.keys.contains(&REFUSED) {
                true => "NOT refused",
                false => condition,
            })
            .collect();
        let made = format!(
            "SELECT day, {} FROM {} WHERE day BETWEEN {first} AND {last} AND {}",
            columns.join(", "),
            sums.table,
            fill::all(&conditions)
        );
        if self.pending.is_empty() {
            return format!("({made})");
        }
        let pending = match self.pending.len() {
            0..=PENDING_LISTED_MAX => {
                self.pending.iter().map(|day| format!("'{day}'::DATE")).collect::<Vec<_>>().join(",")
            }
            _ => "FROM day_pending".to_owned(),
        };
        format!("({made} AND day NOT IN ({pending}) UNION ALL {rows} AND day IN ({pending}))")
    }
}

impl Placeholders for Sums<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let column = |name: &str| match self.filter.policy_type {
            Some(_) => name.to_owned(),
            None => format!("once_{name}"),
        };
        if let Some(name) = name.strip_prefix("sum_") {
            let known = ["successful", "failed", "not_itemised", "failed_sessions"];
            return known.contains(&name).then(|| column(name));
        }
        let mut words = name.split(' ');
        let (Some("sums"), Some(by), Some(first), Some(last), None) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        Some(match by {
            "organisation" => self.sessions(&BY_ORGANISATION, !self.names_a_domain(), first, last),
            "day" if !self.names_a_domain() => self.sessions(&BY_ORGANISATION, true, first, last),
            "day" | "policy_domain" => {
                self.sessions(&BY_POLICY_DOMAIN, self.filter.organisation.is_none(), first, last)
            }
            "failures" => {
                let is_known = !self.names_a_domain() && !self.filter.names_host_or_address();
                let conditions = fill::of_failures(self.filter);
                self.rows(&OF_FAILURES, is_known, (&conditions, &fill::all(&conditions)), first, last)
            }
            "reports" => {
                let conditions = fill::sent_by(self.filter);
                let of_rows = fill::reports(self.filter, first, last);
                self.rows(&OF_REPORTS, !self.filter.names_policies(), (&conditions, &of_rows), first, last)
            }
            _ => return None,
        })
    }
}
