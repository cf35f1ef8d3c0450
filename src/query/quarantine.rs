//! What is kept but not counted, and why.

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{Connection, Row};
use uuid::Uuid;

use super::{Filter, Range, ask, ask_with, fill::of_trust, first, get, sessions};
use crate::{
    fault::FaultCode,
    submission::{Channel, NetworkState, SignatureVerdict, Trust, TrustFilter},
};

/// Fault codes told apart in a summary.
const CODES_MAX: i64 = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub uuid: Uuid,
    pub first_received_at: DateTime<Utc>,
    pub last_received_at: DateTime<Utc>,
    /// How often this content came.
    pub times: i64,
    pub channel: Channel,
    pub peer: Option<String>,
    pub source: Option<String>,
    pub trust: Trust,
    pub code: FaultCode,
    pub detail: String,
    /// Where the fault lies, in the words of `fault::Place`.
    pub place: String,
    /// Index of the report in its document, where the document holds several.
    pub element: Option<i32>,
    /// The stored report it collides with.
    pub report: Option<Uuid>,
    pub organisation: Option<String>,
    pub report_id: Option<String>,
    pub media_type: Option<String>,
    pub content_encoding: Option<String>,
    /// As received; the kept ones may be fewer.
    pub bytes_total: i64,
    /// Of the mail it came in.
    pub from_domain: Option<String>,
    pub dkim_verdict: Option<SignatureVerdict>,
    pub dkim_domain: Option<String>,
    pub dkim_selector: Option<String>,
    /// Whether DNSSEC secured the key; `None` where it was not asked for one.
    pub key_secure: Option<bool>,
}

/// One entry with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    pub quarantined: Quarantined,
    /// `None`: came without a token.
    pub token_domains: Option<String>,
    pub bytes: Vec<u8>,
    /// When the mail reached the mailbox it was taken from.
    pub mailed_at: Option<DateTime<Utc>>,
    /// Whether the posting address proves a domain, which one, and why, as with stored reports.
    pub network_state: Option<NetworkState>,
    pub network_domain: Option<String>,
    pub network_evidence: Option<String>,
}

/// What the list is narrowed to. Quarantined input has no policy domain and belongs to no day of a report, so the days are
/// those of its last arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub trust: Option<TrustFilter>,
    /// The least that counts by default.
    pub least: Trust,
    pub organisation: Option<String>,
    pub code: Option<FaultCode>,
}

/// Where the page before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineCursor {
    pub received_at: DateTime<Utc>,
    pub uuid: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuarantinePage {
    pub rows: Vec<Quarantined>,
    /// Over all pages.
    pub total: i64,
    pub next: Option<QuarantineCursor>,
}

/// Last received first.
pub fn quarantine(
    connection: &Connection,
    narrowed: &Narrowed,
    rows_max: usize,
    after: Option<&QuarantineCursor>,
) -> duckdb::Result<QuarantinePage> {
    let asked = rows_max as i64 + 1;
    let after_received_at = after.map(|after| after.received_at.naive_utc());
    let after_uuid = after.map(|after| after.uuid.to_string());
    let more: [(&str, &dyn duckdb::ToSql); 7] = [
        ("rows_max", &asked),
        ("from_day", &narrowed.from),
        ("to_day", &narrowed.to),
        ("organisation", &narrowed.organisation),
        ("code", &narrowed.code),
        ("after_received_at", &after_received_at),
        ("after_uuid", &after_uuid),
    ];
    let of_trust = narrowed.trust.and_then(|trust| of_trust(trust, narrowed.least)).unwrap_or("true");
    let found = ask_with(connection, include_str!("quarantine.sql"), &[("trust", of_trust)], None, &more, |row| {
        Ok((read(row)?, get::<i64>(row, 23)?))
    })?;
    let total = found.first().map_or(0, |(_, total)| *total);
    let mut rows: Vec<Quarantined> = found.into_iter().map(|(row, _)| row).collect();
    let mut next = None;
    if rows.len() > rows_max {
        rows.truncate(rows_max);
        next = rows.last().map(|last| QuarantineCursor { received_at: last.last_received_at, uuid: last.uuid });
    }
    Ok(QuarantinePage { rows, total, next })
}

/// Input of one From domain with one of these fault codes, last received first.
pub fn of_sender(
    connection: &Connection,
    from_domain: &str,
    codes: &[FaultCode],
    rows_max: usize,
) -> duckdb::Result<Vec<Uuid>> {
    let codes = codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(" ");
    let asked = rows_max as i64;
    let more: [(&str, &dyn duckdb::ToSql); 3] =
        [("from_domain", &from_domain), ("codes", &codes), ("rows_max", &asked)];
    ask(connection, include_str!("quarantine_of_sender.sql"), None, &more, |row| get(row, 0))
}

pub fn entry(connection: &Connection, uuid: Uuid) -> duckdb::Result<Option<QuarantineRow>> {
    let text = uuid.to_string();
    let found = ask(connection, include_str!("quarantine_entry.sql"), None, &[("uuid", &text)], |row| {
        Ok(QuarantineRow {
            quarantined: read(row)?,
            token_domains: get(row, 23)?,
            bytes: get(row, 24)?,
            mailed_at: get(row, 25)?,
            network_state: get(row, 26)?,
            network_domain: get(row, 27)?,
            network_evidence: get(row, 28)?,
        })
    })?;
    Ok(first(found))
}

/// How much there is, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes {
    pub total: i64,
    /// Fault code and how many inputs, most first; at most 5.
    pub codes: Vec<(FaultCode, i64)>,
}

/// What arrived last in these days. No filter narrows it: what could not be read, or proven, has neither a domain nor trust.
pub fn codes(connection: &Connection, range: Range) -> duckdb::Result<Codes> {
    let filter = Filter::new(range);
    let mut codes = Codes::default();
    for (code, inputs, total) in
        ask(connection, include_str!("quarantine_codes.sql"), Some(&filter), &[("rows_max", &CODES_MAX)], |row| {
            Ok((get::<FaultCode>(row, 0)?, get::<i64>(row, 1)?, sessions(row, 2)?))
        })?
    {
        codes.total = total;
        codes.codes.push((code, inputs));
    }
    Ok(codes)
}

pub fn count(connection: &Connection) -> duckdb::Result<i64> {
    let rows = ask(connection, include_str!("quarantine_count.sql"), None, &[], |row| get(row, 0))?;
    Ok(first(rows).unwrap_or(0))
}

fn read(row: &Row<'_>) -> duckdb::Result<Quarantined> {
    Ok(Quarantined {
        uuid: get(row, 0)?,
        first_received_at: get(row, 1)?,
        last_received_at: get(row, 2)?,
        times: get(row, 3)?,
        channel: get(row, 4)?,
        peer: get(row, 5)?,
        source: get(row, 6)?,
        trust: get(row, 7)?,
        code: get(row, 8)?,
        detail: get(row, 9)?,
        place: get(row, 10)?,
        element: get(row, 11)?,
        report: get(row, 12)?,
        organisation: get(row, 13)?,
        report_id: get(row, 14)?,
        media_type: get(row, 15)?,
        content_encoding: get(row, 16)?,
        bytes_total: get(row, 17)?,
        from_domain: get(row, 18)?,
        dkim_verdict: get(row, 19)?,
        dkim_domain: get(row, 20)?,
        dkim_selector: get(row, 21)?,
        key_secure: get(row, 22)?,
    })
}
