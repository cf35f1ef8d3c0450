//! From wire values to domain types: one file for each kind of value, each tolerance with its deviation.

mod count;
pub mod date;
pub mod domain;
mod failure;
mod ip;
mod policy;
mod report;
mod sts;
mod text;
mod tlsa;

pub use failure::failure;
pub use policy::policy_result;
pub use report::report;
#[cfg(fuzzing)]
pub use sts::sts;
#[cfg(fuzzing)]
pub use tlsa::tlsa;
