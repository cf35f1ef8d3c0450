//! Who reports, who stopped, and who is still missing (docs/figures.md, "A week").

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::{count::count, filter::Filter, groups, model::Report};

fn days_by_organisation<'a>(reports: &'a [Report], filter: &Filter) -> BTreeMap<&'a str, BTreeSet<NaiveDate>> {
    let mut days: BTreeMap<&str, BTreeSet<NaiveDate>> = BTreeMap::new();
    for report in count(reports, filter).reports {
        days.entry(&report.organisation).or_default().insert(report.day);
    }
    days
}

pub fn silent(reports: &[Report], filter: &Filter, over: bool) -> Value {
    let periods: Vec<_> = (1..=4).map(|back| days_by_organisation(reports, &filter.before(back))).collect();
    let all = filter.over(filter.before(4).from, filter.before(1).to);
    let looked_at = count(reports, &all);
    let names = groups::names(&[&looked_at]);
    let here = days_by_organisation(reports, filter);
    let mut silent: Vec<(f64, &str, Value)> = Vec::new();
    for (key, days) in days_by_organisation(reports, &all).into_iter().filter(|_| over) {
        if here.contains_key(key) || periods.iter().filter(|period| period.contains_key(key)).count() < 3 {
            continue;
        }
        let a_week = days.len() as f64 * 7.0 / all.length() as f64;
        let item = json!({
            "organisation": names[key],
            "organisation_key": key,
            "last_day": days.last().map(NaiveDate::to_string),
            "days_a_week": a_week,
        });
        silent.push((a_week, key, item));
    }
    silent.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    json!({"total": silent.len(), "items": silent.into_iter().take(200).map(|(_, _, item)| item).collect::<Vec<_>>()})
}

pub fn coverage(reports: &[Report], filter: &Filter, today: NaiveDate) -> Value {
    let day = filter.to.min(today - Days::new(1));
    let end = day - Days::new(7);
    let weeks = filter.over(end - Days::new(27), end);
    let days = days_by_organisation(reports, &weeks);
    let first = days.values().filter_map(|days| days.first()).min().copied();
    let length = first.map_or(0, |first| (end - first).num_days() + 1) as usize;
    let needed = (11 * length).div_ceil(14);
    let daily: Vec<_> = days.into_iter().filter(|(_, days)| length >= 7 && days.len() >= needed).collect();
    let looked_at = count(reports, &filter.over(weeks.from, day));
    let names = groups::names(&[&looked_at]);
    let heard = days_by_organisation(reports, &filter.over(weeks.from, day));
    let mut missing: Vec<(NaiveDate, &str)> = Vec::new();
    for (key, _) in &daily {
        let last = *heard[key].last().expect("it reported in these weeks");
        if last < day {
            missing.push((last, key));
        }
    }
    missing.sort_unstable();
    let reported = daily.len() - missing.len();
    let item = |(last, key): (NaiveDate, &str)| json!({"organisation": names[key], "organisation_key": key, "last_day": last.to_string()});
    json!({
        "day": day.to_string(),
        "daily_organisations": daily.len(),
        "reported": reported,
        "missing": missing.into_iter().take(20).map(item).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::report;

    fn reports(who: &str, from: &str, days: u64, step: u64) -> Vec<Report> {
        let from: NaiveDate = from.parse().unwrap();
        (0..days).step_by(step as usize).map(|n| report(who, &(from + Days::new(n)).to_string(), vec![])).collect()
    }

    fn week() -> Filter {
        Filter::days("2026-11-16".parse().unwrap(), "2026-11-22".parse().unwrap())
    }

    #[test]
    fn who_reported_in_three_of_four_weeks_and_not_now_fell_silent() {
        let mut all = reports("gone", "2026-10-19", 21, 1);
        all.extend(reports("seldom", "2026-10-19", 14, 1));
        all.extend(reports("here", "2026-10-19", 35, 1));
        let found = silent(&all, &week(), true);
        assert_eq!((&found["total"], &found["items"][0]["organisation_key"]), (&json!(1), &json!("gone")));
        assert_eq!(found["items"][0]["days_a_week"], 21.0 / 4.0);
        assert_eq!(silent(&all, &week(), false)["total"], 0);
    }

    #[test]
    fn daily_is_eleven_of_fourteen_days_of_the_four_weeks_that_ended_a_week_ago() {
        // From 19 October to 15 November are 28 days: 22 are needed.
        let mut all = reports("every-day", "2026-10-19", 35, 1);
        all.extend(reports("enough", "2026-10-25", 22, 1));
        all.extend(reports("too-few", "2026-10-26", 21, 1));
        let found = coverage(&all, &week(), "2026-11-29".parse().unwrap());
        assert_eq!((&found["daily_organisations"], &found["reported"]), (&json!(2), &json!(1)));
        assert_eq!(found["missing"][0]["last_day"], "2026-11-15");
        assert_eq!(found["missing"][0]["organisation_key"], "enough");
    }

    #[test]
    fn within_the_first_seven_days_nobody_reports_daily() {
        let found = coverage(&reports("a", "2026-11-10", 13, 1), &week(), "2026-11-29".parse().unwrap());
        assert_eq!(found["daily_organisations"], 0);
        let found = coverage(&reports("a", "2026-11-09", 14, 1), &week(), "2026-11-29".parse().unwrap());
        assert_eq!((&found["daily_organisations"], &found["reported"]), (&json!(1), &json!(1)));
    }
}
