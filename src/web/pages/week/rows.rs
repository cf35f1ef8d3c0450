//! The tables: failures in the order of consequence, who fell silent, what changed, how complete the last day is.

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    explain::result_types,
    links::ABSENT,
    query::{
        pairs::{PairState, SenderPair},
        week::PeriodFigures,
    },
    share,
    web::pages::cause::CauseRow,
    wording::{self, TrendWord},
};

/// Rows of one group before the fold.
const SHOWN_MAX: usize = 15;
/// Rows behind the fold; who wants more asks for failures by organisation.
const FOLDED_MAX: usize = 500;
const CAUSES_SHOWN: usize = 3;
const MEANINGS_SHOWN: usize = 8;

/// Pairs of one state.
#[derive(Serialize)]
pub(crate) struct Group {
    state: &'static str,
    title: &'static str,
    note: &'static str,
    /// Whether the reports behind a row are those of the period before.
    before: bool,
    shown: Vec<Row>,
    folded: Vec<Row>,
    total: i64,
    /// Neither shown nor folded.
    left_out: i64,
}

#[derive(Serialize)]
struct Row {
    organisation: String,
    name: String,
    domain: String,
    /// The same for links.
    domain_value: String,
    failed: i64,
    sessions: i64,
    share: String,
    causes: Vec<CauseRow>,
    more_causes: usize,
    moved: String,
    worse: bool,
}

#[derive(Serialize)]
pub(crate) struct SilentRow {
    rows: Vec<Missing>,
    left_out: i64,
}

#[derive(Serialize)]
struct Missing {
    organisation: String,
    name: String,
    last_day: NaiveDate,
    usual: String,
}

/// In the order of consequence; without those that are empty.
pub(crate) fn groups(figures: &PeriodFigures) -> Vec<Group> {
    let new = if figures.is_first() { "Failing" } else { "New" };
    let groups = [
        (PairState::New, new, ""),
        (PairState::Ongoing, "Ongoing", ""),
        (PairState::Resolved, "Resolved", "Failed before; reported since, without failures."),
        (PairState::Silent, "Unknown", "Failed before; no report from the same sender about the same domain since."),
    ];
    groups
        .into_iter()
        .map(|(state, title, note)| group(figures, state, title, note))
        .filter(|group| group.total > 0)
        .collect()
}

fn group(figures: &PeriodFigures, state: PairState, title: &'static str, note: &'static str) -> Group {
    let mut rows = figures.pairs.in_state(state).map(|pair| row(figures, pair));
    let shown: Vec<Row> = rows.by_ref().take(SHOWN_MAX).collect();
    let folded: Vec<Row> = rows.take(FOLDED_MAX).collect();
    let total = figures.pairs.totals.of(state);
    Group {
        state: state.as_str(),
        title,
        note,
        before: matches!(state, PairState::Resolved | PairState::Silent),
        left_out: (total - (shown.len() + folded.len()) as i64).max(0),
        shown,
        folded,
        total,
    }
}

fn row(figures: &PeriodFigures, pair: &SenderPair) -> Row {
    let past = pair.sessions.failed == 0;
    let counts = if past { pair.before } else { pair.sessions };
    let mut causes: Vec<CauseRow> = Vec::new();
    pair.causes
        .iter()
        .map(|cause| (cause, if past { cause.failed_before } else { cause.failed }))
        .filter(|(_, failed)| *failed > 0)
        .map(|(cause, failed)| CauseRow::new(&cause.result_type, &cause.policy_type, cause.mode.as_deref(), failed))
        .for_each(|why| why.add_to(&mut causes));
    causes.sort_by_key(|why| Reverse(why.failed()));
    if pair.not_itemised > 0 {
        causes.push(CauseRow::not_itemised(pair.not_itemised));
    }
    let more_causes = causes.len().saturating_sub(CAUSES_SHOWN);
    causes.truncate(CAUSES_SHOWN);
    let trend = TrendWord::of(pair.sessions.failed, pair.before.failed);
    Row {
        organisation: pair.organisation.clone(),
        name: pair.name().to_owned(),
        domain: pair.policy_domain.clone(),
        domain_value: if pair.policy_domain.is_empty() { ABSENT.to_owned() } else { pair.policy_domain.clone() },
        failed: counts.failed,
        sessions: counts.total(),
        share: share::failed(counts.failed, counts.total()),
        causes,
        more_causes,
        moved: moved(figures, pair, trend),
        worse: matches!(trend, TrendWord::New | TrendWord::Grew) && !figures.is_first(),
    }
}

/// How it moved, and since when.
fn moved(figures: &PeriodFigures, pair: &SenderPair, trend: TrendWord) -> String {
    let first = pair.first_failed.map(wording::day).unwrap_or_default();
    let last = pair.last_failed.map(wording::day).unwrap_or_default();
    match trend {
        TrendWord::New | TrendWord::Quiet => {
            let days = if first == last { format!("on {first}") } else { format!("{first} to {last}") };
            let known =
                if pair.reported_before || figures.is_first() { "" } else { "; first report about this domain" };
            format!("{days}{known}")
        }
        TrendWord::Resolved => format!("last on {last}"),
        trend => wording::moved(trend, pair.sessions.failed, pair.before.failed, figures.period.kind().as_str()),
    }
}

/// What the result types of this period mean, in one sentence each: those with the most failed sessions first.
pub(crate) fn meanings(figures: &PeriodFigures) -> Vec<(String, &'static str)> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for cause in figures.pairs.rows.iter().flat_map(|pair| &pair.causes).filter(|cause| cause.failed > 0) {
        let sum = sums.entry(&cause.result_type).or_default();
        *sum = sum.saturating_add(cause.failed);
    }
    let mut largest: Vec<(&str, i64)> = sums.into_iter().collect();
    largest.sort_by_key(|(name, failed)| (Reverse(*failed), *name));
    largest.into_iter().take(MEANINGS_SHOWN).map(|(name, _)| (name.to_owned(), result_types::short(name))).collect()
}

pub(crate) fn silent(figures: &PeriodFigures) -> SilentRow {
    let rows: Vec<Missing> = figures
        .silent
        .rows
        .iter()
        .map(|missing| Missing {
            organisation: missing.organisation.clone(),
            name: missing.name().to_owned(),
            last_day: missing.last_day,
            usual: if missing.days_a_week > 6.5 {
                "daily".to_owned()
            } else {
                format!("{:.1} days a week", missing.days_a_week)
            },
        })
        .collect();
    SilentRow { left_out: (figures.silent.total - rows.len() as i64).max(0), rows }
}
