//! The sections in the order of consequence: policies that cannot be fetched, new failures, ongoing, resolved, silence, changes.

use std::collections::{BTreeMap, BTreeSet};

use super::story::{Item, Links, Section};
use crate::{
    explain::{Mail, result_types},
    present::{
        filters::visible,
        outages,
        week::{self, Figures},
        words,
    },
    query::pairs::{Pair, State},
};

/// Lines of one section; the page has them all.
const LINES_MAX: usize = 12;
const PAST_LINES_MAX: usize = 6;
const NAMES_SHOWN: usize = 4;
const CAUSES_SHOWN: usize = 3;

/// Result types that the mail has explained already.
type Explained = BTreeSet<String>;

pub(super) fn sections(figures: &Figures, links: &Links<'_>) -> Vec<Section> {
    let new = if figures.is_first() { "Failing" } else { "New failures" };
    let mut explained = BTreeSet::new();
    let mut sections = vec![
        fetch(figures, links, &mut explained),
        failures(figures, links, State::New, new, "", &mut explained),
        failures(figures, links, State::Ongoing, "Ongoing failures", "", &mut explained),
        past(figures, links, State::Resolved, "Resolved", "Failed before; reported since, without failures."),
        past(figures, links, State::Silent, "Unknown", "Failed before; not reported on since."),
        silent(figures, links),
        changes(figures, links),
    ];
    sections.retain(|section| !section.lines.is_empty());
    sections
}

fn fetch(figures: &Figures, links: &Links<'_>, explained: &mut Explained) -> Section {
    let troubles = outages::outages(&figures.outages, figures.filter.range.last());
    let total = troubles.len();
    let mut lines = Vec::new();
    for trouble in troubles.iter().take(LINES_MAX) {
        let names: Vec<String> = trouble.organisations.iter().map(|who| visible(&who.name).into_owned()).collect();
        let who = words::listed(&names, NAMES_SHOWN);
        let sessions = words::counted(trouble.failed, "session", "sessions");
        let since = words::day(trouble.since);
        let text = match (trouble.ongoing, trouble.recovered) {
            (true, _) if trouble.unheard => format!(": {who} since {since}; no report from them in this time"),
            (true, _) => format!(": {who} since {since}, {sessions}; last seen {}", words::day(trouble.until)),
            (false, Some(recovered)) => {
                format!(
                    ": over, {who}, {since} to {}, {sessions}; fetched again {}",
                    words::day(trouble.until),
                    words::day(recovered)
                )
            }
            (false, None) => format!(": over, {who}, {since} to {}, {sessions}", words::day(trouble.until)),
        };
        let mut notes = vec![explain(&trouble.result_type, String::new(), explained)];
        notes.extend(trouble.reasons.iter().map(|reason| format!("“{}”", visible(reason))));
        lines.push(Item {
            head: visible(&trouble.domain).into_owned(),
            text,
            notes,
            url: links.to("/reports", &[("policy_domain", &trouble.domain), ("result_type", &trouble.result_type)]),
        });
    }
    let ongoing = troubles.iter().any(|trouble| trouble.ongoing);
    Section {
        title: if ongoing { "Policy cannot be fetched" } else { "Policy could not be fetched" }.to_owned(),
        alarming: ongoing,
        note: String::new(),
        lines,
        rest: rest(total, total.min(LINES_MAX), "policies with errors", links.page()),
    }
}

/// One line for each organisation: who fails is the question, its domains and causes are the answer.
fn failures(
    figures: &Figures,
    links: &Links<'_>,
    state: State,
    title: &str,
    note: &str,
    explained: &mut Explained,
) -> Section {
    let organisations = by_organisation(figures, state);
    let mut lines = Vec::new();
    for (failed, pairs) in organisations.iter().take(LINES_MAX) {
        let sum = |pick: fn(&Pair) -> i64| pairs.iter().fold(0, |sum: i64, pair| sum.saturating_add(pick(pair)));
        let (sessions, before) = (sum(|pair| pair.sessions.total()), sum(|pair| pair.before.failed));
        let moved = match words::Trend::of(*failed, before) {
            words::Trend::Grew => format!(", up from {}", words::thousands(before)),
            words::Trend::Fell => format!(", down from {}", words::thousands(before)),
            words::Trend::Same => ", much as before".to_owned(),
            words::Trend::New | words::Trend::Quiet | words::Trend::Resolved => String::new(),
        };
        lines.push(Item {
            head: visible(pairs[0].name()).into_owned(),
            text: format!(
                " at {}: {} of {} failed ({}){moved}",
                domains(pairs),
                words::thousands(*failed),
                words::counted(sessions, "session", "sessions"),
                words::share_kept(*failed, sessions),
            ),
            notes: causes(pairs, explained),
            url: links.within(figures.filter.range, "/reports", &asked(pairs)),
        });
    }
    Section {
        title: title.to_owned(),
        alarming: state == State::New && !figures.is_first(),
        note: note.to_owned(),
        rest: rest(organisations.len(), lines.len(), "organisations", links.page()),
        lines,
    }
}

