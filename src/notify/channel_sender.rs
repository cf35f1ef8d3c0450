//! One channel, ready to deliver.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    failure::DeliveryFailure,
    format::{self, Context},
    host,
    http_sender::HttpSender,
    mail::Mailer,
};
use crate::{
    alerts::{Severity, notice::Notice},
    config::{ChannelKind, Config, NotifyChannel},
};

/// Days for which Alertmanager takes an alert for firing where nobody is reminded.
const FIRES_FOR_DAYS: i64 = 30;

pub(super) struct ChannelSender {
    pub channel: NotifyChannel,
    /// `None`: it is for mail.
    http_sender: Option<HttpSender>,
    sender_context: SenderContext,
}

/// What is the same for all channels.
#[derive(Debug, Clone)]
pub(super) struct SenderContext {
    pub base: String,
    host: String,
    fires_for: TimeDelta,
}

impl SenderContext {
    pub(super) fn of(config: &Config, base: &str) -> SenderContext {
        // The next reminder renews it; between two of them it must not run out.
        let reminded = i64::try_from(config.alerts.remind_after_h)
            .ok()
            .and_then(|hours| TimeDelta::try_hours(hours.checked_mul(2)?));
        let fires_for = reminded.filter(|time| *time > TimeDelta::zero());
        SenderContext {
            base: base.to_owned(),
            host: host(),
            fires_for: fires_for.unwrap_or(TimeDelta::days(FIRES_FOR_DAYS)).min(TimeDelta::days(365)),
        }
    }
}

impl ChannelSender {
    /// `channel` as `Config::channels` gives it.
    pub(super) fn open(channel: NotifyChannel, sender_context: &SenderContext) -> Result<ChannelSender, String> {
        let deadline = Duration::from_secs(channel.deadline_s);
        let http_sender = match channel.kind {
            ChannelKind::Mail => None,
            _ => Some(
                HttpSender::new(channel.ca.as_deref(), deadline)
                    .map_err(|error| format!("channel {:?}: {error}", channel.name()))?,
            ),
        };
        Ok(ChannelSender { channel, http_sender, sender_context: sender_context.clone() })
    }

    /// Delivers the notices as one message.
    pub(super) async fn deliver(
        &self,
        mailer: &Mailer,
        notices: &[Notice],
        recipient: &str,
        delivery: Uuid,
        created_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<String, DeliveryFailure> {
        let SenderContext { base, host, fires_for } = &self.sender_context;
        let Some(http_sender) = &self.http_sender else {
            let email = format::mail::email(notices, base);
            let thread = notices.first().and_then(|notice| notice.alerts.first()).map(|about| about.alert);
            return mailer.send(&email, delivery, created_at, recipient, thread).await;
        };
        let context = Context { base, delivery, now, fires_for: *fires_for, host };
        let mut said = String::new();
        for request in format::requests(&self.channel, notices, &context) {
            said = http_sender.post(request).await?;
        }
        Ok(said)
    }

    /// Delivers a notice that says that it is a test.
    pub(super) async fn test(&self, mailer: &Mailer, now: DateTime<Utc>) -> Result<String, String> {
        let name = self.channel.name();
        let notice = Notice {
            event: None,
            rule: None,
            severity: Severity::Info,
            title: format!("the channel {name:?} works"),
            lines: vec![format!("Alerts of tlsight on {} will arrive here.", self.sender_context.host)],
            advice: Vec::new(),
            path: "/alerts".to_owned(),
            at: now,
            alerts: Vec::new(),
            more: 0,
        };
        let nobody = [String::new()];
        let recipients = if self.http_sender.is_none() { self.channel.to.as_slice() } else { &nobody };
        let mut shown = Vec::new();
        for to in recipients {
            let delivery = Uuid::new_v4();
            let sent = self.deliver(mailer, std::slice::from_ref(&notice), to, delivery, now, now).await;
            let to = if to.is_empty() { name } else { to };
            match sent {
                Ok(said) => shown.push(format!("delivered to {to}: {said}")),
                Err(failure) => return Err(format!("not delivered to {to}: {}", failure.words)),
            }
        }
        Ok(shown.join("\n"))
    }
}
