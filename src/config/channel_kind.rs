//! The kinds of `[[channel]]`, and what each needs.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    Mail,
    Webhook,
    Slack,
    Teams,
    Discord,
    Mattermost,
    Ntfy,
    PagerDuty,
    Alertmanager,
}

/// What a kind does with `secret`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    Unused,
    /// It signs the request and is not sent.
    Signs,
    /// It is sent along where it is set.
    Sent,
    /// It is sent along, and nothing goes without it.
    Needed,
}

/// What is particular to a kind.
#[derive(Debug, Clone, Copy)]
pub struct ChannelTraits {
    /// As in the configuration file.
    pub name: &'static str,
    /// Where it posts without `url`; `None` where `url` is needed.
    pub default_url: Option<&'static str>,
    pub secret: SecretUse,
    /// The service opens and closes an incident for each alert. It hears of the events in order and has no cap: it groups
    /// them itself, and an end that is held back would leave an incident open.
    pub keeps_state: bool,
}

impl ChannelKind {
    pub const ALL: [ChannelKind; 9] = [
        ChannelKind::Mail,
        ChannelKind::Webhook,
        ChannelKind::Slack,
        ChannelKind::Teams,
        ChannelKind::Discord,
        ChannelKind::Mattermost,
        ChannelKind::Ntfy,
        ChannelKind::PagerDuty,
        ChannelKind::Alertmanager,
    ];

    pub fn traits(self) -> ChannelTraits {
        let kind = |name, secret| ChannelTraits { name, default_url: None, secret, keeps_state: false };
        match self {
            ChannelKind::Mail => kind("mail", SecretUse::Unused),
            ChannelKind::Webhook => kind("webhook", SecretUse::Signs),
            ChannelKind::Slack => kind("slack", SecretUse::Unused),
            ChannelKind::Teams => kind("teams", SecretUse::Unused),
            ChannelKind::Discord => kind("discord", SecretUse::Unused),
            ChannelKind::Mattermost => kind("mattermost", SecretUse::Unused),
            ChannelKind::Ntfy => kind("ntfy", SecretUse::Sent),
            ChannelKind::PagerDuty => ChannelTraits {
                default_url: Some("https://events.pagerduty.com"),
                keeps_state: true,
                ..kind("pagerduty", SecretUse::Needed)
            },
            ChannelKind::Alertmanager => ChannelTraits { keeps_state: true, ..kind("alertmanager", SecretUse::Sent) },
        }
    }

    pub fn as_str(self) -> &'static str {
        self.traits().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_its_name() {
        for kind in ChannelKind::ALL {
            let read: ChannelKind = serde_json::from_value(kind.as_str().into()).unwrap();
            assert_eq!(read, kind);
        }
        // What is missing in `ALL` has a place after its last one.
        assert!(ChannelKind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        let unknown = serde_json::from_value::<ChannelKind>("pigeon".into()).unwrap_err().to_string();
        assert_eq!(unknown.matches('`').count(), 2 * (ChannelKind::ALL.len() + 1), "{unknown}");
    }
}
