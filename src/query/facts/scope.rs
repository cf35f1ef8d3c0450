//! Which rows count: days, trust, maintenance, and what was known when.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::alerts::{
    Plan,
    maintenance::UnderMaintenance,
    plan::{LOOK_BACK_MAX_DAYS, back},
};

/// Least first, as `Trust` has it.
pub const TRUST_AS_NUMBER: &str =
    "CASE trust WHEN 'dkim' THEN 4 WHEN 'network' THEN 3 WHEN 'import' THEN 2 WHEN 'token' THEN 1 ELSE 0 END";
/// What was fed in came from the sender about a day after the end of its range.
const ARRIVED_AT: &str =
    "CASE WHEN channel = 'import' THEN coalesce(mailed_at, range_end + INTERVAL 1 DAY) ELSE received_at END";

/// The constants of one evaluation's statements.
pub struct Scope {
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
    pub fn new(now: DateTime<Utc>, plan: &Plan, as_of: bool) -> Scope {
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

    /// Puts the constants into a statement.
    pub fn fill(&self, sql: &str) -> String {
        let sql = sql
            .replace("first_day_of_troubles", &day(self.first))
            .replace("first_day_of_rhythms", &day(self.rhythm_first))
            .replace("first_day_of_shares", &day(self.share_first))
            .replace("first_day_of_baseline", &day(self.baseline_first))
            .replace("last_day_of_all", &day(self.today))
            .replace("a_day_ago", &moment(self.now - TimeDelta::days(1)))
            .replace("sixty_days_ago", &moment(self.now - TimeDelta::days(60)))
            .replace("/* credible trust */", &format!("trust IN ({})", self.trusts))
            .replace(
                "/* credible */",
                &format!(
                    "trust IN ({}) AND organisation_key NOT IN (SELECT organisation_key FROM sender_decision WHERE NOT accepted)",
                    self.trusts
                ),
            )
            .replace("/* trust as a number */", TRUST_AS_NUMBER)
            .replace("/* arrived at */", ARRIVED_AT)
            .replace("/* received when */", if self.as_of { "first_received_at" } else { "last_received_at" });
        sql.replace("/* known then */", &self.known(""))
            .replace("/* of a report known then */", &self.known("report"))
            .replace("/* not under maintenance */", &self.outside_maintenance())
            .replace("at_that_moment", &moment(self.now))
    }

    /// Days of `$maintained`: day and policy domain, one a line.
    pub fn maintained(&self) -> String {
        let days: Vec<String> = self.maintenance.some.iter().map(|(day, domain)| format!("{day} {domain}")).collect();
        days.join("\n")
    }

    fn known(&self, column: &str) -> String {
        if !self.as_of {
            return "true".to_owned();
        }
        let known = &format!("{ARRIVED_AT} <= at_that_moment");
        match column {
            "" => known.clone(),
            column => format!("{column} IN (SELECT uuid FROM report WHERE day <= {} AND {known})", day(self.today)),
        }
    }

    fn outside_maintenance(&self) -> String {
        let list = |days: &BTreeSet<NaiveDate>| days.iter().map(|it| day(*it)).collect::<Vec<_>>().join(",");
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

fn day(day: NaiveDate) -> String {
    format!("'{}'::DATE", day.format("%Y-%m-%d"))
}

fn moment(at: DateTime<Utc>) -> String {
    format!("'{}'::TIMESTAMP", at.format("%Y-%m-%d %H:%M:%S%.6f"))
}

/// The days of a bit mask, the lowest bit for the first.
pub fn days(first: NaiveDate, mask: u64) -> BTreeSet<NaiveDate> {
    first.iter_days().take(64).enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, day)| day).collect()
}
