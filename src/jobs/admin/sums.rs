//! `tlsight check-sums`: counts the sums of all days again, or makes them anew.

use chrono::Days;
use serde::{Deserialize, Serialize};

use crate::store::{
    Store, StoreError,
    tables::day_sums::{self, SumsCheck},
};

/// Days that are counted again in one question, which has a deadline.
const DAYS_AT_ONCE: u64 = 31;

/// `tlsight check-sums`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckSumsOrder {
    /// Make all sums anew before they are counted again.
    pub rebuild: bool,
}

pub(super) fn check_sums(store: &Store, order: &CheckSumsOrder) -> Result<SumsCheck, StoreError> {
    if order.rebuild {
        store.change_blocking(day_sums::mark_all)?;
        while store.change_blocking(day_sums::make_some)? > 0 {}
    }
    let mut found = SumsCheck::default();
    let Some((first, last)) = store.read_blocking(day_sums::span)? else { return Ok(found) };
    let mut next = Some(first);
    while let Some(first) = next.filter(|day| *day <= last) {
        let until = first.checked_add_days(Days::new(DAYS_AT_ONCE - 1)).map_or(last, |day| day.min(last));
        found = found.and(store.read_blocking(|connection| day_sums::check(connection, first, until))?);
        next = until.succ_opt();
    }
    Ok(found)
}
