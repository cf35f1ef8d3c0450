//! What can go wrong with a mailbox, in words that an operator can act on.

use std::{io, path::PathBuf, time::Duration};

use crate::{submission::Busy, tls::AuthoritiesError};

/// Folders that are named to somebody who has named one that is not there.
const FOLDERS_SHOWN_MAX: usize = 20;

/// Why a poll ended early. Each is one sentence without a full stop, for the health page and the log.
#[derive(Debug, thiserror::Error)]
pub enum ImapTrouble {
    #[error("the host {host} is not known: {source}")]
    UnknownHost { host: String, source: io::Error },
    #[error("cannot connect to {host} port {port}: {source}")]
    Connect { host: String, port: u16, source: io::Error },
    #[error("{host} is {address}, not this machine: without TLS the password could be read on the way")]
    Remote { host: String, address: std::net::SocketAddr },
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    #[error("the system has no certificate authorities: install them, or set `ca`")]
    NoAuthorities,
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate { host: String, reason: String },
    #[error("TLS with {host} failed: {source}")]
    Tls { host: String, source: io::Error },
    #[error("the server sent more before the TLS handshake than it may: somebody may have put it there")]
    Injected,
    #[error("the server logs in by itself before STARTTLS: somebody may be in between")]
    PreAuth,
    #[error("{what} cannot be had: {reason}")]
    Secret { what: String, reason: String },
    #[error("`{key}` of [[imap]] {account} cannot be read: {}: {reason}", path.display())]
    SecretFile { key: &'static str, account: String, path: PathBuf, reason: String },
    #[error("the server refuses the user or the password: {0}")]
    Password(String),
    #[error("the server refuses the access token: {0}")]
    Token(String),
    #[error("the folder {folder:?} does not exist or cannot be opened ({text}); there are: {}", listed(there))]
    Folder { folder: String, text: String, there: Vec<String> },
    #[error("the server gives the folder {0:?} no UIDVALIDITY, so that its mails cannot be told apart")]
    NoUidValidity(String),
    #[error("the server refuses {command}: {text}")]
    Refused { command: String, try_create: bool, text: String },
    #[error("the server sent {announced_bytes} bytes where at most {max_bytes} were expected")]
    TooLarge { announced_bytes: u64, max_bytes: usize },
    #[error("the server does not stop sending what it was not asked for")]
    Flood,
    #[error("the server sent what is no IMAP: {0}")]
    Garbled(String),
    #[error("the server did not answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    #[error("the server closed the connection{}", .0.as_deref().map(|bye| format!(": {bye}")).unwrap_or_default())]
    Closed(Option<String>),
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("nothing can be stored now: {0}")]
    Busy(Busy),
    #[error("which mails are done cannot be looked up or noted: {0}")]
    Memory(String),
}

fn listed(folders: &[String]) -> String {
    if folders.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<&str> = folders.iter().take(FOLDERS_SHOWN_MAX).map(String::as_str).collect();
    let more = folders.len() - shown.len();
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}
