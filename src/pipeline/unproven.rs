//! What may be sent without proof of who sends it: so much in one body, and so much of each client over time.
//!
//! What it costs is known only after it was read, so that it is charged before it is stored.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    prepared::Prepared,
    verdict::{Decision, Decisions, Judged, Provenance},
};
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    limits::{BUDGET_CLIENTS_MAX, BUDGET_ROW_BYTES, Limits, STORED_ROW_BYTES},
    report::Report,
    submission::{Busy, ClientBudget, Submission},
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Rows a report takes in the store besides its own: policies and failure details.
pub(super) fn rows(report: &Report) -> usize {
    report.policies.iter().map(|policy| 1 + policy.failures.len()).sum()
}

/// What each client has left.
pub(super) struct Budgets {
    rows: Mutex<ClientBudget>,
    bytes: Mutex<ClientBudget>,
}

impl Budgets {
    pub(super) fn new(limits: &Limits) -> Budgets {
        let budget = |size, period| Mutex::new(ClientBudget::new(size, period, BUDGET_CLIENTS_MAX));
        Budgets {
            rows: budget(limits.unproven_rows_per_minute_max, MINUTE),
            bytes: budget(limits.unproven_bytes_per_day_max, DAY),
        }
    }

    /// Charges a submission that may cost the store something, unless it is proven, or comes by a way only the operator has.
    pub(super) fn charge(&self, prepared: &Prepared, submission: &Meter) -> Result<(), Busy> {
        let Some(peer) = submission.peer else { return Ok(()) };
        let Some(rows) = prepared.unproven_rows() else { return Ok(()) };
        self.spend(peer, rows as u64, submission.bytes, Instant::now())
    }

    fn spend(&self, peer: IpAddr, rows: u64, bytes: u64, now: Instant) -> Result<(), Busy> {
        let stored = bytes + rows * STORED_ROW_BYTES;
        let charge = |budget: &Mutex<ClientBudget>, units| {
            let mut budget = budget.lock().unwrap_or_else(PoisonError::into_inner);
            budget.charge(peer, units, now).map_err(seconds)
        };
        charge(&self.rows, rows.max(bytes / BUDGET_ROW_BYTES).max(1)).map_err(|retry_s| Busy::RowsSpent { retry_s })?;
        charge(&self.bytes, stored).map_err(|retry_s| Busy::BytesSpent { retry_s })
    }
}

/// What a submission is charged by.
pub(super) struct Meter {
    /// `None` where nobody is charged.
    peer: Option<IpAddr>,
    bytes: u64,
}

impl Meter {
    pub(super) fn of(submission: &Submission) -> Meter {
        Meter {
            peer: submission.peer.filter(|_| submission.channel.is_open_to_all()),
            bytes: submission.bytes.len() as u64,
        }
    }
}

fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)
}

impl Judged {
    /// Keeps a body out of the figures that is larger than what is taken without proof.
    pub(super) fn within(self, limits: &Limits) -> Judged {
        let Decisions::Each(verdicts) = &self.0 else { return self };
        let unproven = verdicts.iter().filter_map(|(verdict, provenance)| match verdict {
            Decision::Report { report, trust, .. } if !trust.is_counted_by_default() => Some((report, provenance)),
            _ => None,
        });
        let (mut reports, mut policies, mut details) = (0, 0, 0);
        for (report, _) in unproven.clone() {
            reports += 1;
            policies += report.policies.len();
            details += report.policies.iter().map(|policy| policy.failures.len()).sum::<usize>();
        }
        let (what, max, setting) = if reports > limits.unproven_reports_max {
            ("reports", limits.unproven_reports_max, "unproven_reports_max")
        } else if policies > limits.unproven_policies_max {
            ("policies", limits.unproven_policies_max, "unproven_policies_max")
        } else if details > limits.unproven_failure_details_max {
            ("failure details", limits.unproven_failure_details_max, "unproven_failure_details_max")
        } else {
            return self;
        };
        let detail = format!(
            "more than {max} {what} are taken in one body only of senders who prove who they are, by mail with a DKIM signature \
             (limits.{setting}): kept for the operator"
        );
        let fault = Fault::new(FaultCode::UnprovenLarge, detail, FaultPlace::Whole);
        let whole = match unproven.clone().next() {
            Some((report, provenance)) if verdicts.len() == 1 => (Decision::against(report, fault), provenance.clone()),
            _ => (Decision::of(fault), Provenance::default()),
        };
        Judged(Decisions::Whole(Box::new(whole)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_bytes_are_bounded_and_the_setting_is_named() {
        let limits =
            Limits { unproven_rows_per_minute_max: 100, unproven_bytes_per_day_max: 100_000, ..Limits::default() };
        let (budgets, start) = (Budgets::new(&limits), Instant::now());
        let peer = IpAddr::from([192, 0, 2, 1]);
        budgets.spend(peer, 90, 1_000, start).unwrap();
        let busy = budgets.spend(peer, 20, 100, start).unwrap_err();
        assert!(matches!(busy, Busy::RowsSpent { retry_s: 1..=10 }), "{busy:?}");
        assert!(busy.to_string().contains("limits.unproven_rows_per_minute_max"));
        budgets.spend(peer, 1, 25_000, start + MINUTE).unwrap();
        budgets.spend(peer, 1, 25_000, start + 2 * MINUTE).unwrap();
        let busy = budgets.spend(peer, 1, 25_600, start + 3 * MINUTE).unwrap_err();
        assert!(matches!(busy, Busy::BytesSpent { .. }), "{busy:?}");
        assert!(busy.to_string().contains("limits.unproven_bytes_per_day_max"));
        budgets.spend(peer, 1, 25_000, start + DAY).unwrap();
    }
}
