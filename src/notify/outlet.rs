//! One channel, ready to deliver.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    failure::Failure,
    format::{self, Context},
    host,
    mail::Mailer,
    post::Poster,
};
use crate::{
    alerts::{Severity, notice::Notice},
    config::{Channel, ChannelKind, Config},
};

/// Days for which Alertmanager takes an alert for firing where nobody is reminded.
const FIRES_FOR_DAYS: i64 = 30;

pub struct Outlet {
    pub channel: Channel,
    /// `None`: it is for mail.
    poster: Option<Poster>,
    surroundings: Surroundings,
}

/// What is the same for all channels.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub base: String,
    host: String,
    fires_for: TimeDelta,
}

impl Surroundings {
    pub fn of(config: &Config, base: &str) -> Surroundings {
        // The next reminder renews it; between two of them it must not run out.
        let reminded = i64::try_from(config.alerts.remind_after_h)
            .ok()
            .and_then(|hours| TimeDelta::try_hours(hours.checked_mul(2)?));
        let fires_for = reminded.filter(|time| *time > TimeDelta::zero());
        Surroundings {
            base: base.to_owned(),
            host: host(),
            fires_for: fires_for.unwrap_or(TimeDelta::days(FIRES_FOR_DAYS)).min(TimeDelta::days(365)),
        }
    }
}

impl Outlet {
    /// `channel` as `Config::channels` gives it.
    pub fn open(channel: Channel, surroundings: &Surroundings) -> Result<Outlet, String> {
        let deadline = Duration::from_secs(channel.deadline_s);
        let poster = match channel.kind {
            ChannelKind::Mail => None,
            _ => Some(
                Poster::new(channel.ca.as_deref(), deadline)
                    .map_err(|error| format!("channel {:?}: {error}", channel.name()))?,
            ),
        };
        Ok(Outlet { channel, poster, surroundings: surroundings.clone() })
    }

    /// Delivers the notices as one message.
    pub async fn deliver(
        &self,
        mailer: &Mailer,
        notices: &[Notice],
        recipient: &str,
        delivery: Uuid,
        created_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<String, Failure> {
        let Surroundings { base, host, fires_for } = &self.surroundings;
        let Some(poster) = &self.poster else {
            let letter = format::mail::letter(notices, base);
            let thread = notices.first().and_then(|notice| notice.alerts.first()).map(|about| about.alert);
            return mailer.send(&letter, delivery, created_at, recipient, thread).await;
        };
        let context = Context { base, delivery, now, fires_for: *fires_for, host };
        let mut said = String::new();
        for request in format::requests(&self.channel, notices, &context) {
            said = poster.post(request).await?;
        }
        Ok(said)
    }

    /// Delivers a notice that says that it is a test.
    pub async fn test(&self, mailer: &Mailer, now: DateTime<Utc>) -> Result<String, String> {
        let name = self.channel.name();
        let notice = Notice {
            event: None,
            rule: None,
            severity: Severity::Info,
            title: format!("the channel {name:?} works"),
            lines: vec![format!("Alerts of tlsight on {} will arrive here.", self.surroundings.host)],
            advice: Vec::new(),
            path: "/alerts".to_owned(),
            at: now,
            alerts: Vec::new(),
            more: 0,
        };
        let nobody = [String::new()];
        let recipients = if self.poster.is_none() { self.channel.to.as_slice() } else { &nobody };
        let mut told = Vec::new();
        for to in recipients {
            let delivery = Uuid::new_v4();
            let sent = self.deliver(mailer, std::slice::from_ref(&notice), to, delivery, now, now).await;
            let to = if to.is_empty() { name } else { to };
            match sent {
                Ok(said) => told.push(format!("delivered to {to}: {said}")),
                Err(failure) => return Err(format!("not delivered to {to}: {}", failure.words)),
            }
        }
        Ok(told.join("\n"))
    }
}
