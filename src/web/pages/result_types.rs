//! The result types explained, with commands that carry the names of the failures one came from.

use actix_web::{HttpRequest, HttpResponse, web};
use minijinja::context;
use serde::Serialize;

use crate::{
    explain::result_types,
    query::{
        Filter,
        failures::{FailureOrder, FailurePage, failures},
    },
    templates::fields,
    web::{Site, answer, layout::Frame, params},
};

/// Hosts looked at for one that can stand in a command.
const HOSTS_ASKED: usize = 20;

#[derive(Serialize)]
struct Section {
    name: &'static str,
    short: &'static str,
    happened: &'static str,
    why: &'static [&'static str],
    todo: &'static [&'static str],
    commands: Vec<String>,
    in_words: Option<&'static str>,
    failed: i64,
}

pub(crate) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

async fn show(site: &Site, query_string: &str) -> Result<String, answer::Fail> {
    let asked = site.asked(query_string, params::RESULT_TYPES).await?;
    let question = asked.clone();
    let served = site.pipeline.served().domains.clone();
    let (hosts, domain, types, frame) = site
        .store()
        .read(move |connection| {
            let ask = |filter, by| failures(connection, filter, by, HOSTS_ASKED, None);
            let frame = Frame::ask(connection, &question)?;
            let domains = names(&ask(&question.filter, FailureOrder::PolicyDomain)?);
            let domain = question.filter.policy_domain.clone().or_else(|| domains.into_iter().next());
            let domain = domain.or_else(|| served.keys().next().cloned());
            // Hosts of the same domain: a command must not mix those of two.
            let of_domain = Filter { policy_domain: domain.clone(), ..question.filter.clone() };
            let mut hosts = names(&ask(&of_domain, FailureOrder::ReceivingMxHostname)?);
            if let Some(host) = question.filter.receiving_mx_hostname.clone() {
                hosts = vec![host];
            }
            if hosts.is_empty() {
                hosts.extend(domain.as_ref().and_then(|domain| served.get(domain)).into_iter().flatten().cloned());
            }
            Ok((hosts, domain, ask(&question.filter, FailureOrder::ResultType)?, frame))
        })
        .await?;
    let hosts: Vec<String> = hosts.into_iter().take(result_types::HOSTS_MAX).collect();
    let sections: Vec<Section> = result_types::ALL
        .iter()
        .map(|explanation| Section {
            name: explanation.name,
            short: explanation.short,
            happened: explanation.happened,
            why: explanation.why,
            todo: explanation.todo,
            commands: result_types::commands(explanation, domain.as_deref(), &hosts),
            in_words: result_types::in_words(explanation, domain.as_deref(), &hosts),
            failed: types.rows.iter().find(|row| row.key == explanation.name).map_or(0, |row| row.failed),
        })
        .collect();
    let shell = frame.context(&asked, "/result-types", site.today());
    let content = fields! { sections, domain, hosts };
    Ok(site.templates.render("result_types.html", context! { ..content, ..shell })?)
}

/// Those that may stand in a command, most failed sessions first.
fn names(page: &FailurePage) -> Vec<String> {
    page.rows.iter().map(|row| row.key.clone()).filter(|name| result_types::is_host_name(name)).collect()
}
