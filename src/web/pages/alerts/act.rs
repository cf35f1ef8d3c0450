//! What the operator does: acknowledge, silence, end a silence. Each ends in a redirect, so that reloading does nothing twice.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Bytes},
};

use super::{
    form::{FormProblem, Typed},
    list, one,
};
use crate::{
    store::tables::{alert, silence},
    web::{
        Site,
        answer::{self, Fail},
        pages::report::read_uuid,
    },
};

/// Takes a form with `note`.
pub(crate) async fn acknowledge(
    site: web::Data<Site>,
    path: web::Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let typed = Typed::read(&body, &["note"]).map_err(parameter)?;
        let note = match typed.note("note") {
            Ok(note) => note.unwrap_or_default(),
            Err(wrong) if !answer::wants_page(&request) => return Err(parameter(wrong)),
            Err(wrong) => {
                return Ok((StatusCode::BAD_REQUEST, one::render(&site, uuid, &typed, Some(&wrong), None).await?));
            }
        };
        let now = site.clock.now();
        let acknowledged = site.store().change(move |conn| alert::acknowledge(conn, uuid, &note, now)).await?;
        tracing::info!(alert = %uuid, acknowledged, "the operator acknowledges an alert");
        let done = if acknowledged { "acknowledged" } else { "over" };
        Ok((StatusCode::SEE_OTHER, format!("/alerts/{uuid}?done={done}")))
    };
    finish(&site, &request, result.await)
}

/// Takes the form of `Typed::silence`.
pub(crate) async fn add_silence(site: web::Data<Site>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let result = async {
        let typed = Typed::silence(&body).map_err(parameter)?;
        let now = site.clock.now();
        let silence = match typed.to_silence(now) {
            Ok(silence) => silence,
            Err(wrong) if !answer::wants_page(&request) => return Err(parameter(wrong)),
            Err(wrong) => return Ok((StatusCode::BAD_REQUEST, list::render(&site, &typed, Some(&wrong), None).await?)),
        };
        tracing::info!(
            rule = silence.rule.map(|rule| rule.as_str()),
            policy_domain = silence.policy_domain,
            organisation = silence.organisation,
            result_type = silence.result_type,
            until = %silence.until,
            "the operator adds a silence"
        );
        let uuid = silence.uuid;
        site.store().change(move |conn| silence::add(conn, &silence)).await?;
        // The form's address leads back to the form where something is wrong; a fragment of its own keeps that from here.
        Ok((StatusCode::SEE_OTHER, format!("/alerts?done=silenced&silence={uuid}#main")))
    };
    finish(&site, &request, result.await)
}

pub(crate) async fn end_silence(site: web::Data<Site>, path: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let result = async {
        let uuid = read_uuid(&path)?;
        let now = site.clock.now();
        let ended = site.store().change(move |conn| silence::end(conn, uuid, now)).await?;
        tracing::info!(silence = %uuid, ended, "the operator ends a silence");
        Ok((StatusCode::SEE_OTHER, format!("/alerts?done={}", if ended { "ended" } else { "gone" })))
    };
    finish(&site, &request, result.await)
}

/// To where it leads, or back to the form with what is wrong with it.
fn finish(site: &Site, request: &HttpRequest, result: Result<(StatusCode, String), Fail>) -> HttpResponse {
    match result {
        Ok((StatusCode::SEE_OTHER, location)) => answer::see_other(&location),
        Ok((status, html)) => answer::html_answer(status, html),
        Err(fail) => answer::failed_change(site, request, &fail),
    }
}

fn parameter(wrong: FormProblem) -> Fail {
    let FormProblem { field, detail } = wrong;
    Fail::Parameter { name: field, detail }
}
