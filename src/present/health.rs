//! For supervisors: whether the process lives, and whether the store answers.

use actix_web::{HttpResponse, http::StatusCode, web};

use super::{Site, answer};
use crate::query;

pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

pub(super) async fn ready(site: web::Data<Site>) -> HttpResponse {
    match site.store().read(|connection| Ok(query::quarantine::count(connection)?)).await {
        Ok(_) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            answer::problem(StatusCode::SERVICE_UNAVAILABLE, "store", "the store does not answer")
        }
    }
}
