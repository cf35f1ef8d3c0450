//! Looks at what the served domains publish, from time to time and when somebody asks, and keeps what was seen.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    check::{Severity, judge},
    clock::Clock,
    limits::{CHECK_LOOKS_AT_ONCE_MAX, CHECK_LOOKS_KEPT_DAYS},
    observe::Observer,
    store::{
        Store, StoreError,
        tables::look::{self, LookCause, NewLook},
    },
};

/// After the start nothing is looked at for so long, and then so much later for each domain there is: the start has other things to do.
const FIRST_AFTER: Duration = Duration::from_secs(30);
const FIRST_EACH: Duration = Duration::from_secs(2);
/// A fault that was not seen before is looked at again after this.
const RETRY_AFTER: Duration = Duration::from_secs(10 * 60 + 5);
/// Who asks for a look gets answers of MX hosts no older than this.
const ASKED_AGE_MAX: Duration = Duration::from_secs(60);
/// How often old looks are removed.
const FORGET_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks at the served domains of one server.
pub struct PolicyLooks {
    store: Store,
    clock: Clock,
    observer: Observer,
    domains: BTreeSet<String>,
    every: Duration,
    first_after: Duration,
    /// Domains that are being looked at for somebody who asked.
    asked: Mutex<BTreeSet<String>>,
}

impl PolicyLooks {
    pub fn new(
        store: Store,
        clock: Clock,
        observer: Observer,
        domains: BTreeSet<String>,
        every: Duration,
    ) -> PolicyLooks {
        PolicyLooks { store, clock, observer, domains, every, first_after: FIRST_AFTER, asked: Mutex::default() }
    }

    /// Looks until told to stop. What is under way then is not kept.
    pub async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        if self.domains.is_empty() {
            return;
        }
        let mut due = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            due = self.first_due() => due,
        };
        let (mut under_way, mut forget_at) = (JoinSet::new(), Instant::now() + FORGET_EVERY);
        loop {
            let next = due.first_key_value().map(|((at, _), cause)| (*at, *cause));
            let has_room = under_way.len() < CHECK_LOOKS_AT_ONCE_MAX;
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                    if let Ok((domain, again)) = ended {
                        let (after, cause) = again;
                        due.insert((Instant::now() + after, domain), cause);
                    }
                }
                () = tokio::time::sleep_until(next.map_or(forget_at, |(at, _)| at)), if next.is_some() && has_room => {
                    if let Some(((_, domain), cause)) = due.pop_first() {
                        let looks = Arc::clone(&self);
                        under_way.spawn(async move {
                            let again = looks.timed(&domain, cause).await;
                            (domain, again)
                        });
                    }
                }
                () = tokio::time::sleep_until(forget_at) => {}
            }
            if Instant::now() >= forget_at {
                forget_at = Instant::now() + FORGET_EVERY;
                self.forget().await;
            }
        }
    }

    /// When each domain is looked at first. A domain has its own place in the interval, also after a restart.
    async fn first_due(&self) -> BTreeMap<(Instant, String), LookCause> {
        let now = self.clock.now();
        let last: BTreeMap<String, DateTime<Utc>> = match self.store.read(look::summaries).await {
            Ok(summaries) => summaries.into_iter().map(|last| (last.policy_domain, last.looked_at)).collect(),
            Err(error) => {
                tracing::warn!(%error, "it is not known when the policies were looked at");
                BTreeMap::new()
            }
        };
        let spread = self.every.min(FIRST_EACH * u32::try_from(self.domains.len()).unwrap_or(u32::MAX));
        let place = |domain: &str| self.first_after + spread.mul_f64(place(domain));
        let due = self.domains.iter().map(|domain| {
            let since = last.get(domain).map(|at| (now - *at).to_std().unwrap_or_default());
            let left = since.map_or(Duration::ZERO, |since| self.every.saturating_sub(since));
            ((Instant::now() + place(domain).max(left), domain.clone()), LookCause::Timer)
        });
        due.collect()
    }

    /// One look, and after which time the next one is due.
    async fn timed(&self, domain: &str, cause: LookCause) -> (Duration, LookCause) {
        match self.look(domain, cause).await {
            // The second look tells whether it was a moment's trouble.
            Ok(true) if cause == LookCause::Timer => (RETRY_AFTER.min(self.every), LookCause::Retry),
            Ok(_) => (self.every, LookCause::Timer),
            Err(error) => {
                tracing::warn!(domain, %error, "a look at the policy could not be kept");
                (self.every, LookCause::Timer)
            }
        }
    }

    /// Looks now, and keeps what was seen. True where a fault was found that has to be confirmed.
    pub async fn look(&self, domain: &str, cause: LookCause) -> Result<bool, StoreError> {
        let begun = Instant::now();
        let observed = self.observer.look(domain, &mut |_| {}).await;
        let findings = judge(&observed);
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (name, looked_at) = (domain.to_owned(), observed.looked_at);
        let has_fault = findings.iter().any(|finding| finding.severity == Severity::Fault);
        let new = NewLook { observed, findings, cause, took_ms };
        let known = self.store.change(move |conn| {
            look::record(conn, &new)?;
            look::findings(conn, &name, looked_at)
        });
        let is_news = known.await?.iter().any(|finding| {
            finding.severity == Severity::Fault && finding.ended_at.is_none() && finding.confirmed_at.is_none()
        });
        Ok(has_fault && is_news)
    }

    /// For somebody who asked. The error is an English sentence.
    pub async fn look_now(&self, domain: &str) -> Result<(), String> {
        if !self.domains.contains(domain) {
            return Err(format!("{domain} is not one of the served domains"));
        }
        let Some(_asked) = Asked::begin(&self.asked, domain) else {
            return Err(format!("{domain} is being looked at already"));
        };
        self.observer.forget_hosts(ASKED_AGE_MAX);
        self.look(domain, LookCause::Asked).await.map(drop).map_err(|error| error.to_string())
    }

    async fn forget(&self) {
        let before = self.clock.now() - TimeDelta::days(CHECK_LOOKS_KEPT_DAYS);
        if let Err(error) = self.store.change(move |conn| look::forget(conn, before)).await {
            tracing::warn!(%error, "old looks could not be removed");
        }
    }
}

/// A domain that is being looked at for somebody who asked, also until that one has gone away.
struct Asked<'a> {
    asked: &'a Mutex<BTreeSet<String>>,
    domain: &'a str,
}

impl<'a> Asked<'a> {
    /// `None` where somebody else asked already.
    fn begin(asked: &'a Mutex<BTreeSet<String>>, domain: &'a str) -> Option<Asked<'a>> {
        let is_new = asked.lock().unwrap_or_else(PoisonError::into_inner).insert(domain.to_owned());
        is_new.then_some(Asked { asked, domain })
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(self.domain);
    }
}

/// Where in the interval a domain is looked at: from 0 to 1, by its name.
fn place(domain: &str) -> f64 {
    let digest = Sha256::digest(domain.as_bytes());
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
}
