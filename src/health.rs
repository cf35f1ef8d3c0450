//! How the sources and the channels are doing, for the health page and the overview: each says when it works and when it does not, and counts
//! what it counted. Names come from the configuration, so that no stranger makes the registry grow.

mod counted;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::submission::{ByDomain, Outcome, Receipt};
pub use counted::CountedAccept;

/// Begins the names of channels, which no source has.
const CHANNEL: &str = "notify ";

/// All parts of one server. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct HealthRegistry {
    parts: Arc<Mutex<BTreeMap<String, Health>>>,
    /// What was refused since the start, over all sources.
    foreign: Arc<Mutex<ByDomain>>,
}

/// One part's place in the registry.
#[derive(Debug, Clone)]
pub struct Component {
    health: HealthRegistry,
    name: String,
}

/// What is known of one part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    pub state: ComponentState,
    /// When the state was entered.
    pub since: Option<DateTime<Utc>>,
    /// When it last worked.
    pub worked_at: Option<DateTime<Utc>>,
    /// What it is doing, or what is wrong, in one sentence without a full stop.
    pub words: String,
    /// Since the start.
    pub counts: SourceCounts,
    /// Before it, as it was kept.
    pub before: SourceCounts,
    /// Since when what was brought is counted, where that was kept.
    pub counted_since: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ComponentState {
    /// Nothing is known yet.
    #[default]
    Starting,
    Well,
    Failing,
}

/// Reports, or mails without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceCounts {
    pub stored: u64,
    pub duplicate: u64,
    pub quarantined: u64,
    pub refused: u64,
    /// Mails that are no TLS reports.
    pub ignored: u64,
    pub busy: u64,
}

impl HealthRegistry {
    /// A part by its name, such as `smtp` or `imap reports`; the same name is the same part.
    pub fn part(&self, name: impl Into<String>) -> Component {
        let name = name.into();
        self.lock().entry(name.clone()).or_default();
        Component { health: self.clone(), name }
    }

    /// A channel by which people are told, by its name.
    pub fn channel(&self, name: &str) -> Component {
        self.part(format!("{CHANNEL}{name}"))
    }

    /// The sources by name.
    pub fn sources(&self) -> Vec<(String, Health)> {
        self.all().into_iter().filter(|(name, _)| !name.starts_with(CHANNEL)).collect()
    }

    /// The channels by name.
    pub fn channels(&self) -> Vec<(String, Health)> {
        let channel = |(name, health): (String, Health)| Some((name.strip_prefix(CHANNEL)?.to_owned(), health));
        self.all().into_iter().filter_map(channel).collect()
    }

    /// What a part had brought before the start. Of one that is not configured any more nothing is shown.
    pub fn resume(&self, name: &str, before: SourceCounts, counted_since: DateTime<Utc>) {
        if let Some(health) = self.lock().get_mut(name) {
            (health.before, health.counted_since) = (before, Some(counted_since));
        }
    }