/// What failed before and does not now is told in one line each.
fn past(figures: &Figures, links: &Links<'_>, state: State, title: &str, note: &str) -> Section {
    let organisations = by_organisation(figures, state);
    let line = |(failed, pairs): &(i64, Vec<&Pair>)| {
        let last = pairs.iter().filter_map(|pair| pair.last_failed).max().map(words::day).unwrap_or_default();
        let mut types: Vec<String> =
            pairs.iter().flat_map(|pair| &pair.causes).map(|cause| visible(&cause.result_type).into_owned()).collect();
        types.sort();
        types.dedup();
        let types =
            if types.is_empty() { String::new() } else { format!(" ({})", words::listed(&types, CAUSES_SHOWN)) };
        let sessions = words::counted(*failed, "failed session", "failed sessions");
        Item {
            head: visible(pairs[0].name()).into_owned(),
            text: format!(" at {}: {sessions} before{types}, last on {last}", domains(pairs)),
            notes: Vec::new(),
            url: links.within(figures.period.previous().range(), "/reports", &asked(pairs)),
        }
    };
    let lines: Vec<Item> = organisations.iter().take(PAST_LINES_MAX).map(line).collect();
    Section {
        title: title.to_owned(),
        alarming: false,
        note: note.to_owned(),
        rest: rest(organisations.len(), lines.len(), "organisations", links.page()),
        lines,
    }
}

/// The pairs of one state by organisation, with their failed sessions, the most first; none of them is empty.
fn by_organisation(figures: &Figures, state: State) -> Vec<(i64, Vec<&Pair>)> {
    let mut by_organisation: BTreeMap<&str, Vec<&Pair>> = BTreeMap::new();
    for pair in figures.pairs.in_state(state) {
        by_organisation.entry(&pair.organisation).or_default().push(pair);
    }
    let failed = |pairs: &[&Pair]| {
        let each = pairs.iter().map(|pair| match state {
            State::New | State::Ongoing => pair.sessions.failed,
            State::Resolved | State::Silent => pair.before.failed,
        });
        each.fold(0, i64::saturating_add)
    };
    let mut organisations: Vec<(i64, Vec<&Pair>)> =
        by_organisation.into_values().map(|pairs| (failed(&pairs), pairs)).collect();
    // Stable: those with as many stay in the order of their keys.
    organisations.sort_by_key(|(failed, _)| std::cmp::Reverse(*failed));
    organisations
}

fn domains(pairs: &[&Pair]) -> String {
    let domains: Vec<String> = pairs.iter().map(|pair| visible(&pair.policy_domain).into_owned()).collect();
    words::listed(&domains, NAMES_SHOWN)
}

/// What leads to the reports behind the line of an organisation.
fn asked<'a>(pairs: &[&'a Pair]) -> Vec<(&'static str, &'a str)> {
    let mut asked = vec![("organisation", pairs[0].organisation.as_str())];
    if let [one] = pairs {
        asked.push(("policy_domain", &one.policy_domain));
    }
    asked.push(("failed", "true"));
    asked
}

/// The causes over all pairs with their weight, and what became of the mail.
fn causes(pairs: &[&Pair], explained: &mut Explained) -> Vec<String> {
    let mut sums: BTreeMap<(&str, Mail), i64> = BTreeMap::new();
    for cause in pairs.iter().flat_map(|pair| &pair.causes) {
        let mail = Mail::of(&cause.result_type, &cause.policy_type, cause.mode.as_deref());
        let sum = sums.entry((&cause.result_type, mail)).or_default();
        *sum = sum.saturating_add(cause.failed);
    }
    let mut causes: Vec<((&str, Mail), i64)> = sums.into_iter().filter(|(_, failed)| *failed > 0).collect();
    causes.sort_by_key(|((name, mail), failed)| (std::cmp::Reverse(*failed), *name, *mail));
    let mut notes: Vec<String> = Vec::new();
    for ((name, mail), failed) in causes.iter().take(CAUSES_SHOWN) {
        let told = format!(" in {}: {}", words::counted(*failed, "session", "sessions"), mail.sentence());
        notes.push(explain(name, told, explained));
    }
    match causes.len().saturating_sub(CAUSES_SHOWN) {
        0 => {}
        1 => notes.push("and one more result type".to_owned()),
        more => notes.push(format!("and {more} more result types")),
    }
    if causes.is_empty() {
        notes.push("The senders give no details.".to_owned());
    }
    notes
}

