//! The page of all alerts: which fire, what is silenced, what was, by which rules, and whom it is told.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use minijinja::{Value, context};

use super::{
    form::{FormProblem, Typed},
    row, silences, thresholds,
};
use crate::{
    alerts::{
        Alert, AlertPlan,
        hosts::unlisted,
        sentence,
        words::{self as words, CommonCause},
    },
    query::{
        self, Filter, Range,
        channels::{self, Delivery},
        choices::{Choices, choices},
    },
    store::{
        StoreError,
        tables::{
            alert,
            silence::{self, SetSilence},
        },
    },
    templates::fields,
    web::{
        Site,
        answer::Fail,
        layout::{self, Badges},
        params,
    },
    wording,
};

/// Alerts read: all that fire, unless there are more, and the last others.
const ALERTS_MAX: usize = 300;
/// Alerts that are over and shown.
const OVER_SHOWN_MAX: usize = 50;
/// Alerts of one cause that have a line of their own; the sentence about the cause counts all.
const OF_CAUSE_SHOWN_MAX: usize = 10;
/// MX hosts named that are not in the configuration.
const UNLISTED_SHOWN_MAX: usize = 10;
/// Days whose names the form offers.
const CHOICES_DAYS: u64 = 28;

struct Asked {
    alerts: Vec<Alert>,
    silences: Vec<SetSilence>,
    deliveries: Vec<Delivery>,
    choices: Choices,
    badges: Badges,
    firing: u64,
    unacknowledged: u64,
    causes: Vec<CommonCause>,
    unlisted: Vec<(String, String)>,
}

pub(crate) async fn show(site: &Site, query_string: &str) -> Result<String, Fail> {
    let asked = params::parse(query_string, params::AFTER_ACTION, site.today())?;
    render(site, &Typed::default(), None, done(asked.done.as_deref())).await
}

/// The page with the form as it was filled in, and what is wrong with it.
pub(crate) async fn render(
    site: &Site,
    typed: &Typed,
    problem: Option<&FormProblem>,
    done: Option<&'static str>,
) -> Result<String, Fail> {
    let (now, today) = (site.clock.now(), site.today());
    let first = today.checked_sub_days(chrono::Days::new(CHOICES_DAYS)).unwrap_or(today);
    let range = Range::new(first, today);
    let rules = &site.rules;
    let plan = AlertPlan::new(rules.settings.clone(), site.pipeline.served().domains.clone(), &[]).unwrap_or_default();
    let found = site.store().read(move |connection| ask(connection, range, now, &plan)).await?;
    let (mut firing, mut over): (Vec<&Alert>, Vec<&Alert>) = found.alerts.iter().partition(|alert| alert.is_firing());
    firing.sort_by_key(|alert| {
        (alert.acknowledged_at.is_some(), Reverse(alert.rule.severity()), Reverse(alert.fired_at), alert.uuid)
    });
    let shown = one_by_one(&mut firing, &found.causes);
    let over_total = over.len();
    over.truncate(OVER_SHOWN_MAX);
    let last = over.first().filter(|_| firing.is_empty());
    let content = fields! {
        done,
        firing_total => found.firing,
        unacknowledged => found.unacknowledged,
        more_firing => found.firing.saturating_sub(firing.len() as u64),
        causes => found.causes.iter().map(|cause| fields! { sentence => cause.sentence.clone(), alerts => cause.alerts }).collect::<Vec<_>>(),
        is_folded => shown,
        unlisted => found.unlisted.iter().take(UNLISTED_SHOWN_MAX).map(|(domain, host)| fields! { domain, host }).collect::<Vec<_>>(),
        more_unlisted => found.unlisted.len().saturating_sub(UNLISTED_SHOWN_MAX),
        more_over => over_total - over.len(),
        last => last.map(|alert| fields! { uuid => alert.uuid, sentence => sentence(alert), at => alert.changed_at }),
        off => rules.settings.off.len(),
        silences => silences::in_force(&found.silences, rules, now),
        ended => silences::ended(&found.silences, now),
        windows => silences::windows(rules, now),
        table => thresholds::table(&rules.settings),
        settings => rules.settings.clone(),
        channels => channels(site, &found.deliveries),
        has_channels => !rules.channels.is_empty(),
        digests => digests(site),
        known => fields! {
            domains => domains(site, &found.choices),
            organisations => found.choices.organisations.clone(),
            result_types => crate::explain::result_types::ALL.iter().map(|known| known.name).collect::<Vec<_>>(),
        },
    };
    let silenced = |alert: &&Alert| {
        let until = silences::covering(&found.silences, rules, alert, now);
        context! { ..fields! { silenced => until }, ..row::row(alert) }
    };
    let lists = context! {
        firing => firing.iter().map(silenced).collect::<Vec<_>>(),
        over => over.iter().map(|alert| row::row(alert)).collect::<Vec<_>>(),
        form => typed.shown(problem),
    };
    let shell = layout::without_filter(site, "/alerts", found.badges);
    Ok(site.templates.render("alerts.html", context! { ..content, ..lists, ..shell })?)
}

