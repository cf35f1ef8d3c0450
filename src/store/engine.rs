//! The database file: opening, migrating, repairing, the one writer and its readers.

pub mod backoff;
pub mod bulk;
pub mod condition;
#[cfg(test)]
mod crash_tests;
pub mod migrate;
pub mod note;
pub mod open;
pub mod parts;
#[cfg(test)]
pub mod parts_tests;
pub mod place;
pub mod probe;
pub mod queue;
pub mod reader;
pub mod recount;
#[cfg(test)]
pub mod recount_tests;
pub mod recover;
pub mod rekey;
pub mod repair;
pub mod transaction;
pub mod wal;
pub mod writer;
