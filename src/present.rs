//! What people and scripts see on the private listener: pages, the same figures as JSON, charts.
//!
//! Every page is one handler that asks `query`, shapes the answer for its template and hands it to `answer`. No SQL here, no
//! writing but through the pipeline (admit, reprocess) and the store (discard, trust, acknowledge, silence, try again).

mod alerts;
mod answer;
mod assets;
mod chart;
pub mod digest;
mod done;
mod excerpt;
mod failures;
mod filters;
mod find;
mod font;
mod guard;
mod health;
mod notifications;
mod outages;
mod overview;
mod params;
mod picture;
mod quarantine;
mod report;
mod reports;
mod result_types;
mod retry;
mod senders;
mod setup;
mod shell;
mod spark;
mod sweep;
mod templates;
mod ways_in;
pub mod week;
mod why;
mod words;

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::{
    middleware,
    web::{self, ServiceConfig, get, post},
};

use crate::{clock::Clock, health::Board, pipeline::Pipeline, store::Store};
pub use alerts::{ChannelShown, DigestShown, Rules};
pub use setup::Setup;
use templates::Templates;

/// What the pages need.
pub struct Site {
    pipeline: Arc<Pipeline>,
    clock: Clock,
    board: Board,
    rules: Rules,
    /// Host names, besides IP addresses and `localhost`, under which browsers may reach this listener.
    hosts: Vec<String>,
    templates: Templates,
    /// Whether anything that counts by default was ever seen: then it is not looked for again.
    has_counted: AtomicBool,
}

/// The pages, for the test that holds templates and routes together: path and template.
pub const PAGES: [(&str, &str); 13] = [
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
    ("/ways-in", "ways_in.html"),
    ("/result-types", "result_types.html"),
];

impl Site {
    /// `dev` is the `web/` directory to read templates and static files from at each request; without it the embedded ones
    /// are used. `rules` is what the alerts' pages show of the configuration. `hosts` are compared without case.
    pub fn new(
        pipeline: Arc<Pipeline>,
        clock: Clock,
        board: Board,
        rules: Rules,
        dev: Option<PathBuf>,
        hosts: Vec<String>,
    ) -> Result<Site, minijinja::Error> {
        Ok(Site {
            pipeline,
            clock,
            board,
            rules,
            hosts,
            templates: Templates::new(dev)?,
            has_counted: AtomicBool::new(false),
        })
    }

    /// The same, with what the pages say of their set-up.
    pub fn in_setup(mut self, setup: Setup) -> Site {
        self.templates.set_up(setup);
        self
    }

    fn store(&self) -> &Store {
        self.pipeline.store()
    }

    /// Reads the query string of an address; without a trust it asks for what counts by default, or for what is claimed while
    /// nothing of that is stored.
    async fn asked(&self, query_string: &str, accepted: params::Accepted) -> Result<params::Asked, answer::Fail> {
        let mut asked = params::parse(query_string, accepted, self.today())?;
        asked.filter.least = self.rules.least();
        if asked.filter.trust.is_none() && !self.has_counted.load(Ordering::Relaxed) {
            let filter = asked.filter.clone();
            asked.filter = self.store().read(move |connection| Ok(filter.settled(connection)?)).await?;
            self.has_counted.store(!asked.filter.only_claims && self.has_reports().await?, Ordering::Relaxed);
        }
        Ok(asked)
    }

    async fn has_reports(&self) -> Result<bool, answer::Fail> {
        let today = self.today();
        Ok(self.store().read(move |connection| Ok(crate::query::span::span(connection, today)?.is_some())).await?)
    }

    fn today(&self) -> chrono::NaiveDate {
        self.clock.now().date_naive()
    }
}

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
                .route("/quarantine/judge", post().to(sweep::judge))
                .route("/quarantine/{uuid}", get().to(quarantine::entry))
                .route("/quarantine/{uuid}/raw", get().to(quarantine::raw))
                .route("/quarantine/{uuid}/admit", post().to(retry::admit))
                .route("/quarantine/{uuid}/reprocess", post().to(retry::reprocess))
                .route("/quarantine/{uuid}/trust", post().to(retry::trust))
                .route("/quarantine/{uuid}/discard", post().to(retry::discard))
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
                .route("/ways-in", get().to(ways_in::page))
                .route("/result-types", get().to(result_types::page))
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
                        .route("/ways-in", get().to(ways_in::json))
                        .default_service(web::to(answer::no_such_endpoint)),
                )
                .default_service(web::to(answer::no_such_page)),
        );
    }
}
