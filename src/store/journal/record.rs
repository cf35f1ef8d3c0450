//! A submission as a record of the journal: its description as JSON, which names what was found out about it and what was made of it,
//! and the received bytes. Nobody has to be asked again when it is loaded.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::layout::Record;
use crate::store::{Arrival, EntryKind, StoredEntry};

#[derive(Serialize)]
struct Written<'a> {
    arrival: &'a Arrival,
    reports: Vec<WrittenReport<'a>>,
}

#[derive(Serialize)]
struct WrittenReport<'a> {
    element: Option<u32>,
    report: &'a EntryKind,
}

#[derive(Deserialize)]
struct Found {
    arrival: Arrival,
    reports: Vec<FoundReport>,
}

#[derive(Deserialize)]
struct FoundReport {
    element: Option<u32>,
    report: EntryKind,
}

/// What is left of a record where its reports cannot be read.
#[derive(Deserialize)]
struct ArrivalAlone {
    arrival: Arrival,
}

/// Describes entries that hold reports and came in one body. `None` where they do not.
pub fn describe(entries: &[StoredEntry]) -> Option<Vec<u8>> {
    let arrival = &entries.first()?.arrival;
    let is_plain = |entry: &StoredEntry| {
        Arc::ptr_eq(&entry.arrival, arrival)
            && matches!(entry.kind, EntryKind::Report { .. })
            && entry.from_quarantine.is_none()
            && !entry.replaces
    };
    if !entries.iter().all(is_plain) {
        return None;
    }
    let reports = entries.iter().map(|entry| WrittenReport { element: entry.element, report: &entry.kind }).collect();
    serde_json::to_vec(&Written { arrival, reports }).ok()
}

/// The entries of a record.
pub fn entries(record: &Record<'_>) -> serde_json::Result<Vec<StoredEntry>> {
    let Found { mut arrival, reports } = serde_json::from_slice(record.description)?;
    arrival.bytes = record.body.to_vec();
    let arrival = Arc::new(arrival);
    let entry = |FoundReport { element, report }| StoredEntry {
        arrival: Arc::clone(&arrival),
        element,
        kind: report,
        from_quarantine: None,
        replaces: false,
    };
    Ok(reports.into_iter().map(entry).collect())
}

/// The received bytes of a record and where they came from, to be taken in again like any others.
pub fn arrival(record: &Record<'_>) -> serde_json::Result<Arrival> {
    let ArrivalAlone { mut arrival } = serde_json::from_slice(record.description)?;
    arrival.bytes = record.body.to_vec();
    Ok(arrival)
}
