//! What reports say of sessions that would be refused. The unit is the session: one may carry many messages, and one message may need several.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::ReadinessFacts;
use crate::report::StsMode;

/// Days with reports that are looked at for refusals.
const RECENT_REPORT_DAYS: usize = 14;

/// What one organisation reported for one day under one policy type and mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub day: NaiveDate,
    /// `sts`, `tlsa`, `no-policy-found`, or another that was sent.
    pub policy_type: String,
    pub mode: Option<StsMode>,
    pub successful: u64,
    pub failed: u64,
    /// Failure details that say that a connection could not be secured as asked: all together, and the largest.
    pub validation_sum: u64,
    pub validation_max: u64,
    /// Failure details that say that the policy could not be had.
    pub fetch_sum: u64,
    /// Failed sessions without a detail.
    pub not_itemised: u64,
}

/// What one organisation reported in the time that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SenderEvidence {
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
    /// Sessions for which it applied an MTA-STS policy.
    pub checked: u64,
    /// Sessions without a policy: a success among them proves nothing about certificates.
    pub unchecked: u64,
    /// Sessions that enforce refuses, or would refuse: at least and at most.
    pub refused_low: u64,
    pub refused_high: u64,
    /// Sessions that went without a policy because it could not be fetched.
    pub fetch_errors: u64,
    /// Days on which every session was refused, or would be.
    pub blocked_days: u64,
    /// Days on which some were.
    pub hindered_days: u64,
    pub clean_days: u64,
}

/// All of it together.
#[derive(Debug, Clone, Default)]
pub(super) struct Gathered {
    pub(super) senders: Vec<SenderEvidence>,
    /// Organisations that checked a session against the policy.
    pub(super) checking: BTreeSet<String>,
    /// Sessions that were checked.
    pub(super) sessions: u64,
    pub(super) first_day: Option<NaiveDate>,
    pub(super) last_day: Option<NaiveDate>,
    /// Of the last days with reports.
    pub(super) recent_low: u64,
    pub(super) recent_high: u64,
    pub(super) recent_sessions: u64,
    /// First and last of these days with a refusal.
    pub(super) refused_days: Option<(NaiveDate, NaiveDate)>,
    /// Who had refusals on them.
    pub(super) refused_by: BTreeSet<String>,
    pub(super) fetch_errors: u64,
    /// The first day since which nothing changed and nothing was refused; `None` without a checked session.
    pub(super) clean_from: Option<NaiveDate>,
}

impl Evidence {
    /// Sessions that enforce refuses, or would: at least and at most.
    pub fn refused(&self) -> (u64, u64) {
        if !self.speaks_of_enforce() {
            return (0, 0);
        }
        let rest = self.failed.saturating_sub(self.fetch_sum).saturating_sub(self.not_itemised);
        let low = self.validation_max.max(rest).min(self.failed);
        let high = self.validation_sum.saturating_add(self.not_itemised).min(self.failed);
        (low.min(high), high)
    }

    fn sessions(&self) -> u64 {
        self.successful.saturating_add(self.failed)
    }

    /// DANE says nothing about authorities, and a policy of mode none asks for nothing.
    fn speaks_of_enforce(&self) -> bool {
        let is_checked = self.is_checked() && self.mode != Some(StsMode::None);
        is_checked || self.policy_type == "no-policy-found"
    }

    fn is_checked(&self) -> bool {
        self.policy_type == "sts"
    }

    fn name(&self) -> String {
        self.organisation_name.clone().unwrap_or_else(|| self.organisation.clone())
    }
}

