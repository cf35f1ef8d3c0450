//! Secure by policy type: this period, the one before, and twelve of them as lines and as a table.

use serde::Serialize;

use crate::{
    chart::{self, LINES_MAX, Line, Size},
    query::{shares::Sessions, week::PeriodFigures},
    share, wording,
};

const WIDE: Size = Size { width: 760, height: 220 };
const NARROW: Size = Size { width: 460, height: 220 };

#[derive(Serialize)]
pub(crate) struct SharesRows {
    types: Vec<PolicyType>,
    wide: Option<minijinja::Value>,
    narrow: Option<minijinja::Value>,
    /// Policy types of the chart and the table under it, with their marks.
    drawn: Vec<(&'static str, String)>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct PolicyType {
    name: String,
    sessions: i64,
    failed: i64,
    share: String,
    before: String,
}

/// One period of the table.
#[derive(Serialize)]
struct Row {
    name: String,
    text: String,
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
    shares: Vec<(String, i64)>,
}

pub(crate) fn shares(figures: &PeriodFigures) -> SharesRows {
    let before = &figures.shares_before.by_policy_type;
    let types = figures.shares.by_policy_type.iter().map(|(name, sessions)| {
        let earlier = before.iter().find(|(known, _)| known == name).map(|(_, sessions)| *sessions).unwrap_or_default();
        PolicyType {
            name: name.clone(),
            sessions: sessions.total(),
            failed: sessions.failed,
            share: share::secure(sessions.successful, sessions.total()),
            before: share::secure(earlier.successful, earlier.total()),
        }
    });
    let drawn = &figures.trend.by_policy_type[..figures.trend.by_policy_type.len().min(LINES_MAX)];
    let lines: Vec<Line> = drawn
        .iter()
        .map(|(name, periods)| Line { name: name.clone(), shares: periods.iter().copied().map(share).collect() })
        .collect();
    let labels: Vec<String> = figures.periods.iter().map(|period| period.label()).collect();
    let unit = figures.period.kind().as_str();
    let title = format!("Share of secure sessions by policy type, {} {unit}s", labels.len());
    let description = lines.iter().zip(drawn).map(|(line, (_, periods))| describe(line, periods)).collect::<Vec<_>>();
    let is_known = drawn.iter().any(|(_, periods)| periods.iter().filter(|sessions| sessions.total() > 0).count() > 1);
    let draw = |size: Size| {
        let svg = chart::lines_svg(&lines, &labels, size, &title, &description.join("; "));
        svg.filter(|_| is_known).map(minijinja::Value::from_safe_string)
    };
    SharesRows {
        types: types.collect(),
        wide: draw(WIDE),
        narrow: draw(NARROW),
        drawn: drawn.iter().enumerate().map(|(at, (name, _))| (chart::mark(at), name.clone())).collect(),
        rows: rows(figures, drawn),
    }
}

fn rows(figures: &PeriodFigures, drawn: &[(String, Vec<Sessions>)]) -> Vec<Row> {
    // Before the first report there is nothing to say.
    let oldest = figures.span.map_or(figures.period.range().first(), |span| span.first);
    let known = figures.periods.iter().enumerate().rev().filter(|(_, period)| period.range().last() >= oldest);
    let each = known.map(|(at, period)| Row {
        name: period.name(),
        text: wording::range(period.range()),
        from: period.range().first(),
        to: period.range().last(),
        shares: drawn
            .iter()
            .map(|(_, periods)| {
                let sessions = periods.get(at).copied().unwrap_or_default();
                (share::secure(sessions.successful, sessions.total()), sessions.total())
            })
            .collect(),
    });
    each.collect()
}

fn share(sessions: Sessions) -> Option<f64> {
    (sessions.total() > 0).then(|| sessions.successful as f64 / sessions.total() as f64)
}

fn describe(line: &Line, periods: &[Sessions]) -> String {
    let shares = periods.iter().map(|sessions| share::secure(sessions.successful, sessions.total()));
    format!("{}: {}", line.name, shares.collect::<Vec<_>>().join(", "))
}
