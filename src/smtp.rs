//! The SMTP (RFC 5321) and LMTP (RFC 2033) session as a value: bytes go in, replies and messages come out. It knows no
//! socket and no clock, and however the bytes are split, the same comes out.
//!
//! It takes mail for the report addresses only and relays nothing. Lines end with CRLF and nothing else, so that no two
//! servers can disagree on where a message ends (SMTP smuggling).

// Strangers choose these bytes: no length is taken for granted.
#![deny(clippy::indexing_slicing)]

mod address;
mod command;
mod content;
mod line;
mod reply;
mod session;

use std::collections::BTreeSet;

pub use address::Address;
pub use reply::SmtpReply;
pub use session::SmtpSession;

/// What a session needs to know beforehand.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub protocol: Protocol,
    /// The name in the greeting: printable ASCII.
    pub hostname: String,
    /// The addresses that mail is taken for, sub-addresses included.
    pub recipients: Vec<Address>,
    /// Sub-addresses that are tokens.
    pub tokens: BTreeSet<String>,
    /// Bytes of one message, without the dots that SMTP adds (RFC 1870 §5).
    pub message_max_bytes: usize,
    pub messages_per_session_max: usize,
    /// TLS can be begun with STARTTLS.
    pub starttls: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Smtp,
    Lmtp,
}

/// One mail, complete, with its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// As received, without the dots that SMTP adds.
    pub bytes: Vec<u8>,
    /// Empty for the null sender.
    pub mail_from: String,
    /// At least one, in the order in which they were named.
    pub recipients: Vec<Recipient>,
    pub body: BodyType,
    pub smtputf8: bool,
}

/// Somebody a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// As the client wrote it, without quotes.
    pub address: String,
    /// The sub-address, where it is a known token.
    pub token: Option<String>,
}

/// What the client said the message consists of (RFC 6152, RFC 3030 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyType {
    #[default]
    SevenBit,
    EightBitMime,
    /// The only one in which CR and LF may stand alone.
    BinaryMime,
}

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Send what was said and bring more bytes.
    More,
    /// Find out what becomes of the message, then call [`Session::answer`]. Until then no byte is taken.
    Message(Box<ReceivedMessage>),
    /// Send what was said, Ready to start TLS, then call [`Session::secured`]. Bytes that came before the handshake must be fed:
    /// they end the session.
    StartTls,
    /// Send what was said and hang up.
    Close,
}

#[cfg(test)]
mod tests;
