//! Names, shares, trends and orders that several answers have in common.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde_json::{Value, json};

use crate::{
    count::{Counted, Row, Sessions},
    filter::Filter,
};

pub fn secure(sessions: Sessions) -> Value {
    match sessions.total() {
        0 => Value::Null,
        total => json!(sessions.ok as f64 / total as f64),
    }
}

pub fn sessions(sessions: Sessions) -> Value {
    json!({"successful": sessions.ok, "failed": sessions.bad, "secure": secure(sessions)})
}

/// Sessions by a key of the rows.
pub fn by<'a, K: Ord>(counted: &'a Counted, key: impl Fn(&Row<'a>) -> K) -> BTreeMap<K, Sessions> {
    let mut groups: BTreeMap<K, Sessions> = BTreeMap::new();
    for row in &counted.rows {
        groups.entry(key(row)).or_default().add(row.sessions);
    }
    groups
}

/// What each key is called where that is not the key itself.
pub fn names<'a>(looked_at: &[&'a Counted<'a>]) -> BTreeMap<&'a str, Value> {
    let reports = looked_at.iter().flat_map(|counted| &counted.reports);
    reports.map(|report| (report.organisation.as_str(), json!(crate::names::named(&report.organisation)))).collect()
}

/// What each calls itself: in its most trusted report, of several that about the latest day, of several that day the last in byte order.
pub fn says<'a>(looked_at: &[&'a Counted<'a>]) -> BTreeMap<&'a str, Value> {
    let rank = |trust: &str| ["none", "token", "import", "network", "dkim"].iter().position(|known| *known == trust);
    let mut best: BTreeMap<&str, (Option<usize>, NaiveDate, &str)> = BTreeMap::new();
    for report in looked_at.iter().flat_map(|counted| &counted.reports) {
        let Some(name) = report.name.as_deref().filter(|_| !report.policies.is_empty()) else { continue };
        let said = (rank(&report.trust), report.day, name);
        let known = best.entry(&report.organisation).or_insert(said);
        *known = (*known).max(said);
    }
    best.into_iter().map(|(key, (.., name))| (key, json!(name))).collect()
}

pub fn trend(now: u64, before: u64) -> &'static str {
    let enough = |difference: u64| difference >= 3 && difference >= before / 4;
    match (now, before) {
        (0, 0) => "none",
        (_, 0) => "new",
        (0, _) => "resolved",
        _ if now > before && enough(now - before) => "grew",
        _ if before > now && enough(before - now) => "fell",
        _ => "same",
    }
}

/// The columns of a small chart: eight ranges, or the ISO weeks of a longer one.
pub fn periods(filter: &Filter) -> Vec<Filter> {
    if filter.length() <= 13 {
        return (0..8).rev().map(|times| if times == 0 { filter.clone() } else { filter.before(times) }).collect();
    }
    let mut weeks = Vec::new();
    let mut from = filter.from;
    while from <= filter.to {
        let sunday = from + Days::new(6 - u64::from(from.weekday().num_days_from_monday()));
        weeks.push(filter.over(from, sunday.min(filter.to)));
        from = sunday + Days::new(1);
    }
    // No more than half a year of them.
    weeks.split_off(weeks.len().saturating_sub(26))
}

pub fn organisations<'a>(counted: &Counted<'a>) -> BTreeSet<&'a str> {
    counted.reports.iter().map(|report| report.organisation.as_str()).collect()
}

pub fn policy_types(counted: &Counted) -> Vec<(String, Sessions)> {
    let mut kinds: Vec<_> = counted.kinds.iter().map(|(kind, sessions)| ((*kind).to_owned(), *sessions)).collect();
    kinds.sort_by(|(a, left), (b, right)| right.total().cmp(&left.total()).then(a.cmp(b)));
    kinds
}

pub fn policy_type_items(kinds: &[(String, Sessions)]) -> Vec<Value> {
    let item = |(kind, sum): &(String, Sessions)| json!({"policy_type": kind, "successful": sum.ok, "failed": sum.bad, "secure": secure(*sum)});
    kinds.iter().take(50).map(item).collect()
}

pub fn week_name(day: NaiveDate) -> String {
    format!("{}-W{:02}", day.iso_week().year(), day.iso_week().week())
}

pub fn monday(day: NaiveDate) -> NaiveDate {
    NaiveDate::from_isoywd_opt(day.iso_week().year(), day.iso_week().week(), Weekday::Mon).expect("a week has a Monday")
}

pub fn domain(domain: &str) -> Value {
    if domain.is_empty() { Value::Null } else { json!(domain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        count::count,
        model::tests::{policy, report},
    };

    #[test]
    fn a_trend_needs_three_sessions_and_a_quarter() {
        for (now, before, expected) in [
            (0, 0, "none"),
            (1, 0, "new"),
            (0, 1, "resolved"),
            (4, 2, "same"),
            (5, 2, "grew"),
            (124, 100, "same"),
            (125, 100, "grew"),
            (75, 100, "fell"),
            (76, 100, "same"),
            // A quarter of 15 is 3, rounded down.
            (18, 15, "grew"),
            (12, 15, "fell"),
        ] {
            assert_eq!(trend(now, before), expected, "{now} after {before}");
        }
    }

    #[test]
    fn a_short_range_has_seven_before_it_and_a_long_one_its_weeks() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let week = periods(&Filter::days(day("2026-11-22"), day("2026-11-28")));
        assert_eq!((week.len(), week[0].from, week[7].to), (8, day("2026-10-04"), day("2026-11-28")));
        let long = periods(&Filter::days(day("2026-11-14"), day("2026-11-27")));
        let ends: Vec<_> = long.iter().map(|part| (part.from, part.to)).collect();
        assert_eq!(ends[0], (day("2026-11-14"), day("2026-11-15")));
        assert_eq!(ends[2], (day("2026-11-23"), day("2026-11-27")));
    }

    #[test]
    fn the_latest_name_wins_and_of_one_day_the_last_in_byte_order() {
        let on = |day: &str| report("a", day, vec![policy("sts", "x", 1, 0, &[])]);
        let mut reports = [on("2026-11-01"), on("2026-11-02"), on("2026-11-02")];
        for (report, name) in reports.iter_mut().zip(["Z", "B", "C"]) {
            report.name = Some(name.to_owned());
        }
        let counted = count(&reports, &Filter::days(reports[0].day, reports[1].day));
        assert_eq!((&names(&[&counted])["a"], &says(&[&counted])["a"]), (&Value::Null, &json!("C")));
    }

    #[test]
    fn a_share_of_nothing_is_null() {
        assert_eq!(secure(Sessions::default()), Value::Null);
        assert_eq!(secure(Sessions { ok: 3, bad: 1 }), json!(0.75));
    }

    #[test]
    fn policy_types_stand_with_the_most_sessions_first() {
        let reports = [report(
            "a",
            "2026-11-01",
            vec![policy("tlsa", "x", 5, 0, &[]), policy("sts", "x", 4, 1, &[]), policy("b", "x", 9, 0, &[])],
        )];
        let counted = count(&reports, &Filter::days(reports[0].day, reports[0].day));
        let kinds: Vec<_> = policy_types(&counted).into_iter().map(|kind| kind.0).collect();
        assert_eq!(kinds, ["b", "sts", "tlsa"]);
    }
}
