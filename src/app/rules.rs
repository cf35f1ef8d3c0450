//! What the pages show of the configuration of alerts and digests.

use crate::{
    config::{ChannelKind, Config, DigestConfig, NotifyChannel},
    schedule::Cadence,
    web::{ChannelShown, DigestShown, Rules},
};

/// Without anything that is a secret: of a URL only the host.
pub(super) fn rules(config: &Config) -> Rules {
    Rules {
        settings: config.alerts.clone(),
        // With domains as the evaluation compares them; what it cannot use, the start refuses.
        silences: config.silences().unwrap_or_else(|_| config.silence.clone()),
        maintenance: config.maintenances().unwrap_or_else(|_| config.maintenance.clone()),
        channels: config.channel.iter().map(channel).collect(),
        digests: config.digest.iter().map(digest).collect(),
    }
}

fn channel(channel: &NotifyChannel) -> ChannelShown {
    ChannelShown {
        name: channel.name().to_owned(),
        kind: channel.kind.as_str().to_owned(),
        to: to(channel),
        rules: channel.rules.clone(),
        policy_domains: channel.policy_domains.clone(),
        resolved: channel.resolved,
        notices_per_hour_max: channel.notices_per_hour_max,
        give_up_after_h: channel.give_up_after_h,
    }
}

fn to(channel: &NotifyChannel) -> String {
    if channel.kind == ChannelKind::Mail {
        return channel.to.join(", ");
    }
    match (channel.url.as_deref().and_then(host), &channel.url_file) {
        (Some(host), _) => host,
        (None, Some(_)) => "the address in its file".to_owned(),
        (None, None) => channel.kind.traits().default_url.and_then(host).unwrap_or_default(),
    }
}

/// Host and port of a URL, without what stands before an `@` and after the host: both may be secrets.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!host.is_empty()).then(|| host.to_owned())
}

fn digest(digest: &DigestConfig) -> DigestShown {
    let day = match digest.cadence {
        Cadence::Daily => "every day".to_owned(),
        Cadence::Weekly => {
            let mut day = digest.weekday.chars();
            let first = day.next().map(|first| first.to_ascii_uppercase());
            format!("every {}{}", first.unwrap_or_default(), day.as_str())
        }
        Cadence::Monthly => "every month, on its first day".to_owned(),
    };
    DigestShown {
        name: digest.name().to_owned(),
        to: digest.to.clone(),
        policy_domains: digest.policy_domains.clone(),
        cadence: format!("{day} at {} {}", digest.time, digest.zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_host_is_shown() {
        let slack = NotifyChannel {
            kind: ChannelKind::Slack,
            url: Some("https://user:pass@hooks.slack.com/services/T0/B0/secret?x=secret".to_owned()),
            secret: Some("secret".to_owned()),
            ..NotifyChannel::default()
        };
        let shown = channel(&slack);
        assert_eq!((shown.name.as_str(), shown.to.as_str()), ("slack", "hooks.slack.com"));
        assert!(!format!("{shown:?}").contains("secret") && !format!("{shown:?}").contains("pass"), "{shown:?}");
        assert_eq!(host("https://hooks.example.net:8443"), Some("hooks.example.net:8443".to_owned()));
        assert_eq!(host("no address"), None);
    }

    #[test]
    fn a_digest_says_when_it_comes() {
        let of = |cadence| digest(&DigestConfig { cadence, ..DigestConfig::default() }).cadence;
        assert_eq!(of(Cadence::Weekly), "every Monday at 12:00 UTC");
        assert_eq!(of(Cadence::Daily), "every day at 12:00 UTC");
        assert_eq!(of(Cadence::Monthly), "every month, on its first day at 12:00 UTC");
    }
}
