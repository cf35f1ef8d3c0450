//! A policy domain: the policy as senders saw it, who still holds what, and whether it is ready to be enforced.

mod gather;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate, Utc};
use minijinja::context;
use serde_json::{Value, json};

use crate::{
    check::{
        holding::{HeldBySender, HeldPolicy, HeldUntil, Holding, SenderHolding},
        readiness::{Readiness, SenderEvidence},
    },
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::{self, Badges},
        params,
    },
    wording,
};
use gather::gather;

/// What is known of one domain.
struct Told {
    policy_domain: String,
    /// Whether a look at it is stored.
    is_looked_at: bool,
    holding: Holding,
    readiness: Readiness,
}

pub(crate) async fn page(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    answer::page(&site, show(&site, &path).await)
}

pub(crate) async fn json(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let told = async { Ok::<_, Fail>(tell(&ask(&site, &path).await?.0)) };
    answer::json(told.await)
}

async fn ask(site: &Site, typed: &str) -> Result<(Told, Badges), Fail> {
    let policy_domain = params::domain(typed);
    let (now, least) = (site.clock.now(), site.rules.least());
    let asked = policy_domain.clone();
    let told = site
        .store()
        .read(move |connection| {
            let Some(told) = gather(connection, asked, now, least)? else { return Ok(None) };
            Ok(Some((told, Badges::ask(connection)?)))
        })
        .await?;
    let nothing =
        || format!("nothing is known of the policy domain `{policy_domain}`: no report that counts, and no look");
    told.ok_or_else(|| Fail::NotFound(nothing()))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A date, `null` where it is not known, and whether it is open.
fn until(until: Option<HeldUntil>) -> Value {
    match until {
        Some(HeldUntil::At(at)) => json!({ "held_until": time(at), "held_open": false }),
        Some(HeldUntil::Open) => json!({ "held_until": null, "held_open": true }),
        Some(HeldUntil::Unknown) | None => json!({ "held_until": null, "held_open": false }),
    }
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

fn tell(told: &Told) -> Value {
    let Told { policy_domain, is_looked_at, holding, readiness } = told;
    let policy = |policy: &HeldPolicy| {
        let own = json!({
            "mode": policy.content.mode.as_str(),
            "max_age": policy.content.max_age_s,
            "mx": policy.content.mx,
            "id": policy.id,
            "first_seen_at": time(policy.first_seen_at),
            "gone_at": policy.gone_at.map(time),
            "estimated": policy.is_estimated,
        });
        with(own, until(Some(policy.until)))
    };
    let held = |held: &HeldBySender| {
        let reported = held.reported.clone().unwrap_or_default();
        let own = json!({
            "mode": reported.mode.map(|mode| mode.as_str()),
            "max_age": reported.max_age_s,
            "mx": reported.mx,
            "first_day": held.first_day,
            "last_day": held.last_day,
            "sessions": held.sessions,
            "drift": held.drift.as_str(),
        });
        with(own, until(held.until))
    };
    let sender = |sender: &SenderHolding| json!({ "organisation_key": sender.organisation, "held": sender.held.iter().map(held).collect::<Vec<_>>() });
    let evidence = |sender: &SenderEvidence| {
        json!({
            "organisation_key": sender.organisation,
            "first_day": sender.first_day,
            "last_day": sender.last_day,
            "checked": sender.checked,
            "unchecked": sender.unchecked,
            "refused_at_least": sender.refused_low,
            "refused_at_most": sender.refused_high,
            "fetch_errors": sender.fetch_errors,
            "clean_days": sender.clean_days,
            "hindered_days": sender.hindered_days,
            "blocked_days": sender.blocked_days,
        })
    };
    json!({
        "policy_domain": policy_domain,
        "looked_at": is_looked_at,
        "goal": readiness.goal.as_str(),
        "verdict": readiness.verdict.as_str(),
        "sentence": readiness.sentence,
        "reasons": readiness.reasons,
        "not_covered": readiness.not_covered,
        "earliest": readiness.earliest,
        "way_out": readiness.way_out,
        "strictest_held": holding.strictest.map(|mode| mode.as_str()),
        "exit_at": holding.exit_at.map(time),
        "policies": holding.policies.iter().map(policy).collect::<Vec<_>>(),
        "senders": holding.senders.iter().map(sender).collect::<Vec<_>>(),
        "evidence": readiness.by_sender.iter().map(evidence).collect::<Vec<_>>(),
    })
}

/// `enforce, 604,800 s, mx1.example.com`, with a word for what was left out.
fn policy_words(mode: Option<&str>, max_age_s: Option<u64>, mx: Option<Vec<&str>>) -> String {
    let age = max_age_s.map(|seconds| format!("{} s", number(seconds)));
    let mx = mx.map(|mx| if mx.is_empty() { "no mx".to_owned() } else { mx.join(" ") });
    [
        mode.unwrap_or("mode not said").to_owned(),
        age.unwrap_or("max_age not said".into()),
        mx.unwrap_or("mx not said".into()),
    ]
    .join(", ")
}

fn number(number: u64) -> String {
    wording::thousands(i64::try_from(number).unwrap_or(i64::MAX))
}

fn interval(low: u64, high: u64) -> String {
    if low == high { number(low) } else { format!("{}–{}", number(low), number(high)) }
}

fn until_words(until: Option<HeldUntil>, now: DateTime<Utc>) -> String {
    match until {
        None => "–".into(),
        Some(HeldUntil::Open) => "no end while it is served or its id stands".into(),
        Some(HeldUntil::Unknown) => "not known".into(),
        Some(HeldUntil::At(at)) if at <= now => format!("over since {} at the latest", wording::moment(at)),
        Some(HeldUntil::At(at)) => wording::moment(at),
    }
}

fn sender_rows(holding: &Holding, now: DateTime<Utc>) -> Vec<minijinja::Value> {
    let rows = holding.senders.iter().flat_map(|sender| sender.held.iter().map(move |held| (sender, held)));
    rows.map(|(sender, held)| {
        let what = held.reported.as_ref().map(|seen| {
            let mx = seen.mx.as_ref().map(|mx| mx.iter().map(String::as_str).collect());
            policy_words(seen.mode.map(|mode| mode.as_str()), seen.max_age_s, mx)
        });
        fields! {
            organisation => sender.organisation.clone(),
            what => what.unwrap_or_else(|| "no policy".into()),
            first_day => held.first_day,
            last_day => held.last_day,
            sessions => number(held.sessions),
            until => until_words(held.until, now),
            drift => held.drift.words(),
        }
    })
    .collect()
}

fn evidence_rows(readiness: &Readiness) -> Vec<minijinja::Value> {
    let row = |sender: &SenderEvidence| {
        fields! {
            organisation => sender.organisation.clone(),
            first_day => sender.first_day,
            last_day => sender.last_day,
            checked => number(sender.checked),
            unchecked => number(sender.unchecked),
            refused => interval(sender.refused_low, sender.refused_high),
            is_refused => sender.refused_low > 0,
            fetch_errors => number(sender.fetch_errors),
            days => format!("{} / {} / {}", sender.clean_days, sender.hindered_days, sender.blocked_days),
        }
    };
    readiness.by_sender.iter().map(row).collect()
}

fn policy_rows(holding: &Holding, now: DateTime<Utc>) -> Vec<minijinja::Value> {
    let row = |policy: &HeldPolicy| {
        let mx = policy.content.mx.iter().map(String::as_str).collect();
        fields! {
            what => policy_words(Some(policy.content.mode.as_str()), Some(policy.content.max_age_s), Some(mx)),
            first_day => policy.first_seen_at.date_naive(),
            gone_day => policy.gone_at.map(|gone_at| gone_at.date_naive()),
            until => until_words(Some(policy.until), now),
            is_estimated => policy.is_estimated,
        }
    };
    holding.policies.iter().map(row).collect()
}

async fn show(site: &Site, typed: &str) -> Result<String, Fail> {
    let (told, badges) = ask(site, typed).await?;
    let now = site.clock.now();
    let Told { policy_domain, is_looked_at, holding, readiness } = told;
    let earliest: Option<NaiveDate> = readiness.earliest;
    let reasons: Vec<String> = readiness.reasons.iter().map(|reason| wording::sentence(reason)).collect();
    let lists = fields! {
        policies => policy_rows(&holding, now),
        senders => sender_rows(&holding, now),
        evidence => evidence_rows(&readiness),
    };
    let content = fields! {
        policy_domain, is_looked_at, earliest, reasons,
        sentence => readiness.sentence,
        strictest => holding.strictest.map(|mode| mode.as_str()),
        exit_at => holding.exit_at,
        not_covered => readiness.not_covered,
        way_out => readiness.way_out,
    };
    let shell = layout::without_filter(site, "/domains", badges);
    Ok(site.templates.render("readiness.html", context! { ..lists, ..context! { ..content, ..shell } })?)
}
