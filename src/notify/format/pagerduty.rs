//! PagerDuty, Events API v2: one event for each alert, so that an incident ends with its alert. A summary holds 1,024
//! characters, an event 512 KB.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    ChannelRequest, Context, at_path, is_over, link,
    text::{fit_units, plain},
};
use crate::{
    alerts::notice::{About, Notice},
    config::NotifyChannel,
    text::visible,
};

const SUMMARY_MAX: usize = 1_024;
const DETAILS_MAX: usize = 16_000;
const TEST_KEY: &str = "tlsight-test";

/// One for each alert of the notices. A test opens an incident and ends it.
pub fn requests(channel: &NotifyChannel, notices: &[Notice], context: &Context<'_>) -> Vec<ChannelRequest> {
    let url = at_path(channel.url.as_deref().unwrap_or_default(), "/v2/enqueue");
    let key = channel.secret.as_deref().unwrap_or_default();
    let request = |body: Value| ChannelRequest {
        url: url.clone(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    };
    let mut requests = Vec::new();
    for notice in notices {
        let action = action(notice);
        requests.extend(notice.alerts.iter().map(|about| {
            request(match action {
                "trigger" => trigger(key, &about.alert.to_string(), notice, Some(about), context),
                action => settle(key, &about.alert.to_string(), action),
            })
        }));
        if notice.alerts.is_empty() {
            requests.push(request(trigger(key, TEST_KEY, notice, None, context)));
            requests.push(request(settle(key, TEST_KEY, "resolve")));
        }
    }
    requests
}

fn action(notice: &Notice) -> &'static str {
    if is_over(notice) { "resolve" } else { "trigger" }
}

fn trigger(key: &str, dedup_key: &str, notice: &Notice, about: Option<&About>, context: &Context<'_>) -> Value {
    let title = visible(about.map_or(notice.title.as_str(), |about| about.title.as_str())).into_owned();
    let page = link(context.base, about.map_or(notice.path.as_str(), |about| about.path.as_str()));
    let part = |of: fn(&About) -> &Option<String>| {
        about.and_then(|about| of(about).as_deref()).map(|part| visible(part).into_owned())
    };
    let lines = super::evidence(notice).join("\n");
    let advice = super::shown(&notice.advice).join("\n");
    json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "client": "tlsight",
        "client_url": page,
        "links": [{ "href": page, "text": "Open in tlsight" }],
        "payload": {
            "summary": fit_units(&title, SUMMARY_MAX, plain),
            "source": part(|about| &about.policy_domain)
                .or_else(|| part(|about| &about.part))
                .unwrap_or_else(|| context.host.to_owned()),
            "severity": notice.severity,
            "timestamp": about.map_or(notice.at, |about| about.since).to_rfc3339_opts(SecondsFormat::Secs, true),
            "component": part(|about| &about.mx_host).or_else(|| part(|about| &about.part)),
            "group": part(|about| &about.policy_domain),
            "class": notice.rule,
            "custom_details": {
                "organisation": part(|about| &about.organisation),
                "result_type": part(|about| &about.result_type),
                "evidence": fit_units(&lines, DETAILS_MAX, plain),
                "advice": fit_units(&advice, DETAILS_MAX, plain),
            },
        },
    })
}

fn settle(key: &str, dedup_key: &str, action: &str) -> Value {
    json!({ "routing_key": key, "event_action": action, "dedup_key": dedup_key })
}
