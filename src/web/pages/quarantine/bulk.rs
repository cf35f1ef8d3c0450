//! Judges many quarantined inputs again, one after the other: all with one fault code, or all of a sender who is trusted now.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::{actions, address, narrowed};
use crate::{
    explain::faults,
    fault::FaultCode,
    query::quarantine::{self, QuarantineCursor},
    submission::Outcome,
    web::{
        Site,
        answer::{self, Fail},
        params,
    },
};

/// Inputs judged in one go.
pub(crate) const JUDGED_MAX: usize = 500;
/// When no further one is begun. Keys that have to be looked up may each take seconds, and somebody is waiting for the page.
const TIME_MAX: Duration = Duration::from_secs(30);

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReprocessTally {
    /// Reports that count now, those that were stored already among them.
    pub(crate) counted: u32,
    pub(crate) stayed: u32,
}

/// Whether a list is offered to be reprocessed: one of a single fault that may be seen otherwise today.
pub(crate) fn is_offered(code: Option<FaultCode>) -> bool {
    code.is_some_and(faults::is_worth_judging_again)
}

/// Judges what the list with the same query string shows, from where that page begins.
pub(crate) async fn judge(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    match judge_list(&site, request.query_string()).await {
        Ok(location) => answer::see_other(&location),
        Err(fail) => answer::failed_page(&site, &fail),
    }
}

async fn judge_list(site: &Site, query_string: &str) -> Result<String, Fail> {
    let asked = params::parse(query_string, params::QUARANTINE, site.today())?;
    if !is_offered(asked.code) {
        let detail = "one fault code is needed, and one that may be seen otherwise today".to_owned();
        return Err(Fail::Parameter { name: "code".to_owned(), detail });
    }
    let (narrowed, after) = (narrowed(&asked), asked.quarantine_after()?);
    let page = site
        .store()
        .read(move |connection| Ok(quarantine::quarantine(connection, &narrowed, JUDGED_MAX, after.as_ref())?))
        .await?;
    let uuids: Vec<Uuid> = page.rows.iter().map(|row| row.uuid).collect();
    let (tally, begun) = judge_each(site, &uuids).await?;
    tracing::info!(
        code = asked.code.map(FaultCode::as_str),
        tally.counted,
        tally.stayed,
        "quarantined inputs were reprocessed"
    );
    let next = match page.rows.get(begun.wrapping_sub(1)) {
        Some(last) if begun < page.rows.len() => {
            Some(QuarantineCursor { received_at: last.last_received_at, uuid: last.uuid })
        }
        _ => page.next,
    };
    let (list, done) = match &next {
        Some(next) => (address("/quarantine", &asked, Some(next)), "judged-more"),
        None => (address("/quarantine", &asked, None), "judged"),
    };
    Ok(format!("{list}&done={done}&counted={}&stayed={}", tally.counted, tally.stayed))
}

/// What became of the inputs, and how many were judged before the time was over.
pub(crate) async fn judge_each(site: &Site, uuids: &[Uuid]) -> Result<(ReprocessTally, usize), Fail> {
    let started = Instant::now();
    let mut tally = ReprocessTally::default();
    for (at, uuid) in uuids.iter().enumerate() {
        if started.elapsed() > TIME_MAX {
            return Ok((tally, at));
        }
        match actions::judge(site, *uuid, false).await {
            Ok(None) => {}
            Ok(Some(Outcome::Stored(_) | Outcome::Duplicate(_))) => tally.counted += 1,
            Ok(Some(_)) | Err(Fail::Conflict(_)) => tally.stayed += 1,
            Err(fail) => return Err(fail),
        }
    }
    Ok((tally, uuids.len()))
}
