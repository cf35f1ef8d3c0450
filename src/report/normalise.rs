//! From wire values to domain types: one file for each kind of value, each tolerance with its deviation.

mod count;
pub(super) mod date;
pub(super) mod domain;
mod failure;
mod ip;
mod policy;
mod report;
mod sts;
mod text;
mod tlsa;

pub(super) use failure::failure;
pub(super) use policy::policy_result;
pub(super) use report::report;
#[cfg(fuzzing)]
pub(in crate::report) use sts::sts;
#[cfg(fuzzing)]
pub(in crate::report) use tlsa::tlsa;
