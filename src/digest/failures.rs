//! Who fails, and who did: one line for each organisation. Who is the question, its domains and causes are the answer.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    content::{DigestItem, DigestSection, Links, shown},
    sections::{self, LINES_MAX, NAMES_SHOWN},
};
use crate::{
    explain::{MailEffect, result_types},
    query::{
        pairs::{PairState, SenderPair},
        week::PeriodFigures,
    },
    share, wording,
};

const PAST_LINES_MAX: usize = 6;
const CAUSES_SHOWN: usize = 3;

/// What the mail has explained already: a result type, and what became of the mail. Each is said where it comes first.
#[derive(Default)]
pub(crate) struct Explained(BTreeSet<String>, BTreeSet<(String, MailEffect)>);

impl Explained {
    /// What is not yet told about this result type; empty where all is.
    pub(crate) fn explain(&mut self, result_type: &str, mail: MailEffect) -> String {
        let mut said = Vec::new();
        if self.0.insert(result_type.to_owned()) {
            said.push(result_types::short(result_type).to_owned());
        }
        if self.1.insert((result_type.to_owned(), mail)) {
            said.push(format!("{}.", capitalised(mail.sentence())));
        }
        said.join(" ")
    }
}

/// Result types with their failed sessions, the most first.
type Causes<'a> = Vec<((&'a str, MailEffect), i64)>;

pub(crate) fn failures(
    figures: &PeriodFigures,
    links: &Links<'_>,
    state: PairState,
    title: &str,
    explained: &mut Explained,
) -> DigestSection {
    let organisations = by_organisation(figures, state);
    let line = |(failed, pairs): &(i64, Vec<&SenderPair>)| {
        let sum = |pick: fn(&SenderPair) -> i64| pairs.iter().fold(0, |sum: i64, pair| sum.saturating_add(pick(pair)));
        let (sessions, before) = (sum(|pair| pair.sessions.total()), sum(|pair| pair.before.failed));
        let moved = match wording::TrendWord::of(*failed, before) {
            wording::TrendWord::Grew => format!(", up from {}", wording::thousands(before)),
            wording::TrendWord::Fell => format!(", down from {}", wording::thousands(before)),
            wording::TrendWord::Same => ", much as before".to_owned(),
            wording::TrendWord::New | wording::TrendWord::Quiet | wording::TrendWord::Resolved => String::new(),
        };
        let causes = causes(pairs);
        DigestItem {
            head: shown(pairs[0].name()),
            text: format!(
                " at {}: {} of {} failed ({}{moved}), {}",
                domains(pairs),
                wording::thousands(*failed),
                wording::counted(sessions, "session", "sessions"),
                share::failed(*failed, sessions),
                why(&causes, sum(|pair| pair.not_itemised)),
            ),
            notes: meanings(&causes, explained),
            url: links.to("/reports", &asked(pairs)),
            ..DigestItem::default()
        }
    };
    let lines: Vec<DigestItem> = organisations.iter().take(LINES_MAX).map(line).collect();
    DigestSection {
        title: title.to_owned(),
        alarming: state == PairState::New && !figures.is_first(),
        note: if organisations.len() > lines.len() { summary(&organisations) } else { String::new() },
        rest: rest(figures, state, organisations.len(), lines.len(), links),
        lines,
    }
}

/// What failed before and does not now is told in one line each.
pub(crate) fn past(
    figures: &PeriodFigures,
    links: &Links<'_>,
    state: PairState,
    title: &str,
    note: &str,
) -> DigestSection {
    let organisations = by_organisation(figures, state);
    let line = |(failed, pairs): &(i64, Vec<&SenderPair>)| {
        let last = pairs
            .iter()
            .filter_map(|pair| pair.last_failed)
            .max()
            .map(|day| wording::Dates::Iso.day(day))
            .unwrap_or_default();
        let mut types: Vec<String> =
            pairs.iter().flat_map(|pair| &pair.causes).map(|cause| shown(&cause.result_type)).collect();
        types.sort();
        types.dedup();
        let types =
            if types.is_empty() { String::new() } else { format!(" ({})", wording::listed(&types, CAUSES_SHOWN)) };
        let sessions = wording::counted(*failed, "failed session", "failed sessions");
        DigestItem {
            head: shown(pairs[0].name()),
            text: format!(" at {}: {sessions} before{types}, last on {last}", domains(pairs)),
            url: links.within(figures.period.previous(), "/reports", &asked(pairs)),
            ..DigestItem::default()
        }
    };
    let lines: Vec<DigestItem> = organisations.iter().take(PAST_LINES_MAX).map(line).collect();
    DigestSection {
        title: title.to_owned(),
        alarming: false,
        note: note.to_owned(),
        rest: rest(figures, state, organisations.len(), lines.len(), links),
        lines,
    }
}

