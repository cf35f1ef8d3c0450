//! The outbox: what waits, what was given up, what was delivered; and one more try.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use minijinja::{Value, context};
use serde_json::json;

use super::{alerts, report::read_uuid};
use crate::{
    alerts::notice::Payload,
    query::channels,
    store::{
        StoreError,
        tables::outbox::{self, OutboxState, Sent},
    },
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::{self, Badges},
        params,
    },
};

pub(crate) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

pub(crate) async fn json(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, request.query_string()).await)
}

/// Tries at once what was given up, for as long as a new one would be tried, or what has failed so far.
pub(crate) async fn again(site: web::Data<Site>, path: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let (now, rules) = (site.clock.now(), site.rules.clone());
        let tried = site
            .store()
            .change(move |conn| {
                let Some(sent) = outbox::entry(conn, uuid)? else { return Ok(false) };
                let hours = i64::try_from(rules.give_up_after_h(&sent.channel)).unwrap_or(i64::MAX);
                let give_up_after = TimeDelta::try_hours(hours).unwrap_or(TimeDelta::days(3));
                outbox::again(conn, uuid, now, give_up_after)
            })
            .await?;
        tracing::info!(notification = %uuid, tried, "the operator has a notification tried again");
        Ok::<_, Fail>(if tried { "/notifications?done=again" } else { "/notifications?done=gone" })
    };
    match result.await {
        Ok(location) => answer::see_other(location),
        Err(fail) => answer::failed_change(&site, &request, &fail),
    }
}

async fn show(site: &Site, query_string: &str) -> Result<String, Fail> {
    let asked = params::parse(query_string, params::AFTER_ACTION, site.today())?;
    let limit = asked.limit;
    let (entries, deliveries, badges) = site
        .store()
        .read(move |connection| {
            let entries = outbox::entries(connection, limit)?;
            Ok::<_, StoreError>((entries, channels::channels(connection)?, Badges::ask(connection)?))
        })
        .await?;
    let of =
        |state: OutboxState| -> Vec<Value> { entries.iter().filter(|sent| sent.state == state).map(row).collect() };
    let total = |count: fn(&channels::Delivery) -> i64| deliveries.iter().map(count).sum::<i64>();
    let content = fields! {
        pending_total => total(|delivery| delivery.pending),
        given_up_total => total(|delivery| delivery.given_up),
        failing => deliveries.iter().any(|delivery| delivery.failing_since.is_some()),
        has_channels => !site.rules.channels.is_empty(),
        limit,
        is_cut => entries.len() == limit,
        done => match asked.done.as_deref() {
            Some("again") => Some("It waits for delivery once more."),
            Some("gone") => Some("It cannot be tried again now: it was delivered, is under way already or has been forgotten."),
            _ => None,
        },
    };
    let lists = context! {
        pending => of(OutboxState::Pending),
        given_up => of(OutboxState::GivenUp),
        delivered => of(OutboxState::Delivered),
        channels => alerts::channels(site, &deliveries),
    };
    let shell = layout::without_filter(site, "/alerts", badges);
    Ok(site.templates.render("notifications.html", context! { ..content, ..lists, ..shell })?)
}

fn row(sent: &Sent) -> Value {
    fields! {
        uuid => sent.uuid,
        channel => sent.channel.clone(),
        recipient => sent.recipient.clone(),
        title => sent.title.clone(),
        notices => sent.notices,
        path => path(sent),
        created_at => sent.created_at,
        attempts => sent.attempts,
        next_attempt_at => sent.next_attempt_at,
        give_up_at => sent.give_up_at,
        settled_at => sent.settled_at,
        last_error => sent.last_error.clone(),
    }
}

/// The page the notice leads to, where it is one of ours and only one.
fn path(sent: &Sent) -> Option<String> {
    match &sent.payload {
        Payload::Notices(notices) => match notices.as_slice() {
            [one] if one.path.starts_with('/') && !one.path.starts_with("//") => Some(one.path.clone()),
            _ => None,
        },
        Payload::Email(_) => None,
    }
}

async fn tell(site: &Site, query_string: &str) -> Result<serde_json::Value, Fail> {
    let limit = params::parse(query_string, params::LIST, site.today())?.limit;
    let (entries, total) = site
        .store()
        .read(move |connection| Ok((outbox::entries(connection, limit)?, outbox::total(connection)?)))
        .await?;
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let items: Vec<serde_json::Value> = entries
        .iter()
        .map(|sent| {
            json!({
                "uuid": sent.uuid,
                "channel": sent.channel,
                "recipient": sent.recipient,
                "title": sent.title,
                "notices": sent.notices,
                "state": sent.state.as_str(),
                "created_at": time(sent.created_at),
                "attempts": sent.attempts,
                "next_attempt_at": time(sent.next_attempt_at),
                "give_up_at": time(sent.give_up_at),
                "settled_at": sent.settled_at.map(time),
                "last_error": sent.last_error,
            })
        })
        .collect();
    Ok(json!({ "total": total, "items": items }))
}