impl Gathered {
    pub(super) fn of(facts: &ReadinessFacts<'_>) -> Gathered {
        let oldest = facts.today.checked_sub_days(Days::new(facts.rules.window_days)).unwrap_or(facts.today);
        // On the day of the change both policies were applied.
        let is_in = |row: &&Evidence| {
            let is_new = facts.changed_on.is_none_or(|changed_on| row.day > changed_on);
            row.day >= oldest && is_new && row.sessions() > 0
        };
        let rows: Vec<&Evidence> = facts.evidence.iter().filter(is_in).collect();
        let days: BTreeSet<NaiveDate> = rows.iter().map(|row| row.day).collect();
        let recent: BTreeSet<NaiveDate> = days.iter().rev().take(RECENT_REPORT_DAYS).copied().collect();
        let mut gathered = Gathered { senders: senders(&rows), ..Gathered::default() };
        let mut last_refused = None;
        for row in &rows {
            let (low, high) = row.refused();
            if row.is_checked() {
                gathered.checking.insert(row.name());
                gathered.sessions = gathered.sessions.saturating_add(row.sessions());
                gathered.fetch_errors = gathered.fetch_errors.saturating_add(row.fetch_sum.min(row.failed));
                gathered.first_day = Some(gathered.first_day.map_or(row.day, |day| day.min(row.day)));
                gathered.last_day = Some(gathered.last_day.map_or(row.day, |day| day.max(row.day)));
            }
            if low > 0 {
                last_refused = last_refused.max(Some(row.day));
            }
            if recent.contains(&row.day) {
                gathered.add_recent(row, low, high);
            }
        }
        let after_refusal = last_refused.and_then(|day| day.succ_opt());
        gathered.clean_from =
            gathered.first_day.map(|first_day| after_refusal.map_or(first_day, |day| day.max(first_day)));
        gathered
    }

    fn add_recent(&mut self, row: &Evidence, low: u64, high: u64) {
        self.recent_low = self.recent_low.saturating_add(low);
        self.recent_high = self.recent_high.saturating_add(high);
        if row.speaks_of_enforce() {
            self.recent_sessions = self.recent_sessions.saturating_add(row.sessions());
        }
        if high > 0 {
            self.refused_by.insert(row.name());
            let (first, last) = self.refused_days.unwrap_or((row.day, row.day));
            self.refused_days = Some((first.min(row.day), last.max(row.day)));
        }
    }

    /// Days from then to the last one reported on.
    pub(super) fn clean_days(&self, facts: &ReadinessFacts<'_>) -> u64 {
        let (Some(from), Some(last)) = (self.clean_from, self.last_day) else { return 0 };
        let days = (last.min(facts.today) - from).num_days() + 1;
        u64::try_from(days).unwrap_or(0)
    }
}

/// By most checked sessions, then by key.
fn senders(rows: &[&Evidence]) -> Vec<SenderEvidence> {
    let mut by_day: BTreeMap<&str, BTreeMap<NaiveDate, Vec<&Evidence>>> = BTreeMap::new();
    for row in rows {
        by_day.entry(&row.organisation).or_default().entry(row.day).or_default().push(row);
    }
    let mut senders: Vec<SenderEvidence> = by_day.into_iter().filter_map(|(key, days)| of_sender(key, &days)).collect();
    senders.sort_by_key(|sender| std::cmp::Reverse(sender.checked));
    senders
}

fn of_sender(key: &str, days: &BTreeMap<NaiveDate, Vec<&Evidence>>) -> Option<SenderEvidence> {
    let mut sender = SenderEvidence {
        organisation: key.to_owned(),
        first_day: *days.keys().next()?,
        last_day: *days.keys().next_back()?,
        ..SenderEvidence::default()
    };
    for rows in days.values() {
        let (mut refused, mut successful) = (0_u64, 0_u64);
        for row in rows {
            sender.organisation_name = sender.organisation_name.take().or_else(|| row.organisation_name.clone());
            let (low, high) = row.refused();
            sender.refused_low = sender.refused_low.saturating_add(low);
            sender.refused_high = sender.refused_high.saturating_add(high);
            if row.is_checked() {
                sender.checked = sender.checked.saturating_add(row.sessions());
                sender.fetch_errors = sender.fetch_errors.saturating_add(row.fetch_sum.min(row.failed));
            } else if row.policy_type == "no-policy-found" {
                sender.unchecked = sender.unchecked.saturating_add(row.sessions());
            }
            refused = refused.saturating_add(low);
            successful = successful.saturating_add(row.successful);
        }
        match (refused, successful) {
            (0, _) => sender.clean_days += 1,
            (_, 0) => sender.blocked_days += 1,
            _ => sender.hindered_days += 1,
        }
    }
    Some(sender)
}
