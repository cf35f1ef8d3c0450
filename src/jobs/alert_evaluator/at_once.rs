//! While nothing can be stored, neither can the alert that says so: it is told by the channels themselves, without the outbox,
//! and written down once that is possible again, together with its end.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{
    alerts::{Evaluation, Event, Rule, Status, Transition, words},
    notify::Postman,
};

pub struct AtOnce {
    postman: Arc<Postman>,
    told: Mutex<Option<Told>>,
}

/// What was told and is not written down.
#[derive(Debug, Clone)]
pub struct Told {
    /// The alert that fired.
    pub transition: Transition,
    /// Channels and recipients who have heard of it.
    by: BTreeSet<(String, String)>,
}

impl AtOnce {
    pub fn new(postman: Arc<Postman>) -> AtOnce {
        AtOnce { postman, told: Mutex::default() }
    }

    /// Tells that nothing can be stored, each channel and recipient once; who cannot be reached is tried at the next call.
    pub async fn tell(&self, evaluation: &Evaluation, now: DateTime<Utc>) {
        let fires = |it: &&Transition| {
            it.alert.rule == Rule::Disk && it.told && it.alert.is_firing() && it.alert.evidence.cannot_store.is_some()
        };
        let Some(found) = evaluation.transitions.iter().find(fires) else { return };
        let mut told = self.told_of().unwrap_or_else(|| Told { transition: found.clone(), by: BTreeSet::new() });
        let notices = words::told(std::slice::from_ref(&told.transition), now);
        self.postman.deliver_at_once(&notices, &mut told.by).await;
        *self.lock() = Some(told);
    }

    pub fn told_of(&self) -> Option<Told> {
        self.lock().clone()
    }

    /// The end of what was told.
    pub fn over(&self, now: DateTime<Utc>) -> Option<Transition> {
        let mut over = self.told_of()?.transition;
        over.event = Event::Resolved;
        (over.alert.status, over.alert.changed_at) = (Status::Resolved, now);
        Some(over)
    }

    /// It is written down, and so is its end.
    pub fn settled(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether the evaluation holds its end.
    pub fn is_over_in(&self, evaluation: &Evaluation) -> bool {
        let uuid = self.transition.alert.uuid;
        evaluation.transitions.iter().any(|it| it.alert.uuid == uuid && it.event == Event::Resolved)
    }
}
