//! The tables: who fails, which of our domains, which of our hosts, under which kind of policy.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    links::ABSENT,
    query::{
        breakdown::{self, BreakdownPart},
        overview::OverviewFigures,
    },
    reporters::{self, SenderIdentity},
    share,
    web::pages::cause::CauseRow,
    wording::{self, TrendWord},
};

/// Rows of one group on the overview; the list of failures has them all.
const SHOWN_MAX: usize = 25;
const CAUSES_SHOWN: usize = 3;

/// Organisations or domains in the order of consequence.
#[derive(Serialize)]
pub(crate) struct Groups {
    new: Vec<Row>,
    ongoing: Vec<Row>,
    resolved: Vec<Row>,
    healthy: Vec<Row>,
    healthy_total: i64,
    failing_total: i64,
    more_failing: i64,
    /// How many periods the small bars have.
    periods: usize,
    /// Whether they are the weeks of the range.
    is_long: bool,
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
    causes: Vec<CauseRow>,
    more_causes: usize,
    /// What an organisation calls itself, where that is not what it is called here.
    says: Option<String>,
    /// The known reporter it may be taken for.
    taken_for: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct PolicyTypeRow {
    name: String,
    sessions: i64,
    failed: i64,
    share: String,
    before: String,
}

#[derive(Serialize)]
pub(crate) struct HostRow {
    /// For the link; `-` where the sender did not say.
    key: String,
    name: String,
    failed: i64,
    organisations: i64,
}

pub(crate) fn senders(figures: &OverviewFigures) -> Groups {
    let mut causes: BTreeMap<&str, Vec<CauseRow>> = BTreeMap::new();
    for cause in &figures.causes {
        let why = CauseRow::new(&cause.result_type, &cause.policy_type, cause.mode.as_deref(), cause.failed);
        why.add_to(causes.entry(&cause.organisation).or_default());
    }
    causes.values_mut().for_each(|causes| causes.sort_by_key(|why| std::cmp::Reverse(why.failed())));
    groups(
        figures,
        &figures.organisations.rows,
        figures.reported.organisations,
        figures.organisations.failing,
        |part| {
            let name = reporters::shown(&part.key);
            let mut why = causes.remove(part.key.as_str()).unwrap_or_default();
            if why.is_empty() && part.sessions.failed > 0 {
                why.push(CauseRow::not_itemised(part.sessions.failed));
            }
            (name, why)
        },
    )
}

pub(crate) fn domains(figures: &OverviewFigures) -> Groups {
    let rows = &figures.domains;
    groups(figures, &rows.rows, rows.reporting, rows.failing, |part| {
        (if part.key.is_empty() { "(not given)".to_owned() } else { part.key.clone() }, Vec::new())
    })
}

fn groups(
    figures: &OverviewFigures,
    parts: &[BreakdownPart],
    reporting: i64,
    failing: i64,
    mut describe: impl FnMut(&BreakdownPart) -> (String, Vec<CauseRow>),
) -> Groups {
    let is_long = breakdown::is_long(figures.filter.range);
    let mut groups = Groups {
        new: Vec::new(),
        ongoing: Vec::new(),
        resolved: Vec::new(),
        healthy: Vec::new(),
        healthy_total: (reporting - failing).max(0),
        failing_total: failing,
        more_failing: 0,
        periods: breakdown::periods(figures.filter.range).len(),
        is_long,
    };
    let mut failing_listed = 0;
    for part in parts {
        let course = Course::of(figures, part, is_long);
        let (name, mut causes) = describe(part);
        let more_causes = causes.len().saturating_sub(CAUSES_SHOWN);
        causes.truncate(CAUSES_SHOWN);
        let sender = part.is_organisation().then(|| SenderIdentity::of(&part.key, part.says.as_deref()));
        let row = Row {
            key: if part.key.is_empty() { ABSENT.to_owned() } else { part.key.clone() },
            name,
            failed: part.sessions.failed,
            sessions: part.sessions.total(),
            share: share::failed(part.sessions.failed, part.sessions.total()),
            periods: part.periods.clone(),
            trend: course.trend.as_str(),
            trend_words: course.words(figures, part),
            causes,
            more_causes,
            says: sender.as_ref().and_then(|sender| sender.says.clone()),
            taken_for: sender.and_then(|sender| sender.taken_for).map(|(name, key)| format!("{name} ({key})")),
        };
        let group = match course.trend {
            // Where nothing at all is known of the time before, nothing can be called new.
            TrendWord::New if course.has_before => &mut groups.new,
            TrendWord::New | TrendWord::Grew | TrendWord::Same | TrendWord::Fell => &mut groups.ongoing,
            TrendWord::Resolved => &mut groups.resolved,
            TrendWord::Quiet if part.reported => &mut groups.healthy,
            TrendWord::Quiet => continue,
        };
        if group.len() < SHOWN_MAX {
            group.push(row);
            failing_listed += i64::from(part.sessions.failed > 0);
        }
    }
    groups.more_failing = (failing - failing_listed).max(0);
    groups
}

/// How failed sessions moved: against the range before, or at the end of a long range against the rest of it.
struct Course {
    now: i64,
    before: i64,
    trend: TrendWord,
    has_before: bool,
    is_long: bool,
}

impl Course {
    fn of(figures: &OverviewFigures, part: &BreakdownPart, is_long: bool) -> Course {
        let (now, before, has_before) = match is_long {
            false => (part.sessions.failed, part.before.failed, figures.shares_before.once.total() > 0),
            true => {
                let first = breakdown::recent_first_day(figures.filter.range);
                let has_before = figures.span.is_some_and(|span| span.first < first);
                (part.failed_recently, part.sessions.failed - part.failed_recently, has_before)
            }
        };
        Course { now, before, trend: TrendWord::of(now, before), has_before, is_long }
    }

