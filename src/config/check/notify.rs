//! Whom to tell: whether it can be told by the way that is configured, and the secrets that stand in files.

use std::{collections::BTreeSet, net::IpAddr, path::Path};

use chrono::{NaiveTime, Weekday};
use lettre::Address;
use reqwest::Url;

use super::{a_label, is_loopback, read_token};
use crate::{
    config::{
        ChannelKind, ClientTls, Config, ConfigError, DigestConfig, MailConfig, NotifyChannel, SecretUse,
        problem::Problems,
    },
    tls::{self, AuthoritiesError},
};

const NAME_MAX_CHARS: usize = 64;
/// A year: what is older is no news.
const GIVE_UP_MAX_H: u64 = 24 * 366;
const DEADLINE_MAX_S: u64 = 3_600;

impl Config {
    /// The channels with what stands in files read, domains as A-labels and PagerDuty's URL where none is set.
    pub fn channels(&self) -> Result<Vec<NotifyChannel>, ConfigError> {
        let mut problems = Problems::default();
        let channels = self.check_channels(&mut problems);
        problems.finish()?;
        Ok(channels)
    }

    /// How mail leaves, with the password read.
    pub fn outgoing_mail(&self) -> Result<MailConfig, ConfigError> {
        let mut problems = Problems::default();
        let mail = check_mail(&self.mail, &mut problems);
        problems.finish()?;
        Ok(mail)
    }

    /// The digests, domains and addresses as A-labels.
    pub fn digests(&self) -> Result<Vec<DigestConfig>, ConfigError> {
        let mut problems = Problems::default();
        let digests = self.check_digests(&mut problems);
        problems.finish()?;
        Ok(digests)
    }

    pub(super) fn check_notify(&self, problems: &mut Problems) {
        self.check_channels(problems);
        self.check_digests(problems);
        check_mail(&self.mail, problems);
        if let Some(url) = &self.private.url {
            let is_good =
                Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.query().is_none());
            if !is_good {
                problems.add(format!("`private.url` = {url:?}: not a URL like https://tlsight.internal"));
            }
        }
    }

    fn check_channels(&self, problems: &mut Problems) -> Vec<NotifyChannel> {
        let mut names = BTreeSet::new();
        let mut channels = Vec::new();
        for (index, channel) in self.channel.iter().enumerate() {
            let place = format!("channel[{index}]");
            let mut add = |problem: String| problems.add(format!("`{place}.{problem}"));
            check_name(channel.name(), &mut names, &mut add);
            if channel.name() == ChannelKind::Mail.as_str() && channel.kind != ChannelKind::Mail {
                add("name` = \"mail\": digests go by this name, so only a channel of the kind \"mail\" can have it"
                    .into());
            }
            let mut known = channel.clone();
            known.to = addresses(&channel.to, &mut add);
            known.policy_domains = domains(&channel.policy_domains, &mut add);
            known.url = url(channel, &place, &mut add);
            known.secret = secret(channel, &place, &mut add);
            (known.url_file, known.secret_file) = (None, None);
            check_bearer(&known, &mut add);
            check_authorities(channel.ca.as_deref(), &mut add);
            let bounds = [
                ("notices_per_hour_max", u64::from(channel.notices_per_hour_max), u64::from(u32::MAX)),
                ("give_up_after_h", channel.give_up_after_h, GIVE_UP_MAX_H),
                ("deadline_s", channel.deadline_s, DEADLINE_MAX_S),
            ];
            check_bounds(&bounds, &mut add);
            channels.push(known);
        }
        channels
    }

    fn check_digests(&self, problems: &mut Problems) -> Vec<DigestConfig> {
        let mut names = BTreeSet::new();
        let mut digests = Vec::new();
        for (index, digest) in self.digest.iter().enumerate() {
            let place = format!("digest[{index}]");
            let mut add = |problem: String| problems.add(format!("`{place}.{problem}"));
            check_name(digest.name(), &mut names, &mut add);
            if digest.to.is_empty() {
                add("to` is missing: whom to write to, like [\"postmaster@example.net\"]".to_owned());
            }
            let mut known = digest.clone();
            known.to = addresses(&digest.to, &mut add);
            known.policy_domains = domains(&digest.policy_domains, &mut add);
            if digest.weekday.parse::<Weekday>().is_err() {
                add(format!("weekday` = {:?}: not a weekday like \"monday\"", digest.weekday));
            }
            if NaiveTime::parse_from_str(&digest.time, "%H:%M").is_err() {
                add(format!("time` = {:?}: not a time of day like \"07:30\"", digest.time));
            }
            if digest.zone.parse::<chrono_tz::Tz>().is_err() {
                add(format!("zone` = {:?}: not the IANA name of a time zone, like \"Europe/Berlin\"", digest.zone));
            }
            digests.push(known);
        }
        digests
    }
}

