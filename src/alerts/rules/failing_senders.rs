//! Who carries a trouble: one organisation at one policy domain, with its failing and its clean days.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use chrono::NaiveDate;

use crate::{
    alerts::{
        Affected, Alert, AlertEvidence, AlertPlan,
        facts::{AlertFacts, FailureFact},
        finding::FindingState,
    },
    explain::{
        MailEffect,
        result_types::{HOSTS_MAX, POLICY_FETCH},
    },
};

/// Organisations and reason codes an alert's evidence lists.
const ORGANISATIONS_MAX: usize = 20;
const REASONS_MAX: usize = 3;

/// One organisation's troubles of one kind at one policy domain, put together.
#[derive(Debug, Default)]
pub struct FailingSender<'a> {
    organisation: &'a str,
    name: Option<&'a str>,
    result_types: BTreeSet<&'a str>,
    reasons: BTreeSet<&'a str>,
    mx_hosts: BTreeSet<&'a str>,
    mails: BTreeSet<MailEffect>,
    days: BTreeMap<NaiveDate, i64>,
    reported: Option<&'a BTreeSet<NaiveDate>>,
}

/// Who an organisation key belongs to, as far as domains tell: below a suffix that somebody gives names away under, everybody is
/// that somebody.
pub fn owner(organisation: &str) -> String {
    let host = organisation.rsplit(['@', '/', ':']).next().unwrap_or(organisation);
    let mut name = host;
    loop {
        let Some(suffix) = psl::suffix(name.as_bytes()) else { return organisation.to_owned() };
        let Ok(text) = std::str::from_utf8(suffix.as_bytes()) else { return organisation.to_owned() };
        if suffix.typ() != Some(psl::Type::Private) {
            return psl::domain_str(name).map_or_else(|| organisation.to_owned(), str::to_owned);
        }
        // What is below it is one with it: `duckdns.org` of `org`.
        match text.split_once('.') {
            Some((_, rest)) if psl::suffix(rest.as_bytes()).is_some_and(|it| it.as_bytes() == rest.as_bytes()) => {
                if psl::suffix(rest.as_bytes()).and_then(|it| it.typ()) != Some(psl::Type::Private) {
                    return text.to_owned();
                }
                name = rest;
            }
            Some((_, rest)) => name = rest,
            None => return organisation.to_owned(),
        }
    }
}

/// Puts the troubles of one subject together.
pub fn failing_senders<'a>(troubles: &[&'a FailureFact], facts: &'a AlertFacts) -> Vec<FailingSender<'a>> {
    let mut failing_senders: BTreeMap<(&str, &str), FailingSender<'a>> = BTreeMap::new();
    for trouble in troubles {
        let sender = failing_senders.entry((&trouble.policy_domain, &trouble.organisation)).or_default();
        sender.organisation = &trouble.organisation;
        sender.name = sender.name.or(trouble.organisation_name.as_deref());
        sender.result_types.insert(&trouble.result_type);
        sender.reasons.extend(trouble.reason.as_deref());
        sender.mx_hosts.extend(trouble.mx_hosts.iter().map(String::as_str));
        sender.mails.extend(&trouble.mails);
        // That a policy can be fetched again is shown by sessions under it, not by a report that knows of none.
        let is_about_policy = POLICY_FETCH.contains(&trouble.result_type.as_str());
        let reported = if is_about_policy { &facts.reported_under_sts } else { &facts.reported };
        sender.reported = reported.get(&(trouble.policy_domain.clone(), trouble.organisation.clone()));
        for (day, failed) in &trouble.days {
            let sum = sender.days.entry(*day).or_default();
            *sum = sum.saturating_add(*failed);
        }
    }
    failing_senders.into_values().filter(|sender| !sender.days.is_empty()).collect()
}

