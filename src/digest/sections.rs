//! The sections in the order of consequence: policies that cannot be fetched, new failures, ongoing, resolved, silence, changes.

use super::{
    DigestRecipient, advice,
    content::{DigestItem, DigestSection, Links, quoted, shown},
    failures::{Explained, failures, past},
};
use crate::{
    explain::MailEffect,
    period::{Period, PeriodKind},
    query::{pairs::PairState, silent::MissingSender, week::PeriodFigures},
    summary::{
        self,
        outages::{self, OutageRow},
    },
    wording::{self, Dates},
};

/// Lines of one section; the page has them all.
pub(crate) const LINES_MAX: usize = 12;
pub(crate) const NAMES_SHOWN: usize = 4;
const DIFFERENCES_SHOWN: usize = 6;
const SILENT_NAMES_SHOWN: usize = 8;

pub(crate) fn sections(
    figures: &PeriodFigures,
    digest_recipient: &DigestRecipient,
    links: &Links<'_>,
) -> Vec<DigestSection> {
    if figures.reported.reports == 0 {
        // That each of the senders fell silent, and that nothing is known of each failure, is one and the same.
        return vec![advice::section(figures, digest_recipient, links)];
    }
    let new = if figures.is_first() { "Failing" } else { "New failures" };
    let mut explained = Explained::default();
    let mut sections = vec![
        fetch(figures, links, &mut explained),
        failures(figures, links, PairState::New, new, &mut explained),
        failures(figures, links, PairState::Ongoing, "Ongoing failures", &mut explained),
        past(figures, links, PairState::Resolved, "Resolved", "Failed before; reported since, without failures."),
        past(figures, links, PairState::Silent, "Not known whether over", "Failed before; not reported on since."),
        silent(figures, links),
        changes(figures, links),
    ];
    sections.retain(|section| !section.lines.is_empty());
    sections
}

fn fetch(figures: &PeriodFigures, links: &Links<'_>, explained: &mut Explained) -> DigestSection {
    let troubles = outages::troubles(&figures.outages.rows, figures.filter.range.last());
    let total = troubles.len();
    let mut lines = Vec::new();
    for trouble in troubles.iter().take(LINES_MAX) {
        let meaning = explained.explain(&trouble.result_type, MailEffect::Unprotected);
        let mut notes = vec![format!("{}. {meaning}", shown(&trouble.result_type)).trim_end().to_owned()];
        notes.extend(trouble.reasons.iter().map(|reason| format!("“{}”", quoted(reason))));
        let days =
            crate::query::Range::new(trouble.since.min(figures.filter.range.first()), figures.filter.range.last());
        let asked = [("policy_domain", trouble.domain.as_str()), ("result_type", &trouble.result_type)];
        lines.push(DigestItem {
            head: shown(&trouble.domain),
            text: format!(": {}", course(figures, trouble)),
            notes,
            url: links.over(days.unwrap_or(figures.filter.range), "/reports", &asked),
            ..DigestItem::default()
        });
    }
    let ongoing = troubles.iter().any(|trouble| trouble.ongoing);
    DigestSection {
        title: if ongoing { "Policy cannot be fetched" } else { "Policy could not be fetched" }.to_owned(),
        alarming: ongoing,
        note: String::new(),
        rest: rest(total, lines.len(), "policies with errors", links.page()),
        lines,
    }
}

/// Who has or had the trouble, from when to when, and in how many sessions.
fn course(figures: &PeriodFigures, trouble: &OutageRow) -> String {
    let named = |over: bool| -> Vec<String> {
        let those = trouble.organisations.iter().filter(|who| who.over == over);
        those.map(|who| shown(&who.name)).collect()
    };
    // Of an outage that goes on, those who have it still; the others are told as over.
    let who = wording::listed(&named(!trouble.ongoing), NAMES_SHOWN);
    let over_for = match named(true) {
        others if trouble.ongoing && !others.is_empty() => {
            format!("; over for {}", wording::listed(&others, NAMES_SHOWN))
        }
        _ => String::new(),
    };
    let day = |day| Dates::Iso.day(day);
    // Days before the period are told, their sessions are not counted.
    let here = match trouble.since < figures.filter.range.first() {
        true => format!(" {}", days(figures)),
        false => String::new(),
    };
    let sessions = match trouble.failed {
        0 => String::new(),
        failed => format!(", {}{here}", wording::counted(failed, "session", "sessions")),
    };
    let (since, until) = (day(trouble.since), day(trouble.until));
    let time = if trouble.since == trouble.until { format!("on {since}") } else { format!("from {since} to {until}") };
    match (trouble.ongoing, trouble.recovered) {
        (true, _) if trouble.unheard => {
            format!("{who} since {since}; no report from them {}{over_for}", days(figures))
        }
        (true, _) => format!("{who} since {since}{sessions}; last seen {until}{over_for}"),
        (false, Some(recovered)) => format!("fetched again since {}; {who} could not {time}{sessions}", day(recovered)),
        (false, None) => format!("over; {who} could not fetch it {time}{sessions}"),
    }
}

/// Said of the period: the reader's own week is another one.
fn days(figures: &PeriodFigures) -> &'static str {
    match figures.period.kind() {
        PeriodKind::Day => "on this day",
        PeriodKind::Week | PeriodKind::Month => "in these days",
    }
}

