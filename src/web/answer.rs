//! From a result to an answer: a page, JSON, or what went wrong in the form the asker reads.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use minijinja::context;
use serde::Serialize;

use super::{Site, layout};
use crate::{store::StoreError, templates::fields, wording};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fail {
    #[error("parameter `{name}`: {detail}")]
    Parameter { name: String, detail: String },
    /// Several organisations go by what was typed.
    #[error("several organisations may be meant by `{typed}`")]
    Ambiguous { typed: String, ways: Vec<Suggestion>, more: bool },
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    #[error("the page could not be made: {0}")]
    Template(#[from] minijinja::Error),
}

/// One that may be meant, and the page that shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Suggestion {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) name: Option<String>,
    pub(crate) reports: i64,
}

impl Fail {
    fn status(&self) -> StatusCode {
        match self {
            Fail::Parameter { .. } | Fail::Ambiguous { .. } => StatusCode::BAD_REQUEST,
            Fail::NotFound(_) => StatusCode::NOT_FOUND,
            Fail::Conflict(_) => StatusCode::CONFLICT,
            Fail::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Fail::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Fail::Parameter { .. } => "bad-parameter",
            Fail::Ambiguous { .. } => "ambiguous",
            Fail::NotFound(_) => "not-found",
            Fail::Conflict(_) => "conflict",
            Fail::Store(_) => "store",
            Fail::Template(_) => "internal",
        }
    }

    /// What the asker may read: nothing about our insides.
    fn detail(&self) -> String {
        match self {
            Fail::Store(_) => "the store does not answer now; the server's log says why".to_owned(),
            Fail::Template(_) => "the page could not be made; the server's log says why".to_owned(),
            known => known.to_string(),
        }
    }

    fn log(&self) {
        match self {
            Fail::Store(error) => tracing::error!(%error, "a question to the store failed"),
            Fail::Template(error) => tracing::error!(error = format!("{error:#}"), "a template failed"),
            Fail::Parameter { .. } | Fail::Ambiguous { .. } | Fail::NotFound(_) | Fail::Conflict(_) => {}
        }
    }
}

/// A finished page, or a page that says what went wrong.
pub(crate) fn page(site: &Site, result: Result<String, Fail>) -> HttpResponse {
    match result {
        Ok(html) => html_answer(StatusCode::OK, html),
        Err(fail) => failed_page(site, &fail),
    }
}

/// JSON, or a problem document (RFC 9457).
pub(crate) fn json<T: Serialize>(result: Result<T, Fail>) -> HttpResponse {
    match result {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(fail) => failed_json(&fail),
    }
}

pub(crate) fn failed_json(fail: &Fail) -> HttpResponse {
    fail.log();
    problem(fail.status(), fail.code(), &fail.detail())
}

pub(crate) fn failed_page(site: &Site, fail: &Fail) -> HttpResponse {
    fail.log();
    let title = match fail {
        Fail::Parameter { .. } => "That question cannot be answered",
        Fail::Ambiguous { .. } => "Which one?",
        Fail::NotFound(_) => "Not found",
        Fail::Conflict(_) => "That cannot be done",
        Fail::Store(_) | Fail::Template(_) => "Something failed here",
    };
    let (ways, more) = match fail {
        Fail::Ambiguous { ways, more, .. } => (ways.as_slice(), *more),
        _ => Default::default(),
    };
    let shell = layout::of_failure(site, !matches!(fail, Fail::Store(_)));
    let content = fields! { title, detail => wording::sentence(&fail.detail()), ways, more };
    match site.templates.render("message.html", context! { ..content, ..shell }) {
        Ok(html) => html_answer(fail.status(), html),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a template failed");
            HttpResponse::InternalServerError().content_type("text/plain; charset=utf-8").body(fail.detail())
        }
    }
}

/// What is wrong with a request that was to change something: a page for a browser, a problem document for a script.
pub(crate) fn failed_change(site: &Site, request: &HttpRequest, fail: &Fail) -> HttpResponse {
    if wants_page(request) { failed_page(site, fail) } else { failed_json(fail) }
}

/// Whether whoever asks names HTML among what it reads. Browsers do; `*/*` alone is a script.
pub(crate) fn wants_page(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/html")
    })
}

pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code,
    });
    HttpResponse::build(status).content_type("application/problem+json").body(body.to_string())
}

pub(crate) async fn no_such_page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    failed_page(&site, &Fail::NotFound(format!("there is no page `{}`", request.path())))
}

pub(crate) async fn no_such_endpoint(request: HttpRequest) -> HttpResponse {
    failed_json(&Fail::NotFound(format!("there is no endpoint `{} {}`", request.method(), request.path())))
}

/// To another page after something was done.
pub(crate) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish()
}

/// Bytes to keep, never to be shown by the browser: a report may hold anything.
pub(crate) fn download(name: &str, bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(bytes)
}

pub(crate) fn html_answer(status: StatusCode, html: String) -> HttpResponse {
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html)
}