    /// How it moved, and since when.
    fn words(&self, figures: &OverviewFigures, part: &BreakdownPart) -> String {
        let day = |day: Option<chrono::NaiveDate>| day.map(wording::day).unwrap_or_default();
        let (first, last) = (day(part.first_failed), day(part.last_failed));
        match (self.trend, self.is_long) {
            (TrendWord::Quiet, _) => String::new(),
            (TrendWord::New, _) => {
                let since = if self.is_long { part.first_failed_recently } else { part.first_failed };
                let earlier = part.failed_earlier || (self.is_long && part.before.failed > 0);
                wording::new_since(since, earlier, self.has_before)
            }
            (TrendWord::Resolved, true) => format!("last on {last}"),
            (_, true) if first == last => format!("on {last}"),
            (_, true) => format!("{first} to {last}"),
            (TrendWord::Resolved, false) => {
                let silent = if part.reported { "" } else { "; no report since" };
                format!("{} before, last on {last}{silent}", wording::thousands(self.before))
            }
            (trend, false) => wording::moved(trend, self.now, self.before, wording::period(figures.filter.range)),
        }
    }
}

pub(crate) fn policy_types(figures: &OverviewFigures) -> Vec<PolicyTypeRow> {
    let before = &figures.shares_before.by_policy_type;
    figures
        .shares
        .by_policy_type
        .iter()
        .map(|(name, sessions)| {
            let earlier =
                before.iter().find(|(known, _)| known == name).map(|(_, sessions)| *sessions).unwrap_or_default();
            PolicyTypeRow {
                name: name.clone(),
                sessions: sessions.total(),
                failed: sessions.failed,
                share: share::secure(sessions.successful, sessions.total()),
                before: share::secure(earlier.successful, earlier.total()),
            }
        })
        .collect()
}

pub(crate) fn hosts(figures: &OverviewFigures) -> Vec<HostRow> {
    let rows = figures.hosts.rows.iter();
    rows.map(|row| HostRow {
        key: if row.key.is_empty() { ABSENT.to_owned() } else { row.key.clone() },
        name: if row.key.is_empty() { "(no host named)".to_owned() } else { row.key.clone() },
        failed: row.failed,
        organisations: row.organisations,
    })
    .collect()
}
