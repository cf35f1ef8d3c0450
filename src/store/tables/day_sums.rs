//! Sums of whole days: how they are made of the rows of `policy`, `failure` and `report`, and of which days they are not made yet. A sum is never
//! added to: what changes a row of a day marks the day, its rows then answer in place of its sums, and later all of them are made anew.

use chrono::NaiveDate;
use duckdb::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::{
    limits::{DAY_SUMS_AT_ONCE_MAX_ROWS, SESSIONS_PLAUSIBLE_MAX},
    store::{StoreError, sql},
};

/// Pending days that are looked at for what to make next.
const DAYS_AT_ONCE: usize = 62;

/// Differences that are listed of one table.
pub const DIFFERENCES_MAX: u64 = 20;

/// One table of sums.
#[derive(Debug)]
pub struct DaySums {
    pub table: &'static str,
    /// The table whose rows are summed up.
    pub of: &'static str,
    /// Columns by which they are.
    pub keys: &'static [&'static str],
    pub numbers: &'static [DayNumber],
}

/// A column that is made of all rows of its key.
#[derive(Debug)]
pub struct DayNumber {
    pub name: &'static str,
    /// `sum` or `max`.
    aggregate: &'static str,
    /// What one row has.
    pub of_row: &'static str,
}

const fn sum(name: &'static str, of_row: &'static str) -> DayNumber {
    DayNumber { name, aggregate: "sum", of_row }
}

/// A number of sessions as far as it can be believed (`SESSIONS_PLAUSIBLE_MAX`).
macro_rules! plausible {
    ($column:literal) => {
        concat!("CASE WHEN ", $column, " BETWEEN 0 AND 1000000000000 THEN ", $column, " ELSE 0 END")
    };
}

const _: () = assert!(SESSIONS_PLAUSIBLE_MAX == 1_000_000_000_000);

/// Whether the operator refused the sender of a row.
pub const REFUSED: &str =
    "(organisation_key IN (SELECT organisation_key FROM sender_decision WHERE NOT accepted)) AS refused";

const SESSIONS: &[DayNumber] = &[
    sum("policies", "1"),
    sum("successful", plausible!("successful")),
    sum("failed", plausible!("failed")),
    sum("not_itemised", "not_itemised"),
    sum("once_successful", "once_successful"),
    sum("once_failed", "once_failed"),
    // Those of the policies whose failed sessions count.
    sum("once_not_itemised", "CASE WHEN once_failed > 0 THEN not_itemised ELSE 0 END"),
];

pub const BY_ORGANISATION: DaySums = DaySums {
    table: "day_organisation",
    of: "policy",
    keys: &["organisation_key", "organisation", "policy_type", "mode", "trust"],
    numbers: SESSIONS,
};

pub const BY_POLICY_DOMAIN: DaySums = DaySums {
    table: "day_policy_domain",
    of: "policy",
    keys: &["policy_domain", "policy_type", "mode", "trust", REFUSED],
    numbers: SESSIONS,
};

pub const OF_FAILURES: DaySums = DaySums {
    table: "day_failure",
    of: "failure",
    keys: &["organisation_key", "policy_type", "mode", "trust", "result_type"],
    numbers: &[
        sum("failed_sessions", plausible!("failed_sessions")),
        sum("once_failed_sessions", concat!("CASE WHEN counted THEN ", plausible!("failed_sessions"), " ELSE 0 END")),
    ],
};

pub const OF_REPORTS: DaySums = DaySums {
    table: "day_report",
    of: "report",
    keys: &["organisation_key", "trust"],
    numbers: &[sum("reports", "1"), DayNumber { name: "last_received_at", aggregate: "max", of_row: "received_at" }],
};

pub const ALL: [&DaySums; 4] = [&BY_ORGANISATION, &BY_POLICY_DOMAIN, &OF_FAILURES, &OF_REPORTS];

