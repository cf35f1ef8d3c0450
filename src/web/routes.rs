//! Addresses of the private listener.

use actix_web::{
    middleware,
    web::{self, ServiceConfig, get, post},
};

use super::{
    Site, answer, assets, guard,
    pages::{
        alerts, domains, failures, find, health, notifications, overview,
        quarantine::{self, actions, bulk},
        readiness, report, reports, result_types, senders, sources, week,
    },
};

/// The pages, for the test that holds templates and routes together: path and template.
pub const PAGES: [(&str, &str); 16] = [
    ("/", "overview.html"),
    ("/weeks/{week}", "week.html"),
    ("/failures", "failures.html"),
    ("/reports", "reports.html"),
    ("/reports/{uuid}", "report.html"),
    ("/quarantine", "quarantine.html"),
    ("/quarantine/{uuid}", "quarantine_entry.html"),
    ("/alerts", "alerts.html"),
    ("/alerts/{uuid}", "alert.html"),
    ("/notifications", "notifications.html"),
    ("/senders", "senders.html"),
    ("/sources", "sources.html"),
    ("/result-types", "result_types.html"),
    ("/domains", "domains.html"),
    ("/domains/{domain}", "domain.html"),
    ("/domains/{domain}/readiness", "readiness.html"),
];

/// The routes of the private listener.
pub fn configure(site: web::Data<Site>) -> impl Fn(&mut ServiceConfig) + Clone {
    move |config: &mut ServiceConfig| {
        config.service(
            web::scope("")
                .app_data(site.clone())
                .wrap(middleware::from_fn(guard::guard))
                .route("/", get().to(overview::page))
                .route("/show", get().to(find::show))
                .route("/weeks", get().to(week::newest))
                .route("/weeks/{week}", get().to(week::page))
                .route("/failures", get().to(failures::page))
                .route("/failures.csv", get().to(failures::csv))
                .route("/reports", get().to(reports::page))
                .route("/reports/{uuid}", get().to(report::page))
                .route("/quarantine", get().to(quarantine::list))
                .route("/quarantine/judge", post().to(bulk::judge))
                .route("/quarantine/{uuid}", get().to(quarantine::entry))
                .route("/quarantine/{uuid}/raw", get().to(quarantine::raw))
                .route("/quarantine/{uuid}/admit", post().to(actions::admit))
                .route("/quarantine/{uuid}/reprocess", post().to(actions::reprocess))
                .route("/quarantine/{uuid}/trust", post().to(actions::trust))
                .route("/quarantine/{uuid}/discard", post().to(actions::discard))
                .route("/alerts", get().to(alerts::page))
                .route("/alerts/{uuid}", get().to(alerts::one))
                .route("/alerts/{uuid}/acknowledge", post().to(alerts::acknowledge))
                .route("/silences", post().to(alerts::add_silence))
                .route("/silences/{uuid}/end", post().to(alerts::end_silence))
                .route("/notifications", get().to(notifications::page))
                .route("/notifications/{uuid}/again", post().to(notifications::again))
                .route("/senders", get().to(senders::list))
                .route("/senders/decide", post().to(senders::decide))
                .route("/senders/{uuid}/revoke", post().to(senders::revoke))
                .route("/sources", get().to(sources::page))
                .route("/result-types", get().to(result_types::page))
                .route("/domains", get().to(domains::list))
                .route("/domains/{domain}", get().to(domains::page))
                .route("/domains/{domain}/look", post().to(domains::look))
                .route("/domains/{domain}/readiness", get().to(readiness::page))
                .route("/static/{hash}/{name}", get().to(assets::file))
                .route("/favicon.ico", get().to(assets::icon))
                .route("/healthz", get().to(health::alive))
                .route("/readyz", get().to(health::ready))
                .service(
                    web::scope("/api/v1")
                        .route("/overview", get().to(overview::json))
                        .route("/weeks/{week}", get().to(week::json))
                        .route("/failures", get().to(failures::json))
                        .route("/reports", get().to(reports::json))
                        .route("/reports/{uuid}", get().to(report::json))
                        .route("/reports/{uuid}/raw", get().to(report::raw))
                        .route("/reports/{uuid}/json", get().to(report::unpacked))
                        .route("/quarantine", get().to(quarantine::json))
                        .route("/alerts", get().to(alerts::alerts_json))
                        .route("/alerts/{uuid}", get().to(alerts::alert_json))
                        .route("/silences", get().to(alerts::silences_json))
                        .route("/notifications", get().to(notifications::json))
                        .route("/senders", get().to(senders::json))
                        .route("/sources", get().to(sources::json))
                        .route("/domains/{domain}/readiness", get().to(readiness::json))
                        .default_service(web::to(answer::no_such_endpoint)),
                )
                .default_service(web::to(answer::no_such_page)),
        );
    }
}
