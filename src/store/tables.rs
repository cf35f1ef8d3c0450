//! What stands in the tables, a file each.

pub mod age;
pub mod alert;
mod columns;
pub mod counts;
pub mod day_sums;
#[cfg(test)]
mod day_sums_tests;
pub mod digest;
pub mod entry;
pub mod eviction;
pub mod journal_position;
pub mod known;
pub mod look;
pub mod mailbox;
mod named;
pub mod network;
pub mod outbox;
pub mod quarantine;
pub mod rows;
pub mod sender;
pub mod silence;
pub mod source_counts;
pub(in crate::store) mod standing;
pub mod test_report;
pub mod unproven;
#[cfg(test)]
mod unproven_tests;
pub mod usual;
