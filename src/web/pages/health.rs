//! For supervisors: whether the process lives, and whether reports can be stored and looked at.

use actix_web::{HttpResponse, http::StatusCode, web};

use crate::{
    query,
    web::{Site, answer},
};

pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

pub(crate) async fn ready(site: web::Data<Site>) -> HttpResponse {
    let store = site.store().clone();
    // The disk may be slow; the answer is one that nobody should wait behind.
    match web::block(move || store.trouble()).await {
        Ok(None) => {}
        Ok(Some(trouble)) => return answer::problem(StatusCode::SERVICE_UNAVAILABLE, "store", &trouble),
        Err(error) => return answer::problem(StatusCode::SERVICE_UNAVAILABLE, "store", &error.to_string()),
    }
    match site.store().read(|connection| Ok(query::quarantine::count(connection)?)).await {
        Ok(_) => {
            let body = match site.store().set_aside() {
                0 => "ready\n".to_owned(),
                aside => {
                    format!("ready\n{aside} submissions that were acknowledged cannot be counted: tlsight repair\n")
                }
            };
            HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(body)
        }
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            answer::problem(StatusCode::SERVICE_UNAVAILABLE, "store", "the store does not answer")
        }
    }
}
