//! The alerts that stand or stood, and what happened to each.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Connection, Row, params, types::Type};
use uuid::Uuid;

use super::rows::At;
use crate::{
    alerts::{Alert, AlertEvent, AlertEvidence, AlertRule, AlertStatus, Subject, Transition},
    store::{StoreError, sql},
};

/// Days a resolved alert is remembered for: one that comes back within a few of them goes on.
const REMEMBERED_DAYS: i64 = 30;
/// Alerts whose evidence one transaction brings up to date: senders of reports wait behind it.
const REFRESHED_MAX: usize = 500;
/// Alerts looked up by one statement.
const AT_ONCE_MAX: usize = 4_096;

/// One line of an alert's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    pub at: DateTime<Utc>,
    pub event: AlertEvent,
    /// Whether the channels were notified.
    pub notified: bool,
    /// Why they were not.
    pub muted: Option<String>,
    pub evidence: AlertEvidence,
}

const COLUMNS: &str = "uuid, rule, policy_domain, organisation, result_type, mx_host, part, status, since, fired_at, \
                       changed_at, notified_at, acknowledged_at, acknowledgement, times, evidence";

/// What an evaluation has to know: the alerts that fire, and those resolved within the last 30 days.
pub fn standing(conn: &Connection, now: DateTime<Utc>) -> Result<Vec<Alert>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM alert WHERE status = 'firing' OR changed_at >= ? ORDER BY fired_at, rule, uuid");
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![At(now - TimeDelta::days(REMEMBERED_DAYS))], read)?;
    readable(rows)
}

/// The alerts for the page: firing ones first, then the others, last changed first.
pub fn alerts(conn: &Connection, rows_max: usize) -> Result<Vec<Alert>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM alert ORDER BY status <> 'firing', changed_at DESC, uuid LIMIT {rows_max}");
    let mut statement = conn.prepare(&sql)?;
    readable(statement.query_map([], read)?)
}

/// How many there are.
pub fn total(conn: &Connection) -> Result<u64, StoreError> {
    Ok(conn.query_row("SELECT count(*) FROM alert", [], |row| row.get(0))?)
}

/// All that fire.
pub fn all_firing(conn: &Connection) -> Result<Vec<Alert>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE status = 'firing' ORDER BY fired_at, uuid");
    let mut statement = conn.prepare(&sql)?;
    readable(statement.query_map([], read)?)
}