impl DaySums {
    /// The columns by which is summed up, by name.
    fn key_names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.rsplit(' ').next().unwrap_or(key))
    }

    /// What is selected of a row to be summed up.
    fn of_one_row(&self) -> String {
        let numbers = self.numbers.iter().map(|number| format!("({}) AS {}", number.of_row, number.name));
        let columns = self.keys.iter().map(|key| (*key).to_owned()).chain(numbers);
        format!("day, {}", columns.collect::<Vec<_>>().join(", "))
    }

    /// The same columns of a sum.
    fn columns(&self) -> String {
        let numbers = self.numbers.iter().map(|number| number.name);
        format!("day, {}", self.key_names().chain(numbers).collect::<Vec<_>>().join(", "))
    }

    fn make(&self, conn: &Connection, days: &str) -> Result<(), StoreError> {
        let (table, of, columns, rows) = (self.table, self.of, self.columns(), self.of_one_row());
        let keys: Vec<&str> = self.key_names().collect();
        let sums: Vec<String> =
            self.numbers.iter().map(|number| format!("{}({})", number.aggregate, number.name)).collect();
        Ok(conn.execute_batch(&format!(
            "DELETE FROM {table} WHERE day IN ({days});
             INSERT INTO {table} ({columns})
               SELECT day, {keys}, {sums} FROM (SELECT {rows} FROM {of} WHERE day IN ({days})) GROUP BY ALL ORDER BY ALL",
            keys = keys.join(", "),
            sums = sums.join(", ")
        ))?)
    }

    /// The sums that are not those of the rows, as text: the day and the key, and each number as it is and as it should be.
    fn differences(
        &self,
        conn: &Connection,
        (first, last): (NaiveDate, NaiveDate),
        most: u64,
    ) -> Result<Vec<SumDifference>, StoreError> {
        let (table, of, columns, rows) = (self.table, self.of, self.columns(), self.of_one_row());
        let keys: Vec<&str> = self.key_names().collect();
        let each = |separator: &str, what: fn(&DayNumber) -> String| -> String {
            self.numbers.iter().map(what).collect::<Vec<_>>().join(separator)
        };
        let sql = format!(
            "WITH made AS (
               SELECT true AS is_made, {columns} FROM {table} UNION ALL BY NAME SELECT false AS is_made, {rows} FROM {of}
             ), each_key AS (
               SELECT day, {keys}, {sums}
               FROM made WHERE day BETWEEN {first} AND {last} AND day NOT IN (FROM day_pending)
               GROUP BY ALL
             )
             SELECT day::VARCHAR, concat_ws(' ', {keys}), concat_ws(', ', {told}), count(*) OVER ()
             FROM each_key WHERE {differ} ORDER BY ALL LIMIT {most}",
            first = sql::day(first),
            last = sql::day(last),
            keys = keys.join(", "),
            sums = each(", ", |DayNumber { name, aggregate, .. }| format!(
                "{aggregate}({name}) FILTER (is_made) AS {name}, {aggregate}({name}) FILTER (NOT is_made) AS {name}_of_rows"
            )),
            told = each(", ", |DayNumber { name, .. }| format!(
                "CASE WHEN {name} IS DISTINCT FROM {name}_of_rows
                   THEN '{name} ' || coalesce({name}::VARCHAR, 'missing') || ', by the rows ' || coalesce({name}_of_rows::VARCHAR, 'none') END"
            )),
            differ = each(" OR ", |DayNumber { name, .. }| format!("{name} IS DISTINCT FROM {name}_of_rows")),
        );
        let mut statement = conn.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            Ok(SumDifference {
                table: self.table.to_owned(),
                day: row.get(0)?,
                key: row.get(1)?,
                numbers: row.get(2)?,
                total: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<duckdb::Result<_>>()?)
    }
}

/// A sum that is not that of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumDifference {
    pub table: String,
    pub day: String,
    pub key: String,
    /// Each number that differs, as it stands and as the rows have it.
    pub numbers: String,
    /// How many there are in this table.
    pub total: u64,
}

/// What a check of the sums found.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumsCheck {
    /// Days whose sums were held against their rows.
    pub days: u64,
    /// Days whose sums are not made yet, so that their rows answer.
    pub pending: u64,
    /// At most 20 of each table and stretch of days.
    pub differences: Vec<SumDifference>,
}

impl SumsCheck {
    /// The same with what was found in other days.
    pub fn and(mut self, other: SumsCheck) -> SumsCheck {
        self.differences.extend(other.differences);
        SumsCheck { days: self.days + other.days, pending: self.pending + other.pending, ..self }
    }
}

