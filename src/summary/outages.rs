//! Policies that cannot be fetched: by domain and kind of trouble, with everybody who has it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    explain::result_types,
    links::ABSENT,
    query::policy_fetch::{Outage, Outages, PolicyFetchTotals},
    wording::{self, Dates},
};

/// Rows before the fold, and behind it.
const ROWS_SHOWN: usize = 10;
const ROWS_FOLDED: usize = 90;
/// Domains that have a sentence of their own.
const DOMAINS_TOLD: usize = 2;
const NAMES_SHOWN: usize = 3;
/// Characters of a name within a sentence.
const NAME_MAX: usize = 80;

/// Days in the row of bars, the last one that of the range.
const DAYS_SHOWN: u64 = 14;

#[derive(Serialize)]
pub(crate) struct OutageRow {
    pub(crate) domain: String,
    /// The same for links.
    value: String,
    pub(crate) result_type: String,
    pub(crate) short: &'static str,
    pub(crate) ongoing: bool,
    /// Whether those who had it did not report in the asked range at all, so that nobody knows.
    pub(crate) unheard: bool,
    pub(crate) since: NaiveDate,
    pub(crate) until: NaiveDate,
    /// When the last of the organisations was past it.
    pub(crate) recovered: Option<NaiveDate>,
    pub(crate) failed: i64,
    pub(crate) organisations: Vec<OutageAffected>,
    pub(crate) reasons: Vec<String>,
    pub(crate) days: Vec<i64>,
    pub(crate) days_label: String,
}

#[derive(Serialize)]
pub(crate) struct OutageAffected {
    pub(crate) key: String,
    pub(crate) name: String,
    /// Whether it was past the trouble later.
    pub(crate) over: bool,
}

/// What a page shows of them.
#[derive(Serialize)]
pub(crate) struct Shown {
    rows: Vec<OutageRow>,
    folded: Vec<OutageRow>,
    /// Neither shown nor folded.
    left_out: usize,
    policy_domains: i64,
    ongoing: i64,
}

/// For a page; the bars end on `last_day`.
pub(crate) fn section(outages: &Outages, last_day: NaiveDate) -> Shown {
    let mut rows = troubles(&outages.rows, last_day);
    let mut folded = rows.split_off(rows.len().min(ROWS_SHOWN));
    let left_out = folded.len().saturating_sub(ROWS_FOLDED);
    folded.truncate(ROWS_FOLDED);
    let PolicyFetchTotals { policy_domains, policy_domains_ongoing, .. } = outages.totals;
    Shown { rows, folded, left_out, policy_domains, ongoing: policy_domains_ongoing }
}

/// Ongoing ones first, then by failed sessions; the bars end on `last_day`. What several organisations saw at the same time is one.
pub(crate) fn troubles(outages: &[Outage], last_day: NaiveDate) -> Vec<OutageRow> {
    let mut kinds: BTreeMap<(&str, &str), Vec<&Outage>> = BTreeMap::new();
    for outage in outages {
        kinds.entry((&outage.policy_domain, &outage.result_type)).or_default().push(outage);
    }
    let groups = kinds.into_values().flat_map(at_the_same_time);
    let mut troubles: Vec<OutageRow> = groups.filter_map(|group| trouble(&group, last_day)).collect();
    troubles.sort_by(|a, b| {
        (b.ongoing, b.failed, &a.domain, &a.result_type, a.since).cmp(&(
            a.ongoing,
            a.failed,
            &b.domain,
            &b.result_type,
            b.since,
        ))
    });
    troubles
}

