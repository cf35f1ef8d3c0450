//! One file a page: it asks `query`, shapes the answer for its template and hands it to `answer`.

pub mod alerts;
pub mod cause;
pub mod domains;
pub mod failures;
pub mod find;
pub mod health;
pub mod notifications;
pub mod overview;
pub mod quarantine;
pub mod readiness;
pub mod report;
pub mod reports;
pub mod result_types;
pub mod senders;
pub mod snippet;
pub mod sources;
pub mod week;
