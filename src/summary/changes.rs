//! What changed in the policies that senders saw, and how complete the last day is.

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    query::{
        policies_seen::{ChangeKind, Difference, PolicyChange, PolicySeen},
        week::PeriodFigures,
    },
    wording::{self, Dates},
};

const CHANGES_SHOWN: usize = 100;
const NAMES_SHOWN: usize = 4;

#[derive(Serialize)]
pub(crate) struct ChangesSummary {
    pub(crate) rows: Vec<ChangeRow>,
    pub(crate) left_out: usize,
    pub(crate) complete: bool,
}

#[derive(Serialize)]
pub(crate) struct ChangeRow {
    pub(crate) domain: String,
    pub(crate) policy_type: String,
    pub(crate) what: String,
    pub(crate) differences: Vec<String>,
    pub(crate) who: String,
    pub(crate) since: String,
}

pub(crate) fn changes(figures: &PeriodFigures, dates: Dates) -> ChangesSummary {
    let rows: Vec<ChangeRow> =
        figures.changes.rows.iter().take(CHANGES_SHOWN).map(|seen| change(seen, dates)).collect();
    ChangesSummary { left_out: figures.changes.rows.len() - rows.len(), rows, complete: figures.changes.complete }
}

fn change(change: &PolicyChange, dates: Dates) -> ChangeRow {
    let said = if change.new.is_empty() { &change.vanished } else { &change.new };
    let mut names: Vec<String> = said
        .iter()
        .flat_map(|seen| &seen.organisations)
        .map(|(key, name)| name.clone().unwrap_or_else(|| key.clone()))
        .collect();
    names.sort();
    names.dedup();
    let day = |pick: fn(&PolicySeen) -> NaiveDate, last: bool| {
        let days = said.iter().map(pick);
        if last { days.max() } else { days.min() }.map(|day| dates.day(day)).unwrap_or_default()
    };
    ChangeRow {
        domain: change.policy_domain.clone(),
        policy_type: change.policy_type.clone(),
        what: match (change.kind, change.new.is_empty(), change.vanished.is_empty()) {
            (ChangeKind::Appeared, _, _) => "seen again or for the first time",
            (ChangeKind::Vanished, _, _) => "no longer seen",
            (ChangeKind::Changed, true, _) => "one version no longer seen",
            (ChangeKind::Changed, _, true) => "another version beside the known one",
            (ChangeKind::Changed, false, false) => "changed",
        }
        .to_owned(),
        differences: change.differences.iter().map(difference).collect(),
        who: wording::listed(&names, NAMES_SHOWN),
        since: if change.new.is_empty() {
            format!("last {}", day(|seen| seen.last_day, true))
        } else {
            format!("since {}", day(|seen| seen.first_day, false))
        },
    }
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Field { name, before, now } => format!("{name}: {before} → {now}"),
        Difference::Added(element) => format!("+ {element}"),
        Difference::Removed(element) => format!("− {element}"),
    }
}

/// How many of those who report daily have reported about the last day; `None` where nobody does.
pub(crate) fn coverage(figures: &PeriodFigures, dates: Dates) -> Option<String> {
    let coverage = figures.coverage.as_ref().filter(|coverage| coverage.usual > 0)?;
    let day = dates.day(coverage.day);
    let names: Vec<String> = coverage
        .missing
        .iter()
        .map(|missing| format!("{} (last on {})", missing.name(), dates.day(missing.last_day)))
        .collect();
    Some(match (coverage.reported, coverage.usual) {
        (1, 1) => format!("The one organisation that reports daily has reported about {day}."),
        (0, 1) => format!(
            "The one organisation that reports daily, {}, has not yet reported about {day}.",
            wording::listed(&names, NAMES_SHOWN)
        ),
        (reported, usual) if reported == usual => {
            format!("All {} organisations that report daily have reported about {day}.", wording::thousands(usual))
        }
        (reported, usual) => format!(
            "{} of {} organisations that report daily have reported about {day}; not yet: {}.",
            wording::thousands(reported),
            wording::thousands(usual),
            wording::listed(&names, NAMES_SHOWN)
        ),
    })
}
