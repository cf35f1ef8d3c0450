//! Everything a week, a day or a month is told with, asked in one go: for the page, the API and the digest.

use chrono::{Days, NaiveDate};
use duckdb::Connection;

use super::{
    Filter, Range,
    claims::{Claims, claims},
    coverage::{Coverage, coverage},
    pairs::{Pairs, pairs},
    policies_seen::{PolicyChanges, policies_seen},
    policy_fetch::{Outages, policy_fetch},
    quarantine::{self, Codes},
    reported::{Reported, reported},
    shares::{SessionShares, shares},
    silent::{self, SilentSenders, silent},
    span::{Span, span},
    trend::{PeriodTrend, trend},
};
use crate::period::{Period, PeriodKind, Phase};

/// Periods of the trend, the asked one last.
pub const TREND_PERIODS: usize = 12;

#[derive(Debug, Clone)]
pub struct PeriodFigures {
    pub period: Period,
    /// What was asked, its range that of the period.
    pub filter: Filter,
    pub phase: Phase,
    /// From when to when there are reports at all.
    pub span: Option<Span>,
    pub reported: Reported,
    pub reported_before: Reported,
    /// Input that came in these days and is kept but not counted.
    pub quarantined: Codes,
    /// Of the last day of the period, or of yesterday where it runs; `None` for the future.
    pub coverage: Option<Coverage>,
    pub shares: SessionShares,
    pub shares_before: SessionShares,
    pub periods: Vec<Period>,
    /// One number for each of `periods`.
    pub trend: PeriodTrend,
    /// Seen in the period, or seen in the one before and not known to be over when this one began. `failed` is that of the period.
    pub outages: Outages,
    pub pairs: Pairs,
    /// Empty while nobody can be called silent: the period runs, or its reports are still on their way.
    pub silent: SilentSenders,
    pub changes: PolicyChanges,
    /// What is only claimed, beside all of this.
    pub claims: Option<Claims>,
}

impl PeriodFigures {
    /// The filter's own range is not looked at. `today` is the UTC day.
    pub fn ask(
        connection: &Connection,
        filter: &Filter,
        period: Period,
        today: NaiveDate,
    ) -> duckdb::Result<PeriodFigures> {
        let filter = filter.with_range(period.range());
        let before = period.previous().range();
        let filter_before = filter.with_range(before);
        let periods = period.last(TREND_PERIODS);
        let ranges: Vec<Range> = periods.iter().map(|period| period.range()).collect();
        let phase = period.phase(today);
        let covered_day = period.range().last().min(today.pred_opt().unwrap_or(today));
        Ok(PeriodFigures {
            period,
            phase,
            span: span(connection, today)?,
            reported: reported(connection, &filter)?,
            reported_before: reported(connection, &filter_before)?,
            // It belongs to no policy domain: who is told of some only is not told of what came for others.
            quarantined: match filter.policy_domains {
                Some(_) => Codes::default(),
                None => quarantine::codes(connection, filter.range)?,
            },
            coverage: if phase == Phase::Future { None } else { Some(coverage(connection, &filter, covered_day)?) },
            shares: shares(connection, &filter)?,
            shares_before: shares(connection, &filter_before)?,
            trend: trend(connection, &filter, &ranges)?,
            periods,
            outages: policy_fetch(connection, &filter, before.first(), today)?,
            pairs: pairs(connection, &filter, before)?,
            silent: if is_settled(period, today) {
                silent(connection, &filter, earlier(period))?
            } else {
                SilentSenders::default()
            },
            changes: policies_seen(connection, &filter, before)?,
            claims: claims(connection, &filter)?,
            filter,
        })
    }

    /// Whether nothing at all was reported in the period before: then nothing can be called new.
    pub fn is_first(&self) -> bool {
        self.reported_before.reports == 0
    }

    /// Whether there is nothing to tell but that all is well.
    pub fn is_quiet(&self) -> bool {
        self.pairs.rows.is_empty()
            && self.outages.rows.is_empty()
            && self.silent.rows.is_empty()
            && self.changes.rows.is_empty()
            && self.shares.once.failed == 0
    }
}

/// Reports arrive the day after. A day is judged another day later, a week or a month when it is over.
fn is_settled(period: Period, today: NaiveDate) -> bool {
    let grace_days = if period.kind() == PeriodKind::Day { 1 } else { 0 };
    let last = period.range().last();
    today > last.checked_add_days(Days::new(grace_days)).unwrap_or(last)
}

fn earlier(period: Period) -> [Range; silent::PERIODS] {
    let mut before = [period.range(); silent::PERIODS];
    let mut at = period;
    for range in before.iter_mut().rev() {
        at = at.previous();
        *range = at.range();
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::fixtures::{entry, garbage, policy, report, temp_store},
        submission::Trust,
    };

    #[test]
    fn who_is_told_of_some_domains_is_not_told_of_what_came_for_others() {
        let temp = temp_store();
        let known = policy("example.com", crate::report::PolicyType::Sts, Some(100), Some(0));
        let (stored, kept) = (entry(report("one", vec![known]), Trust::Token), garbage(b"not a report", Trust::Token));
        let came = kept.arrival.received_at.date_naive();
        temp.store.write_blocking(vec![stored, kept]);
        let shown = |domains: Option<&str>, day: NaiveDate| {
            let period = Period::containing(PeriodKind::Day, day);
            let policy_domains = domains.map(|domain| vec![domain.to_owned()]);
            let filter = Filter { policy_domains, ..Filter::new(period.range()) };
            let today = day.checked_add_days(Days::new(40)).unwrap();
            let asked = temp.store.read_blocking(|conn| Ok(PeriodFigures::ask(conn, &filter, period, today)?));
            let figures = asked.unwrap();
            (figures.quarantined.total, crate::summary::verdict::verdict(&figures, crate::wording::Dates::Iso).more)
        };
        assert_eq!(shown(None, came).0, 1);
        assert_eq!(shown(Some("other.example"), came).0, 0);
        let later = came.checked_add_days(Days::new(20)).unwrap();
        assert!(shown(None, later).1.iter().any(|sentence| sentence.contains("The one report here")));
        assert_eq!(shown(Some("other.example"), later).1, Vec::<String>::new());
    }
}
