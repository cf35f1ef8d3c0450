//! Prometheus Alertmanager, API v2: an array of alerts. The labels are what an alert is known by, so they are the same from
//! its first firing to its end. Alertmanager takes an alert for over once `endsAt` has passed.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{
    Context, is_over, link,
    text::{fit_units, plain},
};
use crate::{
    alerts::notice::{About, Notice},
    text::visible,
};

const ANNOTATION_MAX: usize = 8_000;

pub fn body(notices: &[Notice], context: &Context<'_>) -> Value {
    let mut alerts = Vec::new();
    for notice in notices {
        alerts.extend(notice.alerts.iter().map(|about| alert(notice, Some(about), context)));
        if notice.alerts.is_empty() {
            alerts.push(alert(notice, None, context));
        }
    }
    Value::Array(alerts)
}

fn alert(notice: &Notice, about: Option<&About>, context: &Context<'_>) -> Value {
    let rule = notice.rule.map(|rule| rule.as_str());
    let mut labels = Map::new();
    let mut label = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            labels.insert(name.to_owned(), Value::String(value));
        }
    };
    label("alertname", Some(rule.unwrap_or("tlsight-test").to_owned()));
    // That of the rule: a label that changes would make another alert of it.
    let severity = notice.rule.map_or(notice.severity, |rule| rule.severity());
    label("severity", Some(severity.as_str().to_owned()));
    label("job", Some("tlsight".to_owned()));
    let part = |of: fn(&About) -> &Option<String>| {
        about.and_then(|about| of(about).as_deref()).map(|part| visible(part).into_owned())
    };
    label("policy_domain", part(|about| &about.policy_domain));
    label("organisation", part(|about| &about.organisation));
    label("result_type", part(|about| &about.result_type));
    label("mx_host", part(|about| &about.mx_host));
    label("part", part(|about| &about.part));

    let title = visible(about.map_or(notice.title.as_str(), |about| about.title.as_str())).into_owned();
    let lines: Vec<String> = super::evidence(notice).into_iter().chain(super::shown(&notice.advice)).collect();
    let starts_at = about.map_or(notice.at, |about| about.since);
    // A test does not stay.
    let ends_at = match about {
        Some(about) if is_over(notice) => about.ended_at.unwrap_or(notice.at).min(context.now),
        Some(_) => context.now + context.fires_for,
        None => context.now + TEST_FIRES_FOR,
    };
    json!({
        "labels": labels,
        "annotations": {
            "summary": fit_units(&title, ANNOTATION_MAX, plain),
            "description": fit_units(&lines.join("\n"), ANNOTATION_MAX, plain),
        },
        "startsAt": written(starts_at.min(ends_at)),
        "endsAt": written(ends_at),
        "generatorURL": link(context.base, about.map_or(notice.path.as_str(), |about| about.path.as_str())),
    })
}

/// Long enough for `group_wait` to pass.
const TEST_FIRES_FOR: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
