//! The same for scripts.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{rules::end_of, silences::is_in_force};
use crate::{
    alerts::{Alert, AlertRule, sentence, words::causes},
    store::tables::{alert, silence},
    web::{
        Site,
        answer::{self, Fail},
        pages::report::read_uuid,
        params,
    },
};

pub(crate) async fn alerts(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell_all(&site, request.query_string()).await)
}

pub(crate) async fn alert(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    answer::json(tell_one(&site, &path).await)
}

pub(crate) async fn silences(site: web::Data<Site>) -> HttpResponse {
    answer::json(tell_silences(&site).await)
}

async fn tell_all(site: &Site, query_string: &str) -> Result<Value, Fail> {
    let limit = params::parse(query_string, params::LIST, site.today())?.limit;
    let ((firing, unacknowledged), alerts, all, total) = site
        .store()
        .read(move |connection| {
            let alerts = alert::alerts(connection, limit)?;
            Ok((alert::firing(connection)?, alerts, alert::all_firing(connection)?, alert::total(connection)?))
        })
        .await?;
    let items: Vec<Value> = alerts.iter().map(item).collect();
    let causes: Vec<Value> = causes(&all)
        .iter()
        .map(|cause| {
            let (rule, since) = (cause.rule.as_str(), cause.since);
            json!({ "rule": rule, "since": since, "alerts": cause.alerts, "sentence": cause.sentence })
        })
        .collect();
    Ok(json!({ "firing": firing, "unacknowledged": unacknowledged, "causes": causes, "total": total, "items": items }))
}

async fn tell_one(site: &Site, path: &str) -> Result<Value, Fail> {
    let uuid = read_uuid(path)?;
    let (found, history) = site
        .store()
        .read(move |connection| Ok((alert::alert(connection, uuid)?, alert::history(connection, uuid)?)))
        .await?;
    let alert = found.ok_or_else(|| Fail::NotFound(format!("there is no alert {uuid}")))?;
    let events: Vec<Value> = history
        .iter()
        .map(|happened| {
            json!({
                "at": time(happened.at),
                "event": happened.event.as_str(),
                "notified": happened.notified,
                "muted": happened.muted,
                "evidence": happened.evidence,
            })
        })
        .collect();
    let mut item = item(&alert);
    item["history"] = events.into();
    Ok(item)
}

async fn tell_silences(site: &Site) -> Result<Value, Fail> {
    let now = site.clock.now();
    let set = site.store().read(silence::silences).await?;
    let of_page = set.iter().map(|silence| {
        json!({
            "uuid": silence.uuid,
            "source": "page",
            "rule": silence.rule.map(AlertRule::as_str),
            "policy_domain": silence.policy_domain,
            "organisation": silence.organisation,
            "result_type": silence.result_type,
            "until": time(silence.until),
            "reason": silence.reason,
            "added_at": time(silence.added_at),
            "ended_at": silence.ended_at.map(time),
            "in_force": is_in_force(silence, now),
        })
    });
    let of_configuration = site.rules.silences.iter().map(|silence| {
        let until = end_of(silence);
        json!({
            "uuid": null,
            "source": "configuration",
            "rule": silence.rule.map(AlertRule::as_str),
            "policy_domain": silence.policy_domain,
            "organisation": silence.organisation,
            "result_type": silence.result_type,
            "until": until.map(time),
            "reason": silence.reason,
            "added_at": null,
            "ended_at": null,
            "in_force": until.is_some_and(|until| until > now),
        })
    });
    let items: Vec<Value> = of_page.chain(of_configuration).collect();
    Ok(json!({ "items": items, "maintenance": site.rules.maintenance }))
}

fn item(alert: &Alert) -> Value {
    let subject = &alert.subject;
    json!({
        "uuid": alert.uuid,
        "rule": alert.rule.as_str(),
        "severity": alert.rule.severity().as_str(),
        "status": alert.status.as_str(),
        "sentence": sentence(alert),
        "policy_domain": subject.policy_domain,
        "organisation": subject.organisation,
        "result_type": subject.result_type,
        "mx_host": subject.mx_host,
        "part": subject.part,
        "since": time(alert.since),
        "fired_at": time(alert.fired_at),
        "changed_at": time(alert.changed_at),
        "notified_at": alert.notified_at.map(time),
        "acknowledged_at": alert.acknowledged_at.map(time),
        "acknowledgement": alert.acknowledgement,
        "times": alert.times,
        "evidence": alert.evidence,
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
