//! The first line: what happened, in words with their numbers.

use serde::Serialize;

use super::figures::OverviewFigures;
use crate::{
    explain::MailEffect,
    reporters, share,
    summary::outages,
    web::pages::week,
    wording::{self, Dates},
};

#[derive(Serialize)]
pub(crate) struct OverviewVerdict {
    /// The share, to be set in the accent of its kind; empty where there are no sessions.
    share: String,
    /// The sentence after the share, or the whole one.
    sentence: String,
    /// What to know at once, one sentence each.
    more: Vec<String>,
    fine: bool,
}

pub(crate) fn verdict(figures: &OverviewFigures) -> OverviewVerdict {
    let once = figures.shares.once;
    let range = wording::range(figures.filter.range);
    if figures.span.is_none() {
        let sentence = "No report has arrived yet.".to_owned();
        return OverviewVerdict { share: String::new(), sentence, more: Vec::new(), fine: true };
    }
    if figures.reported.reports == 0 {
        let sentence = format!("No report covers {range}.");
        return OverviewVerdict { share: String::new(), sentence, more: vec![elsewhere(figures)], fine: true };
    }
    let proof = format!(
        "{} from {} say so.",
        wording::counted(figures.reported.reports, "report", "reports"),
        wording::counted(figures.reported.organisations, "organisation", "organisations"),
    );
    if once.total() == 0 {
        let sentence = "The reports of this time count no sessions.".to_owned();
        return OverviewVerdict { share: String::new(), sentence, more: vec![proof], fine: true };
    }
    let sessions = wording::counted(once.total(), "session", "sessions");
    if once.failed == 0 {
        return OverviewVerdict {
            share: "All".to_owned(),
            sentence: format!("{sessions} were secure."),
            more: [proof, before(figures)].into_iter().filter(|text| !text.is_empty()).collect(),
            fine: true,
        };
    }
    OverviewVerdict {
        share: share::secure(once.successful, once.total()),
        sentence: format!("of {sessions} were secure."),
        more: [who(figures), outages::cannot_fetch(&figures.outages, Dates::Short), mail(figures), before(figures)]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect(),
        fine: false,
    }
}

fn who(figures: &OverviewFigures) -> String {
    let failing: Vec<String> = figures
        .organisations
        .rows
        .iter()
        .filter(|row| row.sessions.failed > 0)
        .map(|row| reporters::shown(&row.key))
        .collect();
    format!(
        "{} of the {} that reported saw {} fail.",
        wording::thousands(figures.organisations.failing),
        wording::counted(figures.reported.organisations, "organisation", "organisations"),
        wording::counted(figures.shares.once.failed, "session", "sessions"),
    ) + &match failing.as_slice() {
        [one] if figures.organisations.failing == 1 => format!(" It is {one}."),
        _ => String::new(),
    }
}

/// How much mail was held up: only enforced policies and DANE stop it.
fn mail(figures: &OverviewFigures) -> String {
    let refused = figures
        .causes
        .iter()
        .filter(|cause| {
            MailEffect::of(&cause.result_type, &cause.policy_type, cause.mode.as_deref()) == MailEffect::Refused
        })
        .fold(0, |sum: i64, cause| sum.saturating_add(cause.failed));
    match refused {
        0 => String::new(),
        refused => {
            format!("In {} the mail was not delivered on that try.", wording::counted(refused, "session", "sessions"))
        }
    }
}

fn before(figures: &OverviewFigures) -> String {
    let once = figures.shares_before.once;
    if once.total() == 0 {
        return String::new();
    }
    let period = wording::period(figures.filter.range);
    format!(
        "The {period} before: {} of {}.",
        share::secure(once.successful, once.total()),
        wording::thousands(once.total())
    )
}

fn elsewhere(figures: &OverviewFigures) -> String {
    figures.span.map_or(String::new(), |span| week::covered(&span, Dates::Short))
}
