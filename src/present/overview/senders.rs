//! The tables: who fails, which of our domains, which of our hosts, under which kind of policy.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::Figures;
use crate::{
    present::{
        params::ABSENT,
        why::Why,
        words::{self, Trend},
    },
    query::breakdown::Part,
    share,
};

/// Rows of one group on the overview; the list of failures has them all.
const SHOWN_MAX: usize = 25;
const CAUSES_SHOWN: usize = 3;

/// Organisations or domains in the order of consequence.
#[derive(Serialize)]
pub(super) struct Groups {
    new: Vec<Row>,
    ongoing: Vec<Row>,
    resolved: Vec<Row>,
    healthy: Vec<Row>,
    healthy_total: i64,
    failing_total: i64,
    more_failing: i64,
}

#[derive(Serialize)]
struct Row {
    key: String,
    name: String,
    failed: i64,
    sessions: i64,
    share: String,
    periods: Vec<i64>,
    trend: &'static str,
    trend_words: String,
    causes: Vec<Why>,
    more_causes: usize,
}

#[derive(Serialize)]
pub(super) struct PolicyType {
    name: String,
    sessions: i64,
    failed: i64,
    share: String,
    before: String,
}

#[derive(Serialize)]
pub(super) struct Host {
    /// For the link; `-` where the sender did not say.
    key: String,
    name: String,
    failed: i64,
    organisations: i64,
}

pub(super) fn senders(figures: &Figures) -> Groups {
    let mut causes: BTreeMap<&str, Vec<Why>> = BTreeMap::new();
    for cause in &figures.causes {
        let why = Why::new(&cause.result_type, &cause.policy_type, cause.mode.as_deref(), cause.failed);
        causes.entry(&cause.organisation).or_default().push(why);
    }
    groups(
        figures,
        &figures.organisations.rows,
        figures.organisations.reporting,
        figures.organisations.failing,
        |part| {
            let name = part.organisation.clone().unwrap_or_else(|| part.key.clone());
            let mut why = causes.remove(part.key.as_str()).unwrap_or_default();
            if why.is_empty() && part.sessions.failed > 0 {
                why.push(Why::not_itemised(part.sessions.failed));
            }
            (name, why)
        },
    )
}

pub(super) fn domains(figures: &Figures) -> Groups {
    let rows = &figures.domains;
    groups(figures, &rows.rows, rows.reporting, rows.failing, |part| {
        (if part.key.is_empty() { "(not given)".to_owned() } else { part.key.clone() }, Vec::new())
    })
}

fn groups(
    figures: &Figures,
    parts: &[Part],
    reporting: i64,
    failing: i64,
    mut describe: impl FnMut(&Part) -> (String, Vec<Why>),
) -> Groups {
    let mut groups = Groups {
        new: Vec::new(),
        ongoing: Vec::new(),
        resolved: Vec::new(),
        healthy: Vec::new(),
        healthy_total: (reporting - failing).max(0),
        failing_total: failing,
        more_failing: 0,
    };
    for part in parts {
        let (name, mut causes) = describe(part);
        let trend = Trend::of(part.sessions.failed, part.before.failed);
        let more_causes = causes.len().saturating_sub(CAUSES_SHOWN);
        causes.truncate(CAUSES_SHOWN);
        let row = Row {
            key: part.key.clone(),
            name,
            failed: part.sessions.failed,
            sessions: part.sessions.total(),
            share: share::failed(part.sessions.failed, part.sessions.total()),
            periods: part.periods.to_vec(),
            trend: trend.as_str(),
            trend_words: trend_words(figures, part, trend),
            causes,
            more_causes,
        };
        match trend {
            // Where nothing at all is known of the time before, nothing can be called new.
            Trend::New if has_before(figures) => groups.new.push(row),
            Trend::New => groups.ongoing.push(row),
            Trend::Grew | Trend::Same | Trend::Fell => groups.ongoing.push(row),
            Trend::Resolved => groups.resolved.push(row),
            Trend::Quiet => groups.healthy.push(row),
        }
    }
    for group in [&mut groups.new, &mut groups.ongoing, &mut groups.resolved, &mut groups.healthy] {
        group.truncate(SHOWN_MAX);
    }
    groups.more_failing = (failing - (groups.new.len() + groups.ongoing.len()) as i64).max(0);
    groups
}

fn has_before(figures: &Figures) -> bool {
    figures.shares_before.once.total() > 0
}

/// How it moved, and since when.
fn trend_words(figures: &Figures, part: &Part, trend: Trend) -> String {
    let (now, before) = (part.sessions.failed, part.before.failed);
    let period = words::period(figures.filter.range);
    match trend {
        Trend::New if !has_before(figures) => {
            format!("since {}, nothing known before", part.first_failed.map(words::day).unwrap_or_default())
        }
        Trend::New => {
            let seen_earlier = part.periods[..part.periods.len() - 2].iter().any(|failed| *failed > 0);
            let since = part.first_failed.map(words::day).unwrap_or_default();
            format!("{} {since}", if seen_earlier { "again since" } else { "new since" })
        }
        Trend::Grew => format!("up from {}", words::thousands(before)),
        Trend::Fell => format!("down from {}", words::thousands(before)),
        Trend::Same if now == before => format!("as the {period} before"),
        Trend::Same => format!("much as before ({})", words::thousands(before)),
        Trend::Resolved => {
            let last = part.last_failed.map(words::day).unwrap_or_default();
            let silent = if part.reported { "" } else { "; no report since" };
            format!("{} before, last on {last}{silent}", words::thousands(before))
        }
        Trend::Quiet => String::new(),
    }
}

pub(super) fn policy_types(figures: &Figures) -> Vec<PolicyType> {
    let before = &figures.shares_before.by_policy_type;
    figures
        .shares
        .by_policy_type
        .iter()
        .map(|(name, sessions)| {
            let earlier =
                before.iter().find(|(known, _)| known == name).map(|(_, sessions)| *sessions).unwrap_or_default();
            PolicyType {
                name: name.clone(),
                sessions: sessions.total(),
                failed: sessions.failed,
                share: share::secure(sessions.successful, sessions.total()),
                before: share::secure(earlier.successful, earlier.total()),
            }
        })
        .collect()
}

pub(super) fn hosts(figures: &Figures) -> Vec<Host> {
    let rows = figures.hosts.rows.iter();
    rows.map(|row| Host {
        key: if row.key.is_empty() { ABSENT.to_owned() } else { row.key.clone() },
        name: if row.key.is_empty() { "(no host named)".to_owned() } else { row.key.clone() },
        failed: row.failed,
        organisations: row.organisations,
    })
    .collect()
}
