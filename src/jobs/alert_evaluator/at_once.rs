//! While nothing can be stored, neither can the alert that says so: it is told by the channels themselves, without the outbox,
//! and written down once that is possible again, together with its end.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{
    alerts::{AlertEvent, AlertRule, AlertStatus, Evaluation, Transition, words},
    notify::Dispatcher,
};

pub(super) struct AtOnce {
    dispatcher: Arc<Dispatcher>,
    sent: Mutex<Option<SentAtOnce>>,
}

/// What was told and is not written down.
#[derive(Debug, Clone)]
pub(super) struct SentAtOnce {
    /// The alert that fired.
    pub transition: Transition,
    /// Channels and recipients who have heard of it.
    by: BTreeSet<(String, String)>,
}

impl AtOnce {
    pub(super) fn new(dispatcher: Arc<Dispatcher>) -> AtOnce {
        AtOnce { dispatcher, sent: Mutex::default() }
    }

    /// Tells that nothing can be stored, each channel and recipient once; who cannot be reached is tried at the next call.
    pub(super) async fn tell(&self, evaluation: &Evaluation, now: DateTime<Utc>) {
        let fires = |it: &&Transition| {
            it.alert.rule == AlertRule::Disk
                && it.notified
                && it.alert.is_firing()
                && it.alert.evidence.cannot_store.is_some()
        };
        let Some(found) = evaluation.transitions.iter().find(fires) else { return };
        let mut notified =
            self.notified_of().unwrap_or_else(|| SentAtOnce { transition: found.clone(), by: BTreeSet::new() });
        let notices = words::notices(std::slice::from_ref(&notified.transition), now);
        self.dispatcher.deliver_at_once(&notices, &mut notified.by).await;
        *self.lock() = Some(notified);
    }

    pub(super) fn notified_of(&self) -> Option<SentAtOnce> {
        self.lock().clone()
    }

    /// The end of what was told.
    pub(super) fn over(&self, now: DateTime<Utc>) -> Option<Transition> {
        let mut over = self.notified_of()?.transition;
        over.event = AlertEvent::Resolved;
        (over.alert.status, over.alert.changed_at) = (AlertStatus::Resolved, now);
        Some(over)
    }

    /// It is written down, and so is its end.
    pub(super) fn settled(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<SentAtOnce>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SentAtOnce {
    /// Whether the evaluation holds its end.
    pub(super) fn is_over_in(&self, evaluation: &Evaluation) -> bool {
        let uuid = self.transition.alert.uuid;
        evaluation.transitions.iter().any(|it| it.alert.uuid == uuid && it.event == AlertEvent::Resolved)
    }
}
