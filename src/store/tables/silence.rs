//! Silences set from the page. They are kept after their end, so that it can be seen why nobody was told.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};
use uuid::Uuid;

use super::rows::At;
use crate::{
    alerts::{AlertRule, Mute},
    store::StoreError,
};

/// One row of `silence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSilence {
    pub uuid: Uuid,
    pub rule: Option<AlertRule>,
    pub policy_domain: Option<String>,
    pub organisation: Option<String>,
    pub result_type: Option<String>,
    pub until: DateTime<Utc>,
    pub reason: String,
    pub added_at: DateTime<Utc>,
    /// `None` where it was not ended before its time.
    pub ended_at: Option<DateTime<Utc>>,
}

impl SetSilence {
    /// As the evaluation takes it; `None` where it was ended before its time.
    pub fn mute(&self) -> Option<Mute> {
        let SetSilence { rule, policy_domain, organisation, result_type, until, reason, ended_at, .. } = self.clone();
        ended_at.is_none().then_some(Mute { until, reason, rule, policy_domain, organisation, result_type })
    }
}

/// All silences, the last to end first.
pub fn silences(conn: &Connection) -> Result<Vec<SetSilence>, StoreError> {
    let sql = "SELECT uuid, rule, policy_domain, organisation, result_type, until, reason, added_at, ended_at FROM silence \
               ORDER BY coalesce(ended_at, until) DESC, added_at DESC, uuid LIMIT 1000";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let rule: Option<String> = row.get(1)?;
        // The rule of a newer version silences nothing here; taken for "any rule" it would silence everything.
        if rule.as_deref().is_some_and(|rule| AlertRule::from_name(rule).is_none()) {
            return Ok(None);
        }
        Ok(Some(SetSilence {
            uuid: row.get(0)?,
            rule: rule.as_deref().and_then(AlertRule::from_name),
            policy_domain: row.get(2)?,
            organisation: row.get(3)?,
            result_type: row.get(4)?,
            until: row.get(5)?,
            reason: row.get(6)?,
            added_at: row.get(7)?,
            ended_at: row.get(8)?,
        }))
    })?;
    Ok(rows.filter_map(Result::transpose).collect::<duckdb::Result<_>>()?)
}

pub fn add(conn: &Connection, silence: &SetSilence) -> Result<(), StoreError> {
    let sql = "INSERT INTO silence VALUES (?::UUID, ?, ?, ?, ?, ?, ?, ?, ?)";
    let SetSilence { uuid, rule, policy_domain, organisation, result_type, until, reason, added_at, ended_at } =
        silence;
    conn.execute(
        sql,
        params![
            uuid,
            rule.map(AlertRule::as_str),
            policy_domain,
            organisation,
            result_type,
            At(*until),
            reason,
            At(*added_at),
            ended_at.map(At)
        ],
    )?;
    Ok(())
}

/// Ends a silence before its time. False where there is none in force under this name.
pub fn end(conn: &Connection, uuid: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let sql = "UPDATE silence SET ended_at = ? WHERE uuid = ?::UUID AND ended_at IS NULL AND until > ?";
    Ok(conn.execute(sql, params![At(now), uuid, At(now)])? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{engine::migrate, fixtures::memory};

    #[test]
    fn a_silence_is_kept_after_it_was_ended() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        let silence = SetSilence {
            uuid: Uuid::from_u128(1),
            rule: Some(AlertRule::Dane),
            policy_domain: Some("example.com".to_owned()),
            organisation: None,
            result_type: None,
            until: at(100),
            reason: "rollover".to_owned(),
            added_at: at(1),
            ended_at: None,
        };
        add(&conn, &silence).unwrap();
        assert_eq!(silences(&conn).unwrap(), std::slice::from_ref(&silence));
        assert_eq!(silences(&conn).unwrap()[0].mute().unwrap().until, at(100));
        assert!(end(&conn, silence.uuid, at(50)).unwrap());
        assert_eq!(silences(&conn).unwrap()[0].mute(), None);
        assert!(!end(&conn, silence.uuid, at(60)).unwrap());
        assert_eq!(silences(&conn).unwrap()[0].ended_at, Some(at(50)));
    }
}