/// One row that cannot be read, such as of a rule that a newer version knows, must not keep all others from being judged.
fn readable(rows: impl Iterator<Item = duckdb::Result<Alert>>) -> Result<Vec<Alert>, StoreError> {
    let mut alerts = Vec::new();
    for row in rows {
        match row {
            Ok(alert) => alerts.push(alert),
            Err(duckdb::Error::FromSqlConversionFailure(_, _, error)) => {
                tracing::warn!(%error, "an alert cannot be read and is left out");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(alerts)
}

/// How many alerts fire now, and how many of them nobody has acknowledged.
pub fn firing(conn: &Connection) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT count(*), count(*) FILTER (acknowledged_at IS NULL) FROM alert WHERE status = 'firing'";
    Ok(conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

pub fn alert(conn: &Connection, uuid: Uuid) -> Result<Option<Alert>, StoreError> {
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS} FROM alert WHERE uuid = ?::UUID LIMIT 1"))?;
    Ok(statement.query_map(params![uuid], read)?.next().transpose()?)
}

/// What happened to an alert, oldest first.
pub fn history(conn: &Connection, uuid: Uuid) -> Result<Vec<Happened>, StoreError> {
    let sql = "SELECT happened_at, event, notified, muted, evidence FROM alert_event WHERE alert = ?::UUID \
               ORDER BY happened_at, rowid";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map(params![uuid], |row| {
        let event: String = row.get(1)?;
        Ok(Happened {
            at: row.get(0)?,
            event: AlertEvent::from_name(&event).ok_or_else(|| unknown(1, &event))?,
            notified: row.get(2)?,
            muted: row.get(3)?,
            evidence: evidence(row, 4)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Writes what an evaluation found. An acknowledgement that came meanwhile stays. A few statements for all of them: senders of
/// reports wait behind this transaction, and one outage can be about thousands of policy domains.
pub fn record(conn: &Connection, transitions: &[Transition], now: DateTime<Utc>) -> Result<(), StoreError> {
    if transitions.is_empty() {
        return Ok(());
    }
    let last: HashMap<Uuid, &Transition> = transitions.iter().map(|it| (it.alert.uuid, it)).collect();
    let mut acknowledged = take_out(conn, &last.keys().copied().collect::<Vec<_>>())?;
    let mut rows = conn.appender("alert")?;
    for transition in
        transitions.iter().filter(|it| last.get(&it.alert.uuid).is_some_and(|last| std::ptr::eq(*last, *it)))
    {
        let alert = &transition.alert;
        let Subject { policy_domain, organisation, result_type, mx_host, part } = &alert.subject;
        let stood = acknowledged.remove(&alert.uuid);
        let (acknowledged_at, acknowledgement) = match stood {
            // Who acknowledged it the last time has not seen that it came back.
            Some(_) if transition.event == AlertEvent::Reopened => (None, None),
            Some(stood) => stood,
            None => (alert.acknowledged_at, alert.acknowledgement.clone()),
        };
        rows.append_row(params![
            alert.uuid,
            alert.rule.as_str(),
            policy_domain,
            organisation,
            result_type,
            mx_host,
            part,
            alert.status.as_str(),
            At(alert.since),
            At(alert.fired_at),
            At(alert.changed_at),
            alert.notified_at.map(At),
            acknowledged_at.map(At),
            acknowledgement,
            alert.times,
            json(&alert.evidence)
        ])?;
    }
    rows.flush()?;
    let mut history = conn.appender("alert_event")?;
    for Transition { event, alert, notified, muted } in transitions {
        history.append_row(params![alert.uuid, At(now), event.as_str(), notified, muted, json(&alert.evidence)])?;
    }
    Ok(history.flush()?)
}

/// When somebody acknowledged an alert, and what they wrote.
type Acknowledgement = (Option<DateTime<Utc>>, Option<String>);

/// Removes the rows of these alerts; of each that there was, the acknowledgement.
fn take_out(conn: &Connection, uuids: &[Uuid]) -> Result<HashMap<Uuid, Acknowledgement>, StoreError> {
    let mut stood = HashMap::new();
    for part in uuids.chunks(AT_ONCE_MAX) {
        let listed = sql::uuid_table(part.iter());
        let sql = format!("SELECT uuid, acknowledged_at, acknowledgement FROM alert WHERE uuid IN ({listed})");
        let mut statement = conn.prepare(&sql)?;
        for row in statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))? {
            let (uuid, acknowledgement) = row?;
            stood.insert(uuid, acknowledgement);
        }
        conn.execute_batch(&format!("DELETE FROM alert WHERE uuid IN ({listed})"))?;
    }
    Ok(stood)
}

fn json(evidence: &AlertEvidence) -> String {
    serde_json::to_string(evidence).unwrap_or_default()
}

/// Brings the evidence of alerts that go on up to date; of many the rest is left to the next evaluation.
pub fn refresh(conn: &Connection, alerts: &[Alert]) -> Result<(), StoreError> {
    let sql = "UPDATE alert SET since = ?, evidence = ? WHERE uuid = ?::UUID AND status = 'firing'";
    let mut statement = conn.prepare(sql)?;
    for alert in alerts.iter().take(REFRESHED_MAX) {
        statement.execute(params![At(alert.since), json(&alert.evidence), alert.uuid])?;
    }
    Ok(())
}

/// The operator has seen it: it is not reminded of any more. False where there is no such alert or it is over.
pub fn acknowledge(conn: &Connection, uuid: Uuid, note: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let sql = "UPDATE alert SET acknowledged_at = ?, acknowledgement = ? WHERE uuid = ?::UUID AND status = 'firing'";
    if conn.execute(sql, params![At(now), note, uuid])? == 0 {
        return Ok(false);
    }
    let evidence: String =
        conn.query_row("SELECT evidence FROM alert WHERE uuid = ?::UUID", params![uuid], |row| row.get(0))?;
    append(conn, uuid, now, AlertEvent::Acknowledged, false, Some(note).filter(|note| !note.is_empty()), &evidence)?;
    Ok(true)
}

fn append(
    conn: &Connection,
    uuid: Uuid,
    at: DateTime<Utc>,
    event: AlertEvent,
    notified: bool,
    muted: Option<&str>,
    evidence: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert_event VALUES (?::UUID, ?, ?, ?, ?, ?)";
    conn.execute(sql, params![uuid, At(at), event.as_str(), notified, muted, evidence])?;
    Ok(())
}

fn read(row: &Row<'_>) -> duckdb::Result<Alert> {
    let (rule, status): (String, String) = (row.get(1)?, row.get(7)?);
    Ok(Alert {
        uuid: row.get(0)?,
        rule: AlertRule::from_name(&rule).ok_or_else(|| unknown(1, &rule))?,
        subject: Subject {
            policy_domain: row.get(2)?,
            organisation: row.get(3)?,
            result_type: row.get(4)?,
            mx_host: row.get(5)?,
            part: row.get(6)?,
        },
        status: AlertStatus::from_name(&status).ok_or_else(|| unknown(7, &status))?,
        since: row.get(8)?,
        fired_at: row.get(9)?,
        changed_at: row.get(10)?,
        notified_at: row.get(11)?,
        acknowledged_at: row.get(12)?,
        acknowledgement: row.get(13)?,
        times: row.get(14)?,
        evidence: evidence(row, 15)?,
    })
}

/// Members this version does not know are left out, those it misses are empty.
fn evidence(row: &Row<'_>, column: usize) -> duckdb::Result<AlertEvidence> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| duckdb::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

fn unknown(column: usize, name: &str) -> duckdb::Error {
    let error = format!("`{name}` is of a newer version");
    duckdb::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{engine::migrate, fixtures::memory};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn fired() -> Alert {
        let subject = Subject { policy_domain: Some("example.com".to_owned()), ..Subject::default() };
        Alert {
            uuid: Alert::name(AlertRule::PolicyFetch, &subject, at(10)),
            rule: AlertRule::PolicyFetch,
            subject,
            status: AlertStatus::Firing,
            since: at(1),
            fired_at: at(10),
            changed_at: at(10),
            notified_at: Some(at(10)),
            acknowledged_at: None,
            acknowledgement: None,
            times: 1,
            evidence: AlertEvidence { failed: 812, first_day: "2026-11-19".parse().ok(), ..AlertEvidence::default() },
        }
    }

    fn transition(event: AlertEvent, alert: Alert) -> Transition {
        Transition { event, alert, notified: true, muted: None }
    }

    #[test]
    fn an_alert_is_read_as_it_was_written_with_its_history() {
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        let alert = fired();
        record(&conn, &[transition(AlertEvent::Fired, alert.clone())], at(10)).unwrap();
        assert_eq!(standing(&conn, at(10)).unwrap(), std::slice::from_ref(&alert));
        assert!(acknowledge(&conn, alert.uuid, "known", at(20)).unwrap());
        assert_eq!(firing(&conn).unwrap(), (1, 0));

        // The evaluation knew the alert as it was before the acknowledgement.
        let resolved = Alert { status: AlertStatus::Resolved, changed_at: at(30), ..alert.clone() };
        record(&conn, &[transition(AlertEvent::Resolved, resolved)], at(30)).unwrap();
        let read = super::alert(&conn, alert.uuid).unwrap().unwrap();
        assert_eq!((read.status, read.acknowledgement.as_deref()), (AlertStatus::Resolved, Some("known")));
        assert!(!acknowledge(&conn, alert.uuid, "too late", at(40)).unwrap());
        let events: Vec<AlertEvent> = history(&conn, alert.uuid).unwrap().iter().map(|line| line.event).collect();
        assert_eq!(events, [AlertEvent::Fired, AlertEvent::Acknowledged, AlertEvent::Resolved]);

        record(&conn, &[transition(AlertEvent::Reopened, alert.clone())], at(50)).unwrap();
        assert_eq!(super::alert(&conn, alert.uuid).unwrap().unwrap().acknowledged_at, None);
        let later = at(30) + TimeDelta::days(REMEMBERED_DAYS + 1);
        assert_eq!(standing(&conn, later).unwrap().len(), 1, "it fires");
    }

    #[test]
    fn a_row_that_cannot_be_read_does_not_hide_the_others() {
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        let other = Alert { uuid: Uuid::from_u128(1), ..fired() };
        record(&conn, &[transition(AlertEvent::Fired, fired()), transition(AlertEvent::Fired, other.clone())], at(10))
            .unwrap();
        for poison in ["rule = 'of-tomorrow'", "rule = 'dane', evidence = '{'", "evidence = '{}', status = 'asleep'"] {
            let uuid = fired().uuid;
            conn.execute_batch(&format!("UPDATE alert SET {poison} WHERE uuid = '{uuid}'")).unwrap();
            assert_eq!(alerts(&conn, 10).unwrap(), std::slice::from_ref(&other), "{poison}");
            assert!(standing(&conn, at(10)).unwrap().contains(&other));
        }
    }

    #[test]
    fn an_outage_of_thousands_of_domains_is_recorded_at_once() {
        let conn = memory();
        migrate::migrate(&conn).unwrap();
        let fired: Vec<Transition> = (0..20_000)
            .map(|number| {
                let subject = Subject { policy_domain: Some(format!("{number}.example")), ..Subject::default() };
                let uuid = Alert::name(AlertRule::PolicyFetch, &subject, at(10));
                transition(AlertEvent::Fired, Alert { uuid, subject, ..super::tests::fired() })
            })
            .collect();
        record(&conn, &fired, at(10)).unwrap();
        let seen = fired[7].alert.uuid;
        assert!(acknowledge(&conn, seen, "known", at(20)).unwrap());
        // One statement for each would take minutes here, and everybody who writes would wait.
        let resolved: Vec<Transition> = fired
            .into_iter()
            .map(|it| {
                transition(
                    AlertEvent::Resolved,
                    Alert { status: AlertStatus::Resolved, changed_at: at(30), ..it.alert },
                )
            })
            .collect();
        record(&conn, &resolved, at(30)).unwrap();
        assert_eq!(firing(&conn).unwrap(), (0, 0));
        let rows =
            |table: &str| conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        assert_eq!((rows("alert").unwrap(), rows("alert_event").unwrap()), (20_000, 40_001));
        assert_eq!(super::alert(&conn, seen).unwrap().unwrap().acknowledgement.as_deref(), Some("known"));
    }
}