/// The pairs of one state by organisation, with their failed sessions, the most first; none of them is empty.
fn by_organisation(figures: &PeriodFigures, state: PairState) -> Vec<(i64, Vec<&SenderPair>)> {
    let mut by_organisation: BTreeMap<&str, Vec<&SenderPair>> = BTreeMap::new();
    for pair in figures.pairs.in_state(state) {
        by_organisation.entry(&pair.organisation).or_default().push(pair);
    }
    let failed = |pairs: &[&SenderPair]| {
        let each = pairs.iter().map(|pair| match state {
            PairState::New | PairState::Ongoing => pair.sessions.failed,
            PairState::Resolved | PairState::Silent => pair.before.failed,
        });
        each.fold(0, i64::saturating_add)
    };
    let mut organisations: Vec<(i64, Vec<&SenderPair>)> =
        by_organisation.into_values().map(|pairs| (failed(&pairs), pairs)).collect();
    // Stable: those with as many stay in the order of their keys.
    organisations.sort_by_key(|(failed, _)| Reverse(*failed));
    organisations
}

fn domains(pairs: &[&SenderPair]) -> String {
    let domains: Vec<String> = pairs.iter().map(|pair| shown(&pair.policy_domain)).collect();
    wording::listed(&domains, NAMES_SHOWN)
}

/// What leads to the reports behind the line of an organisation.
fn asked<'a>(pairs: &[&'a SenderPair]) -> Vec<(&'static str, &'a str)> {
    let mut asked = vec![("organisation", pairs[0].organisation.as_str())];
    if let [one] = pairs {
        asked.push(("policy_domain", &one.policy_domain));
    }
    asked.push(("failed", "true"));
    asked
}

fn causes<'a>(pairs: &[&'a SenderPair]) -> Causes<'a> {
    let mut sums: BTreeMap<(&str, MailEffect), i64> = BTreeMap::new();
    for cause in pairs.iter().flat_map(|pair| &pair.causes) {
        let mail = MailEffect::of(&cause.result_type, &cause.policy_type, cause.mode.as_deref());
        let sum = sums.entry((&cause.result_type, mail)).or_default();
        *sum = sum.saturating_add(cause.failed);
    }
    let mut causes: Causes<'_> = sums.into_iter().filter(|(_, failed)| *failed > 0).collect();
    causes.sort_by_key(|((name, mail), failed)| (Reverse(*failed), *name, *mail));
    causes
}

/// `certificate-expired`, `certificate-expired 40 and tlsa-invalid 3`, `without details`.
fn why(causes: &Causes<'_>, not_itemised: i64) -> String {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for ((name, _), failed) in causes {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(*failed);
    }
    let mut sums: Vec<(&str, i64)> = sums.into_iter().collect();
    sums.sort_by_key(|(name, failed)| (Reverse(*failed), *name));
    match (sums.as_slice(), not_itemised) {
        ([], _) => "without details".to_owned(),
        ([(one, _)], ..=0) => shown(one),
        _ => {
            let named = sums.iter().map(|(name, failed)| format!("{} {}", shown(name), wording::thousands(*failed)));
            let left = (not_itemised > 0).then(|| format!("{} without details", wording::thousands(not_itemised)));
            let parts: Vec<String> = named.chain(left).collect();
            wording::listed(&parts, CAUSES_SHOWN + 1)
        }
    }
}

/// What the result types mean and what became of the mail, as far as it is not told yet.
fn meanings(causes: &Causes<'_>, explained: &mut Explained) -> Vec<String> {
    let said = causes.iter().take(CAUSES_SHOWN).map(|((name, mail), _)| (*name, explained.explain(name, *mail)));
    let said: Vec<(&str, String)> = said.filter(|(_, said)| !said.is_empty()).collect();
    let is_alone = causes.len() == 1;
    said.into_iter().map(|(name, said)| if is_alone { said } else { format!("{}: {said}", shown(name)) }).collect()
}

/// Over all organisations, for when not all have a line: a cause they share is told, whoever they are.
fn summary(organisations: &[(i64, Vec<&SenderPair>)]) -> String {
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (_, pairs) in organisations {
        let mut of_one: BTreeMap<&str, i64> = BTreeMap::new();
        for ((name, _), failed) in causes(pairs) {
            let sum = of_one.entry(name).or_default();
            *sum = sum.saturating_add(failed);
        }
        for (name, failed) in of_one {
            let (organisations, sum) = sums.entry(name).or_default();
            *organisations += 1;
            *sum = sum.saturating_add(failed);
        }
    }
    let mut sums: Vec<(&str, (i64, i64))> = sums.into_iter().collect();
    sums.sort_by_key(|(name, (organisations, failed))| (Reverse(*failed), Reverse(*organisations), *name));
    let named: Vec<String> = sums
        .iter()
        .map(|(name, (organisations, failed))| {
            format!(
                "{} at {} in {}",
                shown(name),
                wording::counted(*organisations, "organisation", "organisations"),
                wording::counted(*failed, "session", "sessions")
            )
        })
        .collect();
    match named.as_slice() {
        [] => String::new(),
        _ => format!("All together: {}.", wording::listed(&named, CAUSES_SHOWN + 1)),
    }
}

/// The question lists so many pairs at most.
fn rest(figures: &PeriodFigures, state: PairState, known: usize, said: usize, links: &Links<'_>) -> Option<DigestItem> {
    let is_cut = figures.pairs.in_state(state).count() < usize::try_from(figures.pairs.totals.of(state)).unwrap_or(0);
    let what = if is_cut { "organisations at least" } else { "organisations" };
    sections::rest(known, said, what, links.page())
}

fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}
