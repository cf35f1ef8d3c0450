//! What the pages show of the configuration: rules, silences, windows, channels, digests. Plain values, without any secret.

use chrono::{DateTime, Utc};

use crate::{
    alerts::{AlertRule, AlertSettings, Maintenance, Silence},
    submission::Trust,
};

/// Filled once at start.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub settings: AlertSettings,
    pub silences: Vec<Silence>,
    pub maintenance: Vec<Maintenance>,
    pub channels: Vec<ChannelShown>,
    pub digests: Vec<DigestShown>,
}

/// One `[[channel]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelShown {
    pub name: String,
    /// As in the configuration: `mail`, `webhook`, …
    pub kind: String,
    /// Mail addresses, or the host that is posted to; never the whole URL, which is often a secret.
    pub to: String,
    /// Empty: all.
    pub rules: Vec<AlertRule>,
    /// Empty: all.
    pub policy_domains: Vec<String>,
    /// Whether it is told when an alert is over.
    pub resolved: bool,
    pub notices_per_hour_max: u32,
    pub give_up_after_h: u64,
}

/// One `[[digest]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestShown {
    pub name: String,
    pub to: Vec<String>,
    /// Empty: all.
    pub policy_domains: Vec<String>,
    /// When it is sent, such as `every Monday at 12:00 Europe/Berlin`.
    pub cadence: String,
}

impl Rules {
    /// The least trust of reports that count by default.
    pub(crate) fn least(&self) -> Trust {
        self.settings.min_trust
    }

    /// Hours after which a notice to this channel is given up; those of the default where it is not configured any more, and for
    /// digests.
    pub(crate) fn give_up_after_h(&self, channel: &str) -> u64 {
        const OTHERWISE_H: u64 = 72;
        self.channels.iter().find(|known| known.name == channel).map_or(OTHERWISE_H, |known| known.give_up_after_h)
    }
}

/// When a silence of the configuration ends; `None` where it cannot be read.
pub(crate) fn end_of(silence: &Silence) -> Option<DateTime<Utc>> {
    silence.compile().ok().map(|mute| mute.until)
}

/// A moment as it stands in the configuration.
pub(crate) fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|at| at.to_utc())
}