    /// The domains that reports were refused for since the start.
    pub fn foreign(&self) -> ByDomain {
        self.foreign.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every part by name.
    pub fn all(&self) -> Vec<(String, Health)> {
        self.lock().iter().map(|(name, health)| (name.clone(), health.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Health>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Component {
    /// It has yet to work or to fail, and is doing what the words say.
    pub fn starting(&self, words: impl Into<String>) {
        self.change(|health| {
            if health.state == ComponentState::Starting {
                health.words = words.into();
            }
        });
    }

    /// It works, and is doing what the words say.
    pub fn well(&self, now: DateTime<Utc>, words: impl Into<String>) {
        self.enter(ComponentState::Well, now, words.into());
    }

    /// It does not work, for the reason in the words.
    pub fn failing(&self, now: DateTime<Utc>, words: impl Into<String>) {
        self.enter(ComponentState::Failing, now, words.into());
    }

    pub fn count(&self, receipt: &Receipt) {
        for outcome in &receipt.0 {
            if let Outcome::Refused(fault) = outcome
                && !fault.domains.is_empty()
            {
                self.health.foreign.lock().unwrap_or_else(PoisonError::into_inner).add(&fault.domains);
            }
        }
        self.change(|health| {
            for outcome in &receipt.0 {
                health.counts.count(outcome);
            }
        });
    }

    fn enter(&self, state: ComponentState, now: DateTime<Utc>, words: String) {
        self.change(|health| {
            if health.state != state {
                (health.state, health.since) = (state, Some(now));
            }
            if state == ComponentState::Well {
                health.worked_at = Some(now);
            }
            health.words = words;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Health)) {
        change(self.health.lock().entry(self.name.clone()).or_default());
    }
}

impl Health {
    /// All that is counted.
    pub fn total(&self) -> SourceCounts {
        let (a, b) = (&self.before, &self.counts);
        SourceCounts {
            stored: a.stored.saturating_add(b.stored),
            duplicate: a.duplicate.saturating_add(b.duplicate),
            quarantined: a.quarantined.saturating_add(b.quarantined),
            refused: a.refused.saturating_add(b.refused),
            ignored: a.ignored.saturating_add(b.ignored),
            busy: a.busy.saturating_add(b.busy),
        }
    }
}

impl SourceCounts {
    fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Stored(_) => &mut self.stored,
            Outcome::Duplicate(_) => &mut self.duplicate,
            Outcome::Quarantined { .. } => &mut self.quarantined,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::Ignored(_) => &mut self.ignored,
            Outcome::Busy(_) => &mut self.busy,
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn a_state_keeps_its_beginning_and_the_last_time_it_worked() {
        let health = HealthRegistry::default();
        let part = health.part("imap reports");
        assert_eq!(health.all()[0].1.state, ComponentState::Starting);
        part.starting("connecting");
        assert_eq!(
            (health.all()[0].1.state, health.all()[0].1.words.as_str()),
            (ComponentState::Starting, "connecting")
        );
        part.well(at(1), "waiting");
        part.starting("connecting");
        part.well(at(2), "waiting");
        assert_eq!(health.all()[0].1.words, "waiting", "it starts once");
        part.failing(at(3), "the password is wrong");
        part.failing(at(4), "the server is gone");
        let (name, health) = health.all().remove(0);
        assert_eq!(name, "imap reports");
        assert_eq!((health.state, health.since, health.worked_at), (ComponentState::Failing, Some(at(3)), Some(at(2))));
        assert_eq!(health.words, "the server is gone");
    }

    #[test]
    fn a_channel_is_no_source() {
        let health = HealthRegistry::default();
        health.part("smtp").well(at(1), "listening");
        health.channel("slack").failing(at(2), "answered 403");
        let names = |parts: Vec<(String, Health)>| parts.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(
            (names(health.sources()), names(health.channels())),
            (vec!["smtp".to_owned()], vec!["slack".to_owned()])
        );
    }

    #[test]
    fn what_came_is_counted_by_outcome() {
        let health = HealthRegistry::default();
        health
            .part("smtp")
            .count(&Receipt::new(vec![Outcome::Stored(uuid::Uuid::nil()), Outcome::Stored(uuid::Uuid::nil())]));
        assert_eq!(health.all()[0].1.counts, SourceCounts { stored: 2, ..SourceCounts::default() });
        health.resume("smtp", SourceCounts { stored: 40, busy: 1, ..SourceCounts::default() }, at(7));
        health.resume("gone", SourceCounts { stored: 40, ..SourceCounts::default() }, at(7));
        let (_, source) = health.all().remove(0);
        assert_eq!(source.total(), SourceCounts { stored: 42, busy: 1, ..SourceCounts::default() });
        assert_eq!((source.counts.stored, source.counted_since), (2, Some(at(7))));
        assert_eq!(health.all().len(), 1);
    }
}