fn silent(figures: &PeriodFigures, links: &Links<'_>) -> DigestSection {
    let usual = |missing: &MissingSender| match missing.days_a_week {
        ..1.5 => "one day a week".to_owned(),
        6.5.. => "daily".to_owned(),
        days => format!("on {days:.0} days a week"),
    };
    let lines: Vec<DigestItem> = figures
        .silent
        .rows
        .iter()
        .take(LINES_MAX)
        .map(|missing| DigestItem {
            head: shown(missing.name()),
            text: format!(": reported {}, last about {}", usual(missing), Dates::Iso.day(missing.last_day)),
            url: links.over(
                crate::query::Range::new(missing.last_day, missing.last_day).unwrap_or(figures.filter.range),
                "/reports",
                &[("organisation", &missing.organisation)],
            ),
            ..DigestItem::default()
        })
        .collect();
    let total = usize::try_from(figures.silent.total).unwrap_or(usize::MAX);
    DigestSection {
        title: "Fell silent".to_owned(),
        alarming: false,
        note: format!("Reported regularly before, and not {}.", days(figures)),
        rest: rest(total, lines.len(), "organisations", links.page()),
        lines,
    }
}

fn changes(figures: &PeriodFigures, links: &Links<'_>) -> DigestSection {
    let changes = summary::changes::changes(figures, Dates::Iso);
    let total = changes.rows.len() + changes.left_out;
    let lines: Vec<DigestItem> = changes
        .rows
        .iter()
        .take(LINES_MAX)
        .map(|change| {
            let differences = &change.differences;
            let mut notes: Vec<String> = differences.iter().take(DIFFERENCES_SHOWN).map(|said| quoted(said)).collect();
            let left = differences.len().saturating_sub(DIFFERENCES_SHOWN);
            if left > 0 {
                notes.push(format!("and {left} more"));
            }
            DigestItem {
                head: shown(&change.domain),
                text: format!(
                    ": {} policy {}, {}, as seen by {}",
                    shown(&change.policy_type),
                    change.what,
                    change.since,
                    quoted(&change.who)
                ),
                notes,
                url: links.to("/reports", &[("policy_domain", &change.domain), ("policy_type", &change.policy_type)]),
                ..DigestItem::default()
            }
        })
        .collect();
    DigestSection {
        title: "Policies that changed, as senders saw them".to_owned(),
        alarming: false,
        note: String::new(),
        rest: rest(total, lines.len(), "changes", links.page()),
        lines,
    }
}

/// How much stands behind all this.
pub(crate) fn proof(figures: &PeriodFigures, digest_recipient: &DigestRecipient, links: &Links<'_>) -> Vec<DigestItem> {
    let mut items = Vec::new();
    let before = figures.reported_before;
    if figures.reported.reports > 0 {
        let compared = match before.reports {
            0 => String::new(),
            reports => format!(
                "; the {} before {} from {}",
                figures.period.kind().as_str(),
                wording::thousands(reports),
                wording::thousands(before.organisations)
            ),
        };
        items.push(DigestItem {
            head: format!(
                "{} from {}",
                wording::counted(figures.reported.reports, "report", "reports"),
                wording::counted(figures.reported.organisations, "organisation", "organisations")
            ),
            text: compared,
            url: links.to("/reports", &[]),
            ..DigestItem::default()
        });
        if let (Some(sentence), Some(coverage)) = (summary::changes::coverage(figures, Dates::Iso), &figures.coverage) {
            let day = crate::query::Range::new(coverage.day, coverage.day).unwrap_or(figures.filter.range);
            let url = links.over(day, "/reports", &[]);
            items.push(DigestItem { head: quoted(&sentence), url, ..DigestItem::default() });
        }
    } else if before.reports > 0 {
        items.push(DigestItem {
            head: format!(
                "{} from {} the {} before",
                wording::counted(before.reports, "report", "reports"),
                wording::counted(before.organisations, "organisation", "organisations"),
                figures.period.kind().as_str()
            ),
            text: String::new(),
            url: links.within(figures.period.previous(), "/reports", &[]),
            ..DigestItem::default()
        });
    }
    items.extend(regulars(figures, links, figures.period.previous()));
    // What cannot be read belongs to nobody's domain: who asks about some of them is told nothing of it.
    if figures.quarantined.total > 0 && figures.reported.reports > 0 && digest_recipient.policy_domains.is_empty() {
        let codes =
            figures.quarantined.codes.iter().map(|(code, inputs)| format!("{code} {}", wording::thousands(*inputs)));
        let codes: Vec<String> = codes.collect();
        items.push(DigestItem {
            head: format!("{} quarantined", wording::thousands(figures.quarantined.total)),
            text: format!(", kept and not counted: {}", wording::listed(&codes, NAMES_SHOWN)),
            url: format!("{}/quarantine", links.base_url),
            ..DigestItem::default()
        });
    }
    items
}

/// Where nobody has reported: who usually does.
fn regulars(figures: &PeriodFigures, links: &Links<'_>, before: Period) -> Option<DigestItem> {
    if figures.reported.reports > 0 || figures.silent.rows.is_empty() {
        return None;
    }
    let names: Vec<String> = figures.silent.rows.iter().map(|missing| shown(missing.name())).collect();
    Some(DigestItem {
        head: format!(
            "{} reported regularly before",
            wording::counted(figures.silent.total, "organisation", "organisations")
        ),
        text: format!(": {}", wording::listed(&names, SILENT_NAMES_SHOWN)),
        url: links.within(before, "/reports", &[]),
        ..DigestItem::default()
    })
}

pub(crate) fn rest(total: usize, said: usize, what: &str, url: String) -> Option<DigestItem> {
    let left = total.saturating_sub(said);
    (left > 0).then(|| DigestItem {
        head: format!("and {} more {what}", wording::thousands(i64::try_from(left).unwrap_or(i64::MAX))),
        url,
        ..DigestItem::default()
    })
}
