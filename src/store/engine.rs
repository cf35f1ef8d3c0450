//! The database file: opening, migrating, repairing, the one writer and its readers.

pub mod backoff;
pub mod bulk;
pub mod condition;
#[cfg(test)]
mod crash_tests;
pub mod migrate;
pub mod note;
pub mod open;
pub mod place;
pub mod probe;
pub mod queue;
pub mod reader;
pub mod recover;
pub mod repair;
pub mod wal;
pub mod writer;