fn check_mail(mail: &MailConfig, problems: &mut Problems) -> MailConfig {
    let mut add = |problem: String| problems.add(format!("`mail.{problem}"));
    let mut known = mail.clone();
    if let Some(from) = &mail.from {
        match address(from) {
            Ok(from) => known.from = Some(from),
            Err(why) => add(format!("from` = {from:?}: {why}")),
        }
    }
    if let Some(relay) = &mail.relay {
        let bare = relay.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(relay);
        match bare.parse::<IpAddr>().map(|ip| ip.to_string()).or_else(|_| a_label(bare)) {
            Ok(host) => known.relay = Some(host),
            Err(_) if has_port(relay) => {
                add(format!("relay` = {relay:?}: the port stands in `mail.port`"));
            }
            Err(why) => add(format!("relay` = {relay:?}: {why}")),
        }
    }
    if mail.port == Some(0) {
        add("port` = 0: at least 1".to_owned());
    }
    known.password = one_of(mail.password.as_deref(), mail.password_file.as_deref(), "password", "mail", &mut add);
    known.password_file = None;
    match (&mail.user, mail.password.is_some() || mail.password_file.is_some()) {
        (Some(user), true) if user.is_empty() || user.contains(char::is_control) => {
            add(format!("user` = {user:?}: empty, or holds control characters"));
        }
        (Some(_), false) => add("password` is missing: set it, or `password_file`".to_owned()),
        (None, true) => add("user` is missing: whom to log in as".to_owned()),
        _ => {}
    }
    if let (Some(relay), ClientTls::Off, Some(_)) = (&known.relay, mail.tls, &mail.user)
        && !is_loopback(relay)
    {
        add(format!(
            "tls` = \"off\" would send the password to {relay:?} for everybody to read: only to 127.0.0.1, ::1 or localhost"
        ));
    }
    if !mail.sendmail.is_absolute() {
        add(format!("sendmail` = {:?}: write the whole path, like /usr/sbin/sendmail", mail.sendmail));
    }
    check_authorities(mail.ca.as_deref(), &mut add);
    check_bounds(&[("deadline_s", mail.deadline_s, DEADLINE_MAX_S)], &mut add);
    known
}

/// Whether a host, or an address in brackets, is followed by a port.
fn has_port(relay: &str) -> bool {
    let Some((host, port)) = relay.rsplit_once(':') else { return false };
    let one_host = !host.is_empty() && (!host.contains(':') || host.ends_with(']'));
    one_host && port.parse::<u16>().is_ok()
}

fn check_name<'a>(name: &'a str, names: &mut BTreeSet<&'a str>, add: &mut impl FnMut(String)) {
    if name.trim().is_empty() || name.trim() != name || name.contains(char::is_control) {
        add(format!("name` = {name:?}: empty, or with blanks or control characters around or in it"));
    } else if name.chars().count() > NAME_MAX_CHARS {
        add(format!("name` = {name:?}: at most {NAME_MAX_CHARS} characters"));
    } else if !names.insert(name) {
        add(format!("name` = {name:?}: stands twice; entries without a name are called after their kind or cadence"));
    }
}

fn check_bounds(bounds: &[(&str, u64, u64)], add: &mut impl FnMut(String)) {
    for (key, value, max) in bounds {
        if *value == 0 {
            add(format!("{key}` = 0: at least 1"));
        } else if value > max {
            add(format!("{key}` = {value}: at most {max}"));
        }
    }
}

fn addresses(all: &[String], add: &mut impl FnMut(String)) -> Vec<String> {
    let mut known = Vec::new();
    for text in all {
        match address(text) {
            Ok(address) if known.contains(&address) => add(format!("to` = {text:?}: stands twice")),
            Ok(address) => known.push(address),
            Err(why) => add(format!("to` = {text:?}: {why}")),
        }
    }
    known
}

/// The address as an envelope can have it without SMTPUTF8 (RFC 6531), its domain in A-labels.
fn address(text: &str) -> Result<String, String> {
    let wrong = || "not an address like postmaster@example.net".to_owned();
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let domain = a_label(domain)?;
    if !local.is_ascii() || text.contains(char::is_control) {
        return Err("emails beyond ASCII before the @ are not supported".to_owned());
    }
    let address = Address::new(local, &domain).map_err(|_| wrong())?;
    Ok(address.to_string())
}

