//! What the pipeline hands to the writer.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    fault::Fault,
    report::Report,
    submission::{Channel, Origin, Trust},
};

/// One body as it arrived, shared by the entries that came out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// Beside the rest, wherever that is written.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    pub channel: Channel,
    pub peer: Option<IpAddr>,
    pub source: Option<String>,
    pub received_at: DateTime<Utc>,
    pub trust: Trust,
    /// Domains the token covers; `None` where the body came without a token.
    pub token_domains: Option<Vec<String>>,
    pub origin: Origin,
    pub submitter: Option<String>,
    pub media_type: Option<String>,
    pub content_encoding: Option<String>,
}

/// One report, or one fault, to be kept.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    pub arrival: Arc<Arrival>,
    /// Index in the document, where the document is an array of reports.
    pub element: Option<u32>,
    pub kind: EntryKind,
    /// The quarantine entry this one comes from (admit, reprocess): it is removed in the same transaction when the report
    /// is stored or turns out to be a duplicate.
    pub from_quarantine: Option<Uuid>,
    /// The operator decided: on a conflict this report takes the stored one's place.
    pub replaces: bool,
}

impl StoredEntry {
    /// Rows it takes in all tables.
    pub fn rows(&self) -> usize {
        match &self.kind {
            EntryKind::Report { report, .. } => {
                2 + report.policies.iter().map(|policy| 1 + policy.failures.len()).sum::<usize>()
            }
            EntryKind::Quarantine { .. } => 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EntryKind {
    Report {
        report: Box<Report>,
        identity: Uuid,
        /// The identity the same report has when it comes another way: signed where it was not, or unsigned where it was.
        alias: Option<Uuid>,
        content: Uuid,
        organisation_key: String,
    },
    #[serde(skip)]
    Quarantine { fault: Fault, organisation: Option<String>, report_id: Option<String> },
}