/// A result type with what is told about it; what it means is said where it comes first.
fn explain(result_type: &str, told: String, explained: &mut Explained) -> String {
    let name = visible(result_type).into_owned();
    if explained.insert(result_type.to_owned()) {
        format!("{name}{told}. {}", result_types::short(result_type))
    } else {
        format!("{name}{told}.")
    }
}

fn silent(figures: &Figures, links: &Links<'_>) -> Section {
    let lines: Vec<Item> = figures
        .silent
        .rows
        .iter()
        .take(LINES_MAX)
        .map(|missing| Item {
            head: visible(missing.name()).into_owned(),
            text: format!(
                ": last report about {}; used to report on {:.0} days a week",
                words::day(missing.last_day),
                missing.days_a_week.max(1.0)
            ),
            notes: Vec::new(),
            url: links.within(
                crate::query::Range::new(missing.last_day, missing.last_day).unwrap_or(figures.filter.range),
                "/reports",
                &[("organisation", &missing.organisation)],
            ),
        })
        .collect();
    let total = usize::try_from(figures.silent.total).unwrap_or(usize::MAX);
    Section {
        title: "Fell silent".to_owned(),
        alarming: false,
        note: "Reported regularly before, and not in this time.".to_owned(),
        rest: rest(total, lines.len(), "organisations", links.page()),
        lines,
    }
}

fn changes(figures: &Figures, links: &Links<'_>) -> Section {
    let changes = week::changes(figures);
    let total = changes.rows.len() + changes.left_out;
    let lines: Vec<Item> = changes
        .rows
        .iter()
        .take(LINES_MAX)
        .map(|change| Item {
            head: visible(&change.domain).into_owned(),
            text: format!(
                ": {} policy {}, {}, as seen by {}",
                change.policy_type,
                change.what,
                change.since,
                visible(&change.who)
            ),
            notes: change.differences.iter().take(6).map(|difference| visible(difference).into_owned()).collect(),
            url: links.to("/reports", &[("policy_domain", &change.domain), ("policy_type", &change.policy_type)]),
        })
        .collect();
    Section {
        title: "Policies that changed, as senders saw them".to_owned(),
        alarming: false,
        note: String::new(),
        rest: rest(total, lines.len(), "changes", links.page()),
        lines,
    }
}

/// How much stands behind all this.
pub(super) fn proof(figures: &Figures, links: &Links<'_>) -> Vec<Item> {
    let mut items = vec![Item {
        head: format!(
            "{} from {}",
            words::counted(figures.reported.reports, "report", "reports"),
            words::counted(figures.reported.organisations, "organisation", "organisations")
        ),
        text: String::new(),
        notes: Vec::new(),
        url: links.to("/reports", &[]),
    }];
    if let (Some(sentence), Some(coverage)) = (week::coverage(figures), &figures.coverage) {
        let day = crate::query::Range::new(coverage.day, coverage.day).unwrap_or(figures.filter.range);
        items.push(Item {
            head: visible(&sentence).into_owned(),
            text: String::new(),
            notes: Vec::new(),
            url: links.within(day, "/reports", &[]),
        });
    }
    if figures.quarantined.total > 0 {
        let codes: Vec<String> = figures
            .quarantined
            .codes
            .iter()
            .map(|(code, inputs)| format!("{} {code}", words::thousands(*inputs)))
            .collect();
        items.push(Item {
            head: format!("{} quarantined", words::thousands(figures.quarantined.total)),
            text: format!(": {} (kept, not counted)", words::listed(&codes, NAMES_SHOWN)),
            notes: Vec::new(),
            url: format!("{}/quarantine", links.base_url),
        });
    }
    items
}

fn rest(total: usize, shown: usize, what: &str, url: String) -> Option<Item> {
    let left = total.saturating_sub(shown);
    (left > 0).then(|| Item {
        head: format!("and {} more {what}", words::thousands(i64::try_from(left).unwrap_or(i64::MAX))),
        text: String::new(),
        notes: Vec::new(),
        url,
    })
}
