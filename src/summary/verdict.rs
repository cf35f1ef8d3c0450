//! The first sentences: what the period was like, in words with their numbers. For the page and for the digest.

use serde::Serialize;

use super::{
    outages,
    sentences::{Claimed, before, held_up, present, proof, secure},
};
use crate::{
    period::Phase,
    query::{pairs::PairTotals, span::Span, week::PeriodFigures},
    wording::{self, Dates},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailVerdict {
    /// The share, such as `98.7 %` or `All`; empty where there are no sessions.
    pub share: String,
    /// The sentence after the share, or the whole one.
    pub sentence: String,
    /// What to know at once, one sentence or two each.
    pub more: Vec<String>,
    /// Whether no session failed.
    pub fine: bool,
}

pub fn verdict(figures: &PeriodFigures, dates: Dates) -> MailVerdict {
    let title = match dates {
        Dates::Short => figures.period.title(),
        Dates::Iso => figures.period.iso_title(),
    };
    let without_share =
        |sentence: String, more: Vec<String>| MailVerdict { share: String::new(), sentence, more, fine: true };
    if figures.phase == Phase::Future {
        return without_share(format!("{title} has not begun."), Vec::new());
    }
    if figures.reported.reports == 0 {
        return match figures.span {
            None => without_share("No report has arrived yet.".to_owned(), Vec::new()),
            Some(_) => without_share(
                format!("No report covers {title}."),
                present([running(figures, dates), elsewhere(figures, dates)]),
            ),
        };
    }
    let once = figures.shares.once;
    if once.total() == 0 {
        let sentence = format!("The reports of {title} count no sessions.");
        return without_share(sentence, present([running(figures, dates), proof(figures.reported)]));
    }
    let fine = once.failed == 0;
    let (share, sentence) = secure(once);
    let more = present([
        running(figures, dates),
        outages::cannot_fetch(&figures.outages, dates),
        outages::can_fetch_again(&figures.outages, dates),
        movement(figures),
        held_up(claimed(figures)),
        if fine { proof(figures.reported) } else { String::new() },
        before(figures.period.kind().as_str(), figures.shares_before.once),
    ]);
    MailVerdict { share, sentence, more, fine }
}

fn running(figures: &PeriodFigures, dates: Dates) -> String {
    match figures.phase {
        Phase::Running => format!(
            "The {} runs until {}; this is what has been reported so far.",
            figures.period.kind().as_str(),
            dates.day(figures.period.range().last())
        ),
        _ => String::new(),
    }
}

/// New, ongoing, resolved; by pairs of organisation and domain.
fn movement(figures: &PeriodFigures) -> String {
    let PairTotals { new, ongoing, resolved, silent } = figures.pairs.totals;
    if figures.is_first() {
        return match new {
            0 => String::new(),
            new => format!(
                "{} failed; nothing is known of the {} before.",
                wording::counted(new, "pair of sender and domain", "pairs of sender and domain"),
                figures.period.kind().as_str()
            ),
        };
    }
    let parts: Vec<String> = [(new, "new"), (ongoing, "ongoing"), (resolved, "resolved")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", wording::thousands(count)))
        .collect();
    let known = match parts.len() {
        0 => String::new(),
        count => format!("Failures by sender and domain: {}.", wording::listed(&parts, count)),
    };
    let unknown = match silent {
        0 => String::new(),
        1 => "Whether one more is over is not known: no report since.".to_owned(),
        silent => format!("Whether {} more are over is not known: no reports since.", wording::thousands(silent)),
    };
    present([known, unknown]).join(" ")
}

fn claimed(figures: &PeriodFigures) -> impl Iterator<Item = Claimed<'_>> {
    figures.pairs.rows.iter().flat_map(|pair| &pair.causes).map(|cause| Claimed {
        result_type: &cause.result_type,
        policy_type: &cause.policy_type,
        mode: cause.mode.as_deref(),
        failed: cause.failed,
    })
}

fn elsewhere(figures: &PeriodFigures, dates: Dates) -> String {
    // Who is told of some policy domains only is not told how much there is about all of them.
    let span = figures.span.filter(|_| figures.filter.policy_domains.is_none());
    span.map_or(String::new(), |span| covered(&span, dates))
}

/// Which days there are reports about, where those asked for have none.
pub(crate) fn covered(span: &Span, dates: Dates) -> String {
    let (first, last) = (dates.day_with_year(span.first), dates.day_with_year(span.last));
    match (span.reports, span.first == span.last) {
        (1, true) => format!("The one report here is about {first}."),
        (1, false) => format!("The one report here covers {first} to {last}."),
        (reports, true) => format!("The {} reports here are about {first}.", wording::thousands(reports)),
        (reports, false) => format!("The {} reports here cover {first} to {last}.", wording::thousands(reports)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_is_not_a_range() {
        let day = |text: &str| text.parse().expect("a date");
        let span = |reports, last| Span { reports, first: day("2026-11-24"), last: day(last) };
        assert_eq!(covered(&span(1, "2026-11-24"), Dates::Short), "The one report here is about Tue 24 Nov 2026.");
        assert_eq!(covered(&span(6, "2026-11-24"), Dates::Short), "The 6 reports here are about Tue 24 Nov 2026.");
        assert_eq!(covered(&span(6, "2026-11-26"), Dates::Iso), "The 6 reports here cover 2026-11-24 to 2026-11-26.");
    }
}
