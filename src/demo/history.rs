//! The alerts of the demo's past: what would have fired, had the server run all the time.

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    alerts::{AlertPlan, Evaluation, evaluate},
    query,
    store::{
        Store, StoreError,
        tables::{alert, known},
    },
};

/// The hour of the day, UTC, at which the invented past looks at its rules.
const HOUR: u32 = 12;

/// Evaluates once a day from `from` on, with what was known then, and stores what happened. Blocks.
pub(super) fn invent(store: &Store, plan: &AlertPlan, from: NaiveDate, now: DateTime<Utc>) -> Result<(), StoreError> {
    // An interrupted demo is filled again: its past has happened by then.
    if !store.read_blocking(|conn| alert::alerts(conn, 1))?.is_empty() {
        return Ok(());
    }
    let noons = from.iter_days().filter_map(|day| day.and_hms_opt(HOUR, 0, 0)).map(|noon| noon.and_utc());
    for at in noons.take_while(|at| *at < now) {
        let evaluation = store.read_blocking(|conn| {
            let facts = query::facts::facts_as_of(conn, at, plan)?;
            Ok(evaluate(&alert::standing(conn, at)?, &facts, plan, &[], at))
        })?;
        write(store, evaluation, at)?;
    }
    Ok(())
}

fn write(store: &Store, evaluation: Evaluation, at: DateTime<Utc>) -> Result<(), StoreError> {
    store.change_blocking(move |conn| {
        known::note(conn, &evaluation.known, at)?;
        alert::record(conn, &evaluation.transitions, at)?;
        alert::refresh(conn, &evaluation.refreshed)
    })
}
