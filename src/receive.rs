//! Listeners: HTTPS, SMTP and LMTP, with the limits on what strangers may open.

pub mod certificate;
pub mod connection_limiter;
pub mod https;
pub mod memory;
pub mod network;
pub mod smtp;
