//! Tells people and programs elsewhere: notices about alerts by every kind of channel, and digests by mail.
//!
//! ```text
//! notice::Notice ── drafts ── store::outbox        in the transaction of its cause
//!                                  │
//!                               dispatcher            what is due, at least once, until it is given up
//!                                  │
//!                               channel_sender             one channel
//!                          ┌───────┴───────┐
//!                   format ── post    compose ── mail
//! ```

mod channel_sender;
mod compose;
mod dispatcher;
mod drafts;
mod failure;
pub mod format;
mod http_sender;
mod mail;
mod plan;

#[cfg(test)]
pub(crate) mod tests;

use std::net::SocketAddr;

use chrono::TimeDelta;
use lettre::transport::smtp::extension::ClientId;

use uuid::Uuid;

use crate::{
    alerts::notice::Email, clock::Clock, config::Config, limits::NOTIFY_EMAIL_GIVE_UP_H, store::tables::outbox::Terms,
};
pub use dispatcher::Dispatcher;
pub use drafts::{drafts, email_drafts, enqueue_email, put};

/// Name of the channel in drafts of digests, which go as `[mail]` says.
pub const MAIL: &str = "mail";

/// How digests are delivered.
pub const EMAIL_TERMS: Terms =
    Terms { per_hour_max: u32::MAX, give_up_after: TimeDelta::hours(NOTIFY_EMAIL_GIVE_UP_H) };

/// Where links lead: `private.url`, else the address that the private listener has.
pub fn base_url(config: &Config, listening: Option<SocketAddr>) -> String {
    let configured = config.private.url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
    let own = || listening.map(|address| format!("http://{address}"));
    configured.or_else(own).unwrap_or_else(|| format!("http://{}", host()))
}

/// Delivers a test notice by the channel of this name, at once and without the outbox. A sentence about what was done, or why
/// it could not be.
pub async fn send_test(config: &Config, base: &str, name: &str, clock: &Clock) -> Result<String, String> {
    let channels = config.channels().map_err(|error| error.to_string())?;
    let known = channels.iter().map(|channel| channel.name()).collect::<Vec<_>>().join(", ");
    let Some(channel) = channels.iter().find(|channel| channel.name() == name) else {
        return Err(match known.as_str() {
            "" => "no [[channel]] is configured".to_owned(),
            known => format!("there is no channel {name:?}; there are: {known}"),
        });
    };
    let mailer = mail::Mailer::of(config).map_err(|error| error.to_string())?;
    let sender_context = channel_sender::SenderContext::of(config, base);
    let channel_sender = channel_sender::ChannelSender::open(channel.clone(), &sender_context)?;
    channel_sender.test(&mailer, clock.now()).await
}

/// Delivers a digest to one address, at once and without the outbox. What the mail server said, or why it could not be.
pub async fn send_email(config: &Config, email: &Email, to: &str, clock: &Clock) -> Result<String, String> {
    let mailer = mail::Mailer::of(config).map_err(|error| error.to_string())?;
    mailer.send(email, Uuid::new_v4(), clock.now(), to, None).await.map_err(|failure| failure.words)
}

/// The name of this machine.
fn host() -> String {
    match ClientId::default() {
        ClientId::Domain(name) if lettre::Address::new("tlsight", &name).is_ok() => name,
        _ => "localhost".to_owned(),
    }
}