/// How a subject stands, and who is behind it. `enough` says whether so many organisations with so many failed sessions fire.
pub fn judge<'a, 'b>(
    failing_senders: &'b [FailingSender<'a>],
    (firing, over): (Option<&Alert>, Option<&Alert>),
    enough: impl Fn(usize, i64) -> bool,
    newcomers: &BTreeSet<String>,
    plan: &AlertPlan,
    today: NaiveDate,
) -> (FindingState, Vec<&'b FailingSender<'a>>) {
    let fresh_first = plan.fresh_first(today);
    let Some(alert) = firing else {
        // What comes late about a trouble that was seen to be over does not begin it again.
        let first = over.and_then(|alert| alert.evidence.clear_day).map_or(fresh_first, |clear| clear.max(fresh_first));
        let behind: Vec<_> =
            failing_senders.iter().filter(|sender| sender.is_open() && sender.last_day() >= first).collect();
        let (organisations, failed) = weigh(&behind, newcomers);
        let fires = organisations > 0 && enough(organisations, failed);
        return (if fires { FindingState::Failing } else { FindingState::Open }, behind);
    };
    // What was over before this began has nothing to do with it.
    let first_day = alert.evidence.first_day.unwrap_or(NaiveDate::MIN);
    let behind: Vec<_> = failing_senders.iter().filter(|sender| sender.last_day() >= first_day).collect();
    let expire_first = plan.expire_first(today);
    if behind.is_empty() {
        let is_old = alert.evidence.last_day.is_none_or(|day| day < expire_first);
        return (if is_old { FindingState::Expired } else { FindingState::Open }, behind);
    }
    let state = match behind.iter().filter(|sender| sender.is_open()).map(|sender| sender.last_day()).max() {
        None => clear(&behind),
        Some(last) if last >= fresh_first => FindingState::Failing,
        Some(last) if last < expire_first => FindingState::Expired,
        // Who fell silent does not say that it is over, and others cannot say it for them.
        Some(_) => match clear(&behind) {
            FindingState::Clear { days: 0, .. } => FindingState::Open,
            _ => FindingState::Unheard,
        },
    };
    (state, behind)
}

