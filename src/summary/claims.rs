//! What does not count by default, as nobody proved it, beside the figures that leave it out.

use serde::Serialize;
use serde_json::{Value, json};

use crate::query::claims::Claims;

/// For a page.
#[derive(Serialize)]
pub(crate) struct Beside {
    reports: i64,
    sessions: i64,
    failed: i64,
}

pub(crate) fn beside(claims: Option<&Claims>) -> Option<Beside> {
    claims.map(|claims| Beside {
        reports: claims.reports,
        sessions: claims.sessions.total(),
        failed: claims.sessions.failed,
    })
}

/// For scripts.
pub(crate) fn json(claims: &Claims) -> Value {
    json!({ "reports": claims.reports, "successful": claims.sessions.successful, "failed": claims.sessions.failed })
}
