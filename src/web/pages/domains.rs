//! The served domains, and one of them: what it publishes, what is wrong with it since when, what changed.

mod hosts;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use minijinja::context;
use serde::Deserialize;

use crate::{
    check::{Severity, history::KnownFinding},
    store::tables::look::{self, FactChange, LastLook, LookSummary, PublishedPolicy},
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::{self, Badges},
        params,
    },
};

/// Days for which what ended and what changed is shown.
const SHOWN_DAYS: i64 = 90;
/// Domains on one page.
const ROWS_MAX: usize = 500;
/// Things to do that are named at the top.
const TO_DO_MAX: usize = 3;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DomainsQuery {
    /// A part of the names that are looked for.
    q: String,
}

pub(crate) async fn list(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show_list(&site, request.query_string()).await)
}

pub(crate) async fn page(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    answer::page(&site, show(&site, &path).await)
}

/// Looks at a served domain, and leads back to its page.
pub(crate) async fn look(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let policy_domain = params::domain(&path);
    let looked = match site.looker.clone() {
        Some(looker) => looker.look_now(policy_domain.clone()).await.map_err(Fail::Conflict),
        None => Err(Fail::Conflict("this server looks at no domain: see `[check]` of the configuration".to_owned())),
    };
    match looked {
        Ok(()) => answer::see_other(&format!("/domains/{policy_domain}")),
        Err(fail) => answer::failed_page(&site, &fail),
    }
}

async fn show_list(site: &Site, query_string: &str) -> Result<String, Fail> {
    let query = web::Query::<DomainsQuery>::from_query(query_string)
        .map_err(|error| Fail::Parameter { name: "q".to_owned(), detail: error.to_string() })?;
    let q = query.q.trim().to_ascii_lowercase();
    let (summaries, badges) = site.store().read(|conn| Ok((look::summaries(conn)?, Badges::ask(conn)?))).await?;
    let mut domains: BTreeMap<String, Option<LookSummary>> =
        site.pipeline.served().domains.keys().map(|domain| (domain.clone(), None)).collect();
    for summary in summaries {
        domains.insert(summary.policy_domain.clone(), Some(summary));
    }
    let (total, faulty) = (domains.len(), domains.values().flatten().filter(|last| last.faults > 0).count());
    let mut rows: Vec<_> = domains.into_iter().filter(|(domain, _)| domain.contains(&q)).collect();
    // The worst first, then by name, which is their order already.
    rows.sort_by_key(|(_, last)| {
        last.as_ref().map_or((1, 0, 0), |last| match (last.faults, last.warnings) {
            (0, 0) => (2, 0, 0),
            (faults, warnings) => (0, u32::MAX - faults, u32::MAX - warnings),
        })
    });
    let found = rows.len();
    let rows: Vec<_> = rows
        .into_iter()
        .take(ROWS_MAX)
        .map(|(domain, last)| {
            let worst = last.as_ref().and_then(|last| last.worst.clone()).map(|(_, message)| message);
            fields! {
                domain, worst,
                mode => last.as_ref().and_then(|last| last.mode.clone()),
                faults => last.as_ref().map_or(0, |last| last.faults),
                warnings => last.as_ref().map_or(0, |last| last.warnings),
                unknowns => last.as_ref().map_or(0, |last| last.unknowns),
                looked_at => last.as_ref().map(|last| last.looked_at),
            }
        })
        .collect();
    let content = fields! { rows, q, total, faulty, found, more => found.saturating_sub(ROWS_MAX) };
    let shell = layout::without_filter(site, "/domains", badges);
    Ok(site.templates.render("domains.html", context! { ..content, ..shell })?)
}

/// What is known of one domain by looks.
struct Known {
    last: Option<LastLook>,
    findings: Vec<KnownFinding>,
    changes: Vec<FactChange>,
    published: Vec<PublishedPolicy>,
}

