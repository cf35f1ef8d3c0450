//! How the sources are doing: what listens, which mailboxes are read, what they bring in.

use actix_web::{HttpResponse, web};
use minijinja::context;
use serde_json::{Value, json};

use crate::{
    health::{ComponentState, Health},
    store::tables::test_report::{self, TestReport},
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::{self, Badges},
    },
};

/// Domains named on the page that reports were refused for, and in the API.
const FOREIGN_SHOWN: usize = 20;
const FOREIGN_TOLD: usize = 1_000;

pub(crate) async fn page(site: web::Data<Site>) -> HttpResponse {
    answer::page(&site, show(&site).await)
}

pub(crate) async fn json(site: web::Data<Site>) -> HttpResponse {
    answer::json(tell(&site).await)
}

async fn tell(site: &Site) -> Result<Value, Fail> {
    let last_test = site.store().read(test_report::last).await?;
    let items: Vec<Value> = site.health.sources().iter().map(|(name, health)| item(name, health)).collect();
    let foreign = site.health.foreign();
    let refused: Vec<Value> = foreign
        .foremost(FOREIGN_TOLD)
        .domains
        .iter()
        .map(|(domain, reports)| json!({ "domain": domain, "reports": reports }))
        .collect();
    Ok(json!({ "items": items, "refused_domains": refused, "last_test": last_test.as_ref().map(test_item) }))
}

/// Sentences about what does not work now, for the overview.
pub(crate) fn troubles(site: &Site) -> Vec<String> {
    let failing = |(_, health): &(String, Health)| health.state == ComponentState::Failing;
    site.health
        .sources()
        .into_iter()
        .filter(failing)
        .map(|(name, health)| format!("{name}: {}", health.words))
        .collect()
}

/// The same about channels.
pub(crate) fn failing_channels(site: &Site) -> Vec<String> {
    let failing = |(_, health): &(String, Health)| health.state == ComponentState::Failing;
    site.health
        .channels()
        .into_iter()
        .filter(failing)
        .map(|(name, health)| format!("{name}: {}", health.words))
        .collect()
}

async fn show(site: &Site) -> Result<String, Fail> {
    let (badges, last_test) =
        site.store().read(|connection| Ok((Badges::ask(connection)?, test_report::last(connection)?))).await?;
    let parts = site.health.sources();
    let failing = parts.iter().filter(|(_, health)| health.state == ComponentState::Failing).count();
    let rows: Vec<_> = parts
        .iter()
        .map(|(name, health)| {
            let total = health.total();
            fields! {
                counted_since => health.counted_since,
                name,
                state => word(health.state),
                failing => health.state == ComponentState::Failing,
                words => health.words,
                since => health.since,
                worked_at => health.worked_at,
                stored => total.stored,
                duplicate => total.duplicate,
                quarantined_here => total.quarantined,
                refused => total.refused,
                ignored => total.ignored,
            }
        })
        .collect();
    let foreign = site.health.foreign();
    let foreign = foreign.foremost(FOREIGN_SHOWN);
    let rest = foreign.rest();
    let last_test = last_test.map(|test| {
        fields! {
            report_id => test.report_id,
            received_at => test.received_at,
            channel => test.channel.as_str(),
            trust => test.trust.as_str(),
            policy_domains => test.policy_domains,
        }
    });
    let content = context! { last_test, ..fields! { rows, failing, foreign => foreign.domains, rest } };
    let shell = layout::without_filter(site, "/sources", badges);
    Ok(site.templates.render("sources.html", context! { ..content, ..shell })?)
}

/// The last report of `tlsight send-test-report`, which is in no figure.
fn test_item(test: &TestReport) -> Value {
    json!({
        "report_id": test.report_id,
        "received_at": test.received_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        "channel": test.channel.as_str(),
        "trust": test.trust.as_str(),
        "dkim_domain": test.dkim_domain,
        "policy_domains": test.policy_domains,
    })
}

fn word(state: ComponentState) -> &'static str {
    match state {
        ComponentState::Starting => "starting",
        ComponentState::Well => "working",
        ComponentState::Failing => "failing",
    }
}

fn item(name: &str, health: &Health) -> Value {
    let total = health.total();
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    };
    json!({
        "name": name,
        "state": word(health.state),
        "since": time(health.since),
        "worked_at": time(health.worked_at),
        "words": health.words,
        "counted_since": time(health.counted_since),
        "stored": total.stored,
        "duplicate": total.duplicate,
        "quarantined": total.quarantined,
        "refused": total.refused,
        "not_tlsrpt": total.ignored,
        "busy": total.busy,
    })
}
