//! The first line: what happened, in words with their numbers.

use crate::{
    query::overview::OverviewFigures,
    reporters,
    summary::{
        outages,
        sentences::{Claimed, before, held_up, present, proof, secure},
        verdict::{MailVerdict, covered},
    },
    wording::{self, Dates},
};

pub(crate) fn verdict(figures: &OverviewFigures) -> MailVerdict {
    let once = figures.shares.once;
    let without_share =
        |sentence: String, more: Vec<String>| MailVerdict { share: String::new(), sentence, more, fine: true };
    if figures.span.is_none() {
        return without_share("No report has arrived yet.".to_owned(), Vec::new());
    }
    if figures.reported.reports == 0 {
        let sentence = format!("No report covers {}.", wording::range(figures.filter.range));
        return without_share(sentence, present([elsewhere(figures)]));
    }
    if once.total() == 0 {
        let sentence = "The reports of this time count no sessions.".to_owned();
        return without_share(sentence, vec![proof(figures.reported)]);
    }
    let (share, sentence) = secure(once);
    let fine = once.failed == 0;
    let before = before(wording::period(figures.filter.range), figures.shares_before.once);
    let more = if fine {
        present([proof(figures.reported), before])
    } else {
        let cannot_fetch = outages::cannot_fetch(&figures.outages, Dates::Short);
        present([who(figures), cannot_fetch, held_up(claimed(figures)), before])
    };
    MailVerdict { share, sentence, more, fine }
}

fn claimed(figures: &OverviewFigures) -> impl Iterator<Item = Claimed<'_>> {
    figures.causes.iter().map(|cause| Claimed {
        result_type: &cause.result_type,
        policy_type: &cause.policy_type,
        mode: cause.mode.as_deref(),
        failed: cause.failed,
    })
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

fn elsewhere(figures: &OverviewFigures) -> String {
    figures.span.map_or(String::new(), |span| covered(&span, Dates::Short))
}