fn domains(all: &[String], add: &mut impl FnMut(String)) -> Vec<String> {
    let mut known = Vec::new();
    for name in all {
        match a_label(name) {
            Ok(name) => known.push(name),
            Err(why) => add(format!("policy_domains` = {name:?}: {why}")),
        }
    }
    known
}

fn url(channel: &NotifyChannel, place: &str, add: &mut impl FnMut(String)) -> Option<String> {
    let kind = channel.kind.as_str();
    if channel.kind == ChannelKind::Mail {
        if channel.to.is_empty() {
            add("to` is missing: whom to write to, like [\"postmaster@example.net\"]".to_owned());
        }
        if channel.url.is_some() || channel.url_file.is_some() {
            add("url` is for other kinds: mail goes where `[mail]` says".to_owned());
        }
        return None;
    }
    if !channel.to.is_empty() {
        add(format!("to` is for the kind \"mail\": {kind} has an `url`"));
    }
    let default = channel.kind.traits().default_url.map(str::to_owned);
    let Some(text) = one_of(channel.url.as_deref(), channel.url_file.as_deref(), "url", place, add).or(default) else {
        if channel.url.is_none() && channel.url_file.is_none() {
            add("url` is missing: set it, or `url_file`".to_owned());
        }
        return None;
    };
    // Such URLs are secrets, so they are not repeated.
    let Ok(url) = Url::parse(&text) else {
        add("url` is not a URL like https://hooks.example.net/tlsight".to_owned());
        return None;
    };
    if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
        add("url` begins with neither https:// nor http://".to_owned());
    } else if !url.username().is_empty() || url.password().is_some() {
        add("url` holds a user or a password: ntfy and Alertmanager take a bearer token, in `secret`".to_owned());
    }
    if channel.kind == ChannelKind::Ntfy && topic(&url).is_none() {
        add("url` names no topic: write it like https://ntfy.sh/TOPIC".to_owned());
    }
    Some(text)
}

/// The last segment of the path.
fn topic(url: &Url) -> Option<&str> {
    url.path_segments()?.next_back().filter(|topic| !topic.is_empty())
}

fn secret(channel: &NotifyChannel, place: &str, add: &mut impl FnMut(String)) -> Option<String> {
    let kind = channel.kind.as_str();
    let secret = one_of(channel.secret.as_deref(), channel.secret_file.as_deref(), "secret", place, add);
    let is_set = channel.secret.is_some() || channel.secret_file.is_some();
    match channel.kind.traits().secret {
        SecretUse::Needed if !is_set => {
            add("secret` is missing: the integration key of the service, or `secret_file`".to_owned());
        }
        SecretUse::Unused if is_set => {
            add(format!("secret` is not used by the kind \"{kind}\": leave it out"));
        }
        SecretUse::Needed | SecretUse::Unused | SecretUse::Signs | SecretUse::Sent => {}
    }
    secret
}

/// A token that is sent along must not be read on the way. The key of a signature is not sent.
fn check_bearer(channel: &NotifyChannel, add: &mut impl FnMut(String)) {
    let sends = matches!(channel.kind.traits().secret, SecretUse::Sent | SecretUse::Needed);
    let Some(url) = channel.url.as_deref().and_then(|url| Url::parse(url).ok()) else { return };
    let host = url.host_str().unwrap_or_default();
    if sends && channel.secret.is_some() && url.scheme() == "http" && !is_loopback(host) {
        add(format!(
            "url` would send the secret to {host:?} for everybody to read: take https://, or 127.0.0.1, ::1 or localhost"
        ));
    }
}

/// The value of a key or of its `_file`, where just one is set and usable. A secret is not repeated in a problem.
fn one_of(
    value: Option<&str>,
    file: Option<&Path>,
    key: &str,
    place: &str,
    add: &mut impl FnMut(String),
) -> Option<String> {
    let (key, value) = match (value, file) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            add(format!("{key}` and `{place}.{key}_file` are both set: keep one"));
            return None;
        }
        (Some(value), None) => (key.to_owned(), value.to_owned()),
        (None, Some(path)) => match read_token(path) {
            Ok(value) => (format!("{key}_file"), value),
            Err(why) => {
                add(format!("{key}_file` = {}: {why}", path.display()));
                return None;
            }
        },
    };
    if value.is_empty() || value.contains(char::is_control) {
        add(format!("{key}` is empty or holds control characters"));
        return None;
    }
    Some(value)
}

fn check_authorities(file: Option<&Path>, add: &mut impl FnMut(String)) {
    let Some(path) = file else { return };
    if let Err(AuthoritiesError { path, reason }) = tls::read_authorities(path) {
        add(format!("ca` = {}: {reason}", path.display()));
    }
}

#[cfg(test)]
mod tests;
