//! The way to a running server for commands that need its data directory: a Unix socket inside that directory, so that
//! who may write there, and nobody else, may use it.
//!
//! A request is a big-endian u32 with the length of a JSON header, the header, and as many body bytes as the header says.
//! An answer is one line of JSON. Requests may be sent without waiting; answers come in their order. A server that does
//! not know a command skips its body and answers with an error, so that commands can be added.

pub mod batch;
mod client;
mod server;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    submission::{Busy, Outcome, Receipt},
    unix_socket::{PATH_MAX_BYTES, SocketError},
};
pub use client::ControlClient;
pub use server::Control;

/// Grows when an old client or server could misread a new one.
pub const VERSION: u32 = 1;
/// Bytes of one request's header.
pub const HEADER_MAX_BYTES: usize = 64 * 1024;
/// Bytes of one answer, which for an array of reports holds an outcome for each of them.
pub const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The code of a mail that is told as busy because the key of its signature cannot be looked up now.
const KEY_LOOKUP: &str = "key-lookup";

#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(
        "the control socket {path} has a path of {length} bytes and the system allows {PATH_MAX_BYTES}: \
         choose a shorter data directory"
    )]
    PathTooLong { path: PathBuf, length: usize },
    #[error("{0} is in the way of the control socket and is not a socket: move it elsewhere")]
    NotASocket(PathBuf),
    #[error("another server answers at {0}")]
    Taken(PathBuf),
    #[error("the directory {} of the control socket does not exist", .0.display())]
    NoDirectory(PathBuf),
    #[error("the control socket {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("the server at {path} answered unexpectedly: {detail}")]
    Protocol { path: PathBuf, detail: String },
}

impl ControlError {
    fn from_socket(path: &Path, error: SocketError) -> ControlError {
        match error {
            SocketError::TooLong { length, .. } => ControlError::PathTooLong { path: path.to_path_buf(), length },
            SocketError::NoDirectory(directory) => ControlError::NoDirectory(directory),
            SocketError::NotASocket(path) => ControlError::NotASocket(path),
            SocketError::Taken(path) => ControlError::Taken(path),
            SocketError::Io { path, error } => ControlError::Io { path, error },
        }
    }
}

/// `control.sock` in the data directory.
pub fn socket_path(data: &Path) -> Result<PathBuf, ControlError> {
    let path = data.join("control.sock");
    match path.as_os_str().len() {
        length if length > PATH_MAX_BYTES => Err(ControlError::PathTooLong { path, length }),
        _ => Ok(path),
    }
}

/// What stands before each body. Members that a command does not use are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub version: u32,
    /// `hello`, `submit`, or what an `AdminHandler` answers.
    pub command: String,
    /// Bytes of the body that follows.
    #[serde(default)]
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The operator trusts the body.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted_input: bool,
}

/// A server that knows nothing but to take reports.
impl AdminHandler for () {
    fn ask(&self, _: &str, _: &[u8]) -> Option<Result<serde_json::Value, String>> {
        None
    }
}

impl Header {
    /// A command without body.
    fn plain(command: &str) -> Header {
        Header {
            version: VERSION,
            command: command.to_owned(),
            bytes: 0,
            channel: None,
            source: None,
            media_type: None,
            trusted_input: false,
        }
    }
}

/// One line of answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum ControlAnswer {
    Hello {
        version: u32,
        program: String,
        report_wire_max_bytes: usize,
        /// Missing where the server is of a version that knows no mail.
        #[serde(default)]
        mail_wire_max_bytes: Option<usize>,
    },
    Receipt {
        outcomes: Vec<ReportedOutcome>,
    },
    /// What an `AdminHandler` answered.
    Said {
        value: serde_json::Value,
    },
    Error {
        detail: String,
    },
}

/// Answers what commands ask of a running server beside handing in reports.
pub trait AdminHandler: Send + Sync + 'static {
    /// `None` where there is no such command; the error is for the person at the terminal. Called where it may block.
    fn ask(&self, command: &str, body: &[u8]) -> Option<Result<serde_json::Value, String>>;
}

/// An outcome in the words that people and scripts are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedOutcome {
    pub outcome: OutcomeWord,
    /// The stored report or the quarantine entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was found, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The policy domains that are not served, where it is refused for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeWord {
    Stored,
    Duplicate,
    Quarantined,
    Refused,
    Busy,
    /// Plainly no report: not looked at, or a mail of another kind.
    Ignored,
}

impl OutcomeWord {
    pub fn as_str(self) -> &'static str {
        match self {
            OutcomeWord::Stored => "stored",
            OutcomeWord::Duplicate => "duplicate",
            OutcomeWord::Quarantined => "quarantined",
            OutcomeWord::Refused => "refused",
            OutcomeWord::Busy => "busy",
            OutcomeWord::Ignored => "ignored",
        }
    }
}

impl ReportedOutcome {
    /// Whether this one mail has to come again, while others may be stored.
    pub fn is_deferred(&self) -> bool {
        self.outcome == OutcomeWord::Busy && self.code.as_deref() == Some(KEY_LOOKUP)
    }
}

impl From<&Outcome> for ReportedOutcome {
    fn from(outcome: &Outcome) -> ReportedOutcome {
        let (word, uuid, fault) = match outcome {
            Outcome::Stored(uuid) => (OutcomeWord::Stored, Some(*uuid), None),
            Outcome::Duplicate(uuid) => (OutcomeWord::Duplicate, Some(*uuid), None),
            Outcome::Quarantined { entry, fault } => (OutcomeWord::Quarantined, Some(*entry), Some(fault)),
            Outcome::Refused(fault) => (OutcomeWord::Refused, None, Some(fault)),
            Outcome::Ignored(fault) => (OutcomeWord::Ignored, None, Some(fault)),
            Outcome::Busy(busy) => {
                let code = (*busy == Busy::KeyLookup).then(|| KEY_LOOKUP.to_owned());
                return ReportedOutcome {
                    outcome: OutcomeWord::Busy,
                    uuid: None,
                    code,
                    detail: Some(busy.to_string()),
                    domains: Vec::new(),
                };
            }
        };
        ReportedOutcome {
            outcome: word,
            uuid,
            code: fault.map(|fault| fault.code.as_str().to_owned()),
            detail: fault.map(ToString::to_string),
            domains: fault.map(|fault| fault.domains.clone()).unwrap_or_default(),
        }
    }
}

/// All outcomes of one submission.
pub fn reported(receipt: &Receipt) -> Vec<ReportedOutcome> {
    receipt.0.iter().map(ReportedOutcome::from).collect()
}

#[cfg(test)]
mod tests;
