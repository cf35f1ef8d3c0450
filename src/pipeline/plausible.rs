//! Numbers that nobody can believe of a sender who proves nothing: held against what a policy domain usually has.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    limits::{IMPLAUSIBLE_FREE_SESSIONS, IMPLAUSIBLE_TIMES_USUAL},
    report::Report,
    store::{Store, tables::usual},
    submission::Trust,
};

/// How long what is usual is taken to be so.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// What policy domains usually have on a day, looked up now and then.
#[derive(Debug, Default)]
pub(super) struct Plausible {
    usual: ArcSwapOption<(DateTime<Utc>, HashMap<String, i64>)>,
    looking: Arc<AtomicBool>,
}

impl Plausible {
    /// Looks up what is usual, where that is not known or old.
    pub(super) async fn look(self: &Arc<Self>, store: &Store, now: DateTime<Utc>) {
        let known = self.usual.load();
        if known.as_ref().is_some_and(|known| now.signed_duration_since(known.0).abs() < FRESH)
            || self.looking.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let (usual, store) = (Arc::clone(self), store.clone());
        let look = async move {
            match store.read(move |conn| usual::usual_sessions(conn, now)).await {
                Ok(found) => usual.usual.store(Some(Arc::new((now, found)))),
                Err(error) => tracing::warn!(error = %error, "what policy domains usually have is not known"),
            }
            usual.looking.store(false, Ordering::Release);
        };
        // Only the first report waits for it.
        if known.is_none() { look.await } else { drop(tokio::spawn(look)) }
    }

    /// What is wrong with the numbers of a report of this trust.
    pub(super) fn check(&self, report: &Report, trust: Trust) -> Option<Fault> {
        if trust.is_counted_by_default() {
            return None;
        }
        let known = self.usual.load();
        let (_, usual) = known.as_deref()?;
        let days = (report.range.end - report.range.start).num_days().clamp(1, 92);
        let mut sessions: BTreeMap<&str, i64> = BTreeMap::new();
        for result in &report.policies {
            let counted = result.successful.unwrap_or(0).max(0).saturating_add(result.failed.unwrap_or(0).max(0));
            let domain = result.policy.domain.as_deref().unwrap_or_default();
            let largest = sessions.entry(domain).or_default();
            *largest = counted.max(*largest);
        }
        sessions.into_iter().find_map(|(domain, claimed)| {
            let usual = *usual.get(domain)?;
            let most = usual.saturating_mul(IMPLAUSIBLE_TIMES_USUAL).max(IMPLAUSIBLE_FREE_SESSIONS).saturating_mul(days);
            (claimed > most).then(|| {
                let detail = format!(
                    "{claimed} sessions with {domain}, where {usual} a day are usual, and nothing proves who sent this: more than \
                     {IMPLAUSIBLE_TIMES_USUAL} times that is kept and not counted"
                );
                Fault::new(FaultCode::Implausible, detail, FaultPlace::Path("/policies".to_owned()))
            })
        })
    }
}