fn ask(
    connection: &Connection,
    range: Option<Range>,
    now: DateTime<Utc>,
    plan: &AlertPlan,
) -> Result<Asked, StoreError> {
    let (firing, unacknowledged) = alert::firing(connection)?;
    let choices = match range {
        Some(range) => choices(connection, &Filter::new(range))?,
        None => Choices::default(),
    };
    Ok(Asked {
        alerts: alert::alerts(connection, ALERTS_MAX)?,
        silences: silence::silences(connection)?,
        deliveries: channels::channels(connection)?,
        choices,
        badges: Badges::ask(connection)?,
        causes: if firing > 1 { words::causes(&alert::all_firing(connection)?) } else { Vec::new() },
        unlisted: if plan.mx_hosts.is_empty() {
            Vec::new()
        } else {
            unlisted(plan, &query::facts::mx_seen(connection, now, plan)?)
        },
        firing,
        unacknowledged,
    })
}

/// Leaves a few alerts of each large cause; whether any were left out.
fn one_by_one(firing: &mut Vec<&Alert>, causes: &[CommonCause]) -> bool {
    let before = firing.len();
    for cause in causes.iter().filter(|cause| cause.alerts > OF_CAUSE_SHOWN_MAX) {
        let mut room = OF_CAUSE_SHOWN_MAX;
        firing.retain(|alert| {
            let is_of_it = alert.rule == cause.rule && alert.since.date_naive() == cause.since;
            let has_room = room > 0;
            room -= usize::from(is_of_it && has_room);
            !is_of_it || has_room
        });
    }
    firing.len() < before
}

/// The configured channels and how they deliver; then those that are not configured any more and still hold something.
pub(crate) fn channels(site: &Site, deliveries: &[Delivery]) -> Vec<Value> {
    let nothing = Delivery::default();
    let of = |name: &str| deliveries.iter().find(|delivery| delivery.channel == name).unwrap_or(&nothing);
    let state = |delivery: &Delivery| {
        fields! {
            pending => delivery.pending,
            given_up => delivery.given_up,
            delivered_at => delivery.delivered_at,
            failing => delivery.is_failing(),
            failing_since => delivery.failing_since,
            last_error => delivery.last_error.clone().filter(|_| delivery.is_failing()),
        }
    };
    let configured = site.rules.channels.iter().map(|channel| {
        let head = fields! {
            name => channel.name.clone(),
            kind => channel.kind.clone(),
            to => channel.to.clone(),
            rules => channel.rules.iter().map(|rule| rule.as_str()).collect::<Vec<_>>(),
            policy_domains => channel.policy_domains.clone(),
            resolved => channel.resolved,
            notices_per_hour_max => channel.notices_per_hour_max,
            configured => true,
        };
        context! { ..head, ..state(of(&channel.name)) }
    });
    // Digests leave by `mail` without a channel of that name.
    let is_known = |name: &str| {
        name == "mail" && !site.rules.digests.is_empty()
            || site.rules.channels.iter().any(|channel| channel.name == name)
    };
    let others = deliveries.iter().filter(|delivery| !is_known(&delivery.channel)).map(|delivery| {
        let head = fields! {
            name => delivery.channel.clone(),
            kind => "",
            to => "",
            rules => Vec::<String>::new(),
            policy_domains => Vec::<String>::new(),
            resolved => true,
            notices_per_hour_max => 0,
            configured => false,
        };
        context! { ..head, ..state(delivery) }
    });
    configured.chain(others).collect()
}

fn digests(site: &Site) -> Vec<Value> {
    let row = |digest: &super::DigestShown| {
        fields! {
            name => digest.name.clone(),
            to => wording::listed(&digest.to, 3),
            policy_domains => digest.policy_domains.clone(),
            cadence => digest.cadence.clone(),
        }
    };
    site.rules.digests.iter().map(row).collect()
}

/// Served and reported domains.
fn domains(site: &Site, choices: &Choices) -> Vec<String> {
    let mut names: Vec<String> = site.pipeline.served().domains.keys().cloned().collect();
    names.extend(choices.policy_domains.iter().cloned());
    names.sort();
    names.dedup();
    names
}

/// Only our own words: the parameter stands in the URL, which anybody may write.
fn done(done: Option<&str>) -> Option<&'static str> {
    match done? {
        "silenced" => Some(
            "The silence is in force. What it covers is still recorded, and reported when it ends and the trouble has not.",
        ),
        "ended" => Some("The silence has ended. What still fires is reported at the next evaluation."),
        "gone" => Some("This silence had ended already."),
        _ => None,
    }
}