/// Counts every sum of these days again.
pub fn check(conn: &Connection, first: NaiveDate, last: NaiveDate) -> Result<SumsCheck, StoreError> {
    let mut differences = Vec::new();
    for sums in ALL {
        differences.extend(sums.differences(conn, (first, last), DIFFERENCES_MAX)?);
    }
    let days = "SELECT count(DISTINCT day) FROM report WHERE day BETWEEN ?::DATE AND ?::DATE AND day NOT IN (FROM day_pending)";
    let pending = "SELECT count(*) FROM day_pending WHERE day BETWEEN ?::DATE AND ?::DATE";
    let count = |sql: &str| conn.query_row(sql, params![first, last], |row| row.get(0));
    Ok(SumsCheck { days: count(days)?, pending: count(pending)?, differences })
}

/// The first and the last day of which there is anything.
pub fn span(conn: &Connection) -> Result<Option<(NaiveDate, NaiveDate)>, StoreError> {
    let sql = "SELECT min(day), max(day) FROM
               (SELECT day FROM report UNION ALL SELECT day FROM day_report UNION ALL SELECT day FROM day_organisation)";
    let (first, last): (Option<NaiveDate>, Option<NaiveDate>) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(first.zip(last))
}

/// Says that rows of these days changed. Belongs into the transaction that changes them.
pub fn mark(conn: &Connection, days: impl IntoIterator<Item = NaiveDate>) -> Result<(), StoreError> {
    let mut days: Vec<NaiveDate> = days.into_iter().collect();
    days.sort_unstable();
    days.dedup();
    if days.is_empty() {
        return Ok(());
    }
    let rows = days.iter().map(|day| format!("({})", sql::day(*day))).collect::<Vec<_>>().join(",");
    Ok(conn.execute_batch(&format!(
        "INSERT INTO day_pending SELECT day FROM (VALUES {rows}) AS changed (day) WHERE day NOT IN (FROM day_pending)"
    ))?)
}

/// The same of all days on which this organisation reported.
pub fn mark_organisation(conn: &Connection, organisation_key: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO day_pending
               SELECT DISTINCT day FROM report WHERE organisation_key = ? AND day NOT IN (FROM day_pending)";
    conn.execute(sql, params![organisation_key])?;
    Ok(())
}

/// The same of all days, also of those that have sums and no rows any more.
pub fn mark_all(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.execute_batch(
        "INSERT INTO day_pending
         SELECT day FROM (SELECT day FROM report UNION SELECT day FROM day_report UNION SELECT day FROM day_organisation)
         WHERE day NOT IN (FROM day_pending)",
    )?)
}

/// The days whose sums are not made yet, the latest first.
pub fn pending(conn: &Connection) -> duckdb::Result<Vec<NaiveDate>> {
    conn.prepare("SELECT day FROM day_pending ORDER BY day DESC")?.query_map([], |row| row.get(0))?.collect()
}

/// Makes the sums of the latest pending days, so many that it takes a moment. Belongs into a transaction. How many days are left.
pub fn make_some(conn: &Connection) -> Result<usize, StoreError> {
    let pending = pending(conn)?;
    let Some(looked_at) = pending.get(..DAYS_AT_ONCE.min(pending.len())).filter(|days| !days.is_empty()) else {
        return Ok(0);
    };
    let list = |days: &[NaiveDate]| days.iter().map(|day| sql::day(*day)).collect::<Vec<_>>().join(",");
    let mut days = Vec::new();
    let mut rows_left = DAY_SUMS_AT_ONCE_MAX_ROWS;
    {
        let sql = format!(
            "SELECT pending.day, count(policy.day)::UBIGINT FROM day_pending AS pending LEFT JOIN policy ON policy.day = pending.day AND policy.day IN ({days})
             WHERE pending.day IN ({days}) GROUP BY pending.day ORDER BY pending.day DESC",
            days = list(looked_at)
        );
        let mut statement = conn.prepare(&sql)?;
        for found in statement.query_map([], |row| Ok((row.get::<_, NaiveDate>(0)?, row.get::<_, u64>(1)?)))? {
            let (day, rows) = found?;
            if !days.is_empty() && rows > rows_left {
                break;
            }
            rows_left = rows_left.saturating_sub(rows);
            days.push(day);
        }
    }
    let made = list(&days);
    for sums in ALL {
        sums.make(conn, &made)?;
    }
    conn.execute_batch(&format!("DELETE FROM day_pending WHERE day IN ({made})"))?;
    Ok(pending.len() - days.len())
}
