//! One week against the one before: what the digest says, as a page and as JSON. Days and months are told by the same figures.

mod rows;
mod shares;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use minijinja::{Value, context};

use crate::{
    links,
    summary::{changes, json as week_json, outages},
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::Frame,
        params::{self, PageParams},
    },
    wording,
};

pub use crate::period::{Period, PeriodKind, Phase};
pub use crate::query::week::{PeriodFigures, TREND_PERIODS};
pub use crate::summary::json::figures as to_json;
pub use crate::summary::verdict::{MailVerdict, verdict};

/// To the last week that is over, with the rest of the filter.
pub(crate) async fn newest(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    let today = site.today();
    match params::parse(request.query_string(), params::WEEK, today) {
        Ok(asked) => answer::see_other(&address(Period::last_complete(PeriodKind::Week, today), &asked)),
        Err(fail) => answer::failed_page(&site, &fail),
    }
}

pub(crate) async fn page(site: web::Data<Site>, week: web::Path<String>, request: HttpRequest) -> HttpResponse {
    answer::page(&site, show(&site, &week, request.query_string()).await)
}

pub(crate) async fn json(site: web::Data<Site>, week: web::Path<String>, request: HttpRequest) -> HttpResponse {
    answer::json(tell(&site, &week, request.query_string()).await)
}

async fn show(site: &Site, week: &str, query_string: &str) -> Result<String, Fail> {
    let today = site.today();
    let (period, asked) = read(site, week, query_string).await?;
    let figures = site.period(&asked.filter, period).await?;
    let question = asked.clone();
    let frame = site.store().read(move |connection| Frame::ask(connection, &question)).await?;
    let shell = frame.context(&asked, "/weeks", today);
    let page = fields! {
        verdict => verdict(&figures, wording::Dates::Short),
        week => fields! {
            title => period.title(),
            name => period.name(),
            phase => figures.phase.as_str(),
            first => figures.is_first(),
            quiet => figures.is_quiet(),
            address => format!("/weeks/{}", period.name()),
            older => neighbour(period.previous(), &asked),
            newer => neighbour(period.next(), &asked).filter(|_| period.next().range().first() <= today),
            newest => address(Period::last_complete(PeriodKind::Week, today), &asked),
            reported => reported(&figures).map(|period| fields! {
                title => period.title(),
                address => address(period, &asked),
            }),
        },
        reported => fields! {
            reports => figures.reported.reports,
            organisations => figures.reported.organisations,
            before => figures.reported_before.reports,
            organisations_before => figures.reported_before.organisations,
        },
        quarantine => fields! { total => figures.quarantined.total, codes => figures.quarantined.codes },
        coverage => changes::coverage(&figures, wording::Dates::Short),
        outages => outages::section(&figures.outages, figures.filter.range.last()),
        pairs => rows::groups(&figures),
        meanings => rows::meanings(&figures),
        silent => rows::silent(&figures),
        changes => changes::changes(&figures, wording::Dates::Short),
        shares => shares::shares(&figures),
        claims => crate::summary::claims::beside(figures.claims.as_ref()),
        only_claims => figures.filter.only_claims && figures.reported.reports > 0,
        before_text => wording::range(period.previous().range()),
        before => fields! { from => period.previous().range().first(), to => period.previous().range().last() },
    };
    Ok(site.templates.render("week.html", context! { ..page, ..shell })?)
}

async fn tell(site: &Site, week: &str, query_string: &str) -> Result<serde_json::Value, Fail> {
    let (period, asked) = read(site, week, query_string).await?;
    Ok(week_json::figures(&*site.period(&asked.filter, period).await?))
}

/// The week of the path and the rest of the filter, its range that of the week.
async fn read(site: &Site, week: &str, query_string: &str) -> Result<(Period, PageParams), Fail> {
    let period = Period::parse(week).filter(|period| period.kind() == PeriodKind::Week).ok_or_else(|| {
        Fail::NotFound(format!("`{week}` is not an ISO week written like 2026-W47, from 1970 to 2199"))
    })?;
    let mut asked = site.asked(query_string, params::WEEK).await?;
    asked.filter.range = period.range();
    Ok((period, asked))
}

/// The week of the newest report, where the one asked for has none.
fn reported(figures: &PeriodFigures) -> Option<Period> {
    let span = figures.span.filter(|_| figures.reported.reports == 0 && figures.phase != Phase::Future)?;
    let period = Period::containing(PeriodKind::Week, span.last);
    (period != figures.period && period.is_within_reach()).then_some(period)
}

fn neighbour(period: Period, asked: &PageParams) -> Option<Value> {
    period.is_within_reach().then(|| Value::from(address(period, asked)))
}

/// The page of a week with the rest of the filter.
fn address(period: Period, asked: &PageParams) -> String {
    let query: BTreeMap<&str, String> =
        asked.query().into_iter().filter(|(name, _)| !matches!(*name, "from" | "to")).collect();
    links::address(&format!("/weeks/{}", period.name()), query.iter().map(|(name, value)| (*name, value.as_str())))
}
