//! What the figures of a period mean, in sentences and as JSON: shared by pages, API and digest.

pub mod changes;
pub mod claims;
pub mod json;
pub mod outages;
pub(crate) mod sentences;
pub mod verdict;