async fn show(site: &Site, typed: &str) -> Result<String, Fail> {
    let policy_domain = params::domain(typed);
    let since = site.clock.now() - TimeDelta::days(SHOWN_DAYS);
    let asked = policy_domain.clone();
    let (known, badges) = site
        .store()
        .read(move |conn| {
            let known = Known {
                last: look::last(conn, &asked)?,
                findings: look::findings(conn, &asked, since)?,
                changes: look::changes(conn, &asked, since)?,
                published: look::published(conn, &asked)?,
            };
            Ok((known, Badges::ask(conn)?))
        })
        .await?;
    let served = &site.pipeline.served().domains;
    let is_served = served.contains_key(&policy_domain);
    // Without served domains reports are taken for every domain there is.
    if known.last.is_none() && !is_served && !served.is_empty() {
        return Err(Fail::NotFound(format!("`{policy_domain}` is not one of the served domains")));
    }
    let (standing, ended): (Vec<_>, Vec<_>) = known.findings.iter().partition(|finding| finding.ended_at.is_none());
    let unknowns: Vec<_> = known.last.iter().flat_map(|last| &last.findings).collect();
    let unknowns: Vec<_> = unknowns.into_iter().filter(|finding| finding.severity == Severity::Unknown).collect();
    let (wrong, notes): (Vec<_>, Vec<_>) = standing.into_iter().partition(|finding| finding.severity != Severity::Note);
    let content = fields! {
        sentence => sentence(&policy_domain, known.last.as_ref(), &wrong, unknowns.len()),
        looked_at => known.last.as_ref().map(|last| last.looked_at),
        can_look => is_served && site.looker.is_some(),
        to_do => to_do(&wrong),
        notes => notes.iter().map(|finding| finding_row(finding)).collect::<Vec<_>>(),
        wrong => wrong.iter().map(|finding| finding_row(finding)).collect::<Vec<_>>(),
        ended => ended.iter().map(|finding| finding_row(finding)).collect::<Vec<_>>(),
        unknowns => unknowns.iter().map(|finding| fields! { id => finding.check.id(), rfc => finding.check.rfc(), message => finding.message.clone() }).collect::<Vec<_>>(),
        policies => known.published.iter().map(policy_row).collect::<Vec<_>>(),
        changes => known.changes.iter().map(change_row).collect::<Vec<_>>(),
        hosts => known.last.as_ref().map(hosts::rows).unwrap_or_default(),
        records => known.last.as_ref().map(hosts::records).unwrap_or_default(),
        policy_domain,
    };
    let shell = layout::without_filter(site, "/domains", badges);
    Ok(site.templates.render("domain.html", context! { ..content, ..shell })?)
}

/// What to do about what is still there, each thing once.
fn to_do(wrong: &[&KnownFinding]) -> Vec<String> {
    let mut to_do: Vec<String> = Vec::new();
    for remedy in wrong.iter().filter(|finding| finding.good_at.is_none()).filter_map(|finding| finding.remedy.as_ref())
    {
        if to_do.len() < TO_DO_MAX && !to_do.contains(remedy) {
            to_do.push(remedy.clone());
        }
    }
    to_do
}

/// How the domain stands, in one sentence.
fn sentence(domain: &str, last: Option<&LastLook>, wrong: &[&KnownFinding], unknowns: usize) -> String {
    let count = |severity| wrong.iter().filter(|finding| finding.severity == severity).count();
    let many = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let mut parts = Vec::new();
    for (number, one, more) in [
        (count(Severity::Fault), "fault", "faults"),
        (count(Severity::Warning), "warning", "warnings"),
        (unknowns, "thing that could not be seen from here", "things that could not be seen from here"),
    ] {
        if number > 0 {
            parts.push(many(number, one, more));
        }
    }
    match (last, parts.is_empty()) {
        (None, _) => format!("Nobody has looked at {domain} yet."),
        (Some(_), true) => format!("Nothing is wrong with what {domain} publishes."),
        (Some(_), false) => format!("{domain}: {}.", parts.join(", ")),
    }
}

fn finding_row(finding: &KnownFinding) -> minijinja::Value {
    fields! {
        id => finding.check.id(),
        rfc => finding.check.rfc(),
        part => finding.part.clone(),
        severity => finding.severity.as_str(),
        message => finding.message.clone(),
        remedy => finding.remedy.clone(),
        last_before_at => finding.last_before_at,
        began_at => finding.began_at,
        is_confirmed => finding.confirmed_at.is_some(),
        good_at => finding.good_at,
    }
}

fn policy_row(policy: &PublishedPolicy) -> minijinja::Value {
    fields! {
        mode => policy.content.mode.as_str(),
        max_age => hosts::duration(policy.content.max_age_s),
        mx => policy.content.mx.iter().cloned().collect::<Vec<_>>().join(", "),
        id => policy.id.clone(),
        first_seen_at => policy.first_seen_at,
        last_seen_at => policy.last_seen_at,
        gone_at => policy.gone_at,
    }
}

fn change_row(change: &FactChange) -> minijinja::Value {
    fields! {
        fact => match change.fact.as_str() { "id" => "id of the record", "mx" => "MX hosts", other => other }.to_owned(),
        last_before_at => change.last_before_at,
        changed_at => change.changed_at,
        before => change.before.clone(),
        after => change.after.clone(),
    }
}
