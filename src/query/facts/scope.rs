//! Which rows count: days, trust, maintenance, and what was known when.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use duckdb::{Connection, Row, ToSql};

use crate::{
    alerts::{
        AlertPlan,
        maintenance::UnderMaintenance,
        plan::{LOOK_BACK_MAX_DAYS, back},
    },
    limits::SESSIONS_PLAUSIBLE_MAX,
    query::{
        fill::{NOT_REFUSED, Placeholders, TRUST_AS_NUMBER, fill},
        run,
    },
};

/// What was fed in came from the sender about a day after the end of its range.
const ARRIVED_AT: &str =
    "CASE WHEN channel = 'import' THEN coalesce(mailed_at, range_end + INTERVAL 1 DAY) ELSE received_at END";

/// What one evaluation looks at.
pub(super) struct Scope {
    pub now: DateTime<Utc>,
    pub today: NaiveDate,
    /// First day of troubles.
    pub first: NaiveDate,
    /// First day of a sender's rhythm.
    pub rhythm_first: NaiveDate,
    pub share_first: NaiveDate,
    baseline_first: NaiveDate,
    /// Only what was known at `now`.
    pub as_of: bool,
    trusts: String,
    maintenance: UnderMaintenance,
}

impl Scope {
    pub(super) fn new(now: DateTime<Utc>, plan: &AlertPlan, as_of: bool) -> Scope {
        let today = now.date_naive();
        let (first, rhythm_first) = (plan.look_back_first(today), back(today, LOOK_BACK_MAX_DAYS - 1));
        let baseline_first = plan.baseline_first(today);
        let trusts: Vec<String> = plan.trusts().map(|trust| format!("'{}'", trust.as_str())).collect();
        Scope {
            now,
            today,
            first,
            rhythm_first,
            share_first: plan.share_first(today),
            baseline_first,
            as_of,
            trusts: trusts.join(","),
            maintenance: plan.under_maintenance(first.min(baseline_first), today),
        }
    }

    /// Runs one question of the evaluation. `put_in`: text by name, `more`: parameters beside those of the scope.
    pub(super) fn ask<T>(
        &self,
        connection: &Connection,
        sql: &str,
        put_in: &[(&str, &str)],
        more: &[(&str, &dyn ToSql)],
        read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
    ) -> duckdb::Result<Vec<T>> {
        let ago = |days| (self.now - TimeDelta::days(days)).naive_utc();
        let (now, day_ago, sixty_days_ago, maintained) = (ago(0), ago(1), ago(60), self.maintained());
        let own: [(&str, &dyn ToSql); 10] = [
            ("troubles_first", &self.first),
            ("rhythm_first", &self.rhythm_first),
            ("shares_first", &self.share_first),
            ("baseline_first", &self.baseline_first),
            ("today", &self.today),
            ("now", &now),
            ("day_ago", &day_ago),
            ("sixty_days_ago", &sixty_days_ago),
            ("maintained", &maintained),
            ("sessions_max", &SESSIONS_PLAUSIBLE_MAX),
        ];
        let sql = fill(sql, &[&put_in, self])?;
        run(connection, &sql, own.into_iter().chain(more.iter().copied()), read)
    }

    /// Days of `$maintained`: day and policy domain, one a line.
    fn maintained(&self) -> String {
        let days: Vec<String> = self.maintenance.some.iter().map(|(day, domain)| format!("{day} {domain}")).collect();
        days.join("\n")
    }

    fn outside_maintenance(&self) -> String {
        let list =
            |days: &BTreeSet<NaiveDate>| days.iter().map(|day| format!("'{day}'::DATE")).collect::<Vec<_>>().join(",");
        let mut clauses = Vec::new();
        if !self.maintenance.all.is_empty() {
            clauses.push(format!("day NOT IN ({})", list(&self.maintenance.all)));
        }
        if !self.maintenance.some.is_empty() {
            let days = self.maintenance.some.iter().map(|(day, _)| *day).collect();
            clauses.push(format!(
                "(day NOT IN ({}) OR day::VARCHAR || ' ' || policy_domain NOT IN (SELECT unnest(string_split($maintained, chr(10)))))",
                list(&days)
            ));
        }
        if clauses.is_empty() { "true".to_owned() } else { clauses.join(" AND ") }
    }
}

/// - `{{credible_trust}}`, `{{credible}}`: rows that count, by their trust, and unless the operator refused their sender
/// - `{{known}}`, `{{of_known_report}}`: reports that were there at `now`, and rows of these
/// - `{{outside_maintenance}}`: rows of days on which failures count
/// - `{{arrived_at}}`, `{{received_when}}`, `{{trust_as_number}}`: expressions
impl Placeholders for Scope {
    fn text(&self, name: &str) -> Option<String> {
        let text = match name {
            "credible_trust" => format!("trust IN ({})", self.trusts),
            "credible" => format!("{{{{credible_trust}}}} AND {NOT_REFUSED}"),
            "trust_as_number" => TRUST_AS_NUMBER.to_owned(),
            "arrived_at" => ARRIVED_AT.to_owned(),
            "received_when" => if self.as_of { "first_received_at" } else { "last_received_at" }.to_owned(),
            "known" | "of_known_report" if !self.as_of => "true".to_owned(),
            "known" => "{{arrived_at}} <= $now::TIMESTAMP".to_owned(),
            "of_known_report" => {
                "report IN (SELECT uuid FROM report WHERE day <= $today::DATE AND {{known}})".to_owned()
            }
            "outside_maintenance" => self.outside_maintenance(),
            _ => return None,
        };
        Some(text)
    }
}

/// The days of a bit mask, the lowest bit for the first.
pub(super) fn days(first: NaiveDate, mask: u64) -> BTreeSet<NaiveDate> {
    first.iter_days().take(64).enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, day)| day).collect()
}
