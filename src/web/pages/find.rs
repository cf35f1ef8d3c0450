//! Where the filter form and the search box lead: the page of what was typed, with its address in the form every other link has.
//! An organisation may be typed by its name; pages, the API and links know it by its key alone.

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Query},
};

use crate::{
    links,
    period::Period,
    query::named::{Named, named},
    web::{
        Site,
        answer::{self, Fail},
        params,
    },
};

/// Organisations named where several may be meant.
const NAMED_MAX: usize = 20;

pub(crate) async fn show(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    match address(&site, request.query_string()).await {
        Ok(address) => answer::see_other(&address),
        Err(fail) => answer::failed_page(&site, &fail),
    }
}

async fn address(site: &Site, query_string: &str) -> Result<String, Fail> {
    let mut given = read(query_string)?;
    let path = given.remove("page").unwrap_or_else(|| "/".to_owned());
    if !has_filter(&path) {
        return Err(Fail::NotFound(format!("there is no page `{path}` with a filter")));
    }
    if let Some(typed) = given.remove("q") {
        let (name, value) = sought(site, &typed).await?;
        given.insert(name.to_owned(), value);
    } else if let Some(typed) = given.remove("organisation") {
        let key = organisation(site, &typed, &path, &given).await?.unwrap_or(typed);
        given.insert("organisation".to_owned(), key);
    }
    Ok(with(&path, &given))
}

/// What a form sends, without the fields that were left empty. What the names mean is for the page to say.
fn read(query_string: &str) -> Result<BTreeMap<String, String>, Fail> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query_string).map_err(|_| Fail::Parameter {
        name: "?".to_owned(),
        detail: "the query string is not percent-encoded UTF-8".to_owned(),
    })?;
    let trimmed = pairs.into_inner().into_iter().map(|(name, value)| (name, value.trim().to_owned()));
    Ok(trimmed.filter(|(_, value)| !value.is_empty()).collect())
}

/// Nobody is led elsewhere from here.
fn has_filter(path: &str) -> bool {
    let week = path.strip_prefix("/weeks/").and_then(Period::parse);
    matches!(path, "/" | "/failures" | "/reports") || week.is_some()
}

fn with(path: &str, query: &BTreeMap<String, String>) -> String {
    links::address(path, query.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// A domain or an organisation, whichever goes by that name.
async fn sought(site: &Site, typed: &str) -> Result<(&'static str, String), Fail> {
    let domain = params::domain(typed);
    if site.pipeline.served().domains.contains_key(&domain) {
        return Ok(("policy_domain", domain));
    }
    match organisation(site, typed, "/", &BTreeMap::new()).await? {
        Some(key) => Ok(("organisation", key)),
        None if domain.contains('.') => Ok(("policy_domain", domain)),
        None => {
            Err(Fail::NotFound(format!("no organisation that has reported is called `{typed}`, and it is no domain")))
        }
    }
}

/// The key of the one organisation that is meant; `None` where none is known by that name.
async fn organisation(
    site: &Site,
    typed: &str,
    path: &str,
    rest: &BTreeMap<String, String>,
) -> Result<Option<String>, Fail> {
    let text = typed.to_owned();
    let mut found = site.store().read(move |connection| Ok(named(connection, &text)?)).await?;
    if found.len() < 2 {
        return Ok(found.pop().map(|named| named.key));
    }
    let more = found.len().saturating_sub(NAMED_MAX);
    found.truncate(NAMED_MAX);
    let link = |Named { key, name, reports }: Named| {
        let mut query = rest.clone();
        query.insert("organisation".to_owned(), key.clone());
        answer::Suggestion { address: with(path, &query), key, name, reports }
    };
    Err(Fail::Ambiguous { typed: typed.to_owned(), ways: found.into_iter().map(link).collect(), more: more > 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_with_a_filter_are_led_to() {
        for path in ["/", "/failures", "/reports", "/weeks/2026-W47"] {
            assert!(has_filter(path), "{path}");
        }
        for path in ["//evil.example", "https://evil.example", "/weeks/..", "/\\evil.example", "/alerts", ""] {
            assert!(!has_filter(path), "{path}");
        }
    }
}
