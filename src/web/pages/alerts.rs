//! The alerts: which fire, each with its evidence and what happened to it, the rules and silences behind them, and what the
//! operator does with them.

mod act;
mod form;
mod json;
mod list;
mod one;
mod row;
mod rules;
mod silences;
mod thresholds;

use actix_web::{HttpRequest, HttpResponse, web};

pub use rules::{ChannelShown, DigestShown, Rules};

pub(crate) use act::{acknowledge, add_silence, end_silence};
pub(crate) use json::{alert as alert_json, alerts as alerts_json, silences as silences_json};
pub(crate) use list::channels;

use crate::web::{Site, answer};

pub(crate) async fn page(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, list::show(&site, request.query_string()).await)
}

pub(crate) async fn one(site: web::Data<Site>, path: web::Path<String>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, one::show(&site, &path, request.query_string()).await)
}
