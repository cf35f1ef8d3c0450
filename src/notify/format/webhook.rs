//! Our own JSON, described in `docs/notifications.md`, signed so that the receiver knows whose it is.

use chrono::{DateTime, SecondsFormat, Utc};
use ring::hmac;
use serde_json::{Value, json};

use super::{Context, link};
use crate::alerts::notice::{About, Notice};

/// Raised when a member changes its meaning; members are only added otherwise.
const VERSION: u32 = 1;

pub fn body(notices: &[Notice], context: &Context<'_>) -> Value {
    json!({
        "version": VERSION,
        "delivery": context.delivery,
        "notices": notices.iter().map(|notice| of_notice(notice, context.base)).collect::<Vec<_>>(),
    })
}

/// The name of the delivery, and the signature over time and body where there is a key.
pub fn headers(key: Option<&str>, body: &[u8], context: &Context<'_>) -> Vec<(&'static str, String)> {
    let timestamp = context.now.timestamp().to_string();
    let mut headers = vec![("tlsight-delivery", context.delivery.to_string())];
    if let Some(key) = key {
        headers.push(("tlsight-signature", signature(key, &timestamp, body)));
    }
    headers.push(("tlsight-timestamp", timestamp));
    headers
}

/// `sha256=HEX`: HMAC-SHA256 over the timestamp, a full stop and the body.
fn signature(key: &str, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

fn of_notice(notice: &Notice, base: &str) -> Value {
    json!({
        "event": notice.event.map_or("test", |event| event.as_str()),
        "rule": notice.rule,
        "severity": notice.severity,
        "title": notice.title,
        "lines": notice.lines,
        "advice": notice.advice,
        "url": link(base, &notice.path),
        "at": written(notice.at),
        "more_alerts": notice.more,
        "alerts": notice.alerts.iter().map(|about| of_alert(about, base)).collect::<Vec<_>>(),
    })
}

fn of_alert(about: &About, base: &str) -> Value {
    json!({
        "alert": about.alert,
        "title": about.title,
        "policy_domain": about.policy_domain,
        "organisation": about.organisation,
        "result_type": about.result_type,
        "mx_host": about.mx_host,
        "part": about.part,
        "since": written(about.since),
        "ended_at": about.ended_at.map(written),
        "url": link(base, &about.path),
    })
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_signature_is_the_one_openssl_makes() {
        // printf '1795000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "sha256=1bd16f4bb96630234f5d9db1391a58d04079ea2aaf515271f43b4b91dcdfe987";
        assert_eq!(signature("key", "1795000000", b"{\"a\":1}"), expected);
    }
}
