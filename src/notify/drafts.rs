//! What goes to whom: notices to drafts for the outbox. Belongs into the transaction that writes the cause.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::Connection;
use sha2::{Digest, Sha256};

use super::{EMAIL_TERMS, MAIL, format::is_over};
use crate::{
    alerts::{
        AlertEvent,
        notice::{About, Draft, Email, Notice, Payload},
    },
    config::{ChannelKind, NotifyChannel},
    limits::{NOTIFY_ALERTS_MAX_BYTES, NOTIFY_LINE_MAX_CHARS, NOTIFY_LINES_MAX, NOTIFY_LISTED_MAX},
    store::{
        StoreError,
        tables::outbox::{self, Terms},
    },
};

/// Puts the notices into the outbox for every channel that wants them. The channels are those of `Config::channels`.
pub fn put(
    conn: &Connection,
    channels: &[NotifyChannel],
    notices: &[Notice],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for channel in channels {
        let (drafts, terms) = (drafts(channel, notices), terms(channel));
        if channel.kind.traits().keeps_state {
            outbox::put_uncapped(conn, &drafts, terms, now)?;
        } else {
            drafts.iter().try_for_each(|draft| outbox::put(conn, draft, terms, now))?;
        }
    }
    Ok(())
}

/// The entries for one channel: one for each notice and recipient; for services that keep a state of their own, one for each
/// alert, so that what succeeded is not sent again with what did not.
pub fn drafts(channel: &NotifyChannel, notices: &[Notice]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for notice in notices.iter().filter_map(|notice| wanted(channel, notice)) {
        let key = key(&notice);
        let notice = Notice { lines: bounded(&notice.lines), advice: bounded(&notice.advice), ..notice };
        let draft = |recipient: String, key: &str, notice: Notice| Draft {
            channel: channel.name().to_owned(),
            recipient,
            dedupe: key.to_owned(),
            title: notice.title.clone(),
            payload: Payload::Notices(vec![notice]),
        };
        match channel.kind {
            ChannelKind::Mail => {
                let notice = without_most_alerts(notice);
                drafts.extend(channel.to.iter().map(|to| draft(to.clone(), &key, notice.clone())));
            }
            _ if channel.kind.traits().keeps_state => {
                // Without the others: a copy of all of them for each would be millions.
                let (alerts, bare) = (notice.alerts, Notice { alerts: Vec::new(), ..notice });
                drafts.extend(alerts.into_iter().map(|about| {
                    let (to, title) = (about.alert.to_string(), about.title.clone());
                    draft(to, &key, Notice { title, alerts: vec![about], ..bare.clone() })
                }));
            }
            _ => drafts.push(draft(String::new(), &key, without_most_alerts(notice))),
        }
    }
    drafts
}

/// Puts a digest into the outbox, once for each recipient.
pub fn enqueue_email(
    conn: &Connection,
    digest: &str,
    to: &[String],
    email: &Email,
    dedupe: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    email_drafts(digest, to, email, dedupe).iter().try_for_each(|draft| outbox::put(conn, draft, EMAIL_TERMS, now))
}

/// A digest for each recipient; `dedupe` tells it from the others of the same name, such as `2026-W47`.
pub fn email_drafts(digest: &str, to: &[String], email: &Email, dedupe: &str) -> Vec<Draft> {
    let draft = |to: &String| Draft {
        channel: MAIL.to_owned(),
        recipient: to.clone(),
        dedupe: format!("digest {digest} {dedupe}"),
        title: email.subject.clone(),
        payload: Payload::Email(email.clone()),
    };
    to.iter().map(draft).collect()
}

pub(super) fn terms(channel: &NotifyChannel) -> Terms {
    let hours = i64::try_from(channel.give_up_after_h).ok().and_then(TimeDelta::try_hours);
    Terms {
        per_hour_max: if channel.kind.traits().keeps_state { u32::MAX } else { channel.notices_per_hour_max },
        give_up_after: hours.unwrap_or(EMAIL_TERMS.give_up_after),
    }
}

/// The notice as far as the channel wants it.
fn wanted(channel: &NotifyChannel, notice: &Notice) -> Option<Notice> {
    let is_rule = channel.rules.is_empty() || notice.rule.is_none_or(|rule| channel.rules.contains(&rule));
    // Nobody reads of it, but an incident must not stay open for what another one is about.
    let is_silent = notice.event == Some(AlertEvent::TakenOver) && !channel.kind.traits().keeps_state;
    if !is_rule || is_silent || (is_over(notice) && !channel.resolved) {
        return None;
    }
    let is_wanted = |about: &&About| {
        let domain = about.policy_domain.as_ref();
        channel.policy_domains.is_empty() || domain.is_none_or(|domain| channel.policy_domains.contains(domain))
    };
    let kept: Vec<About> = notice.alerts.iter().filter(is_wanted).cloned().collect();
    match kept.as_slice() {
        _ if kept.len() == notice.alerts.len() => Some(notice.clone()),
        [] => None,
        // Its words are about all of them: they would tell of domains that are none of the channel's business.
        [first, others @ ..] => Some(Notice {
            title: match others.len() {
                0 => first.title.clone(),
                more => format!("{}, and {more} more", first.title),
            },
            lines: titles(others),
            advice: Vec::new(),
            path: if others.is_empty() { first.path.clone() } else { "/alerts".to_owned() },
            alerts: kept,
            ..notice.clone()
        }),
    }
}

/// Not more than anybody reads, whatever a service would take.
fn bounded(lines: &[String]) -> Vec<String> {
    let cut = |line: &String| line.chars().take(NOTIFY_LINE_MAX_CHARS).collect();
    let mut kept: Vec<String> = lines.iter().take(NOTIFY_LINES_MAX).map(cut).collect();
    if lines.len() > NOTIFY_LINES_MAX {
        kept.push(format!("and {} more", lines.len() - NOTIFY_LINES_MAX));
    }
    kept
}

/// Leaves out alerts above the bound, and counts them; the page that the notice leads to has all of them.
fn without_most_alerts(mut notice: Notice) -> Notice {
    let (mut bytes, mut kept) = (0_usize, 0);
    for about in &notice.alerts {
        bytes = bytes.saturating_add(serde_json::to_vec(about).map_or(usize::MAX, |json| json.len()));
        if bytes > NOTIFY_ALERTS_MAX_BYTES {
            break;
        }
        kept += 1;
    }
    notice.more += notice.alerts.len().saturating_sub(kept) as u64;
    notice.alerts.truncate(kept);
    notice
}

/// As many as a message lists, and how many there are beside.
fn titles(abouts: &[About]) -> Vec<String> {
    let mut titles: Vec<String> = abouts.iter().take(NOTIFY_LISTED_MAX).map(|about| about.title.clone()).collect();
    if abouts.len() > NOTIFY_LISTED_MAX {
        titles.push(format!("and {} more", abouts.len() - NOTIFY_LISTED_MAX));
    }
    titles
}

/// The same notice has the same key, however often the evaluation that makes it runs.
fn key(notice: &Notice) -> String {
    let event = notice.event.map_or("test", |event| event.as_str());
    let mut digest = Sha256::new();
    for about in &notice.alerts {
        digest.update(about.alert.as_bytes());
    }
    if notice.alerts.is_empty() {
        digest.update(notice.title.as_bytes());
    }
    let digest: [u8; 32] = digest.finalize().into();
    let mut key = format!("{event} {} ", notice.at.timestamp_micros());
    for byte in digest.iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}