/// Outages whose days touch belong together; after a day on which nobody had the trouble another one begins.
fn at_the_same_time(mut outages: Vec<&Outage>) -> Vec<Vec<&Outage>> {
    outages.sort_by_key(|outage| (outage.since, outage.until));
    let mut groups: Vec<(NaiveDate, Vec<&Outage>)> = Vec::new();
    for outage in outages {
        match groups.last_mut() {
            Some((until, group)) if until.succ_opt().is_none_or(|next| outage.since <= next) => {
                *until = outage.until.max(*until);
                group.push(outage);
            }
            _ => groups.push((outage.until, vec![outage])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// One outage for scripts.
pub(crate) fn json(outage: &Outage) -> Value {
    json!({
        "policy_domain": (!outage.policy_domain.is_empty()).then_some(&outage.policy_domain),
        "organisation": outage.organisation_name,
        "organisation_key": outage.organisation,
        "result_type": outage.result_type,
        "reason_code": outage.reason_code,
        "since": outage.since,
        "last": outage.until,
        "recovered": outage.recovered,
        "ongoing": outage.ongoing,
        "failed_sessions": outage.failed,
    })
}

/// How many there are, listed or not.
pub(crate) fn totals(totals: &PolicyFetchTotals) -> Value {
    json!({
        "outages": totals.outages,
        "policy_domains": totals.policy_domains,
        "policy_domains_ongoing": totals.policy_domains_ongoing,
        "organisations": totals.organisations,
    })
}

fn trouble(group: &[&Outage], last_day: NaiveDate) -> Option<OutageRow> {
    let first = *group.first()?;
    let shown: Vec<NaiveDate> =
        (0..DAYS_SHOWN).rev().filter_map(|back| last_day.checked_sub_days(Days::new(back))).collect();
    let on = |day: &NaiveDate| {
        group.iter().fold(0, |sum: i64, outage| sum.saturating_add(*outage.days.get(day).unwrap_or(&0)))
    };
    let mut reasons: Vec<String> = group.iter().filter_map(|outage| outage.reason_code.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons.truncate(2);
    Some(OutageRow {
        value: if first.policy_domain.is_empty() { ABSENT.to_owned() } else { first.policy_domain.clone() },
        domain: first.policy_domain.clone(),
        result_type: first.result_type.clone(),
        short: result_types::short(&first.result_type),
        ongoing: group.iter().any(|outage| outage.ongoing),
        unheard: group.iter().any(|outage| outage.ongoing)
            && group.iter().filter(|outage| outage.ongoing).all(|outage| outage.failed == 0),
        since: group.iter().map(|outage| outage.since).min()?,
        until: group.iter().map(|outage| outage.until).max()?,
        recovered: group.iter().filter_map(|outage| outage.recovered).max(),
        failed: group.iter().fold(0, |sum: i64, outage| sum.saturating_add(outage.failed)),
        organisations: affected(group),
        reasons,
        days: shown.iter().map(on).collect(),
        days_label: format!("Failed sessions a day, {DAYS_SHOWN} days to {}", wording::day(last_day)),
    })
}

/// Each organisation once: it may have had the trouble several times.
fn affected(group: &[&Outage]) -> Vec<OutageAffected> {
    let mut organisations: BTreeMap<&str, (String, bool)> = BTreeMap::new();
    for outage in group {
        let (_, over) = organisations.entry(&outage.organisation).or_insert((name(outage), true));
        *over &= !outage.ongoing;
    }
    organisations.into_iter().map(|(key, (name, over))| OutageAffected { key: key.to_owned(), name, over }).collect()
}

fn name(outage: &Outage) -> String {
    outage.organisation_name.clone().unwrap_or_else(|| outage.organisation.clone())
}

/// Who cannot get which policies since when, as a sentence or two; empty where everybody can.
pub(crate) fn cannot_fetch(outages: &Outages, dates: Dates) -> String {
    let ongoing: Vec<&Outage> = outages.rows.iter().filter(|outage| outage.ongoing).collect();
    let by_domain = by_domain(&ongoing, |outage| Some(outage.since), NaiveDate::min);
    if let Some(many) = many(&by_domain, outages.totals.policy_domains_ongoing) {
        let since = by_domain.values().map(|(_, since)| *since).min().map(|since| dates.day(since)).unwrap_or_default();
        return format!("{} cannot get {} since {since}.", wording::listed(&many.names, NAMES_SHOWN), many.policies);
    }
    let sentences = by_domain.iter().map(|(domain, (names, since))| {
        format!(
            "{} cannot get the policy of {domain} since {}.",
            wording::listed(&sorted(names), NAMES_SHOWN),
            dates.day(*since)
        )
    });
    sentences.collect::<Vec<_>>().join(" ")
}

/// Who can get which policies again, likewise; empty where nobody had trouble that is over.
pub(crate) fn can_fetch_again(outages: &Outages, dates: Dates) -> String {
    let pair = |outage: &Outage| (outage.organisation.clone(), outage.policy_domain.clone());
    // One kind of trouble may have followed another, or come back.
    let still: BTreeSet<(String, String)> = outages.rows.iter().filter(|outage| outage.ongoing).map(pair).collect();
    let over: Vec<&Outage> = outages.rows.iter().filter(|outage| !still.contains(&pair(outage))).collect();
    let by_domain = by_domain(&over, |outage| outage.recovered, NaiveDate::max);
    if let Some(many) = many(&by_domain, 0) {
        let since = by_domain.values().map(|(_, day)| *day).max().map(|day| dates.day(day)).unwrap_or_default();
        return format!(
            "{} can get {} again, the last since {since}.",
            wording::listed(&many.names, NAMES_SHOWN),
            many.policies
        );
    }
    let sentences = by_domain.iter().map(|(domain, (names, day))| {
        format!(
            "{} can get the policy of {domain} again since {}.",
            wording::listed(&sorted(names), NAMES_SHOWN),
            dates.day(*day)
        )
    });
    sentences.collect::<Vec<_>>().join(" ")
}

type ByDomain<'a> = BTreeMap<&'a str, (BTreeSet<String>, NaiveDate)>;

/// The organisations of each domain, and the day that matters most.
fn by_domain<'a>(
    outages: &[&'a Outage],
    day: fn(&Outage) -> Option<NaiveDate>,
    choose: fn(NaiveDate, NaiveDate) -> NaiveDate,
) -> ByDomain<'a> {
    let mut by_domain = ByDomain::new();
    for outage in outages {
        let Some(day) = day(outage) else { continue };
        let shown = if outage.policy_domain.is_empty() { "an unnamed domain" } else { &outage.policy_domain };
        let entry = by_domain.entry(shown).or_insert((BTreeSet::new(), day));
        entry.0.insert(cut(&name(outage)));
        entry.1 = choose(entry.1, day);
    }
    by_domain
}

/// A name of a stranger leaves room for the rest of the sentence.
fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// More domains than sentences.
struct Many {
    names: Vec<String>,
    /// `the policies of a.example, b.example and 298 more`
    policies: String,
}

fn many(by_domain: &ByDomain<'_>, total: i64) -> Option<Many> {
    if by_domain.len() <= DOMAINS_TOLD {
        return None;
    }
    let total = usize::try_from(total).unwrap_or(0).max(by_domain.len());
    let first: Vec<&str> = by_domain.keys().take(DOMAINS_TOLD).copied().collect();
    let names: BTreeSet<&String> = by_domain.values().flat_map(|(names, _)| names).collect();
    let more = wording::thousands(i64::try_from(total - first.len()).unwrap_or(i64::MAX));
    let total = wording::thousands(i64::try_from(total).unwrap_or(i64::MAX));
    Some(Many {
        names: names.into_iter().cloned().collect(),
        policies: format!("{total} policies ({} and {more} more)", first.join(", ")),
    })
}

fn sorted(names: &BTreeSet<String>) -> Vec<String> {
    names.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn outage(domain: &str, organisation: &str, since: &str, until: &str, recovered: Option<&str>) -> Outage {
        Outage {
            policy_domain: domain.to_owned(),
            organisation: organisation.to_owned(),
            organisation_name: None,
            result_type: "sts-policy-fetch-error".to_owned(),
            reason_code: None,
            since: day(since),
            until: day(until),
            failed: 1,
            ongoing: recovered.is_none(),
            recovered: recovered.map(day),
            days: BTreeMap::new(),
        }
    }

    #[test]
    fn a_clean_day_between_makes_two() {
        let first = outage("a", "x", "2026-11-24", "2026-11-25", Some("2026-11-26"));
        let second = outage("a", "x", "2026-11-27", "2026-11-27", Some("2026-11-28"));
        let other = outage("a", "y", "2026-11-26", "2026-11-26", Some("2026-11-27"));
        let seen = |outages: &[Outage]| {
            let troubles = troubles(outages, day("2026-11-28"));
            troubles.iter().map(|trouble| (trouble.since, trouble.until)).collect::<Vec<_>>()
        };
        let (day24, day25, day27) = (day("2026-11-24"), day("2026-11-25"), day("2026-11-27"));
        assert_eq!(seen(&[first.clone(), second.clone()]), [(day24, day25), (day27, day27)]);
        assert_eq!(seen(&[first, second, other]), [(day24, day27)]);
    }

    #[test]
    fn many_domains_are_counted_and_everybody_is_named() {
        let mut rows = Vec::new();
        for at in 0..300 {
            rows.push(outage(&format!("d{at:03}.example"), "google.com", "2026-11-24", "2026-11-25", None));
            rows.push(outage(&format!("d{at:03}.example"), "microsoft.com", "2026-11-25", "2026-11-25", None));
        }
        let totals = PolicyFetchTotals { policy_domains_ongoing: 300, ..PolicyFetchTotals::default() };
        let sentence = cannot_fetch(&Outages { rows, totals }, Dates::Iso);
        let expected = "google.com and microsoft.com cannot get 300 policies (d000.example, d001.example and 298 more) since 2026-11-24.";
        assert_eq!(sentence, expected);
    }
}
