//! The result types explained, with commands that carry the names of the failures one came from.

use actix_web::{HttpRequest, HttpResponse, web};
use minijinja::context;
use serde::Serialize;

use super::{Site, answer, params, shell::Frame, templates::fields};
use crate::{
    explain::result_types,
    query::{
        self,
        failures::{By, failures},
    },
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
    failed: i64,
}

pub(super) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, request.query_string()).await)
}

async fn show(site: &Site, query_string: &str) -> Result<String, answer::Fail> {
    let asked = params::parse(query_string, params::RESULT_TYPES, site.today())?;
    let question = asked.clone();
    let (hosts, domains, types, frame) = site
        .store()
        .read(move |connection| {
            let ask = |by| failures(connection, &question.filter, by, HOSTS_ASKED, None);
            let frame = Frame::ask(connection, &question)?;
            Ok((ask(By::ReceivingMxHostname)?, ask(By::PolicyDomain)?, ask(By::ResultType)?, frame))
        })
        .await?;
    let largest = |page: &query::failures::Page| {
        page.rows.iter().map(|row| row.key.clone()).find(|name| result_types::is_host_name(name))
    };
    let domain = asked.filter.policy_domain.clone().or_else(|| largest(&domains));
    let mx = asked.filter.receiving_mx_hostname.clone().or_else(|| largest(&hosts));
    let sections: Vec<Section> = result_types::ALL
        .iter()
        .map(|explanation| Section {
            name: explanation.name,
            short: explanation.short,
            happened: explanation.happened,
            why: explanation.why,
            todo: explanation.todo,
            commands: result_types::commands(explanation, domain.as_deref(), mx.as_deref()),
            failed: types.rows.iter().find(|row| row.key == explanation.name).map_or(0, |row| row.failed),
        })
        .collect();
    let shell = frame.context(&asked, "/result-types", site.today());
    let content = fields! { sections, domain, mx };
    Ok(site.templates.render("result_types.html", context! { ..content, ..shell })?)
}
