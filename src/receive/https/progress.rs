//! How far the current request of a connection is. The bytes, the handler and the connection all have to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::receive::connection_limiter::ConnectionSlot;

#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
    /// Where it is said, for the case that all places are taken.
    place: Arc<ConnectionSlot>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// When what is waited for must have happened: hyper finds a request in the head, or the peer takes what is written.
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// hyper has a whole head and no handler has seen a request.
    Head,
    /// The handler has the request; its body is still coming.
    Body,
    /// The whole request is in.
    Working,
    /// The handler is done and its answer is being written. After it the peer may ask again, or not.
    Answering { again: bool },
    /// The answer is out.
    Sent { again: bool },
}

impl Progress {
    pub(super) fn new(place: Arc<ConnectionSlot>) -> Progress {
        Progress { state: Mutex::new(State { stage: Stage::Head, until: None }), place }
    }

    pub(super) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.state().until
    }

    /// A whole head has come, of which hyper must make a request by then.
    pub(super) fn head_came(&self, until: Instant) {
        *self.state() = State { stage: Stage::Head, until: Some(until) };
    }

    /// The handler has a request.
    pub(super) fn begins(&self, has_body: bool) {
        *self.state() = State { stage: Stage::Body, until: None };
        if !has_body {
            self.body_ended();
        }
    }

    /// So many bytes have come of a body that began then.
    pub(super) fn body_came(&self, began: Instant, bytes: usize) {
        self.place.receives(began, bytes as u64);
    }

    pub(super) fn body_ended(&self) {
        self.state().stage = Stage::Working;
        self.place.works();
    }

    /// The handler is done. False where the connection ends with this answer: it was to end anyway, or the request was not read
    /// to its end.
    pub(super) fn answered(&self, keep_alive: bool) -> bool {
        let mut state = self.state();
        let again = keep_alive && state.stage == Stage::Working;
        state.stage = Stage::Answering { again };
        self.place.waits();
        again
    }

    /// A write went on, or has to wait for the peer until then at the latest.
    pub(super) fn wrote(&self, waits_until: Option<Instant>) {
        let mut state = self.state();
        if state.stage != Stage::Head {
            state.until = waits_until.map(|new| state.until.unwrap_or(new));
        }
    }

    /// Everything that was written is on its way. Says whether that was the answer.
    pub(super) fn flushed(&self) -> bool {
        let mut state = self.state();
        if let Stage::Answering { again } = state.stage {
            state.stage = Stage::Sent { again };
        }
        matches!(state.stage, Stage::Sent { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn progress() -> (Progress, Instant, Instant) {
        let soon = Instant::now() + Duration::from_secs(1);
        let progress = Progress::new(Arc::new(ConnectionSlot::new()));
        progress.head_came(soon);
        (progress, soon, soon + Duration::from_secs(1))
    }

    #[tokio::test]
    async fn each_wait_has_its_own_end() {
        let (progress, soon, later) = progress();
        progress.wrote(None);
        assert_eq!(progress.until(), Some(soon), "nothing is written for a head");
        progress.begins(true);
        assert_eq!(progress.until(), None, "the handler has the deadlines of the body");
        progress.wrote(Some(soon));
        progress.wrote(Some(later));
        assert_eq!(progress.until(), Some(soon), "the write has waited all the time");
        progress.wrote(None);
        assert_eq!(progress.until(), None);
    }

    #[tokio::test]
    async fn only_after_a_whole_request_may_another_follow() {
        for (has_body, ends, keep_alive, again) in [
            (false, false, true, true),
            (true, true, true, true),
            (true, false, true, false),
            (true, true, false, false),
        ] {
            let (progress, ..) = progress();
            progress.begins(has_body);
            if ends {
                progress.body_ended();
            }
            assert!(!progress.flushed(), "a 100 Continue is no answer");
            assert_eq!(progress.answered(keep_alive), again);
            assert!(progress.flushed());
            assert_eq!(progress.stage(), Stage::Sent { again });
        }
    }
}
