//! Notices in the form of each service. Pure. What stands in them comes from strangers in part (names of organisations, reason
//! codes), so each form escapes what its service would take for a command, and keeps to the service's limits.

pub mod alertmanager;
pub mod discord;
pub mod mail;
pub mod mattermost;
pub mod ntfy;
pub mod pagerduty;
pub mod slack;
pub mod teams;
mod text;
pub mod webhook;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    alerts::{AlertEvent, Severity, notice::Notice},
    config::{ChannelKind, NotifyChannel},
    limits::NOTIFY_LISTED_MAX,
    text::visible,
};

/// What a form needs beside the notices.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Where the pages are, without a slash at its end.
    pub base: &'a str,
    /// The name of the delivery: the same at each attempt.
    pub delivery: Uuid,
    pub now: DateTime<Utc>,
    /// How long a service may take an alert for firing when it hears nothing more.
    pub fires_for: TimeDelta,
    /// This machine.
    pub host: &'a str,
}

/// One POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRequest {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// What a person reads: one notice, or several that were held back, as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMessage {
    /// The title with a word before it that says what kind of news it is.
    pub heading: String,
    pub lines: Vec<String>,
    pub advice: Vec<String>,
    /// Titles and links of several notices.
    pub items: Vec<NoticeItem>,
    /// Notices beyond those listed.
    pub more: usize,
    pub link: String,
    pub tone: Tone,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeItem {
    pub heading: String,
    pub link: String,
}

/// How it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Over,
    Info,
    Warning,
    Critical,
}

/// What is to be posted for the notices: one request, or one for each alert where the service wants that.
pub fn requests(channel: &NotifyChannel, notices: &[Notice], context: &Context<'_>) -> Vec<ChannelRequest> {
    let url = channel.url.clone().unwrap_or_default();
    let message = || ChannelMessage::of(notices, context.base);
    let mut headers = vec![("content-type", "application/json".to_owned())];
    let bearer = || channel.secret.iter().map(|token| ("authorization", format!("Bearer {token}")));
    let (url, body) = match channel.kind {
        // Mail is not posted.
        ChannelKind::Mail => return Vec::new(),
        ChannelKind::PagerDuty => return pagerduty::requests(channel, notices, context),
        ChannelKind::Webhook => {
            let body = webhook::body(notices, context).to_string();
            headers.extend(webhook::headers(channel.secret.as_deref(), body.as_bytes(), context));
            return vec![ChannelRequest { url, headers, body: body.into_bytes() }];
        }
        ChannelKind::Slack => (url, slack::body(&message())),
        ChannelKind::Teams => (url, teams::body(&message())),
        ChannelKind::Discord => (url, discord::body(&message())),
        ChannelKind::Mattermost => (url, mattermost::body(&message())),
        ChannelKind::Ntfy => {
            headers.extend(bearer());
            let (url, topic) = ntfy::split(&url);
            (url, ntfy::body(&message(), &topic))
        }
        ChannelKind::Alertmanager => {
            headers.extend(bearer());
            (at_path(&url, "/api/v2/alerts"), alertmanager::body(notices, context))
        }
    };
    vec![ChannelRequest { url, headers, body: body.to_string().into_bytes() }]
}

impl ChannelMessage {
    /// The notices as one message; links lead below `base`.
    pub fn of(notices: &[Notice], base: &str) -> ChannelMessage {
        let tone = notices.iter().map(tone).max().unwrap_or(Tone::Info);
        let at = notices.iter().map(|notice| notice.at).max().unwrap_or_default();
        match notices {
            [notice] => ChannelMessage {
                heading: heading(notice),
                lines: evidence(notice),
                advice: shown(&notice.advice),
                items: Vec::new(),
                more: 0,
                link: link(base, &notice.path),
                tone,
                at,
            },
            several => ChannelMessage {
                heading: format!("{} notices held back by the hourly limit", several.len()),
                lines: Vec::new(),
                advice: Vec::new(),
                items: several
                    .iter()
                    .take(NOTIFY_LISTED_MAX)
                    .map(|notice| NoticeItem { heading: heading(notice), link: link(base, &notice.path) })
                    .collect(),
                more: several.len().saturating_sub(NOTIFY_LISTED_MAX),
                link: link(base, "/alerts"),
                tone,
                at,
            },
        }
    }

    /// Everything below the heading, one paragraph each; `item` writes one of several notices.
    fn paragraphs(&self, item: impl Fn(&NoticeItem) -> String) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(Some(self.lines.join("\n")).filter(|lines| !lines.is_empty()));
        all.extend(Some(self.items.iter().map(item).collect::<Vec<_>>().join("\n")).filter(|items| !items.is_empty()));
        all.extend((self.more > 0).then(|| format!("and {} more", self.more)));
        all.extend(Some(self.advice.join("\n")).filter(|advice| !advice.is_empty()));
        all
    }
}

impl Tone {
    /// The colours of the pages, as RGB.
    fn rgb(self) -> u32 {
        match self {
            Tone::Critical => 0xb3_38_0b,
            Tone::Warning => 0xd9_71_3f,
            Tone::Info => 0x6b_71_74,
            Tone::Over => 0x0b_6b_57,
        }
    }

    fn css(self) -> String {
        format!("#{:06x}", self.rgb())
    }
}

/// The URL of a service with the path that it takes notices at, whether it stands there already or not.
fn at_path(url: &str, path: &str) -> String {
    let url = url.trim_end_matches('/');
    format!("{}{path}", url.strip_suffix(path).unwrap_or(url))
}

/// Where a page is.
pub fn link(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

pub fn is_over(notice: &Notice) -> bool {
    matches!(notice.event, Some(AlertEvent::Resolved | AlertEvent::Expired | AlertEvent::TakenOver))
}

fn heading(notice: &Notice) -> String {
    let severity = match notice.severity {
        Severity::Critical => "Critical",
        Severity::Warning => "Warning",
        Severity::Info => "Info",
    };
    let label = match notice.event {
        None => "Test".to_owned(),
        Some(AlertEvent::Fired) => severity.to_owned(),
        Some(AlertEvent::Reopened) => format!("{severity}, again"),
        // An acknowledgement is the operator's own word, and not told.
        Some(AlertEvent::Reminded | AlertEvent::Acknowledged) => format!("{severity}, still"),
        Some(AlertEvent::Resolved) => "Resolved".to_owned(),
        Some(AlertEvent::Expired) => "Expired".to_owned(),
        Some(AlertEvent::TakenOver) => "Taken over".to_owned(),
    };
    format!("{label}: {}", visible(&notice.title))
}

fn tone(notice: &Notice) -> Tone {
    match notice.severity {
        _ if is_over(notice) => Tone::Over,
        Severity::Critical => Tone::Critical,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Info,
    }
}

/// Advice is ours, commands with line ends included.
fn shown(advice: &[String]) -> Vec<String> {
    advice.iter().flat_map(|advice| advice.split('\n')).map(|line| visible(line).into_owned()).collect()
}

/// What strangers say does not end a line.
fn evidence(notice: &Notice) -> Vec<String> {
    notice.lines.iter().map(|line| visible(line).into_owned()).collect()
}

#[cfg(test)]
mod tests;