/// How many organisations with how many failed sessions count for a threshold. Names that anybody gets below one domain are one;
/// all newcomers together are one more, with no more sessions than the others have, and without others they are none.
fn weigh(behind: &[&FailingSender<'_>], newcomers: &BTreeSet<String>) -> (usize, i64) {
    let sum = |failing_senders: &[&FailingSender<'_>]| {
        failing_senders.iter().fold(0, |sum: i64, it| sum.saturating_add(it.failed()))
    };
    let (new, known): (Vec<&FailingSender<'_>>, Vec<&FailingSender<'_>>) =
        behind.iter().copied().partition(|sender| newcomers.contains(sender.organisation));
    let owners: BTreeSet<String> = known.iter().map(|sender| owner(sender.organisation)).collect();
    if owners.is_empty() {
        return (0, 0);
    }
    let (of_known, of_new) = (sum(&known), sum(&new));
    (owners.len() + usize::from(!new.is_empty()), of_known.saturating_add(of_new.min(of_known)))
}

fn clear(behind: &[&FailingSender<'_>]) -> FindingState {
    let last = behind.iter().map(|sender| sender.last_day()).max().unwrap_or(NaiveDate::MIN);
    let clean: BTreeSet<NaiveDate> = behind.iter().flat_map(|sender| sender.clean_after(last)).collect();
    FindingState::Clear { day: clean.first().copied(), days: clean.len() as u64 }
}

/// What an alert rests on. It began no later than it was said to have begun before.
pub fn evidence(behind: &[&FailingSender<'_>], before: Option<&Alert>) -> AlertEvidence {
    let mut affected: BTreeMap<&str, Affected> = BTreeMap::new();
    for sender in behind {
        let (first, last) = (sender.first_day(), sender.last_day());
        let sum = affected.entry(sender.organisation).or_insert_with(|| Affected {
            key: sender.organisation.to_owned(),
            name: sender.name.unwrap_or(sender.organisation).to_owned(),
            failed: 0,
            first_day: Some(first),
            last_day: Some(last),
            clear_day: sender.clear_day(),
        });
        // Over for an organisation is what it says is over wherever it saw it.
        sum.clear_day = sum.clear_day.zip(sender.clear_day()).map(|(one, other)| one.max(other));
        sum.failed = sum.failed.saturating_add(sender.failed());
        sum.first_day = sum.first_day.min(Some(first));
        sum.last_day = sum.last_day.max(Some(last));
    }
    let organisations_total = affected.len() as u64;
    let mut organisations: Vec<Affected> = affected.into_values().collect();
    let organisations_over = organisations.iter().filter(|affected| affected.clear_day.is_some()).count() as u64;
    organisations
        .sort_by(|a, b| (a.clear_day.is_some(), b.failed, &a.key).cmp(&(b.clear_day.is_some(), a.failed, &b.key)));
    organisations.truncate(ORGANISATIONS_MAX);
    let first_day = behind.iter().map(|sender| sender.first_day()).min();
    let before_first = before.and_then(|alert| alert.evidence.first_day);
    let result_types: BTreeSet<&str> = behind.iter().flat_map(|sender| sender.result_types.iter().copied()).collect();
    let reasons: BTreeSet<&str> = behind.iter().flat_map(|sender| sender.reasons.iter().copied()).collect();
    AlertEvidence {
        organisations,
        organisations_total,
        organisations_over,
        mx_hosts: mx_hosts(behind),
        mails: behind
            .iter()
            .flat_map(|sender| &sender.mails)
            .copied()
            .collect::<BTreeSet<MailEffect>>()
            .into_iter()
            .collect(),
        result_types: result_types.into_iter().map(str::to_owned).collect(),
        reasons: reasons.into_iter().take(REASONS_MAX).map(str::to_owned).collect(),
        failed: behind.iter().fold(0, |sum: i64, sender| sum.saturating_add(sender.failed())),
        first_day: match (first_day, before_first) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        },
        last_day: behind.iter().map(|sender| sender.last_day()).max(),
        ..AlertEvidence::default()
    }
}

/// Those with the most failed sessions, of what the failure details name.
pub fn mx_hosts(behind: &[&FailingSender<'_>]) -> Vec<String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for sender in behind {
        for host in &sender.mx_hosts {
            let sum = sums.entry(host).or_default();
            *sum = sum.saturating_add(sender.failed());
        }
    }
    let mut hosts: Vec<(&str, i64)> = sums.into_iter().collect();
    hosts.sort_by_key(|(_, failed)| std::cmp::Reverse(*failed));
    hosts.into_iter().take(HOSTS_MAX).map(|(host, _)| host.to_owned()).collect()
}

impl FailingSender<'_> {
    pub fn last_day(&self) -> NaiveDate {
        self.days.last_key_value().map_or(NaiveDate::MIN, |(day, _)| *day)
    }

    /// The first day of the present run: failing days without a clean one between them.
    pub fn first_day(&self) -> NaiveDate {
        let last = self.last_day();
        let clean = self.reported.and_then(|days| days.range(..last).rev().find(|day| !self.days.contains_key(day)));
        let run = clean.and_then(|clean| self.days.range(*clean..).next()).or_else(|| self.days.first_key_value());
        run.map_or(last, |(day, _)| *day)
    }

    /// Failed sessions of the present run.
    pub fn failed(&self) -> i64 {
        self.days.range(self.first_day()..).fold(0, |sum: i64, (_, failed)| sum.saturating_add(*failed))
    }

    /// The first later day without it.
    fn clear_day(&self) -> Option<NaiveDate> {
        self.clean_after(self.last_day()).next()
    }

    /// Nothing says that it is over for this organisation.
    fn is_open(&self) -> bool {
        self.clear_day().is_none()
    }

    fn clean_after(&self, day: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let later = (Bound::Excluded(day.max(self.last_day())), Bound::Unbounded);
        self.reported.into_iter().flat_map(move |days| days.range(later).copied())
    }
}
