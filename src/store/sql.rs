//! Literals for statements whose number of values varies. Only values that cannot carry SQL are written here; text always
//! goes through parameters.
//!
//! Literals and not parameters, because DuckDB prunes row groups by constants only.

use std::fmt::Write as _;

use chrono::NaiveDate;
use uuid::Uuid;

/// `'…'::UUID,'…'::UUID` for an `IN (…)`.
pub(super) fn uuids<'a>(uuids: impl IntoIterator<Item = &'a Uuid>) -> String {
    let mut list = String::new();
    for uuid in uuids {
        let separator = if list.is_empty() { "" } else { "," };
        write!(list, "{separator}'{uuid}'::UUID").expect("writing to a string does not fail");
    }
    list
}

/// A query with one column `name` of the UUIDs: one literal, which parses quicker than many.
pub(super) fn uuid_table<'a>(uuids: impl IntoIterator<Item = &'a Uuid>) -> String {
    let mut list = String::new();
    for uuid in uuids {
        let separator = if list.is_empty() { "" } else { "," };
        write!(list, "{separator}{uuid}").expect("writing to a string does not fail");
    }
    format!("SELECT unnest(string_split('{list}', ','))::UUID AS name")
}

/// `'…'::DATE`.
pub(super) fn day(day: NaiveDate) -> String {
    format!("'{}'::DATE", day.format("%Y-%m-%d"))
}
