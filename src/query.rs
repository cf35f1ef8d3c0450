//! What can be asked of the store: one question is one `.rs` with the `.sql` of the same name. Questions only read, each
//! reads one table (a few add a set of keys from a second one) and is bounded by day, so that it stays fast when the tables are large.
//!
//! What is counted how stands in `docs/figures.md`. A statement names its rows by placeholders (`fill`), so that every question understands a filter in
//! the same way.

pub mod breakdown;
pub mod causes;
pub mod channels;
pub mod choices;
pub mod claims;
pub mod coverage;
pub mod daily;
pub mod facts;
pub mod failures;
mod fill;
pub mod filter;
pub mod named;
pub mod newcomers;
pub mod overview;
pub mod pairs;
pub mod policies_seen;
pub mod policy_days;
pub mod policy_fetch;
pub mod quarantine;
pub mod report;
pub mod reported;
pub mod reports;
pub mod shares;
pub mod silent;
pub mod span;
mod sums;
pub mod trend;
pub mod week;

use duckdb::{Connection, Row, ToSql, types::FromSql};

pub use crate::day_range::Range;
use crate::{reporters, store::tables::day_sums};
use fill::fill;
pub use filter::Filter;
use sums::Sums;

/// Runs one question and collects its rows.
fn ask<T>(
    connection: &Connection,
    sql: &str,
    filter: Option<&Filter>,
    more: &[(&str, &dyn ToSql)],
    read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
) -> duckdb::Result<Vec<T>> {
    ask_with(connection, sql, &[], filter, more, read)
}

/// The same for a question that puts text of its own into the SQL.
fn ask_with<T>(
    connection: &Connection,
    sql: &str,
    put_in: &[(&str, &str)],
    filter: Option<&Filter>,
    more: &[(&str, &dyn ToSql)],
    read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
) -> duckdb::Result<Vec<T>> {
    let sums_of_days = sums::are_in(sql) || put_in.iter().any(|(_, text)| sums::are_in(text));
    let sql = match filter {
        Some(filter) if sums_of_days => {
            fill(sql, &[&put_in, filter, &Sums::new(filter, day_sums::pending(connection)?)])
        }
        Some(filter) => fill(sql, &[&put_in, filter]),
        None => fill(sql, &[&put_in]),
    }?;
    let parameters = filter.map(Filter::parameters).unwrap_or_default();
    let of_filter = parameters.iter().map(|(name, value)| (*name, value.as_ref() as &dyn ToSql));
    run(connection, &sql, of_filter.chain(more.iter().copied()), read)
}

/// Runs a filled statement. Only the parameters that stand in it are bound.
fn run<'a, T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Iterator<Item = (&'a str, &'a dyn ToSql)>,
    read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
) -> duckdb::Result<Vec<T>> {
    let bound: Vec<(&str, &dyn ToSql)> = parameters.filter(|(name, _)| mentions(sql, name)).collect();
    let mut statement = connection.prepare(sql)?;
    statement.query_map(bound.as_slice(), read)?.collect()
}

fn mentions(sql: &str, name: &str) -> bool {
    sql.match_indices('$').any(|(at, _)| {
        sql[at + 1..]
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
    })
}

/// A sum of sessions. DuckDB sums to 128 bits; senders may claim anything, so the result is held within 64.
fn sessions(row: &Row<'_>, column: usize) -> duckdb::Result<i64> {
    let sum: Option<i128> = row.get(column)?;
    Ok(i64::try_from(sum.unwrap_or(0)).unwrap_or(i64::MAX))
}

/// A text column that holds one element a line.
fn lines(row: &Row<'_>, column: usize) -> duckdb::Result<Vec<String>> {
    let text: String = row.get(column)?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn first<T>(mut rows: Vec<T>) -> Option<T> {
    if rows.is_empty() { None } else { Some(rows.swap_remove(0)) }
}

/// What the key of an organisation in this column is called, where that is not the key itself. Never what it calls itself.
fn called(row: &Row<'_>, column: usize) -> duckdb::Result<Option<String>> {
    Ok(reporters::named(&get::<String>(row, column)?))
}

/// Reads a column by position; shorthand for the questions.
fn get<T: FromSql>(row: &Row<'_>, column: usize) -> duckdb::Result<T> {
    row.get(column)
}

#[cfg(test)]
mod tests;
