//! Which policies were served, and from when to when.

use duckdb::{Connection, params};
use uuid::Uuid;

use super::{id_of, known};
use crate::{
    check::{
        Observed,
        observed::{FetchOutcome, Seen},
        octets,
    },
    report::StsMode,
    store::{StoreError, tables::rows::At},
    sts::{content::PolicyContent, policy},
};

/// Notes the policy of a look. Where it could not be seen whether one is served, nothing changes.
pub(super) fn note(conn: &Connection, observed: &Observed) -> Result<(), StoreError> {
    let (domain, now) = (observed.domain.as_str(), At(observed.looked_at));
    let Some(served) = served(observed) else { return Ok(()) };
    let name = served.as_ref().map(|(content, _)| content.name());
    let gone = "UPDATE policy_published SET gone_at = ? \
                WHERE policy_domain = ? AND gone_at IS NULL AND (?::UUID IS NULL OR content <> ?::UUID)";
    conn.execute(gone, params![now, domain, name, name])?;
    let Some((content, text)) = served else { return Ok(()) };
    let id = known(&observed.sts.records, |records| id_of(observed, records)).flatten();
    let seen = "UPDATE policy_published SET last_seen_at = ?, id = coalesce(?, id), text = ? \
                WHERE policy_domain = ? AND gone_at IS NULL";
    if conn.execute(seen, params![now, id, text, domain])? == 0 {
        let PolicyContent { mode, max_age_s, mx } = &content;
        let mx: Vec<&str> = mx.iter().map(String::as_str).collect();
        let sql = "INSERT INTO policy_published VALUES (?, ?::UUID, ?, ?, ?, ?, ?, ?, ?, NULL)";
        let max_age_s = i64::try_from(*max_age_s).unwrap_or(i64::MAX);
        let name: Uuid = content.name();
        conn.execute(sql, params![domain, name, id, text, mode.as_str(), max_age_s, mx.join("\n"), now, now])?;
    }
    Ok(())
}

/// The policy and its text; `Some(None)` where it was seen that no usable one is served, `None` where that is not known.
fn served(observed: &Observed) -> Option<Option<(PolicyContent, String)>> {
    if let Some(body) = observed.policy_host.body() {
        let content = PolicyContent::of(&policy::read(body));
        return Some(content.map(|content| (content, octets::shown(body))));
    }
    match &observed.policy_host.addresses {
        Seen::Unknown(_) => None,
        Seen::Nothing => Some(None),
        Seen::Found(_) => {
            // An address that answered otherwise serves none; one that could not be reached from here may.
            let answered = |outcome: &FetchOutcome| matches!(outcome, FetchOutcome::Answered(_));
            observed.policy_host.fetches.iter().any(|fetch| answered(&fetch.outcome)).then_some(None)
        }
    }
}

/// As it is kept; `None` for a mode that this version does not know.
pub(super) fn content(mode: &str, max_age_s: i64, mx: &str) -> Option<PolicyContent> {
    let mode = StsMode::from_name(mode)?;
    Some(PolicyContent { mode, max_age_s: u64::try_from(max_age_s).ok()?, mx: mx.lines().map(str::to_owned).collect() })
}
